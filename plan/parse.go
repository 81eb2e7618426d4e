package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
)

// MaxSaved is the size of the largest saved plan that ParseJSON reads, in bytes.
const MaxSaved = limit.PlanBytes

// Saved is what is needed of a saved plan to tell whether it still holds: the
// plan is made again and compared, never carried out from the file.
type Saved struct {
	Tool, Digest      string
	Complete, Errored bool
	Target            Target
	Source            Source
	Options           Options
	// Fingerprint is the digest of what was read of the live side.
	Fingerprint string
	Summary     map[string]int
	Steps       []SavedStep
}

// SavedStep is a step of a saved plan.
type SavedStep struct {
	Key    Key
	Action Action
}

// ErrAltered says that the digest of a saved plan is not that of its content.
var ErrAltered = errors.New("the plan was altered after it was saved")

// ParseJSON reads what EncodeJSON wrote. A file of another format, with
// content that does not fit its digest, or larger than MaxSaved is an error.
func ParseJSON(data []byte) (*Saved, error) {
	if len(data) > MaxSaved {
		return nil, fmt.Errorf("a saved plan of %d bytes: more than %d", len(data), MaxSaved)
	}
	var head struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("not a saved plan: %w", err)
	}
	if head.Format != Format {
		return nil, fmt.Errorf("not a saved plan of the format %s but %q", Format, head.Format)
	}
	var d document
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return nil, fmt.Errorf("saved plan: %w", err)
	}
	for i := range d.Steps {
		d.Steps[i].compact()
	}
	if d.Digest != d.digest() {
		return nil, ErrAltered
	}
	return d.saved()
}

// compact undoes the indentation of values, so that they print as they did.
func (s *jsonStep) compact() {
	for i := range s.Fields {
		f := &s.Fields[i]
		for _, v := range []*json.RawMessage{&f.Before, &f.After, &f.Live} {
			var b bytes.Buffer
			if len(*v) > 0 && json.Compact(&b, *v) == nil {
				*v = b.Bytes()
			}
		}
	}
}

func (d *document) saved() (*Saved, error) {
	s := &Saved{
		Tool: d.Tool, Digest: d.Digest, Complete: d.Complete, Errored: d.Errored, Target: Target(d.Target), Source: Source(d.Source),
		Options:     Options{Prune: d.Options.Prune, Select: d.Options.Select, Allow: d.Options.Allow, Full: d.Options.Full},
		Fingerprint: d.Observed.Fingerprint, Summary: d.Summary,
	}
	for _, x := range d.Steps {
		id := asset.ID{Kind: asset.Kind(x.Kind), Parent: x.Parent, Name: x.Name, Version: x.Version}
		key := Key{ID: id, Part: x.Part}
		if key.String() != x.ID {
			return nil, fmt.Errorf("saved plan: step %q is not of %s", x.ID, key)
		}
		s.Steps = append(s.Steps, SavedStep{key, x.Action})
	}
	return s, nil
}

// Stale says why a plan that was saved does not hold any more, given the plan
// as it is now; nil if it holds.
func (s *Saved) Stale(now *Plan) error {
	switch {
	case s.Digest == now.Digest():
		return nil
	case s.Target != now.Target:
		return fmt.Errorf("the plan is for the target %s, not %s", s.Target.Name, now.Target.Name)
	case s.Source.Commit != now.Source.Commit:
		return fmt.Errorf("the plan was made at commit %s, and this is %s", short(s.Source.Commit), short(now.Source.Commit))
	case s.Source.Tree != now.Source.Tree:
		return errors.New("the files changed since the plan was made")
	case s.Fingerprint != now.Observed.Fingerprint:
		return errors.New("the workspace changed since the plan was made")
	}
	return errors.New("the plan would be another one now")
}
