package cloudflare

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	api "github.com/cloudflare/cloudflare-go/v7/dns"
	"github.com/cloudflare/cloudflare-go/v7/option"

	"github.com/nsched/nsched/dns"
	"github.com/nsched/nsched/dns/diff"
	"github.com/nsched/nsched/units"
)

// Zone is a zone at Cloudflare: its name and the id that its page at the dashboard shows.
type Zone struct {
	Name string
	ID   string
}

// Options makes a Provider. Zero numbers have the defaults named.
type Options struct {
	Zones []Zone
	// Token is the API token. TokenFile holds it in place of Token, and TokenEnv names the environment
	// variable that does.
	Token, TokenFile, TokenEnv string
	// BaseURL is the API's: https://api.cloudflare.com/client/v4/.
	BaseURL string
	HTTP    *http.Client
	// Clock tells the time by which requests are counted, since what runs below a Step reads none.
	Clock func() units.Instant
	// Budget is how many requests may be sent in five minutes: 600.
	Budget int
	// Timeout is how long one request may take: 10 s. It is shorter than the syncer's Settle.
	Timeout time.Duration
	// PageSize is how many records one page has: 1,000.
	PageSize int
}

// window is the time for which a budget is.
const window = 5 * time.Minute

// batchLimit is how many changes every plan of Cloudflare takes at once.
const batchLimit = 200

// Cloudflare's bounds of a TTL in seconds, and what stands for its own.
const (
	minTTL       = 60
	maxTTL       = 86400
	automaticTTL = 1
)

// Provider is Cloudflare. It is safe for concurrent use.
type Provider struct {
	o       Options
	ids     map[string]string // of zones by name
	names   []string
	records *api.RecordService

	mu   sync.Mutex
	sent []time.Duration // boot times of the requests of the window
	wait time.Duration   // boot time until which Cloudflare wants no request
}

var _ dns.Provider = (*Provider)(nil)

// New returns a Provider. It sends nothing and reads no token yet.
func New(o Options) (*Provider, error) {
	if o.Clock == nil {
		return nil, errors.New("configure cloudflare: no clock is given")
	}
	o.BaseURL = cmp.Or(o.BaseURL, "https://api.cloudflare.com/client/v4/")
	o.Budget = cmp.Or(o.Budget, 600)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.PageSize = cmp.Or(o.PageSize, 1000)
	if o.HTTP == nil {
		o.HTTP = &http.Client{}
	}
	sources := 0
	for _, s := range []string{o.Token, o.TokenFile, o.TokenEnv} {
		if s != "" {
			sources++
		}
	}
	if sources != 1 {
		return nil, errors.New("configure cloudflare: give the token's file, or else its environment variable")
	}
	p := &Provider{o: o, ids: map[string]string{}}
	for _, z := range o.Zones {
		name := strings.ToLower(strings.TrimSuffix(z.Name, "."))
		if name == "" || z.ID == "" || strings.Trim(z.ID, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return nil, fmt.Errorf("configure cloudflare: zone %q needs a name and the id that the dashboard shows", z.Name)
		}
		if _, twice := p.ids[name]; twice {
			return nil, fmt.Errorf("configure cloudflare: zone %q is given twice", name)
		}
		p.ids[name] = z.ID
		p.names = append(p.names, name)
	}
	p.records = api.NewRecordService(
		option.WithBaseURL(o.BaseURL), option.WithHTTPClient(o.HTTP), option.WithMaxRetries(0),
		option.WithRequestTimeout(o.Timeout),
	)
	return p, nil
}

// Zones implements dns.Provider.
func (p *Provider) Zones() []string { return p.names }

// Limit implements dns.Provider.
func (p *Provider) Limit() int { return batchLimit }

// Shape implements dns.Provider. A proxied record has Cloudflare's TTL, any other one of 60 s to a day.
func (p *Provider) Shape(r diff.Record) (diff.Record, error) {
	switch r.Type {
	case units.DNSTypeA, units.DNSTypeAAAA, units.DNSTypeCNAME:
	case units.DNSTypeSRV, units.DNSTypeTXT:
		if r.Proxied {
			return r, fmt.Errorf("a %s record cannot be proxied", r.Type)
		}
	default:
		return r, fmt.Errorf("%s is no type that nsched writes", r.Type)
	}
	r.TTL = min(max(r.TTL, minTTL), maxTTL)
	if r.Proxied {
		r.TTL = automaticTTL
	}
	return r, nil
}

// token reads the token.
func (p *Provider) token() (string, error) {
	token := p.o.Token
	switch {
	case p.o.TokenFile != "":
		raw, err := os.ReadFile(p.o.TokenFile)
		if err != nil {
			return "", &dns.Failure{Code: dns.ReasonCredential, Err: fmt.Errorf("read the token: %w", err)}
		}
		token = string(raw)
	case p.o.TokenEnv != "":
		token = os.Getenv(p.o.TokenEnv)
	}
	token = strings.TrimSpace(token)
	if token == "" || strings.ContainsAny(token, " \r\n\t") {
		return "", &dns.Failure{Code: dns.ReasonCredential, Err: errors.New("the token is empty, or more than a token")}
	}
	return token, nil
}

// spend takes a request out of the budget, or says when there is one.
func (p *Provider) spend() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.o.Clock().Boot
	if now < p.wait {
		return &dns.Failure{Code: dns.ReasonRateLimited, After: p.wait - now, Err: errors.New("no requests are wanted for now")}
	}
	for len(p.sent) > 0 && now-p.sent[0] >= window {
		p.sent = p.sent[1:]
	}
	if len(p.sent) >= p.o.Budget {
		return &dns.Failure{
			Code: dns.ReasonBudget, After: p.sent[0] + window - now,
			Err: fmt.Errorf("%d requests were sent in %s", len(p.sent), window),
		}
	}
	p.sent = append(p.sent, now)
	return nil
}

// hold sends nothing for a while.
func (p *Provider) hold(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wait = max(p.wait, p.o.Clock().Boot+d)
}
