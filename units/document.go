package units

// Document is what a file says, with everything that is wrong with it.
type Document struct {
	// App is normalised. It is whole only if there are no Problems.
	App App
	// Problems is what breaks a rule.
	Problems Problems
	// NotSupported is what breaks none and has no behaviour yet.
	NotSupported Problems
}

// Err returns all problems together as an error of type Problems, nil if there are none: only then may
// the app be stored or run.
func (d Document) Err() error {
	all := make(Problems, 0, len(d.Problems)+len(d.NotSupported))
	return append(append(all, d.Problems...), d.NotSupported...).Err()
}

// ReadApp reads a document as far as it can be read.
func ReadApp(raw []byte) Document {
	root, problems, ok := scan(raw)
	if !ok {
		return Document{Problems: problems}
	}
	r := &reader{problems: problems}
	app := appShape.defaults
	appShape.read(r, &root, &app)
	if root.kind != isObject {
		return Document{Problems: r.problems}
	}
	app.normalise()
	j := newJudge(&app, &root, r.problems)
	j.rules()
	return Document{App: app, Problems: append(r.problems, j.problems...), NotSupported: unsupported(&root)}
}

// ParseApp reads a document that breaks no rule. The error is of type Problems and names every problem.
// Fields that have no behaviour yet are fine here; see Document.
func ParseApp(raw []byte) (App, error) {
	d := ReadApp(raw)
	if err := d.Problems.Err(); err != nil {
		return App{}, err
	}
	return d.App, nil
}

// Unsupported reports the fields of a document that have no behaviour yet.
func Unsupported(raw []byte) Problems { return ReadApp(raw).NotSupported }

// UnmarshalJSON implements json.Unmarshaler by ParseApp.
func (a *App) UnmarshalJSON(raw []byte) error {
	parsed, err := ParseApp(raw)
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}
