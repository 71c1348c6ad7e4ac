# nsched as a Nix package: the binary `nsched` and the shim `nsched-exec`, static.
{
  lib,
  buildGoModule,
  version ? "unstable",
}:

buildGoModule {
  pname = "nsched";
  inherit version;

  # Only what the programs are made of: a change of the documentation rebuilds nothing.
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions (
      [
        ../go.mod
        ../go.sum
      ]
      ++ map lib.fileset.maybeMissing [
        ../cmd
        ../dns
        ../examples
        ../nix
        ../node
        ../scheduler
        ../units
      ]
    );
  };

  # The hash of what `go mod vendor` writes. `.ci/vendor-hash` computes it anew and compares;
  # `.ci/vendor-hash --write` puts it here.
  vendorHash = "sha256-XVHkFmEVwxWTgMvT2MBuF7H8rOlNv3ZYO2s0NzIzajM=";

  subPackages = [
    "cmd/nsched"
    "cmd/nsched-exec"
  ];

  env.CGO_ENABLED = 0;
  ldflags = [
    "-s"
    "-w"
    "-X main.version=${version}"
  ];

  # The tests need root, systemd and a Nix store of their own; `make test` runs them outside of Nix.
  doCheck = false;

  meta = {
    description = "Runs services that are exact Nix store paths on a pool of machines";
    license = lib.licenses.asl20;
    platforms = lib.platforms.linux;
    mainProgram = "nsched";
  };
}
