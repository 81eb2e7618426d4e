package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
)

// WebhookSchema is the version of the form of a signed webhook.
const WebhookSchema = "mlsync.notification/1"

// The headers of a signed webhook.
const (
	HeaderTimestamp = "Mlsync-Timestamp"
	HeaderSignature = "Mlsync-Signature"
	HeaderKey       = "Idempotency-Key"
)

// Sign is the signature of a webhook: v1= and, in hex, the HMAC-SHA256 of the
// timestamp, a dot and the body. The timestamp is seconds since 1970.
func Sign(key asset.Secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

type webhookMessage struct {
	Schema   string         `json:"schema"`
	Key      string         `json:"key"`
	Severity string         `json:"severity"`
	Title    string         `json:"title"`
	Dropped  int            `json:"dropped"`
	More     int            `json:"more"`
	Events   []webhookEvent `json:"events"`
}

type webhookEvent struct {
	Target   string    `json:"target"`
	What     string    `json:"what"`
	State    string    `json:"state"`
	Severity string    `json:"severity"`
	Asset    string    `json:"asset,omitempty"`
	Code     string    `json:"code,omitempty"`
	Text     string    `json:"text,omitempty"`
	Since    time.Time `json:"since"`
	At       time.Time `json:"at"`
	Commit   string    `json:"commit,omitempty"`
	Run      string    `json:"run,omitempty"`
}

// webhookBody is the same each time that a message is sent.
func webhookBody(m Message) webhookMessage {
	out := webhookMessage{Schema: WebhookSchema, Key: m.Key, Severity: m.Severity, Title: m.Title, Dropped: m.Dropped, Events: []webhookEvent{}}
	for i, n := range m.Notices {
		if i == limit.NotifyEvents {
			out.More = len(m.Notices) - i
			break
		}
		e := webhookEvent{
			Target: n.Target, What: n.What, State: "began", Severity: n.Severity, Code: Plain(n.Code), Text: Plain(n.Text),
			Since: n.Since.UTC(), At: n.At.UTC(), Commit: n.Commit, Run: n.Run,
		}
		if n.Over {
			e.State = "over"
		}
		if n.Asset != (asset.ID{}) {
			e.Asset = Plain(n.Asset.String())
		}
		out.Events = append(out.Events, e)
	}
	return out
}
