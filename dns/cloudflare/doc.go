// Package cloudflare serves records in zones at Cloudflare, through its API and the record service of
// cloudflare-go.
//
// A record that is ours says so in its comment: "nsched:<cluster> <app>", which is what diff.Owner is as
// text. Listing reads every page and is complete or an error: the totals of all pages agree, and as many
// different records came as they say.
//
// Changes go to the batch endpoint, at most 200 at once, which is what every plan allows. Cloudflare makes
// a batch whole or not at all, deletes before patches before puts before posts; it names the first error
// only, so every change of a refused batch is Refused and the syncer halves it.
//
// Requests stay within a budget of 600 in 5 minutes, half of what Cloudflare allows a user before it blocks
// everything that the user does for 5 minutes: a person at the dashboard shares it. The library repeats
// nothing (WithMaxRetries(0)). What 429 says about waiting is obeyed.
//
// A request that got no answer, or one of 5xx, may have been made: the outcome of its changes is Unknown.
//
// The token is read anew for every request, so that one that was renewed needs no restart. It needs to
// read and edit the DNS of the zones and nothing else; zones are configured with their ids, so it need
// not be able to look them up.
//
// Not promised: TTLs below 60 s, which Cloudflare has for Enterprise zones only, nor any for proxied
// records, which have Cloudflare's own.
package cloudflare
