package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	api "github.com/cloudflare/cloudflare-go/v7/dns"
	"github.com/cloudflare/cloudflare-go/v7/option"

	"github.com/nsched/nsched/dns"
	"github.com/nsched/nsched/dns/diff"
)

// page is one page of records. It is read from the answer itself: the library takes an answer without
// records, or without totals, for an empty one.
type page struct {
	Success bool      `json:"success"`
	Errors  []problem `json:"errors"`
	Result  []record  `json:"result"`
	Info    *struct {
		Page       int `json:"page"`
		PerPage    int `json:"per_page"`
		TotalCount int `json:"total_count"`
	} `json:"result_info"`
}

// List implements dns.Provider.
func (p *Provider) List(ctx context.Context, zone string) ([]diff.Existing, error) {
	seen := map[string]bool{}
	var all []diff.Existing
	total := -1
	for number := 1; total < 0 || len(all) < total; number++ {
		got, err := p.page(ctx, zone, number)
		if err != nil {
			return nil, err
		}
		if total < 0 {
			total = got.Info.TotalCount
		}
		partial := func(why string) error {
			return &dns.Failure{Code: dns.ReasonPartialRead, Err: fmt.Errorf("list %s: page %d: %s", zone, number, why)}
		}
		switch {
		case got.Info.TotalCount != total:
			return nil, partial("the zone changed while it was read")
		case got.Info.Page != number:
			return nil, partial("it is another page")
		case len(got.Result) == 0 && len(all) < total:
			return nil, partial("records are missing")
		}
		for _, r := range got.Result {
			if r.ID == "" || seen[r.ID] {
				return nil, partial("a record came twice, or without an id")
			}
			seen[r.ID] = true
			all = append(all, r.existing())
		}
		if len(all) > total {
			return nil, partial("there are more records than it says")
		}
	}
	return all, nil
}

// page reads one page: one request.
func (p *Provider) page(ctx context.Context, zone string, number int) (page, error) {
	var params api.RecordListParams
	params.ZoneID.Value, params.ZoneID.Present = p.ids[zone], true
	params.Page.Value, params.Page.Present = float64(number), true
	params.PerPage.Value, params.PerPage.Present = float64(p.o.PageSize), true
	var raw []byte
	err := p.send(func(token string) error {
		_, err := p.records.List(ctx, params, option.WithAPIToken(token), option.WithResponseBodyInto(&raw))
		return err
	})
	if err != nil {
		if f := (*dns.Failure)(nil); errors.As(err, &f) {
			return page{}, err
		}
		_, err = p.judge(err)
		return page{}, err
	}
	var got page
	bad := func(err error) (page, error) {
		return page{}, &dns.Failure{Code: dns.ReasonBadAnswer, Err: fmt.Errorf("list %s: %w", zone, err)}
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		return bad(err)
	}
	if !got.Success || got.Info == nil || got.Result == nil {
		return bad(fmt.Errorf("the answer holds no page: %s", describe(got.Errors)))
	}
	return got, nil
}

// send makes one request, when the budget has one.
func (p *Provider) send(request func(token string) error) error {
	token, err := p.token()
	if err != nil {
		return err
	}
	if err := p.spend(); err != nil {
		return err
	}
	return request(token)
}

// Apply implements dns.Provider: one request.
func (p *Provider) Apply(ctx context.Context, zone string, changes []diff.Change) []dns.Outcome {
	return slices.Repeat([]dns.Outcome{p.apply(ctx, zone, changes)}, len(changes))
}

func (p *Provider) apply(ctx context.Context, zone string, changes []diff.Change) dns.Outcome {
	body, err := json.Marshal(batchOf(changes))
	if err != nil {
		return dns.Outcome{State: dns.Refused, Err: err}
	}
	var params api.RecordBatchParams
	params.ZoneID.Value, params.ZoneID.Present = p.ids[zone], true
	var raw []byte
	sent := false
	err = p.send(func(token string) error {
		sent = true
		_, err := p.records.Batch(ctx, params, option.WithAPIToken(token), option.WithRequestBody("application/json", body),
			option.WithResponseBodyInto(&raw))
		return err
	})
	switch {
	case !sent:
		return dns.Outcome{State: dns.NotSent, Err: err}
	case err != nil:
		state, why := p.judge(err)
		return dns.Outcome{State: state, Err: why}
	}
	var got struct {
		Success bool      `json:"success"`
		Errors  []problem `json:"errors"`
	}
	if err := json.Unmarshal(raw, &got); err != nil || !got.Success {
		return dns.Outcome{State: dns.Unknown, Err: &dns.Failure{
			Code: dns.ReasonBadAnswer, Err: fmt.Errorf("change %s: cloudflare did not say that it was made: %s", zone, describe(got.Errors)),
		}}
	}
	return dns.Outcome{State: dns.Applied}
}
