package kind

import "slices"

// objectSchema is the JSON Schema of a map with the given rows.
func objectSchema(rows []Field, open bool) map[string]any {
	props := map[string]any{}
	var required []any
	for _, f := range rows {
		if f.Made {
			continue
		}
		props[f.YAML] = rowSchema(f)
		if f.Required {
			required = append(required, f.YAML)
		}
	}
	s := map[string]any{"type": "object", "properties": props}
	if !open {
		s["additionalProperties"] = false
	}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

func rowSchema(f Field) map[string]any {
	if f.ReadOnly {
		return map[string]any{"readOnly": true}
	}
	s := map[string]any{}
	for k, v := range f.As.Schema() {
		s[k] = v
	}
	if f.Secret {
		s = map[string]any{"type": "string", "pattern": `^\$\{\{\s*secret\.[A-Za-z_][A-Za-z0-9_.-]*\s*\}\}$`, "writeOnly": true}
	}
	if f.Doc != "" {
		s["description"] = f.Doc
	}
	if f.Send != nil && f.Send.IsScalar() {
		s["default"] = f.Send.Any()
	}
	if len(s) == 0 || s["type"] == "string" && f.Required {
		return s
	}
	alts := []any{s}
	if s["type"] != "string" && !f.Secret {
		alts = append(alts, variable())
	}
	if f.Nullable {
		alts = append(alts, map[string]any{"type": "null"})
	}
	return map[string]any{"anyOf": alts}
}

// variable is the schema of ${{ var.NAME }}, which mlsync.yaml fills in.
func variable() map[string]any {
	return map[string]any{"type": "string", "pattern": `^\$\{\{\s*var\.[A-Za-z_][A-Za-z0-9_.-]*\s*\}\}$`}
}

// Schema is the JSON Schema (draft 2020-12) of the released form of the kind;
// what stands in several places is in $defs.
func (t *Table) Schema() map[string]any {
	var alts []any
	for _, v := range t.Variants {
		alts = append(alts, v.Schema())
	}
	s := map[string]any{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": string(t.Kind), "description": t.Doc}
	if len(alts) == 1 {
		for k, v := range alts[0].(map[string]any) {
			s[k] = v
		}
		return shared(s)
	}
	s["anyOf"] = alts
	return shared(s)
}

// Schema is the JSON Schema of the variant, without the $schema of its own.
func (v *Variant) Schema() map[string]any {
	s := objectSchema(v.all, v.Open != "" || v.Lax || v.table.Lax)
	props := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	props["$schema"] = map[string]any{"type": "string"}
	props["name"] = map[string]any{"type": "string", "minLength": 1}
	if !v.table.Once {
		required = append(required, "name")
	}
	if v.table.Versioned {
		props["version"] = map[string]any{"type": []any{"string", "number", "boolean"}}
	}
	if v.table.NeedVersion {
		props["version"] = map[string]any{"type": "string", "minLength": 1, "not": map[string]any{"const": "auto"}}
		required = append(required, "version")
	}
	if v.table.ParentKey != "" {
		props[v.table.ParentKey] = map[string]any{"type": "string", "minLength": 1}
		required = append(required, v.table.ParentKey)
	}
	if len(v.Types) > 0 {
		typ := Enum{Exact: v.table.ExactType}
		for _, name := range v.Types {
			typ.Words = append(typ.Words, [2]string{name, name})
		}
		props["type"] = typ.Schema()
		if v.table.NeedType || len(v.table.Variants) > 1 && v != v.table.Variants[0] {
			required = append(required, "type")
		}
	}
	if len(required) > 0 {
		slices.SortFunc(required, func(a, b any) int {
			if a.(string) < b.(string) {
				return -1
			}
			return 1
		})
		s["required"] = required
	}
	if v.Doc != "" {
		s["description"] = v.Doc
	}
	return s
}
