package fake

import "time"

// Error is one of the API's.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Error implements error.
func (e Error) Error() string { return e.Message }

// answer is the envelope of every answer.
type answer struct {
	status     int
	errors     []Error
	result     any
	info       *info
	retryAfter time.Duration
}

// info tells where a page stands.
type info struct {
	Page       int `json:"page"`
	PerPage    int `json:"per_page"`
	Count      int `json:"count"`
	TotalCount int `json:"total_count"`
	TotalPages int `json:"total_pages"`
}

func refuse(status int, errors ...Error) answer { return answer{status: status, errors: errors} }

func (a answer) body() map[string]any {
	errors := a.errors
	if errors == nil {
		errors = []Error{}
	}
	b := map[string]any{"success": a.status < 300, "errors": errors, "messages": []string{}, "result": a.result}
	if a.info != nil {
		b["result_info"] = a.info
	}
	return b
}
