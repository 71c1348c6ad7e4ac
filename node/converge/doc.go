// Package converge decides what a node does next about each unit. PURE.
//
// Steps takes facts and returns verdicts; it does nothing and remembers nothing. The daemon gathers
// the facts, carries out the actions, and asks again: whatever happened in between, the next verdict
// follows from what is true then. An action may be carried out twice, late, or not at all.
//
//	wanted  (registry, else disk)  --+
//	closure (Nix)                  --+--> Decide --> state, reason, actions, next look
//	service (systemd), health      --+
//
// Invariants, each a law in the tests:
//
//   - A running unit is stopped only by desired "stop", when its end has been recorded already, or when it
//     is bound to a tenure that is known to be over.
//   - A unit that is bound to a tenure is started at most once, never out of touch and never again after
//     the machine was started again.
//   - Nothing that may still run is said to have ended.
//   - On a machine that shuts down nothing is launched, and only what is bound ends.
//   - Nothing is launched before its closure is there and rooted.
//   - An attempt that has ended never starts again.
//   - What systemd has not been asked about since the last action is not acted on.
//   - A unit that the registry does not know is reported and left alone.
//   - An endpoint is published only for a running unit whose checks pass, and withdrawn before a stop.
//   - The verdict on a unit depends on the facts of that unit alone.
package converge
