package emulator

import "strings"

// A field is one row of a body: what the service stores under a name, what it returns when the client sent nothing and
// how it rewrites the value. What no row names is dropped, as the service drops unknown properties.
type field struct {
	name string
	// def is returned when the client sent nothing or null; omit leaves the field out.
	def any
	// since is the first api-version (date only) that returns the field; empty means all.
	since string
	// norm rewrites a value that was sent.
	norm func(any) any
	// fields are the rows of a nested object. Nil means that the value is free-form.
	fields []field
	// each are the rows of the objects in a map (or list).
	each []field
	// object refuses a value that is no object; rows with nested rows do so anyway.
	object bool
	// keep makes an update without the field keep the stored value.
	keep bool
}

type omitted struct{}

// omit as a default leaves the field out of the answer.
var omit = omitted{}

// empty is the default of a map that is returned as {}.
type emptyMap struct{}

// emptyList is the default of a list that is returned as [].
type emptyList struct{}

// shape builds the stored object from what was sent.
func shape(rows []field, in, prev obj) obj {
	out := make(obj, len(rows))
	for _, f := range rows {
		v, ok := in[f.name]
		if (!ok || v == nil) && f.keep && prev[f.name] != nil {
			out[f.name] = clone(prev[f.name])
			continue
		}
		if !ok || v == nil {
			f.absent(out)
			continue
		}
		out[f.name] = f.value(v)
	}
	return out
}

func (f field) absent(out obj) {
	switch d := f.def.(type) {
	case omitted:
	case emptyMap:
		out[f.name] = obj{}
	case emptyList:
		out[f.name] = []any{}
	default:
		out[f.name] = clone(d)
	}
}

func (f field) value(v any) any {
	if f.norm != nil {
		v = f.norm(v)
	}
	if o, ok := v.(obj); ok && f.fields != nil {
		return shape(f.fields, o, nil)
	}
	if f.each == nil {
		return clone(v)
	}
	switch t := v.(type) {
	case obj:
		out := make(obj, len(t))
		for k, e := range t {
			out[k] = field{fields: f.each}.value(e)
		}
		return out
	case []any:
		out := make([]any, len(t))
		for i, e := range t {
			out[i] = field{fields: f.each}.value(e)
		}
		return out
	}
	return v
}

// wrongTypes lists the rows whose value has to be an object and is none, at any depth.
func wrongTypes(rows []field, in obj, path string) (bad []string) {
	for _, f := range rows {
		v := in[f.name]
		if v == nil {
			continue
		}
		_, isMap := f.def.(emptyMap)
		o, ok := v.(obj)
		if !ok {
			if f.object || isMap || f.fields != nil || f.each != nil {
				bad = append(bad, path+f.name)
			}
			continue
		}
		bad = append(bad, wrongTypes(f.fields, o, path+f.name+".")...)
		for k, e := range o {
			if eo, ok := e.(obj); ok {
				bad = append(bad, wrongTypes(f.each, eo, path+f.name+"."+k+".")...)
			} else if f.each != nil && e != nil {
				bad = append(bad, path+f.name+"."+k)
			}
		}
	}
	return bad
}

// newest is the latest since of the rows: an answer for an api-version at or after it is the stored body.
func newest(rows []field) string {
	top := ""
	for _, f := range rows {
		top = max(top, f.since)
	}
	return top
}

// older drops from o what an api-version did not have yet.
func older(rows []field, o obj, api string) {
	for _, f := range rows {
		if before(api, f.since) {
			delete(o, f.name)
		}
	}
}

// before compares the dates of two api-versions; a preview counts as its date.
func before(api, since string) bool {
	return since != "" && len(api) >= 10 && strings.Compare(api[:10], since) < 0
}
