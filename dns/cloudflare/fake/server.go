package fake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// The API's limits.
const (
	RequestLimit = 1200
	Window       = 5 * time.Minute
	BatchLimit   = 200
)

// Fault is what happens to a request besides, or instead of, being answered.
type Fault struct {
	// Status, when not 0, is the answer. Made says that the request is made all the same.
	Status int
	Made   bool
	// Hang keeps the answer back until the client has gone.
	Hang bool
	// Cut, when not 0, ends the answer after so many bytes.
	Cut int
}

// Server is the fake.
type Server struct {
	// URL is the base of the API.
	URL string

	mu      sync.Mutex
	http    *httptest.Server
	tokens  map[string]bool
	zones   map[string]*zone
	now     func() time.Time
	sent    []time.Time // requests of the window
	blocked time.Time   // until then every request is refused
	fault   func(*http.Request) Fault
	count   int
	refused int
	closing chan struct{}
}

// New starts a fake on a loopback port. now is the clock by which it counts requests. Close ends it.
func New(now func() time.Time) *Server {
	s := &Server{tokens: map[string]bool{}, zones: map[string]*zone{}, now: now, closing: make(chan struct{})}
	s.http = httptest.NewServer(s)
	s.URL = s.http.URL + "/client/v4/"
	return s
}

// Close ends the server and every request that hangs.
func (s *Server) Close() {
	close(s.closing)
	s.http.Close()
}

// Token makes a token good, or no longer.
func (s *Server) Token(token string, good bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token] = good
}

// Zone makes an empty zone with an id.
func (s *Server) Zone(id, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zones[id] = &zone{name: name, records: map[string]Record{}}
}

// Records returns what a zone holds, in the order in which it was made.
func (s *Server) Records(id string) []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.zones[id].sorted()
}

// Put makes a record as somebody else would, at the dashboard. It fails the way the API does.
func (s *Server) Put(id string, r Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.zones[id].create(r); err != nil {
		return err
	}
	return nil
}

// Grow adds a record while a request is under way: a Fault may call it, and nothing else of the server.
func (s *Server) Grow(id string) {
	z := s.zones[id]
	_ = z.create(Record{Name: fmt.Sprintf("grown%d", z.next), Type: "A", Content: "192.0.2.254", TTL: 1})
}

// Requests returns how many requests came, and how many of them the rate limit refused.
func (s *Server) Requests() (all, refused int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count, s.refused
}

// Break asks fault what happens to each request; nil ends it.
func (s *Server) Break(fault func(*http.Request) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, f := s.serve(r)
	if f.Hang {
		select {
		case <-r.Context().Done():
		case <-s.closing:
		}
		return
	}
	body, err := json.Marshal(a.body())
	if err != nil {
		panic(fmt.Sprintf("fake: encode an answer: %v", err))
	}
	w.Header().Set("Content-Type", "application/json")
	if a.retryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(a.retryAfter.Seconds())))
	}
	if f.Cut > 0 && f.Cut < len(body) {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		body = body[:f.Cut]
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body)
}

// serve makes a request.
func (s *Server) serve(r *http.Request) (answer, Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if wait := s.limit(); wait > 0 {
		s.refused++
		a := refuse(http.StatusTooManyRequests, Error{10100, "More than 1200 requests per 300 seconds reached. Please wait and consider throttling your request speed"})
		a.retryAfter = wait
		return a, Fault{}
	}
	var f Fault
	if s.fault != nil {
		f = s.fault(r)
	}
	if (f.Status != 0 || f.Hang) && !f.Made {
		return answer{status: max(f.Status, 200), errors: []Error{{10001, "internal error"}}}, f
	}
	a := s.route(r)
	if f.Status != 0 {
		return answer{status: f.Status, errors: []Error{{10001, "internal error"}}}, f
	}
	return a, f
}

// limit counts a request, and says for how long there are no more.
func (s *Server) limit() time.Duration {
	now := s.now()
	if now.Before(s.blocked) {
		return s.blocked.Sub(now)
	}
	for len(s.sent) > 0 && now.Sub(s.sent[0]) >= Window {
		s.sent = s.sent[1:]
	}
	if len(s.sent) >= RequestLimit {
		s.blocked = now.Add(Window)
		s.sent = nil
		return Window
	}
	s.sent = append(s.sent, now)
	return 0
}

func (s *Server) route(r *http.Request) answer {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if good, known := s.tokens[token]; !ok || !good {
		if known {
			return refuse(http.StatusForbidden, Error{9109, "Unauthorized to access requested resource"})
		}
		return refuse(http.StatusForbidden, Error{10000, "Authentication error"})
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/client/v4/"), "/")
	if len(parts) < 3 || parts[0] != "zones" || parts[2] != "dns_records" {
		return refuse(http.StatusNotFound, Error{7000, "No route for that URI"})
	}
	z := s.zones[parts[1]]
	if z == nil {
		return refuse(http.StatusNotFound, Error{7003, "Could not route to " + r.URL.Path + ", perhaps your object identifier is invalid?"})
	}
	switch {
	case len(parts) == 3 && r.Method == http.MethodGet:
		return z.list(r.URL.Query())
	case len(parts) == 4 && parts[3] == "batch" && r.Method == http.MethodPost:
		return z.batch(r)
	}
	return refuse(http.StatusMethodNotAllowed, Error{10405, "Method not allowed for this endpoint"})
}
