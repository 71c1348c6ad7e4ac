// Command hello is a small real HTTP service for trying nsched out. It says which unit answers, where and
// since when, so that a person sees placement, replacement and load balancing with curl alone.
//
//	GET /         one line of text
//	GET /info     the same as JSON
//	GET /healthz  200 while it serves, 503 from SIGTERM on
//
// On SIGTERM it answers what it has begun and ends with 0.
package main
