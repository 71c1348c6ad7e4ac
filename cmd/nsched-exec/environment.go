package main

import "strings"

// provided are the variables that systemd sets for what it provides; a trailing "*" is any ending. An
// app cannot set any of them itself.
var provided = []string{
	"CACHE_DIRECTORY", "CONFIGURATION_DIRECTORY", "CREDENTIALS_DIRECTORY", "LOGS_DIRECTORY",
	"RUNTIME_DIRECTORY", "STATE_DIRECTORY",
	"LISTEN_*", "WATCHDOG_*", "NOTIFY_SOCKET", "INVOCATION_ID", "JOURNAL_STREAM",
}

func isProvided(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	for _, p := range provided {
		prefix, open := strings.CutSuffix(p, "*")
		if name == p || open && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// environment returns the app's variables in their order, then what systemd provides. Of a variable in
// both, systemd's counts.
func environment(app, systemd []string) []string {
	env := make([]string, 0, len(app))
	for _, v := range app {
		if !isProvided(v) {
			env = append(env, v)
		}
	}
	for _, v := range systemd {
		if isProvided(v) {
			env = append(env, v)
		}
	}
	return env
}
