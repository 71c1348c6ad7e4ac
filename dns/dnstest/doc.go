// Package dnstest holds a provider in memory, which keeps the rules of the DNS and can be made to fail, for
// tests of the syncer and for the simulation.
package dnstest
