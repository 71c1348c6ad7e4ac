// Command worker is the service that runs while faults are struck, and the crowd that asks it.
//
//	worker -listen ADDRESS -witness SOCKET [-writes EVERY]
//		serves GET / and GET /health; tells the witness of its life over a connection that stays open; and
//		writes its fence token to the register of its app every so often
//	worker -crowd NAME:PORT… -resolver ADDRESS [-rate N]
//		asks the names by turns, N times a second in all, each time with a new connection to an address that
//		the resolver has just told, and says each second how it went, one line of JSON for each name
package main
