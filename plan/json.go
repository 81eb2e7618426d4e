package plan

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
	"mlsync.dev/mlsync/kind"
)

// Format is the name and version of the JSON form. Later versions of mlsync
// only add members.
const Format = "mlsync.plan/1"

// MarshalJSON is EncodeJSON without the version of the tool, on one line.
func (p *Plan) MarshalJSON() ([]byte, error) { return json.Marshal(p.signed("")) }

// EncodeJSON is the plan as JSON, for machines: stable, sorted, one member a
// line, with a newline at the end. tool is the version of mlsync. It holds no
// secret, and no time within the steps.
func (p *Plan) EncodeJSON(tool string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(p.signed(tool)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// document is the JSON form. Its members are in the order of printing.
type document struct {
	Format    string         `json:"format"`
	Tool      string         `json:"tool"`
	Digest    string         `json:"digest"`
	Complete  bool           `json:"complete"`
	Errored   bool           `json:"errored"`
	Target    jsonTarget     `json:"target"`
	Source    jsonSource     `json:"source"`
	Observed  jsonObserved   `json:"observed"`
	Options   jsonOptions    `json:"options"`
	Summary   map[string]int `json:"summary"`
	Steps     []jsonStep     `json:"steps"`
	Drift     []jsonDrift    `json:"drift"`
	Problems  []jsonProblem  `json:"problems"`
	Unmanaged []string       `json:"unmanaged"`
	Rollouts  []jsonRollout  `json:"rollouts,omitempty"`
}

type jsonTarget struct {
	Name          string `json:"name"`
	Cloud         string `json:"cloud"`
	Subscription  string `json:"subscription"`
	ResourceGroup string `json:"resource_group"`
	Workspace     string `json:"workspace"`
	Registry      string `json:"registry,omitempty"`
}

type jsonSource struct {
	Repo   string `json:"repo"`
	Commit string `json:"commit"`
	Dirty  bool   `json:"dirty"`
	Tree   string `json:"tree"`
}

type jsonObserved struct {
	At          string            `json:"at"`
	Requests    int               `json:"requests"`
	Assets      int               `json:"assets"`
	Known       int               `json:"known"`
	Partial     []string          `json:"partial"`
	Reasons     map[string]string `json:"reasons,omitempty"`
	Fingerprint string            `json:"fingerprint"`
}

type jsonOptions struct {
	Prune  bool     `json:"prune"`
	Select []string `json:"select"`
	Allow  []string `json:"allow"`
	Full   bool     `json:"full"`
}

type jsonStep struct {
	ID           string         `json:"id"`
	Kind         string         `json:"kind"`
	Parent       string         `json:"parent,omitempty"`
	Name         string         `json:"name"`
	Version      string         `json:"version,omitempty"`
	Part         string         `json:"part,omitempty"`
	Action       Action         `json:"action"`
	Destructive  bool           `json:"destructive"`
	Code         Code           `json:"code,omitempty"`
	Why          string         `json:"why,omitempty"`
	Blocked      string         `json:"blocked,omitempty"`
	Needs        string         `json:"needs,omitempty"`
	Refused      bool           `json:"refused,omitempty"`
	Reasons      []jsonReason   `json:"reasons,omitempty"`
	Requires     []string       `json:"requires,omitempty"`
	Supersedes   string         `json:"supersedes,omitempty"`
	Source       *jsonPos       `json:"source,omitempty"`
	ARM          string         `json:"arm_id,omitempty"`
	Precondition map[string]any `json:"precondition,omitempty"`
	Fields       []jsonField    `json:"fields,omitempty"`
	Upload       *jsonUpload    `json:"upload,omitempty"`
	Copy         *jsonCopy      `json:"copy,omitempty"`
	Danger       string         `json:"danger"`
}

type jsonReason struct {
	Code  string   `json:"code"`
	Paths []string `json:"paths,omitempty"`
}

type jsonPos struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	Col  int    `json:"col,omitempty"`
}

type jsonUpload struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

type jsonCopy struct {
	Files int    `json:"files"`
	Bytes int64  `json:"bytes"`
	From  string `json:"from"`
}

type jsonField struct {
	Path     string          `json:"path"`
	Class    string          `json:"class"`
	Before   json.RawMessage `json:"before,omitempty"`
	After    json.RawMessage `json:"after,omitempty"`
	Live     json.RawMessage `json:"live,omitempty"`
	Action   string          `json:"action"`
	Reason   string          `json:"reason"`
	Diverged bool            `json:"diverged,omitempty"`
	Ignored  string          `json:"ignored,omitempty"`
}

type jsonDrift struct {
	ID         string   `json:"id"`
	Paths      []string `json:"paths"`
	By         string   `json:"by,omitempty"`
	At         string   `json:"at,omitempty"`
	Resolution string   `json:"resolution"`
	Held       string   `json:"held,omitempty"`
}

type jsonProblem struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Col      int    `json:"col,omitempty"`
	Message  string `json:"message"`
	Fix      string `json:"fix,omitempty"`
}

// signed is the document with its digest.
func (p *Plan) signed(tool string) *document {
	d := p.document(tool)
	d.Digest = d.digest()
	return d
}

func (p *Plan) document(tool string) *document {
	d := &document{
		Format: Format, Tool: tool, Complete: p.Complete(), Errored: len(p.Problems.Errors()) > 0,
		Target:   jsonTarget(p.Target),
		Source:   jsonSource(p.Source),
		Observed: p.observed(),
		Options:  jsonOptions{Prune: p.Options.Prune, Select: sorted(p.Options.Select), Allow: sorted(p.Options.Allow), Full: p.Options.Full},
		Summary:  p.Summary(),
		Steps:    []jsonStep{}, Drift: []jsonDrift{}, Problems: []jsonProblem{}, Unmanaged: []string{},
		Rollouts: p.rolloutsJSON(),
	}
	for _, s := range p.Steps {
		d.Steps = append(d.Steps, p.step(s))
	}
	for _, x := range p.Drift {
		paths := x.Paths
		if paths == nil {
			paths = []string{}
		}
		d.Drift = append(d.Drift, jsonDrift{ID: x.ID.String(), Paths: paths, By: x.By, At: x.At, Resolution: x.resolution(), Held: x.Held})
	}
	for _, x := range p.Problems {
		d.Problems = append(d.Problems, jsonProblem{string(x.Severity), x.Code, x.Pos.File, x.Pos.Line, x.Pos.Col, x.Text, x.Hint})
	}
	for _, id := range p.Unmanaged {
		d.Unmanaged = append(d.Unmanaged, id.String())
	}
	return d
}

func (d Drift) resolution() string {
	if d.Revert {
		return "revert"
	}
	return "report"
}

func sorted(list []string) []string {
	out := append([]string{}, list...)
	slices.Sort(out)
	return slices.Compact(out)
}

func (p *Plan) observed() jsonObserved {
	o := jsonObserved{Requests: p.Observed.Requests, Assets: p.Observed.Assets, Known: p.Observed.Known, Partial: []string{}, Fingerprint: p.Observed.Fingerprint}
	if !p.Observed.At.IsZero() {
		o.At = p.Observed.At.UTC().Format(time.RFC3339)
	}
	for _, k := range slices.Sorted(maps.Keys(p.Observed.Partial)) {
		o.Partial = append(o.Partial, string(k))
		if o.Reasons == nil {
			o.Reasons = map[string]string{}
		}
		o.Reasons[string(k)] = p.Observed.Partial[k]
	}
	return o
}

func (p *Plan) step(s Step) jsonStep {
	id := s.Key.ID
	out := jsonStep{
		ID: s.Key.String(), Kind: string(id.Kind), Parent: id.Parent, Name: id.Name, Version: id.Version, Part: s.Key.Part,
		Action: s.Action, Destructive: s.Action.Destructive(), Code: s.Code, Why: s.Why, Blocked: s.Blocked, Needs: s.Needs, Refused: p.Refused(s),
		Reasons: s.reasons(), ARM: s.ARM, Precondition: s.precondition(), Danger: s.danger(),
	}
	for _, k := range s.Requires {
		out.Requires = append(out.Requires, k.String())
	}
	if !s.Supersedes.IsZero() {
		out.Supersedes = s.Supersedes.String()
	}
	if !s.Source.IsZero() {
		out.Source = &jsonPos{s.Source.File, s.Source.Line, s.Source.Col}
	}
	for _, ch := range s.Changes {
		out.Fields = append(out.Fields, field(ch))
	}
	if s.Upload != (Upload{}) {
		out.Upload = &jsonUpload{s.Upload.Files, s.Upload.Bytes}
	}
	if s.Copy != (Copy{}) {
		out.Copy = &jsonCopy{s.Copy.Files, s.Copy.Bytes, s.Copy.From}
	}
	return out
}

// danger is one word for what can go wrong: loss, interruption, or none.
func (s Step) danger() string {
	switch {
	case s.Action == Delete, s.Action == Replace:
		return "loss"
	case s.Key.Part != "":
		return "traffic"
	case s.Action == Archive:
		return "hidden"
	}
	return "none"
}

// precondition is what must still hold when the step is carried out.
func (s Step) precondition() map[string]any {
	switch {
	case !s.Action.Writes():
		return nil
	case s.Live != nil:
		return map[string]any{"live": diff.Digest(s.Live)}
	case s.Key.Part == "":
		return map[string]any{"absent": true}
	}
	return nil
}

// reasons groups the fields by why they change.
func (s Step) reasons() []jsonReason {
	paths := map[string][]string{}
	for _, ch := range acting(s.Changes) {
		code := string(ch.Reason)
		if ch.Class == kind.NewVersion {
			code = "immutable_field"
		}
		paths[code] = append(paths[code], ch.Dotted())
	}
	var out []jsonReason
	for _, code := range slices.Sorted(maps.Keys(paths)) {
		out = append(out, jsonReason{code, paths[code]})
	}
	switch {
	case len(out) > 0:
	case s.Action == Create:
		out = []jsonReason{{Code: "absent"}}
	case s.Action == Adopt:
		out = []jsonReason{{Code: "adopt"}}
	case s.removes():
		out = []jsonReason{{Code: "prune"}}
	}
	return out
}

// classNames are the classes of change in the JSON form.
var classNames = map[kind.Change]string{kind.InPlace: "in_place", kind.NewVersion: "immutable", kind.Replace: "create_only", kind.Append: "append_only", kind.Once: "at_creation"}

func field(ch diff.Change) jsonField {
	f := jsonField{Path: ch.Dotted(), Class: classNames[ch.Class], Action: "change", Reason: string(ch.Reason), Diverged: ch.Diverged, Ignored: ch.Ignored}
	if ch.Ignored != "" {
		f.Action = "ignore"
	}
	if ch.Secret {
		f.Class, f.Before, f.After = "secret", secretJSON(ch.SecretLast), secretJSON(ch.SecretWant)
		return f
	}
	f.Before, f.After, f.Live = valueJSON(ch.Last), valueJSON(ch.Want), valueJSON(ch.Live)
	return f
}

func secretJSON(print string) json.RawMessage {
	if print == "" {
		return nil
	}
	return valueJSON(asset.NewMap().Set("$secret", asset.NewString("hmac:"+strings.TrimPrefix(print, "hmac:"))))
}

func valueJSON(v *asset.Value) json.RawMessage {
	if v.IsNull() {
		return nil
	}
	return v.Canonical()
}
