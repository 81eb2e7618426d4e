package state

import (
	"encoding/json"
	"fmt"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
)

// idText is how ids are stored; "" is the zero id.
func idText(id asset.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

func parseID(text string, into *asset.ID) error {
	if err := into.UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("the journal holds %w", err)
	}
	return nil
}

// checkID refuses an id that would not be read back as it is.
func checkID(id asset.ID) error {
	back, err := asset.ParseID(id.String())
	if err == nil && back != id {
		err = fmt.Errorf("%q is not an asset id: it reads back as another", id.String())
	}
	return err
}

// toJSON is v as JSON text; "" for nil and empty maps and lists.
func toJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	if s := string(b); s == "null" || s == "{}" || s == "[]" {
		return "", err
	}
	return string(b), err
}

func fromJSON(text string, into any) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), into)
}

// ownedJSON is an Owned in an intent and in an export.
type ownedJSON struct {
	Asset   asset.ID          `json:"asset"`
	Origin  plan.Origin       `json:"origin"`
	Variant string            `json:"variant,omitempty"`
	Body    *asset.Value      `json:"body"`
	NoBody  bool              `json:"no_body,omitempty"` // nil, which is not null
	Digest  string            `json:"digest,omitempty"`
	ARM     string            `json:"arm,omitempty"`
	File    string            `json:"file,omitempty"`
	Commit  string            `json:"commit,omitempty"`
	At      int64             `json:"at,omitempty"`
	Secrets map[string]string `json:"secrets,omitempty"`
	Done    bool              `json:"done,omitempty"`
	Missing int               `json:"missing,omitempty"`
}

func toOwnedJSON(o plan.Owned) ownedJSON {
	return ownedJSON{
		Asset: o.ID, Origin: o.Origin, Variant: o.Variant, Body: o.Body, NoBody: o.Body == nil, Digest: o.Digest, ARM: o.ARM,
		File: o.File, Commit: o.Commit, At: nanos(o.At), Secrets: o.Secrets, Done: o.Done, Missing: o.Missing,
	}
}

func (j ownedJSON) owned() plan.Owned {
	o := plan.Owned{
		ID: j.Asset, Origin: j.Origin, Variant: j.Variant, Body: j.Body, Digest: j.Digest, ARM: j.ARM,
		File: j.File, Commit: j.Commit, At: fromNanos(j.At), Secrets: j.Secrets, Done: j.Done, Missing: j.Missing,
	}
	if j.NoBody {
		o.Body = nil
	} else if o.Body == nil {
		o.Body = asset.NewNull()
	}
	return o
}
