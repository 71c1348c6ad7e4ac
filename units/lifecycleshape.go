package units

import "time"

var stopShape = object[Stop]{
	defaults: Stop{Signal: "SIGTERM", Timeout: 10 * time.Second},
	fields: []field[Stop]{
		at("signal", "What asks it to end.", signalShape, func(s *Stop) *string { return &s.Signal }),
		at("timeout", "How long it may take before it is killed.", durationShape, func(s *Stop) *time.Duration { return &s.Timeout }),
		at("drainDelay", "From the withdrawal of its endpoint to the signal.", delayShape, func(s *Stop) *time.Duration { return &s.DrainDelay }),
	},
}

// signalShape has the signals that can ask a process to end. Those that stop a process or report its
// own faults cannot.
var signalShape = choice[string]{
	"SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGABRT", "SIGALRM", "SIGWINCH", "SIGCONT", "SIGKILL",
}

var restartShape = object[Restart]{
	defaults: Restart{Attempts: 2, Interval: 30 * time.Minute, Delay: 15 * time.Second},
	fields: []field[Restart]{
		at("attempts", "How many restarts within the interval.", integer[int]{0, 1000}, func(r *Restart) *int { return &r.Attempts }),
		at("interval", "In which attempts are counted.", durationShape, func(r *Restart) *time.Duration { return &r.Interval }),
		at("delay", "Before each restart.", durationShape, func(r *Restart) *time.Duration { return &r.Delay }),
	},
}

var rescheduleShape = object[Reschedule]{
	defaults: Reschedule{Delay: 30 * time.Second, Function: DelayExponential, MaxDelay: time.Hour},
	fields: []field[Reschedule]{
		at("delay", "Before the first further attempt.", durationShape, func(r *Reschedule) *time.Duration { return &r.Delay }),
		at("function", "How the delay grows.", choice[DelayFunction]{DelayExponential, DelayConstant, DelayFibonacci}, func(r *Reschedule) *DelayFunction { return &r.Function }),
		at("maxDelay", "The longest delay.", durationShape, func(r *Reschedule) *time.Duration { return &r.MaxDelay }),
		at("attempts", "How many further attempts; unlimited without it.", maybe[int]{integer[int]{0, 1000}}, func(r *Reschedule) **int { return &r.Attempts }),
	},
}

var disconnectShape = object[Disconnect]{
	defaults: Disconnect{OnPartition: PartitionKeep, Reconcile: KeepOriginal},
	fields: []field[Disconnect]{
		at("onPartition", "What a node without contact does with a unit.", choice[OnPartition]{PartitionKeep, PartitionStop}, func(d *Disconnect) *OnPartition { return &d.OnPartition }),
		at("lostAfter", "Beyond the loss of the node, before the unit is replaced.", delayShape, func(d *Disconnect) *time.Duration { return &d.LostAfter }),
		at("reconcile", "Which unit stays when a lost node returns.", choice[Reconcile]{KeepOriginal, KeepReplacement}, func(d *Disconnect) *Reconcile { return &d.Reconcile }),
	},
}

var updateShape = object[Update]{
	defaults: Update{
		MaxParallel: 1, MinHealthyTime: 10 * time.Second, HealthyDeadline: 5 * time.Minute,
		ProgressDeadline: 10 * time.Minute, AutoRevert: true,
	},
	fields: []field[Update]{
		at("maxParallel", "How many units are replaced at a time.", integer[int]{1, CountLimit}, func(u *Update) *int { return &u.MaxParallel }),
		at("canary", "How many new units run beside the old ones first.", integer[int]{0, CountLimit}, func(u *Update) *int { return &u.Canary }),
		at("autoPromote", "Go on by itself when the canaries are healthy.", boolean[bool]{}, func(u *Update) *bool { return &u.AutoPromote }),
		at("minHealthyTime", "How long a new unit must be healthy to count.", durationShape, func(u *Update) *time.Duration { return &u.MinHealthyTime }),
		at("healthyDeadline", "By when a new unit must count.", durationShape, func(u *Update) *time.Duration { return &u.HealthyDeadline }),
		at("progressDeadline", "By when the next unit must count.", durationShape, func(u *Update) *time.Duration { return &u.ProgressDeadline }),
		at("autoRevert", "Go back when it fails.", boolean[bool]{}, func(u *Update) *bool { return &u.AutoRevert }),
		at("confirm", "Go back unless a person confirms within this time; nobody is asked without it.", durationShape, func(u *Update) *time.Duration { return &u.Confirm }),
		at("order", "surge starts the new unit first, stopFirst stops the old one first. A singleton has stopFirst.", choice[UpdateOrder]{OrderSurge, OrderStopFirst}, func(u *Update) *UpdateOrder { return &u.Order }),
	},
}
