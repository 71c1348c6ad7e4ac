package units

// Intent is what a person wants of an app and nothing else: apps/<ns>/<app>.
//
// The document of each generation stays where it was stored; an intent only points at one. A missing
// intent changes nothing: an app ends by Stopped.
type Intent struct {
	Generation Generation `json:"generation"`
	Count      int        `json:"count"`
	Stopped    bool       `json:"stopped,omitempty"`
	Paused     bool       `json:"paused,omitempty"`
	// Promoted and Confirmed are the generations a person has promoted past its canaries and
	// confirmed.
	Promoted  Generation `json:"promoted,omitempty"`
	Confirmed Generation `json:"confirmed,omitempty"`
	Restart   Restarts   `json:"restart,omitzero"`
	Release   string     `json:"release,omitempty"`
}

// Restarts asks for a rolling restart: each rise of N is one. An empty Slot means every slot.
type Restarts struct {
	Slot Slot  `json:"slot,omitempty"`
	N    int64 `json:"n,omitempty"`
}

// Submission is one stored generation, generations/<ns>/<app>/<gen>: the document byte for byte as
// it was sent, and who sent it. It is immutable.
type Submission struct {
	Document  string `json:"document"`
	Submitter string `json:"submitter,omitempty"`
	Signature string `json:"signature,omitempty"`
}
