package units

var resourcesShape = object[Resources]{
	defaults: Resources{CPU: 100, Memory: 128 << 20},
	fields: []field[Resources]{
		at("cpu", "Reserved, such as 500m or 2; also the share under contention.", cpuShape, func(r *Resources) *CPUMilli { return &r.CPU }),
		at("cpuMax", "The most it may use; no limit without it.", cpuShape, func(r *Resources) *CPUMilli { return &r.CPUMax }),
		at("memory", "Reserved, such as 128Mi.", bytesShape, func(r *Resources) *Bytes { return &r.Memory }),
		at("memoryMax", "The most it may use; memory without it.", bytesShape, func(r *Resources) *Bytes { return &r.MemoryMax }),
		at("disk", "Reserved for what it writes.", diskShape, func(r *Resources) *Bytes { return &r.Disk }),
		at("devices", "How many of which device.", mapOf[int]{key: keyProblem, pattern: keyPattern, of: integer[int]{1, 1000}}, func(r *Resources) *map[string]int { return &r.Devices }),
	},
}

var portShape = object[Port]{
	defaults: Port{Protocol: TCP},
	fields: []field[Port]{
		at("name", "What it is called in checks and variables.", labelShape[string](), func(p *Port) *string { return &p.Name }).due(),
		at("port", "Its number; one of 20000 to 31999 is chosen without it.", integer[uint16]{1, 65535}, func(p *Port) *uint16 { return &p.Port }),
		at("protocol", "Its transport.", choice[Protocol]{TCP, UDP}, func(p *Port) *Protocol { return &p.Protocol }),
	},
}

var attributeShape = text[string]{problem: attributeProblem, pattern: attributePattern}

var constraintFields = []field[Constraint]{
	at("attribute", "What of a node is compared, such as node.arch or labels.zone.", attributeShape, func(c *Constraint) *string { return &c.Attribute }),
	at("operator", "How it is compared.", choice[Comparison]{
		OpEqual, OpNotEqual, OpGreater, OpGreaterEqual, OpLess, OpLessEqual, OpRegexp, OpVersion, OpSemver,
		OpSetContains, OpSetContainsAny, OpIsSet, OpIsNotSet, OpDistinctHosts, OpDistinctProperty,
	}, func(c *Constraint) *Comparison { return &c.Operator }),
	at("value", "With what it is compared.", text[string]{}, func(c *Constraint) *string { return &c.Value }),
}

var affinityShape = object[Affinity]{
	defaults: Affinity{Constraint: Constraint{Operator: OpEqual}, Weight: 50},
	fields: append(
		lift(constraintFields, func(a *Affinity) *Constraint { return &a.Constraint }),
		at("weight", "How much better; below zero worse.", integer[int]{-100, 100}, func(a *Affinity) *int { return &a.Weight }),
	),
}

var spreadShape = object[Spread]{
	defaults: Spread{Weight: 50},
	fields: []field[Spread]{
		at("attribute", "Over whose values.", attributeShape, func(s *Spread) *string { return &s.Attribute }).due(),
		at("weight", "How much it counts among several.", integer[int]{1, 100}, func(s *Spread) *int { return &s.Weight }),
		at("targets", "Percent of the units by value; evenly without it.", mapOf[int]{key: valueProblem, of: integer[int]{0, 100}}, func(s *Spread) *map[string]int { return &s.Targets }),
	},
}
