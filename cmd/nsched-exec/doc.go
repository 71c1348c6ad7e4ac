// Command nsched-exec is the shim that becomes a service.
//
// systemd starts it without arguments. It reads the record in $CREDENTIALS_DIRECTORY, sets argv and
// environment to exactly what is there, and executes the app in its own place: same process, same
// control group, same everything that systemd set up. It exists since systemd 252 changes `$` and `;` in
// the arguments of a transient unit after a daemon-reload.
//
//	$CREDENTIALS_DIRECTORY/record
//	{"v":1, "argv":["/nix/store/…","…"], "env":["NAME=value"], "tenure":0, "guard":"/run/nsched/guard.sock"}
//
// The environment is the record's, and of systemd's own variables those about directories, credentials,
// sockets, the watchdog, notification, the invocation and the journal. No PATH, no HOME, no LANG: the app
// gets what was submitted.
//
// With a tenure it first asks the guard's socket whether that tenure is the guard's own and fresh. This
// is what keeps a singleton from starting twice, so every doubt is a no.
//
// Exit codes, each with one line on standard error: 75 the tenure is not confirmed; 78 there is no record
// or it cannot be read; 126 the app cannot be executed; 127 the app is not there. After the exec, exit
// codes are the app's.
//
// With the argument probe-oom, which is for systemd's ExecStopPost on cgroup v1, it exits with 9 if the
// control group that it is in had a process killed for memory, else with 0.
//
// It drops no privileges and closes no files: that is systemd's part. It imports the standard library
// alone and is linked statically, since it runs where nothing of the machine may be visible.
package main
