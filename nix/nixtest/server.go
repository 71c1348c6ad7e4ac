package nixtest

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Handler serves a directory that holds a binary cache, with faults. It is safe for concurrent use.
type Handler struct {
	files fs.FS

	mu             sync.Mutex
	fault          Fault
	bytesPerSecond int
	asked          []string
}

// NewHandler serves dir; it begins healthy.
func NewHandler(dir string) *Handler { return &Handler{files: os.DirFS(dir)} }

// Set changes how the cache behaves from the next request on.
func (h *Handler) Set(f Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = f
}

// SetSpeed is how fast Slow is.
func (h *Handler) SetSpeed(bytesPerSecond int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bytesPerSecond = bytesPerSecond
}

// Requests returns the paths that were asked for since the last call.
func (h *Handler) Requests() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	asked := h.asked
	h.asked = nil
	return asked
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	f, speed := h.fault, h.bytesPerSecond
	h.asked = append(h.asked, r.URL.Path)
	h.mu.Unlock()

	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	isNAR, isNarinfo := strings.HasPrefix(name, "nar/"), strings.HasSuffix(name, ".narinfo")
	switch {
	case f == Broken, f == BrokenNarinfo && isNarinfo, f == BrokenNAR && isNAR:
		http.Error(w, "broken on purpose", http.StatusInternalServerError)
		return
	case f == Missing && isNarinfo, f == MissingNAR && isNAR:
		http.NotFound(w, r)
		return
	}
	data, err := fs.ReadFile(h.files, name)
	if err != nil && !(f == Nonsense && isNarinfo) {
		http.NotFound(w, r)
		return
	}
	if isNarinfo {
		data = f.narinfo(data)
	}
	if !isNAR {
		_, _ = w.Write(data)
		return
	}
	serveNAR(w, r, f, f.nar(data), speed)
}

func serveNAR(w http.ResponseWriter, r *http.Request, f Fault, data []byte, speed int) {
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	if f == Hanging && len(data) <= 4<<10 {
		f = Healthy
	}
	switch f {
	case Truncated:
		_, _ = w.Write(data[:len(data)/2])
		panic(http.ErrAbortHandler)
	case Hanging:
		_, _ = w.Write(data[:len(data)/2])
		flush(w)
		<-r.Context().Done()
	case Slow:
		trickle(w, r, data, speed)
	default:
		_, _ = w.Write(data)
	}
}

// trickle sends ten pieces a second.
func trickle(w http.ResponseWriter, r *http.Request, data []byte, speed int) {
	tick := time.NewTicker(time.Second / 10)
	defer tick.Stop()
	for piece := max(speed/10, 1); len(data) > 0; {
		n := min(piece, len(data))
		if _, err := w.Write(data[:n]); err != nil {
			return
		}
		flush(w)
		data = data[n:]
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

func flush(w http.ResponseWriter) {
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}

// Server is a Handler that listens on loopback until the test ends.
type Server struct {
	*Handler
	URL  string
	http *httptest.Server
}

// Serve starts a server for the binary cache in dir.
func Serve(t testing.TB, dir string) *Server {
	t.Helper()
	h := NewHandler(dir)
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return &Server{Handler: h, URL: s.URL, http: s}
}

// Stop ends the server at once: from now on nothing listens at its URL.
func (s *Server) Stop() {
	s.http.CloseClientConnections()
	s.http.Close()
}
