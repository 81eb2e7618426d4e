package kind

import (
	"slices"
	"strconv"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// camelWords are words that the service writes in camel case and a file in
// snake case.
func camelWords(words ...string) Enum {
	var e Enum
	for _, w := range words {
		e.Words = append(e.Words, [2]string{snakeWord(w), w})
	}
	return e
}

// Minutes is a length of time in whole minutes, and an ISO 8601 text on the
// wire. 0 is the same as nothing.
type Minutes struct{}

// Check brings the value to a whole number; nil for 0.
func (Minutes) Check(c *Checker, v *asset.Value) *asset.Value {
	got := Int{}.Check(c, v)
	if i, ok := got.Int64(); ok && i == 0 {
		return nil
	}
	return got
}

// Encode writes PT…, with a sign if it is negative.
func (Minutes) Encode(_ *Encoder, v *asset.Value) *asset.Value {
	f, ok := v.Float64()
	switch {
	case !ok:
		return plain(v)
	case f < 0:
		return asset.NewString("-" + isoDuration(-f*60))
	}
	return asset.NewString(isoDuration(f * 60))
}

// Decode reads an ISO 8601 text.
func (Minutes) Decode(_ *Decoder, rest *asset.Value) *asset.Value {
	text, negative := strings.CutPrefix(rest.Str(), "-")
	seconds, ok := parseDuration(text)
	if !ok {
		return present(rest)
	}
	if negative {
		seconds = -seconds
	}
	if minutes := seconds / 60; minutes != 0 {
		return decodeNumber(asset.NewString(strconv.FormatFloat(minutes, 'f', -1, 64)))
	}
	return nil
}

// Schema is that of a whole number.
func (Minutes) Schema() map[string]any { return Int{}.Schema() }

// Describe names the unit.
func (Minutes) Describe() string { return "minutes" }

// autoOr is the word auto or a whole number, on the wire a map with a mode.
type autoOr struct {
	// list takes a list of numbers, too, and sends one.
	list bool
	// small sends numbers below two as they are, as the reference client does
	// of cross-validations.
	small bool
}

func (t autoOr) Check(c *Checker, v *asset.Value) *asset.Value {
	switch {
	case strings.EqualFold(v.Str(), "auto"):
		return asset.NewString("auto")
	case t.list:
		got := List{Of: Int{}, Single: true}.Check(c, v)
		if got.Len() == 0 || got.Len() == 1 && v.Type() != asset.List && isNumber(got.Items()[0], 0) {
			return nil
		}
		return got
	}
	got := Int{}.Check(c, v)
	if !t.small && isNumber(got, 0) {
		return nil
	}
	return got
}

func (t autoOr) Encode(_ *Encoder, v *asset.Value) *asset.Value {
	mode := func(word string) *asset.Value { return asset.NewMap().Set("mode", asset.NewString(word)) }
	n, _ := v.Int64()
	switch {
	case v.Type() == asset.String:
		return mode("Auto")
	case t.list:
		return mode("Custom").Set("values", v)
	case t.small && n < 2:
		return plain(v)
	}
	return mode("Custom").Set("value", plain(v))
}

func (t autoOr) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	switch {
	case rest.Type() != asset.Map:
		return decodeNumber(rest)
	case strings.EqualFold(rest.Get("mode").Str(), "auto"):
		return asset.NewString("auto")
	case t.list:
		return List{Of: Int{}}.Decode(d, rest.Get("values"))
	}
	return decodeNumber(rest.Get("value"))
}

func (t autoOr) Schema() map[string]any {
	alts := []any{map[string]any{"type": "string", "pattern": "^(?i:auto)$"}, Int{}.Schema()}
	if t.list {
		alts = append(alts, List{Of: Int{}}.Schema())
	}
	return map[string]any{"anyOf": alts}
}

func (t autoOr) Describe() string {
	if t.list {
		return "auto, a whole number or a list of them"
	}
	return "auto, or a whole number"
}

// lowerWord is one of a few words, which are sent in lower case. No other
// spelling is taken: the reference client has season_trend for no word.
type lowerWord []string

func (t lowerWord) Check(c *Checker, v *asset.Value) *asset.Value {
	word := strings.ToLower(v.Str())
	if slices.Contains(t, word) {
		return asset.NewString(word)
	}
	hint := problem.DidYouMean(v.Text(), t)
	if hint == "" {
		hint = "one of " + strings.Join(t, ", ")
	}
	c.Badf(v, "bad_value", hint, "%s is not a value of this field", sort(v))
	return nil
}

func (lowerWord) Encode(_ *Encoder, v *asset.Value) *asset.Value { return plain(v) }
func (lowerWord) Decode(_ *Decoder, rest *asset.Value) *asset.Value {
	if rest.IsNull() {
		return nil
	}
	return asset.NewString(strings.ToLower(rest.Text()))
}

func (t lowerWord) Schema() map[string]any {
	return map[string]any{"type": "string", "pattern": "^(?i:" + strings.Join(t, "|") + ")$", "examples": toAny(t)}
}
func (t lowerWord) Describe() string { return strings.Join(t, " | ") }

// transformerParams are lists of columns and their parameters, by the name of
// a transformer, which is a word of its own on the wire.
type transformerParams struct{}

var (
	transformers       = camelWords("Imputer", "TfIdf", "HashOneHotEncoder")
	columnTransformers = List{Of: Obj(
		Field{YAML: "fields", REST: "fields", As: List{Of: Str{}}, Change: Once, Doc: "The columns."},
		Field{YAML: "parameters", REST: "parameters", As: Map{Of: floatOrText{}, Nulls: true}, Change: Once, Doc: "The parameters, by name."},
	)}
)

func (transformerParams) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() != asset.Map {
		c.Badf(v, "wrong_type", mapHint, "want a map, not %s", sort(v))
		return nil
	}
	out := asset.NewMap()
	for key, item := range v.Entries() {
		c.in(key, func() {
			name := transformers.Check(c, asset.NewString(key).At(item.Pos()))
			got := columnTransformers.Check(c, item)
			if name != nil && got != nil {
				out.Set(name.Str(), got.At(item.Pos()))
			}
		})
	}
	return out
}

func (transformerParams) Encode(e *Encoder, v *asset.Value) *asset.Value {
	rest := asset.NewMap()
	for key, item := range v.Entries() {
		rest.Set(transformers.Encode(e, asset.NewString(key)).Str(), columnTransformers.Encode(e, item))
	}
	return rest
}

func (transformerParams) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	if rest.Type() != asset.Map || rest.Len() == 0 {
		return nil
	}
	v := asset.NewMap()
	for key, item := range rest.Entries() {
		v.Set(transformers.Decode(d, asset.NewString(key)).Str(), orEmpty(columnTransformers.Decode(d, item)))
	}
	return v
}

func (transformerParams) Schema() map[string]any {
	return map[string]any{"type": "object", "propertyNames": transformers.Schema(), "additionalProperties": columnTransformers.Schema()}
}
func (transformerParams) Describe() string { return "map of " + columnTransformers.Describe() }

// floatOrText is a number, also one that is written as a text, or a text.
type floatOrText struct{}

func (floatOrText) Check(c *Checker, v *asset.Value) *asset.Value {
	if f, ok := v.Float64(); ok {
		return asset.NewFloat(f)
	}
	if f, err := strconv.ParseFloat(strings.TrimSpace(v.Str()), 64); err == nil {
		return asset.NewFloat(f)
	}
	return Str{}.Check(c, v)
}
func (floatOrText) Encode(e *Encoder, v *asset.Value) *asset.Value { return e.text(v) }
func (floatOrText) Decode(_ *Decoder, v *asset.Value) *asset.Value { return decodeNumber(v) }
func (floatOrText) Schema() map[string]any                         { return map[string]any{"type": []any{"string", "number"}} }
func (floatOrText) Describe() string                               { return "text or number" }
