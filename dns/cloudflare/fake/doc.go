// Package fake is an HTTP server that keeps the rules of Cloudflare's API for DNS records as far as nsched
// meets them, since there is no Cloudflare on a developer's machine. It is a fake: what it knows was
// read in the API's documentation, and it has never been compared with the real one.
//
// It keeps: bearer tokens; pages with their totals; 1,200 requests in five minutes and then five minutes
// of 429 with Retry-After; batches of at most 200 that are made whole or not at all, deletes before
// patches before puts before posts; the error codes of what is refused; TTLs of 60 to 86,400 s, or 1 for
// automatic, which is what a proxied record has. Faults let a request fail before or after it was made.
package fake
