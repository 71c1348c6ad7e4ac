// Package wire is the language between a program that uses a lab and the lab's holder: one
// SOCK_SEQPACKET connection per request, one JSON message per packet, file descriptors beside it.
//
// Descriptors carry what JSON cannot: the standard streams of a command, or a socket that the holder
// opened inside the lab's network and that then works anywhere. Closing the connection is the
// cancellation of what was asked.
//
// The messages are private to one build of the program: holder and client are the same binary, or
// two of the same version. Nothing here is kept compatible.
package wire
