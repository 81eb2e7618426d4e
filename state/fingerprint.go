package state

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"mlsync.dev/mlsync/asset"
)

// Fingerprint is what the journal keeps of a secret: equal secrets in one
// journal have equal fingerprints, and nothing can be learned from one
// without the key, which never leaves the journal.
func (s *Store) Fingerprint(secret asset.Secret) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(secret.Reveal()))
	return "v1:" + hex.EncodeToString(mac.Sum(nil)[:16])
}
