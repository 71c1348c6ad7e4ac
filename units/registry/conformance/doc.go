// Package conformance holds one suite for both back ends of registry.KV: the twin in memory and the
// client of a real etcd, which runs inside the test. It has no code of its own, only tests:
//
//   - Cases, written by hand, one a sentence of what the seam promises.
//   - Random operations, the same on both back ends by one seed, every answer compared at once and every
//     watch's history at short intervals. A difference prints the seed and the shortest sequence that
//     was found to show it. -seed and -steps choose another run.
//   - What only a real etcd can do: be away, hang, die and come back, expire logins, be full, have members
//     that hang, are lost and are replaced.
//
// Not covered: members that disagree.
package conformance
