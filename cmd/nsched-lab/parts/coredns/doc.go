// Command coredns is the real CoreDNS server with only the plugins that nsched's lab and tests put
// into a Corefile.
//
// It is a module of its own, as every part of the lab is: nsched itself links none of it, and its
// requirements stay out of nsched's go.mod.
package main
