package diff

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/nsched/nsched/units"
)

// Owner is the mark on an external record. The zero Owner is somebody else: a record without a mark.
type Owner struct {
	Cluster string // the cluster's random id
	App     string // the app's Tag
}

const ownerPrefix = "nsched:"

// tagLimit keeps a mark below the 100 characters that Cloudflare's free plan allows in a comment.
const tagLimit = 50

// Tag is an app in a mark: "<ns>/<app>", or where that is long "#" and the first 16 hexadecimal digits
// of its SHA-256.
func Tag(app units.AppID) string {
	text := app.String()
	if len(text) <= tagLimit {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return "#" + hex.EncodeToString(sum[:8])
}

// String returns the mark as text without quotes or line breaks: "nsched:<cluster> <tag>".
func (o Owner) String() string {
	if o.Cluster == "" {
		return ""
	}
	return ownerPrefix + o.Cluster + " " + o.App
}

// ParseOwner reads a mark. What stands behind it is a person's note. Text that is no mark is nobody's.
func ParseOwner(text string) Owner {
	rest, ok := strings.CutPrefix(text, ownerPrefix)
	if !ok {
		return Owner{}
	}
	words := strings.Fields(rest)
	if len(words) < 2 || strings.HasPrefix(rest, " ") {
		return Owner{}
	}
	return Owner{Cluster: words[0], App: words[1]}
}

// Existing is one record that a zone holds.
type Existing struct {
	Key
	ID      string // the provider's
	TTL     int    // seconds
	Proxied bool
	Owner   Owner
}
