{
  description = "nsched runs services that are exact Nix store paths on a pool of machines";

  # There is no flake.lock in the tree yet: its hashes can only be had from the network, and none is
  # invented. The first `nix flake lock` on a machine with a network writes it; commit it then. Until
  # that, `nix build` locks nixpkgs for itself and needs write access to the tree.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forSystems = f: nixpkgs.lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});

      version = self.shortRev or self.dirtyShortRev or "unstable";

      # go.mod asks for Go 1.26; a nixpkgs whose default is older has it under its own name.
      package =
        pkgs:
        pkgs.callPackage ./nix/package.nix {
          inherit version;
          buildGoModule = pkgs.buildGo126Module or pkgs.buildGoModule;
        };
    in
    {
      packages = forSystems (pkgs: rec {
        nsched = package pkgs;
        default = nsched;
      });

      overlays.default = final: _prev: { nsched = package final; };

      nixosModules.default =
        { lib, pkgs, ... }:
        {
          imports = [ ./nix/module.nix ];
          services.nsched.package = lib.mkDefault (package pkgs);
        };

      devShells = forSystems (pkgs: {
        default = pkgs.mkShell {
          packages = [
            (pkgs.go_1_26 or pkgs.go)
            pkgs.bind.dnsutils
            pkgs.curl
            pkgs.dbus
            pkgs.gcc
            pkgs.gnumake
            pkgs.iproute2
            pkgs.jq
            pkgs.nftables
            pkgs.nix
          ];
        };
      });

      formatter = forSystems (pkgs: pkgs.nixfmt-rfc-style or pkgs.nixfmt);
    };
}
