package cloudflare

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	api "github.com/cloudflare/cloudflare-go/v7/dns"

	"github.com/nsched/nsched/dns"
)

// problem is one of the API's errors.
type problem struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func describe(problems []problem) string {
	words := make([]string, 0, len(problems))
	for _, p := range problems {
		words = append(words, fmt.Sprintf("%d: %s", p.Code, p.Message))
	}
	return strings.Join(words, "; ")
}

// judge says what the error of a request means for the changes that were in it.
func (p *Provider) judge(err error) (dns.OutcomeState, error) {
	var answer *api.Error
	if !errors.As(err, &answer) {
		return dns.Unknown, &dns.Failure{Code: dns.ReasonUnreachable, Err: err}
	}
	problems := make([]problem, 0, len(answer.Errors))
	for _, e := range answer.Errors {
		problems = append(problems, problem{int(e.Code), e.Message})
	}
	told := fmt.Errorf("cloudflare answered %d: %s", answer.StatusCode, describe(problems))
	switch code := answer.StatusCode; {
	case code == http.StatusTooManyRequests:
		after := retryAfter(answer.Response)
		p.hold(after)
		return dns.NotSent, &dns.Failure{Code: dns.ReasonRateLimited, After: after, Err: told}
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return dns.NotSent, &dns.Failure{Code: dns.ReasonCredential, Err: told}
	case code >= 500, code == http.StatusRequestTimeout:
		return dns.Unknown, &dns.Failure{Code: dns.ReasonUnreachable, Err: told}
	}
	return dns.Refused, &dns.Failure{Code: dns.ReasonRefused, Err: told}
}

// retryAfter is what a 429 says about waiting; where it says nothing, all the time that Cloudflare blocks.
func retryAfter(r *http.Response) time.Duration {
	if r == nil {
		return window
	}
	seconds, err := strconv.Atoi(r.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return window
	}
	return time.Duration(seconds) * time.Second
}
