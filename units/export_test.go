package units

// Span returns where the literal of a path stands in its document.
func (p PathField) Span() (start, end int) { return p.start, p.end }
