package kind

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// Keywords of JSON Schema below which other schemas stand: in a map, in a list
// or alone.
var (
	schemaMaps  = []string{"properties", "patternProperties"}
	schemaLists = []string{"anyOf", "oneOf", "allOf"}
	schemaOnes  = []string{"items", "additionalProperties", "propertyNames", "not"}
)

// shareAbove is the length of JSON from which a schema is worth a name.
const shareAbove = 200

// sharer writes the schemas that stand in several places once, under $defs:
// steps of pipelines hold those of jobs, which would make a schema of several
// megabytes.
type sharer struct {
	ids    map[string]int   // by the text of the schema, with numbers for its parts
	parts  []map[string]any // the schemas, by id, whose parts are sharedPart
	uses   []int
	size   []int
	defs   map[string]any
	naming map[int]string
}

// sharedPart stands for a schema with this id.
type sharedPart int

// shared is the schema with its repeated parts in $defs.
func shared(schema map[string]any) map[string]any {
	s := &sharer{ids: map[string]int{}, defs: map[string]any{}, naming: map[int]string{}}
	root := s.intern(schema)
	out := s.body(root)
	if len(s.defs) > 0 {
		out["$defs"] = s.defs
	}
	return out
}

// intern gives a schema its id; equal schemas have the same.
func (s *sharer) intern(schema map[string]any) int {
	flat := eachPart(schema, func(part map[string]any) any { return sharedPart(s.intern(part)) })
	text, err := json.Marshal(flat)
	if err != nil {
		panic(err) // made of texts, numbers and maps only
	}
	size := len(text)
	eachID(flat, func(id int) { size += s.size[id] })
	id, ok := s.ids[string(text)]
	if !ok {
		id = len(s.parts)
		s.ids[string(text)] = id
		s.parts, s.uses, s.size = append(s.parts, flat), append(s.uses, 0), append(s.size, size)
	}
	s.uses[id]++
	return id
}

// body writes a schema out.
func (s *sharer) body(id int) map[string]any {
	return mapParts(s.parts[id], func(part any) any {
		inner, ok := part.(sharedPart)
		if !ok {
			return part
		}
		return s.write(int(inner))
	})
}

// write is a schema itself, or a reference to it.
func (s *sharer) write(id int) map[string]any {
	if s.uses[id] < 2 || s.size[id] < shareAbove {
		return s.body(id)
	}
	name, ok := s.naming[id]
	if !ok {
		name = "s" + strconv.Itoa(len(s.naming)+1)
		s.naming[id] = name
		s.defs[name] = s.body(id)
	}
	return map[string]any{"$ref": "#/$defs/" + name}
}

// eachPart is the schema with what f makes of the schemas in it.
func eachPart(schema map[string]any, f func(part map[string]any) any) map[string]any {
	return mapParts(schema, func(part any) any {
		if inner, ok := part.(map[string]any); ok {
			return f(inner)
		}
		return part
	})
}

// eachID visits the ids in a schema that was interned.
func eachID(flat map[string]any, visit func(id int)) {
	mapParts(flat, func(part any) any {
		if id, ok := part.(sharedPart); ok {
			visit(int(id))
		}
		return part
	})
}

// mapParts is the schema with what f makes of its parts, in the order of their
// names.
func mapParts(schema map[string]any, f func(part any) any) map[string]any {
	out := maps.Clone(schema)
	for _, key := range slices.Sorted(maps.Keys(schema)) {
		switch v := schema[key].(type) {
		case map[string]any:
			if slices.Contains(schemaMaps, key) {
				named := make(map[string]any, len(v))
				for _, name := range slices.Sorted(maps.Keys(v)) {
					named[name] = f(v[name])
				}
				out[key] = named
			} else if slices.Contains(schemaOnes, key) {
				out[key] = f(v)
			}
		case sharedPart:
			out[key] = f(v)
		case []any:
			if slices.Contains(schemaLists, key) {
				list := make([]any, len(v))
				for i, item := range v {
					list[i] = f(item)
				}
				out[key] = list
			}
		}
	}
	return out
}
