package policy

import "mlsync.dev/mlsync/internal/limit"

// Schema is the JSON Schema (draft 2020-12) of a file of policies. What only
// expressions can tell, such as which match keys a rule may have, is left to
// Read.
func Schema() map[string]any {
	texts := func(of map[string]any) map[string]any {
		return map[string]any{"anyOf": []any{of, map[string]any{"type": "array", "items": of, "minItems": 1, "maxItems": limit.ConfigList}}}
	}
	text := func(about string) map[string]any {
		return map[string]any{"type": "string", "maxLength": limit.PolicyText, "description": about}
	}
	names := map[string]any{"type": "string"}
	match := closed(map[string]any{
		"kind": texts(map[string]any{"enum": kinds()}), "action": texts(map[string]any{"enum": actions}), "name": texts(names), "target": texts(names),
	})
	rule := closed(map[string]any{
		"name":    map[string]any{"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", "description": "No two rules have one name."},
		"on":      map[string]any{"enum": []On{OnChange, OnAsset, OnRelease}, "description": "What the rule is asked about."},
		"match":   map[string]any{"$ref": "#/$defs/match", "description": "What the rule is about; every key must fit."},
		"except":  map[string]any{"type": "array", "maxItems": limit.ConfigList, "items": map[string]any{"$ref": "#/$defs/match"}, "description": "What the rule is not about."},
		"when":    text("An expression of CEL; the rule is asked where it is true."),
		"assert":  text("An expression of CEL that must be true."),
		"message": text("What is said; {EXPRESSION} is the value of one."),
		"at":      text("The dotted path of the field that a violation is shown at."),
		"level":   map[string]any{"enum": []Level{Deny, Warn}, "description": "deny stops everything before the first write, warn is shown."},
	}, "name", "on", "assert")
	s := closed(map[string]any{"rules": map[string]any{"type": "array", "maxItems": limit.PolicyRules, "items": rule}}, "rules")
	s["$schema"], s["title"] = "https://json-schema.org/draft/2020-12/schema", Folder+"/*.yml"
	s["description"] = "Rules over changes, assets and releases."
	s["$defs"] = map[string]any{"match": match}
	return s
}

// closed is an object that has no other keys.
func closed(properties map[string]any, need ...string) map[string]any {
	s := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(need) > 0 {
		s["required"] = need
	}
	return s
}
