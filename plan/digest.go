package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Digest names the plan: plans with the same digest do the same, for the same
// reasons, from the same commit and the same live assets. It covers everything
// that EncodeJSON prints save the version of the tool, and when and at what
// cost the live side was read.
func (p *Plan) Digest() string { return p.document("").digest() }

func (d document) digest() string {
	d.Tool, d.Digest = "", ""
	d.Observed.At, d.Observed.Requests, d.Observed.Assets, d.Observed.Known = "", 0, 0, 0
	text, err := json.Marshal(d)
	if err != nil {
		panic("plan: " + err.Error()) // the document holds nothing that cannot be printed
	}
	// What is no UTF-8 prints as an escape, and as a letter once it was read.
	text = bytes.ReplaceAll(text, []byte(`\ufffd`), []byte("\ufffd"))
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
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
