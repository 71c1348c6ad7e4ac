package units

import "strings"

// normalise fills in the defaults that depend on other fields. Those that do not are in the shapes.
func (a *App) normalise() {
	if a.Resources.MemoryMax == 0 {
		a.Resources.MemoryMax = a.Resources.Memory
	}
	if a.Update.Order == "" {
		a.Update.Order = OrderSurge
		if a.Singleton {
			a.Update.Order = OrderStopFirst
		}
	}
	if a.Type == TypeBatch && a.Batch == nil {
		a.Batch = &Batch{}
	}
	for i := range a.HealthChecks.HTTP {
		if c := &a.HealthChecks.HTTP[i]; c.Path == "" && c.URL == "" {
			c.Path = "/"
		}
	}
	for i := range a.DNS {
		a.DNS[i].Name = strings.TrimSuffix(a.DNS[i].Name, ".")
	}
	for i := range a.Secrets {
		if s := &a.Secrets[i]; s.As == "" {
			s.As = s.Name
		}
	}
}
