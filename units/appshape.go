package units

import "time"

// appShape is the table of app.json: every field there is, whether it has a behaviour yet (see
// notYet) or not.
var appShape = object[App]{
	defaults: App{
		Schema: AppSchema, Namespace: DefaultNamespace, Type: TypeService, Priority: 50, Preemption: true,
		Resources:    resourcesShape.defaults,
		CheckRestart: checkRestartShape.defaults,
		Readiness:    ReadyExec,
		Stop:         stopShape.defaults,
		Update:       updateShape.defaults,
		Restart:      restartShape.defaults,
		Reschedule:   rescheduleShape.defaults,
		Disconnect:   disconnectShape.defaults,
		Sandbox:      sandboxShape.defaults,
	},
	fields: []field[App]{
		at("$schema", "Where this schema is, for editors. Ignored.", text[string]{}, func(*App) *string { return new(string) }),
		at("schema", "Version of this format. An app runs only on nodes that know it.", schemaVersion[int]{integer[int]{1, AppSchema}}, func(a *App) *int { return &a.Schema }),
		at("name", "With the namespace the app's identity.", labelShape[AppName](), func(a *App) *AppName { return &a.Name }).due(),
		at("namespace", "The environment. Nothing crosses it.", labelShape[Namespace](), func(a *App) *Namespace { return &a.Namespace }),
		at("owner", "Who answers for it.", text[string]{problem: printable, pattern: noControls, limit: 254}, func(a *App) *string { return &a.Owner }),
		at("labels", "For selection with -l, not for placement.", mapOf[string]{key: keyProblem, pattern: keyPattern, of: phrase{text[string]{problem: printable, pattern: noControls, limit: 254}}}, func(a *App) *map[string]string { return &a.Labels }),
		at("type", "service: count units that run on. system: one unit on every fitting node. batch: units that run to their end.", choice[AppType]{TypeService, TypeSystem, TypeBatch}, func(a *App) *AppType { return &a.Type }),
		at("count", "How many units, 1 at the first submit. Without it a later submit leaves the count as it is. Not for type system.", maybe[int]{integer[int]{0, CountLimit}}, func(a *App) **int { return &a.Count }),
		at("singleton", "Exactly one unit, never two.", boolean[bool]{}, func(a *App) *bool { return &a.Singleton }),
		at("priority", "Who goes first when there is no room for all.", integer[int]{1, 100}, func(a *App) *int { return &a.Priority }),
		at("path", "The store path that is run: /nix/store/<hash>-<name>. A link such as ./result is resolved where it is submitted.", storePathShape, func(a *App) *StorePath { return &a.Path }),
		at("paths", "The store path by Nix system, such as x86_64-linux.", mapOf[StorePath]{key: systemProblem, pattern: systemPattern, of: storePathShape, min: 1}, func(a *App) *map[string]StorePath { return &a.Paths }),
		at("command", "The executable, relative to the path, and its arguments. Variables are filled in.", commandShape, func(a *App) *[]string { return &a.Command }).due(),
		at("env", "Environment variables. Variables are filled in.", mapOf[string]{key: envNameProblem, pattern: envNamePattern, of: phrase{text[string]{controls: true}}}, func(a *App) *map[string]string { return &a.Env }),
		at("resources", "What one unit gets.", resourcesShape, func(a *App) *Resources { return &a.Resources }),
		at("ports", "What a unit listens on.", listOf[Port]{of: portShape}, func(a *App) *[]Port { return &a.Ports }),
		at("constraints", "What a node must be.", listOf[Constraint]{of: object[Constraint]{defaults: Constraint{Operator: OpEqual}, fields: constraintFields}}, func(a *App) *[]Constraint { return &a.Constraints }),
		at("affinities", "What a node had better be.", listOf[Affinity]{of: affinityShape}, func(a *App) *[]Affinity { return &a.Affinities }),
		at("spread", "Distributes units over the values of an attribute.", listOf[Spread]{of: spreadShape}, func(a *App) *[]Spread { return &a.Spread }),
		at("algorithm", "Fill nodes up or even them out; the cluster's own choice without it.", choice[Algorithm]{AlgorithmBinpack, AlgorithmSpread}, func(a *App) *Algorithm { return &a.Algorithm }),
		at("pool", "The pool whose nodes may run it.", labelShape[string](), func(a *App) *string { return &a.Pool }),
		at("neededBy", "Traits that need this app on their nodes. For type system.", listOf[Trait]{of: labelShape[Trait](), min: 1}, func(a *App) *[]Trait { return &a.NeededBy }),
		at("preemption", "May this app push away ones of a lower priority.", boolean[bool]{}, func(a *App) *bool { return &a.Preemption }),
		at("healthChecks", "When a unit is fit to be used: all must pass.", healthChecksShape, func(a *App) *HealthChecks { return &a.HealthChecks }),
		at("checkRestart", "Restarts a unit whose checks fail.", checkRestartShape, func(a *App) *CheckRestart { return &a.CheckRestart }),
		at("readiness", "When a service counts as started: once executed, or when it says so (sd_notify).", choice[Readiness]{ReadyExec, ReadyNotify}, func(a *App) *Readiness { return &a.Readiness }),
		at("stop", "How a unit ends.", stopShape, func(a *App) *Stop { return &a.Stop }),
		at("update", "How one generation follows another.", updateShape, func(a *App) *Update { return &a.Update }),
		at("restart", "How often systemd restarts a failed service in place.", restartShape, func(a *App) *Restart { return &a.Restart }),
		at("reschedule", "When a slot whose unit failed gets another attempt.", rescheduleShape, func(a *App) *Reschedule { return &a.Reschedule }),
		at("disconnect", "What happens when a node is out of reach.", disconnectShape, func(a *App) *Disconnect { return &a.Disconnect }),
		at("batch", "How a unit that runs to its end may fail. For type batch.", maybe[Batch]{batchShape}, func(a *App) **Batch { return &a.Batch }),
		at("periodic", "Launches by the clock. For type batch.", maybe[Periodic]{periodicShape}, func(a *App) **Periodic { return &a.Periodic }),
		at("parameterised", "Launches by dispatch. For type batch.", maybe[Parameterised]{parameterisedShape}, func(a *App) **Parameterised { return &a.Parameterised }),
		at("dns", "Names under which healthy units are found.", listOf[DNSRecord]{of: recordShape}, func(a *App) *[]DNSRecord { return &a.DNS }),
		at("templates", "Files of the path that are rendered for a unit.", listOf[Template]{of: templateShape}, func(a *App) *[]Template { return &a.Templates }),
		at("secrets", "Credentials.", listOf[Secret]{of: secretShape}, func(a *App) *[]Secret { return &a.Secrets }),
		at("state", "Directories that outlive a unit, on its node.", listOf[string]{of: text[string]{problem: stateNameProblem, pattern: stateNamePattern}}, func(a *App) *[]string { return &a.State }),
		at("volumes", "Directories that a node offers by name.", listOf[Volume]{of: volumeShape}, func(a *App) *[]Volume { return &a.Volumes }),
		at("preStart", "Runs to its end before the unit, in the same sandbox.", commandShape, func(a *App) *[]string { return &a.PreStart }),
		at("meta", "Carried along.", mapOf[string]{key: keyProblem, pattern: keyPattern, of: phrase{}}, func(a *App) *map[string]string { return &a.Meta }),
		at("cache", "A binary cache that is asked before the node's own.", maybe[Cache]{cacheShape}, func(a *App) **Cache { return &a.Cache }),
		at("sandbox", "What the sandbox lets through; a node's policy must grant it.", sandboxShape, func(a *App) *Sandbox { return &a.Sandbox }),
	},
	extra: schema{"oneOf": []schema{{"required": []string{"path"}}, {"required": []string{"paths"}}}},
}

var commandShape = listOf[string]{of: phrase{text[string]{controls: true}}, min: 1}

func labelShape[T ~string]() text[T] {
	return text[T]{problem: labelProblem, pattern: labelPattern}
}

var storePathShape = text[StorePath]{problem: notStorePath, pattern: storePathPattern}

var batchShape = object[Batch]{fields: []field[Batch]{
	at("retries", "How often a failed unit is tried again.", integer[int]{0, 1000}, func(b *Batch) *int { return &b.Retries }),
	at("timeout", "How long a unit may run.", durationShape, func(b *Batch) *time.Duration { return &b.Timeout }),
}}

var periodicShape = object[Periodic]{defaults: Periodic{TimeZone: "UTC"}, fields: []field[Periodic]{
	at("cron", "Minute, hour, day of month, month, day of week.", text[string]{problem: cronProblem}, func(p *Periodic) *string { return &p.Cron }).due(),
	at("timeZone", "Whose clock, such as Europe/Berlin.", text[string]{problem: timeZoneProblem, pattern: timeZonePattern}, func(p *Periodic) *string { return &p.TimeZone }),
	at("overlap", "Launch although the last launch still runs.", boolean[bool]{}, func(p *Periodic) *bool { return &p.Overlap }),
}}

var parameterisedShape = object[Parameterised]{fields: []field[Parameterised]{
	at("required", "Keys that a dispatch must give.", listOf[string]{of: parameterShape}, func(p *Parameterised) *[]string { return &p.Required }),
	at("optional", "Keys that a dispatch may give.", listOf[string]{of: parameterShape}, func(p *Parameterised) *[]string { return &p.Optional }),
}}

var parameterShape = text[string]{problem: envWordProblem, pattern: envNamePattern, limit: 128}
