// Package planted asks whether anybody notices the mistakes of units/planted: the simulation, or else a
// test of the part that has the mistake. A check that has never caught anything proves nothing.
package planted
