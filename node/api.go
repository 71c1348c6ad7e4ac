package node

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
)

// API is what a node answers over HTTP:
//
//	GET /healthz             the process lives
//	GET /readyz              200, or 503 with one reason a line
//	GET /metrics             Prometheus
//	GET /v1/node             the Overview
//	GET /v1/logs?unit=U[&follow=true][&lines=N]
//	                         the unit's journal, one JSON object a line
//
// It only reads.
type API struct {
	Overview func() Overview
	Journal  Journal
	Logger   zerolog.Logger
}

// Handler returns the routes.
func (a API) Handler() http.Handler {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collector{a.Overview})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", a.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /v1/node", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(a.Overview()); err != nil {
			a.Logger.Debug().Err(err).Msg("client of the API went away")
		}
	})
	reading := newReaders()
	mux.HandleFunc("GET /v1/logs", func(w http.ResponseWriter, r *http.Request) { a.logs(w, r, reading) })
	return mux
}

func (a API) ready(w http.ResponseWriter, _ *http.Request) {
	problems := a.Overview().Problems
	if len(problems) > 0 {
		http.Error(w, strings.Join(problems, "\n"), http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ready\n"))
}
