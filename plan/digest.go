package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"mlsync.dev/mlsync/diff"
)

// Digest names the plan: plans with the same digest do the same, for the same
// reasons, from the same commit and the same live assets. It covers everything
// that EncodeJSON prints save the version of the tool, when and at what cost
// the live side was read, and when a rollout goes on.
func (p *Plan) Digest() string { return p.document("").digest() }

func (d document) digest() string {
	d.Tool, d.Digest = "", ""
	d.Observed.At, d.Observed.Requests, d.Observed.Assets, d.Observed.Known = "", 0, 0, 0
	d.Rollouts = slices.Clone(d.Rollouts)
	for i := range d.Rollouts {
		d.Rollouts[i].At = ""
	}
	text, err := json.Marshal(d)
	if err != nil {
		panic("plan: " + err.Error()) // the document holds nothing that cannot be printed
	}
	// What is no UTF-8 prints as an escape, and as a letter once it was read.
	text = bytes.ReplaceAll(text, []byte(`\ufffd`), []byte("\ufffd"))
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Consent names what an approval is given for: the commit, every step that
// does something with its changes, and the assets that would be lost. How much
// was read to find that out is not in it, nor from where the files were
// fetched: the plan that somebody approves in a checkout and the one that the
// daemon carries out are equal if they do the same.
func (p *Plan) Consent() string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%q %q %q\n", p.Target.Name, p.Source.Commit, p.Source.Tree)
	for _, s := range p.Steps {
		if !s.Action.Writes() && s.Action != Orphan {
			continue
		}
		lost := ""
		if s.Action.Destructive() && s.Live != nil {
			lost = diff.Digest(s.Live)
		}
		_, _ = fmt.Fprintf(h, "%q %q %q %q %q\n", s.Key, s.Action, s.Needs, s.ARM, lost)
		for _, ch := range s.Changes {
			_, _ = fmt.Fprintf(h, "  %q %q %q %q\n", ch.Dotted(), ch.Live.Canonical(), ch.Want.Canonical(), ch.Ignored)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Fingerprint is the digest of what was read of the live side.
func (p *Plan) Fingerprint() string { return p.Observed.Fingerprint }

// shortDigest is how people are shown a digest: 9b1d-77e0.
func shortDigest(digest string) string {
	const prefix = len("sha256:")
	if len(digest) < prefix+8 {
		return digest
	}
	return digest[prefix:prefix+4] + "-" + digest[prefix+4:prefix+8]
}
