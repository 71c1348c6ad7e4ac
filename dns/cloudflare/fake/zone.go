package fake

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Record is a DNS record as the API has it.
type Record struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Content string `json:"content"`
	Data    *SRV   `json:"data,omitempty"`
	TTL     int    `json:"ttl"`
	Proxied bool   `json:"proxied"`
	Comment string `json:"comment,omitempty"`
}

// SRV is the data of an SRV record.
type SRV struct {
	Priority int    `json:"priority"`
	Weight   int    `json:"weight"`
	Port     int    `json:"port"`
	Target   string `json:"target"`
}

type zone struct {
	name    string
	records map[string]Record
	next    int
}

func (z *zone) sorted() []Record {
	return slices.SortedFunc(maps.Values(z.records), func(a, b Record) int { return cmp.Compare(a.ID, b.ID) })
}

// list answers one page.
func (z *zone) list(q url.Values) answer {
	number := func(key string, otherwise, least, most int) (int, bool) {
		text := q.Get(key)
		if text == "" {
			return otherwise, true
		}
		n, err := strconv.Atoi(text)
		return n, err == nil && n >= least && n <= most
	}
	page, ok1 := number("page", 1, 1, 1<<30)
	perPage, ok2 := number("per_page", 100, 1, 5_000_000)
	if !ok1 || !ok2 {
		return refuse(http.StatusBadRequest, Error{1004, "DNS Validation Error"})
	}
	all := z.sorted()
	from := min(len(all), (page-1)*perPage)
	part := append([]Record{}, all[from:min(len(all), from+perPage)]...)
	return answer{status: http.StatusOK, result: part, info: &info{
		Page: page, PerPage: perPage, Count: len(part), TotalCount: len(all), TotalPages: (len(all) + perPage - 1) / perPage,
	}}
}

// batch makes all of a batch or nothing, in the documented order.
func (z *zone) batch(r *http.Request) answer {
	var b struct {
		Deletes []struct {
			ID string `json:"id"`
		} `json:"deletes"`
		Patches []json.RawMessage `json:"patches"`
		Puts    []json.RawMessage `json:"puts"`
		Posts   []Record          `json:"posts"`
	}
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		return refuse(http.StatusBadRequest, Error{9207, "Failed to parse request body"})
	}
	if n := len(b.Deletes) + len(b.Patches) + len(b.Puts) + len(b.Posts); n > BatchLimit || n == 0 {
		return refuse(http.StatusBadRequest, Error{9208, fmt.Sprintf("a batch has 1 to %d operations, this one %d", BatchLimit, n)})
	}
	trial := &zone{name: z.name, records: maps.Clone(z.records), next: z.next}
	err := func() error {
		for _, d := range b.Deletes {
			if _, ok := trial.records[d.ID]; !ok {
				return Error{81044, "Record does not exist."}
			}
			delete(trial.records, d.ID)
		}
		for _, raw := range b.Patches {
			if err := trial.update(raw, true); err != nil {
				return err
			}
		}
		for _, raw := range b.Puts {
			if err := trial.update(raw, false); err != nil {
				return err
			}
		}
		for _, p := range b.Posts {
			if err := trial.create(p); err != nil {
				return err
			}
		}
		return nil
	}()
	if err != nil {
		return refuse(http.StatusBadRequest, err.(Error))
	}
	*z = *trial
	return answer{status: http.StatusOK, result: map[string]any{}}
}

// update changes a record: a patch what it names, a put everything.
func (z *zone) update(raw json.RawMessage, patch bool) error {
	var id struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(raw, &id) != nil {
		return Error{9207, "Failed to parse request body"}
	}
	before, ok := z.records[id.ID]
	if !ok {
		return Error{81044, "Record does not exist."}
	}
	after := Record{ID: id.ID}
	if patch {
		after = before
		if before.Data != nil {
			data := *before.Data // a batch that fails leaves it as it was
			after.Data = &data
		}
	}
	if json.Unmarshal(raw, &after) != nil {
		return Error{9207, "Failed to parse request body"}
	}
	delete(z.records, id.ID)
	return z.put(after)
}

func (z *zone) create(r Record) error {
	z.next++
	r.ID = fmt.Sprintf("%032x", z.next)
	return z.put(r)
}

// put checks a record and keeps it.
func (z *zone) put(r Record) error {
	r.Name = strings.ToLower(strings.TrimSuffix(r.Name, "."))
	if r.Name != z.name && !strings.HasSuffix(r.Name, "."+z.name) {
		r.Name += "." + z.name
	}
	if err := r.check(); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(z.records)) {
		o := z.records[id]
		switch {
		case o.Name != r.Name:
		case o.Type == r.Type && o.Content == r.Content:
			return Error{81058, "An identical record already exists."}
		case o.Type == "CNAME" && (r.Type == "A" || r.Type == "AAAA" || r.Type == "CNAME"):
			return Error{81054, "A CNAME record with that host already exists."}
		case r.Type == "CNAME" && (o.Type == "A" || o.Type == "AAAA"):
			return Error{81053, "An A, AAAA, or CNAME record with that host already exists."}
		}
	}
	z.records[r.ID] = r
	return nil
}

// check applies the rules of one record.
func (r *Record) check() error {
	addr, err := netip.ParseAddr(r.Content)
	switch r.Type {
	case "A":
		if err != nil || !addr.Is4() {
			return Error{9005, "Content for A record must be a valid IPv4 address."}
		}
	case "AAAA":
		if err != nil || !addr.Is6() {
			return Error{9006, "Content for AAAA record must be a valid IPv6 address."}
		}
		r.Content = addr.String()
	case "SRV":
		if r.Data == nil || r.Data.Target == "" {
			return Error{9101, "data is a required field for SRV records."}
		}
		r.Content = fmt.Sprintf("%d %d %s", r.Data.Weight, r.Data.Port, r.Data.Target)
	}
	if r.Content == "" {
		return Error{9020, "DNS content is required."}
	}
	if r.Proxied {
		if r.Type != "A" && r.Type != "AAAA" && r.Type != "CNAME" {
			return Error{9004, "This record type cannot be proxied."}
		}
		r.TTL = 1
	}
	if r.TTL != 1 && (r.TTL < 60 || r.TTL > 86400) {
		return Error{9021, "TTL must be between 60 and 86400 seconds, or 1 for Automatic."}
	}
	if len(r.Comment) > 100 {
		return Error{9309, "DNS record comment is too long."}
	}
	return nil
}
