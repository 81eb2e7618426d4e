package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/glob"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/problem"
)

// field is one key of a map of the file: how it is read and what its schema
// is. The tables in fields.go are read for decoding, schema and docs.
type field struct {
	key, doc string
	schema   map[string]any
	set      func(d *decoder, v *asset.Value)
}

type decoder struct {
	bad  problem.List
	path []string
}

func (d *decoder) badf(v *asset.Value, hint, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(d.path) > 0 {
		text = strings.Join(d.path, ".") + ": " + text
	}
	d.bad.Hintf(v.Pos(), "config", hint, "%s", text)
}

func (d *decoder) in(key string, f func()) {
	d.path = append(d.path, key)
	f()
	d.path = d.path[:len(d.path)-1]
}

// object reads a map of known keys.
func (d *decoder) object(v *asset.Value, fields []field) {
	if v.Type() != asset.Map {
		if !v.IsNull() {
			d.badf(v, "", "want a map, not %s", describe(v))
		}
		return
	}
	for key, item := range v.Entries() {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
		if i < 0 {
			var known []string
			for _, f := range fields {
				known = append(known, f.key)
			}
			hint := problem.DidYouMean(key, known)
			if hint == "" {
				slices.Sort(known)
				hint = "known here: " + strings.Join(known, ", ")
			}
			d.badf(item, hint, "unknown key %q", key)
			continue
		}
		if !item.IsNull() {
			d.in(key, func() { fields[i].set(d, item) })
		}
	}
}

func describe(v *asset.Value) string {
	if v.IsScalar() {
		return fmt.Sprintf("%q", v.Text())
	}
	return "a " + v.Type().String()
}

func text(key, doc string, to *string) field {
	return field{key, doc, map[string]any{"type": "string"}, func(d *decoder, v *asset.Value) {
		if v.Type() != asset.String {
			d.badf(v, "put it in quotes if it is a text", "want a text, not %s", describe(v))
			return
		}
		*to = v.Str()
	}}
}

// checked is a text that check finds nothing wrong with; "" is good.
func checked(key, doc string, to *string, check func(string) string) field {
	f := text(key, doc, to)
	set := f.set
	f.set = func(d *decoder, v *asset.Value) {
		if set(d, v); v.Type() == asset.String {
			if bad := check(v.Str()); bad != "" {
				d.badf(v, "", "%q: %s", v.Str(), bad)
			}
		}
	}
	return f
}

func texts(key, doc string, to *[]string, check func(string) string) field {
	schema := map[string]any{"anyOf": []any{map[string]any{"type": "string"}, map[string]any{"type": "array", "items": map[string]any{"type": "string"}}}}
	return field{key, doc, schema, func(d *decoder, v *asset.Value) {
		items := v.Items()
		if v.Type() != asset.List {
			items = []*asset.Value{v}
		}
		*to = []string{}
		if !d.fits(v) {
			return
		}
		for _, item := range items {
			if item.Type() != asset.String {
				d.badf(item, "", "want a text or a list of texts, not %s", describe(item))
			} else if bad := check(item.Str()); bad != "" {
				d.badf(item, "", "%q: %s", item.Str(), bad)
			} else {
				*to = append(*to, item.Str())
			}
		}
	}}
}

// fits reports whether a list has no more entries than a list may have: each
// file is held against all of them.
func (d *decoder) fits(v *asset.Value) bool {
	if v.Type() == asset.List && v.Len() > limit.ConfigList {
		d.badf(v, "write fewer and wider ones", "%d entries are more than %d", v.Len(), limit.ConfigList)
		return false
	}
	return true
}

func anyText(string) string { return "" }

// word is one of a few words. YAML 1.1 takes off and on for booleans.
func word[T ~string](key, doc string, to *T, words ...string) field {
	var enum []any
	for _, w := range words {
		enum = append(enum, w)
		if w == "off" || w == "on" {
			enum = append(enum, w == "on")
		}
	}
	return field{key, doc, map[string]any{"enum": enum}, func(d *decoder, v *asset.Value) {
		s := v.Str()
		if v.Type() == asset.Bool {
			s = map[bool]string{true: "on", false: "off"}[v.Bool()]
		}
		if !slices.Contains(words, s) {
			hint := problem.DidYouMean(v.Text(), words)
			if hint == "" {
				hint = "one of " + strings.Join(words, ", ")
			}
			d.badf(v, hint, "%s is not a value of this key", describe(v))
			return
		}
		*to = T(s)
	}}
}

func boolean(key, doc string, to **bool) field {
	return field{key, doc, map[string]any{"type": "boolean"}, func(d *decoder, v *asset.Value) {
		if v.Type() != asset.Bool {
			d.badf(v, "write true or false", "want true or false, not %s", describe(v))
			return
		}
		b := v.Bool()
		*to = &b
	}}
}

func number(key, doc string, to *int, low, high int) field {
	schema := map[string]any{"type": "integer", "minimum": low, "maximum": high}
	return field{key, doc, schema, func(d *decoder, v *asset.Value) {
		i, ok := v.Int64()
		if s, percent := strings.CutSuffix(v.Str(), "%"); percent && high == 100 {
			_, err := fmt.Sscanf(s, "%d", &i)
			ok = err == nil
		}
		if !ok || i < int64(low) || i > int64(high) {
			d.badf(v, "", "want a whole number from %d to %d, not %s", low, high, describe(v))
			return
		}
		*to = int(i)
	}}
}

func duration(key, doc string, to *time.Duration, low, high time.Duration) field {
	schema := map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`}
	return field{key, doc, schema, func(d *decoder, v *asset.Value) {
		t, err := time.ParseDuration(v.Str())
		if err != nil || t < low || t > high {
			d.badf(v, "write it like 30s, 15m or 2h", "want a time from %s to %s, not %s", low, high, describe(v))
			return
		}
		*to = t
	}}
}

func schedule(key, doc string, to *string) field {
	f := field{key, doc, map[string]any{"anyOf": []any{map[string]any{"type": "string"}, map[string]any{"const": false}}}, nil}
	f.set = func(d *decoder, v *asset.Value) {
		if v.Type() == asset.Bool && !v.Bool() {
			*to = ""
			return
		}
		if v.Type() != asset.String || !runs(v.Str()) {
			d.badf(v, `write five fields such as "*/15 * * * *", @hourly, @every 15m, or off`, "%s is not a cron schedule", describe(v))
			return
		}
		*to = v.Str()
	}
	return f
}

// runs reports whether a text is a schedule that comes round. The parser panics
// on a time zone without a schedule behind it, and takes the 30th of February.
func runs(text string) bool {
	if zone := strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ="); zone && !strings.Contains(text, " ") {
		return false
	}
	s, err := cron.ParseStandard(text)
	if err != nil || strings.HasPrefix(text, "@every -") {
		return false
	}
	return !s.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero()
}

func object(key, doc string, fields []field) field {
	return field{key, doc, schemaOf(fields), func(d *decoder, v *asset.Value) { d.object(v, fields) }}
}

// entries is a map with free keys.
func entries(key, doc string, of map[string]any, each func(d *decoder, name string, v *asset.Value)) field {
	return field{key, doc, map[string]any{"type": "object", "additionalProperties": of}, func(d *decoder, v *asset.Value) {
		if v.Type() != asset.Map {
			d.badf(v, "", "want a map, not %s", describe(v))
			return
		}
		for name, item := range v.Entries() {
			d.in(name, func() { each(d, name, item) })
		}
	}}
}

func badGlob(s string) string {
	if len(s) > limit.Pattern {
		return fmt.Sprintf("a glob has at most %d bytes", limit.Pattern)
	}
	return glob.Bad(s)
}

// schemaOf is the JSON Schema of a map with the given keys.
func schemaOf(fields []field) map[string]any {
	props := map[string]any{}
	for _, f := range fields {
		s := maps.Clone(f.schema)
		s["description"] = f.doc
		props[f.key] = map[string]any{"anyOf": []any{s, map[string]any{"type": "null"}}, "description": f.doc}
	}
	return map[string]any{"type": "object", "properties": props, "additionalProperties": false}
}
