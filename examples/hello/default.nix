# The example service as a store path, without nixpkgs: `./build` compiles the two static programs that
# this takes as its sources.
#
# It gives two paths. The outer one, which an app names, holds a greeting and refers to the inner one,
# which holds the server: a real, if small, closure.
{
  system ? builtins.currentSystem,
  # Where `./build` has put the programs.
  programs ? ./build.out,
  greeting ? "hello",
}:

let
  program = name: builtins.path {
    path = programs + "/${name}";
    inherit name;
  };

  make = name: args: derivation {
    inherit name system args;
    builder = program "assemble";
  };

  server = make "hello-server" [
    "copy" (program "hello") "bin/hello-server"
  ];
in

make "hello" [
  "link" "${server}/bin/hello-server" "bin/hello"
  "copy" (builtins.toFile "greeting" "${greeting}\n") "share/hello/greeting"
]
