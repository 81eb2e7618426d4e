package plan

// Schema is the JSON Schema (draft 2020-12) of what EncodeJSON prints. Later
// versions of mlsync may add members, so readers must not refuse others.
func Schema() map[string]any {
	s := object(map[string]any{
		"format":   map[string]any{"const": Format},
		"tool":     text("The version of mlsync."),
		"digest":   pattern("^sha256:[0-9a-f]{64}$", "Names the plan; covers all but tool and when and at what cost the live side was read."),
		"complete": boolean("Everything was read that the plan speaks of."),
		"errored":  boolean("There are problems that stop the work."),
		"target": object(map[string]any{"name": text(""), "cloud": text(""), "subscription": text(""), "resource_group": text(""), "workspace": text("\"\" if the target is a registry."), "registry": text("")},
			"name", "workspace"),
		"source": object(map[string]any{"repo": text(""), "commit": text(""), "dirty": boolean("There were changes that are in no commit."), "tree": text("Digest of the wanted assets.")},
			"repo", "commit"),
		"observed": object(map[string]any{
			"at": text("When the live side was read."), "requests": number(), "assets": number(), "known": number(),
			"partial": list(text("A kind that could not be read.")), "reasons": map[string]any{"type": "object", "additionalProperties": text("")},
			"fingerprint": text("Digest of what was read."),
		}, "partial", "fingerprint"),
		"options": object(map[string]any{"prune": boolean(""), "select": list(text("")), "allow": list(text("An approval.")), "full": boolean("")},
			"prune", "select", "allow"),
		"summary":   map[string]any{"type": "object", "additionalProperties": number()},
		"steps":     list(stepSchema()),
		"drift":     list(driftSchema()),
		"problems":  list(problemSchema()),
		"unmanaged": list(text("An asset that nobody manages.")),
		"rollouts":  list(rolloutSchema()),
	}, "format", "tool", "digest", "complete", "errored", "target", "source", "observed", "options", "summary", "steps", "drift", "problems", "unmanaged")
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = Format
	s["description"] = "What mlsync shall do in one target, in the order of doing."
	return s
}

func stepSchema() map[string]any {
	actions := enum(Create, NewVersion, Update, Replace, Archive, Delete, Orphan, Adopt, NoOp, Blocked, Unknown)
	return object(map[string]any{
		"id": text("The asset, and the part of the work on it behind #."), "kind": text(""), "parent": text("The endpoint of a deployment."), "name": text(""), "version": text(""),
		"part":   map[string]any{"enum": []any{Late, Clear, Held}, "description": "late sets the fields that wait for contained assets, clear takes them off, rollout is traffic that was returned."},
		"action": actions, "destructive": boolean("Something can be lost."), "code": text("A stable word for why the step is as it is."),
		"why": text(""), "blocked": text("Why nothing is done."), "needs": text("The approval without which the step is refused."), "refused": boolean("That approval was not given."),
		"reasons":    list(object(map[string]any{"code": text(""), "paths": list(text(""))}, "code")),
		"requires":   list(text("A step that comes before.")),
		"supersedes": text("The version that a new version follows."),
		"source":     object(map[string]any{"file": text(""), "line": number(), "col": number()}, "file"),
		"arm_id":     text(""),
		"precondition": object(map[string]any{
			"absent": boolean("The asset must not exist."),
			"live":   text("Digest of the live asset."),
		}),
		"fields": list(fieldSchema()),
		"upload": object(map[string]any{"files": number(), "bytes": number()}, "files", "bytes"),
		"copy":   object(map[string]any{"files": number(), "bytes": number(), "from": text("The workspace that has the content.")}, "files", "bytes", "from"),
		"danger": map[string]any{"enum": []any{"none", "hidden", "traffic", "loss"}},
	}, "id", "kind", "name", "action", "destructive", "danger")
}

func fieldSchema() map[string]any {
	value := map[string]any{"description": `A value; {"$secret": "hmac:…"} stands for a secret, {"$unknown": "id.field"} for what is known after apply only.`}
	var classes []any
	for _, c := range []string{"in_place", "immutable", "create_only", "append_only", "at_creation", "secret"} {
		classes = append(classes, c)
	}
	return object(map[string]any{
		"path": text(""), "class": map[string]any{"enum": classes}, "before": value, "after": value, "live": value,
		"action": map[string]any{"enum": []any{"change", "ignore"}}, "reason": text("git, drift, default, reference or adopt."),
		"diverged": boolean("Git and live both changed."), "ignored": text("Why the difference is not acted on."),
	}, "path", "class", "action", "reason")
}

func driftSchema() map[string]any {
	return object(map[string]any{
		"id": text(""), "paths": list(text("A field; none if the asset was deleted.")), "by": text(""), "at": text(""),
		"resolution": map[string]any{"enum": []any{"revert", "report"}}, "held": text("Why it is left although it is to be corrected."),
	}, "id", "paths", "resolution")
}

func problemSchema() map[string]any {
	return object(map[string]any{
		"severity": map[string]any{"enum": []any{"error", "warning"}}, "code": text(""), "file": text(""), "line": number(), "col": number(),
		"message": text(""), "fix": text("What to do instead."),
	}, "severity", "code", "message")
}

func object(props map[string]any, required ...string) map[string]any {
	s := map[string]any{"type": "object", "properties": props}
	if len(required) > 0 {
		var names []any
		for _, r := range required {
			names = append(names, r)
		}
		s["required"] = names
	}
	return s
}

func text(doc string) map[string]any { return described("string", doc) }

func boolean(doc string) map[string]any { return described("boolean", doc) }

func number() map[string]any { return map[string]any{"type": "integer"} }

func described(typ, doc string) map[string]any {
	s := map[string]any{"type": typ}
	if doc != "" {
		s["description"] = doc
	}
	return s
}

func pattern(re, doc string) map[string]any {
	s := text(doc)
	s["pattern"] = re
	return s
}

func list(of map[string]any) map[string]any { return map[string]any{"type": "array", "items": of} }

func enum[T ~string](words ...T) map[string]any {
	var list []any
	for _, w := range words {
		list = append(list, string(w))
	}
	return map[string]any{"enum": list}
}
