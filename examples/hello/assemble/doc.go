// Command assemble is the builder of the example's derivations: it lays out a directory and nothing else.
// Being a static program it needs no shell and no core utilities, so the derivations build the same in
// and outside of Nix' sandbox, with and without nixpkgs.
//
//	assemble copy SOURCE DESTINATION link TARGET DESTINATION …
//
// Destinations are relative to the directory in $out.
package main
