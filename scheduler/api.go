package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"github.com/nsched/nsched/units"
)

// API is what a scheduler answers over HTTP:
//
//	GET  /healthz        the process lives
//	GET  /readyz         200, or 503 with one reason a line; a follower is ready
//	GET  /metrics        Prometheus
//	GET  /v1/scheduler   the Overview
//	GET  /v1/dns         how the names are kept, zone by zone; 421 from a scheduler that does not lead
//	POST /v1/plan        the Preview of the document in the body; 421 from a scheduler that does not lead
//
// It only reads.
type API struct {
	Overview func() Overview
	Preview  func(ctx context.Context, document []byte) (Preview, error)
	Names    func(ctx context.Context) (any, error)
	Logger   zerolog.Logger
}

// maxDocument is a little more than the largest app, so that one too large is told so by the parser.
const maxDocument = 1<<20 + 4<<10

// Handler returns the routes.
func (a API) Handler() http.Handler {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collector{a.Overview})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if problems := a.Overview().Problems; len(problems) > 0 {
			http.Error(w, strings.Join(problems, "\n"), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /v1/scheduler", func(w http.ResponseWriter, _ *http.Request) { a.write(w, a.Overview()) })
	mux.HandleFunc("GET /v1/dns", func(w http.ResponseWriter, r *http.Request) {
		report, err := a.Names(r.Context())
		a.answer(w, report, err)
	})
	mux.HandleFunc("POST /v1/plan", a.plan)
	return mux
}

func (a API) plan(w http.ResponseWriter, r *http.Request) {
	document, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxDocument))
	if err != nil {
		http.Error(w, "read the document: "+err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	p, err := a.Preview(r.Context(), document)
	a.answer(w, p, err)
}

// answer writes what came of a question to the leader.
func (a API) answer(w http.ResponseWriter, v any, err error) {
	problems := units.Problems(nil)
	switch {
	case err == nil:
		a.write(w, v)
	case errors.Is(err, ErrNotLeading):
		http.Error(w, err.Error(), http.StatusMisdirectedRequest)
	case errors.As(err, &problems), errors.Is(err, units.ErrInvalid):
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	default:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

func (a API) write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		a.Logger.Debug().Err(err).Msg("client of the API went away")
	}
}
