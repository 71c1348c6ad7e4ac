// Command actor is the service that the end-to-end tests run: it tells what it was started with, reports
// its life to a witness, and misbehaves on demand.
//
//	GET  /         its identity, arguments and environment as JSON
//	GET  /health   200, or the code that was set last
//	POST /health?code=N
//	POST /eat?bytes=N
//	               takes so much memory and keeps it
//	POST /exit?code=N
//
// The witness learns of a start by a line on a connection that stays open, and of the end, whatever it
// was, by the end of the connection.
package main
