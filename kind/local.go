package kind

import (
	"regexp"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// Locality says what a local path stands for.
type Locality uint8

// The localities. Code is a file or folder that becomes a code asset. Upload
// is a file or folder that goes to a datastore and becomes a URI. Context is
// a folder that goes to a datastore and becomes an https address. Document is
// a YAML file whose content takes the place of the path. Script is a file
// whose content is sent as text.
const (
	Code Locality = iota
	Upload
	Context
	Document
	Script
)

// Local is a field that may hold a path of the repository. In the resolved
// form, the path is replaced by what it stands for.
type Local struct {
	What Locality
	// Inline allows the content itself, as a map, in place of a path.
	Inline bool
	// Remote reports texts that are addresses and not paths; nil means
	// anything with a scheme, such as https:.
	Remote func(text string) bool
	// Asset is the kind of asset that azureml:NAME:VERSION refers to here;
	// "" if the field cannot refer to one.
	Asset asset.Kind
	// Plain sends NAME:VERSION of an asset.
	Plain bool
	// Ignore, if not nil, are the lines that hold in place of those of the
	// ignore file in the folder.
	Ignore []string
	// Slash ends the URI with a slash: the type says that it is a folder.
	Slash bool
	// Long writes the datastore URI in its long form, with the workspace.
	Long bool
	// Prefix keeps azureml: before the resource id of an asset on the wire.
	Prefix bool
	// Component applies the rules of component code to a folder.
	Component bool
	// Includes is the key beside the field that lists further paths whose
	// content is put into the folder.
	Includes string
	// Encoded and Decoded finish the value on the wire, for fields that do
	// not hold it as a plain text; nil for those that do.
	Encoded func(e *Encoder, v *asset.Value) *asset.Value
	Decoded func(d *Decoder, rest *asset.Value) *asset.Value
	// Same compares resolved values that may differ in spelling; nil for Equal.
	Same func(want, live *asset.Value) bool
}

var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:(//|/)?`)

// IsRemote reports whether the text is an address or a reference, not a path.
func (l Local) IsRemote(text string) bool {
	if l.Remote != nil {
		return l.Remote(text)
	}
	return strings.HasPrefix(text, "${{") || scheme.MatchString(text) || strings.HasPrefix(text, "/subscriptions/")
}

func (l Local) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() == asset.Map && l.Inline {
		return v
	}
	text := v.Str()
	if l.Component && text == "" && v.Type() == asset.String {
		text = "." // the folder of the file, as for the reference client
	}
	if text == "" {
		c.Badf(v, "wrong_type", quoteHint(v), "want a path or an address, not %s", sort(v))
		return nil
	}
	if id, ok := strings.CutPrefix(text, "azureml:"); ok && strings.HasPrefix(id, "/subscriptions/") {
		text = id
	}
	if l.Component && l.IsRemote(text) {
		if ref, bad := (Ref{To: l.Asset}).Parse(text, Scope{}); bad != "" || ref.Form != Short && ref.Form != Registry && ref.Form != ARM {
			c.Badf(v, "bad_reference", "write a path of the repository, or a code asset", "%q is no code that a component can have", text)
			return nil
		}
	}
	return asset.NewString(text)
}

func (l Local) Encode(e *Encoder, v *asset.Value) *asset.Value {
	if l.Encoded != nil {
		return l.Encoded(e, v)
	}
	if l.Asset != "" && v.Type() == asset.String {
		return Ref{To: l.Asset, Prefix: l.Prefix, Plain: l.Plain}.Encode(e, v)
	}
	return e.text(v)
}

func (l Local) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	if l.Decoded != nil {
		return l.Decoded(d, rest)
	}
	if l.Asset != "" && rest.Type() == asset.String {
		return Ref{To: l.Asset, Plain: l.Plain}.Decode(d, rest)
	}
	return present(rest)
}

// Equal compares resolved values.
func (l Local) Equal(want, live *asset.Value) bool {
	if l.Same != nil {
		return l.Same(want, live)
	}
	return want.Equal(live)
}

func (l Local) Schema() map[string]any {
	s := map[string]any{"type": "string", "minLength": 1}
	if l.Inline {
		return map[string]any{"anyOf": []any{s, map[string]any{"type": "object"}}}
	}
	return s
}

func (l Local) Describe() string {
	switch l.What {
	case Code, Context:
		return "path of a folder, or an address"
	case Document:
		return "path of a YAML file, or its content"
	case Script:
		return "path of a file"
	default:
		return "path, address or reference"
	}
}
