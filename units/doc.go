// Package units is the domain: the words that nsched is about as Go values, and the laws they obey.
//
// It holds identities (Namespace, AppName, UnitID), what a person submits (App and its parts), what a
// unit can be (State, Desired, Health, Result, Reason) and the numbers in between (CPUMilli, Bytes,
// StorePath). ParseApp is the one way from bytes to an App: it refuses what is ambiguous and reports
// every problem at once, each with the path of its field.
//
// Invariants:
//
//   - An App that ParseApp returned is normalised: defaults are filled in, so two Apps that mean the
//     same are equal, and encoding one and parsing it again changes nothing.
//   - Whatever ParseApp accepted, Expand expands without an error.
//   - Nothing is rounded: a quantity that does not fit its type exactly is refused.
//   - The text form of an identity is parsed back to the same identity, and no two share one.
//   - The JSON Schema comes from the table that the parser reads by. A document that the parser
//     accepts is accepted by the schema; the reverse does not hold, for a schema cannot say everything.
//
// The package imports the standard library alone and of that nothing that acts: no files, network,
// clock, randomness or log. It does not know whether a store path exists, whether a name resolves or
// whether a time zone is installed.
package units
