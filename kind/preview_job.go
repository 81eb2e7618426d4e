package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

// schemaURL is the $schema of a released document.
func schemaURL(name string) *asset.Value {
	return asset.NewString("https://azuremlschemas.azureedge.net/latest/" + name + ".schema.json")
}

// tellPreviewCommand: the preview wrapped what runs in run:, or gave compute
// and code as maps.
func tellPreviewCommand(doc *asset.Value) bool {
	if hasAny(doc, "trial", "search_space", "jobs", "deployments") {
		return false
	}
	if doc.Get("run").Type() == asset.Map || doc.Has("on_compute") && hasAny(doc, "run", "command") {
		return true
	}
	return doc.Has("command") && (doc.Get("compute").Type() == asset.Map || doc.Get("code").Type() == asset.Map)
}

// tellPreviewSweep: the preview called the sampling algorithm, and had flags
// and spec: in its search space.
func tellPreviewSweep(doc *asset.Value) bool {
	if !doc.Has("trial") || !hasAny(doc, "algorithm", "search_space") {
		return false
	}
	if hasAny(doc, "algorithm", "environment") || typeIs(doc, "sweep_job") || doc.Has("job_type") || doc.GetPath("early_termination", "spec") != nil {
		return true
	}
	for key, item := range doc.Get("search_space").Entries() {
		if strings.HasPrefix(key, "-") || item.Has("spec") {
			return true
		}
	}
	return hasAny(doc.Get("limits"), "max_total_runs", "max_concurrent_runs", "max_duration_minutes")
}

func upgradeCommandJob(u *Upgrade) []*asset.Value {
	out := asset.NewMap().At(u.Doc.Pos()).Set("$schema", schemaURL("commandJob")).Set("type", asset.NewString("command"))
	u.Move(out, "name", "name", nil)
	u.what(out, u.Doc, "")
	if run := u.Doc.Get("run"); run != nil {
		u.what(out, run, "run.")
	}
	u.compute(out, out)
	u.inputs(out)
	u.Rest(out, u.Doc, "$schema", "type", "job_type", "run", "name", "code", "command", "environment", "compute", "on_compute", "inputs")
	return []*asset.Value{out}
}

// what reads code, command and environment of in, which is at path, into out.
func (u *Upgrade) what(out, in *asset.Value, path string) {
	for key, v := range in.Entries() {
		switch key {
		case "code":
			out.Set(key, u.code(v, path+key))
		case "command":
			out.Set(key, asset.NewString(rewriteBraces(v.Str())).At(v.Pos()))
		case "environment":
			out.Set(key, u.environment(v))
		default:
			if path != "" {
				u.Lost(path+key, v, "remove it")
			}
		}
	}
}

// code is a path; the maps of the interim held it as directory or local_path.
func (u *Upgrade) code(v *asset.Value, path string) *asset.Value {
	if v.Type() != asset.Map {
		return v
	}
	out := v
	for key, item := range v.Entries() {
		switch key {
		case "directory", "local_path", "path":
			out = item
		default:
			u.Lost(path+"."+key, item, "remove it")
		}
	}
	return out
}

// environment is a reference, the path of a file, or the environment itself
// in the form of the preview.
func (u *Upgrade) environment(v *asset.Value) *asset.Value {
	if v.Type() == asset.Map {
		if name := v.Get("name"); v.Len() == 1 && strings.Contains(name.Str(), "/") {
			return u.environment(name)
		}
		p := environment.Variants[0].Preview
		if !p.Tell(v) {
			return v
		}
		inner := &Upgrade{Doc: v}
		docs := p.Upgrade(inner)
		u.Problems.Append(inner.Problems)
		return docs[0]
	}
	text := v.Str()
	switch {
	case strings.HasPrefix(text, "file:"):
		return v
	case hasSuffixFold(text, ".yaml", ".yml") && !strings.Contains(text, ":"):
		if !strings.HasPrefix(text, ".") && !strings.HasPrefix(text, "/") {
			text = "./" + text
		}
		return asset.NewString("file:" + text).At(v.Pos())
	case !strings.ContainsAny(text, ":/"):
		return asset.NewString("azureml:" + text + "@latest").At(v.Pos())
	}
	return PreviewRef(v)
}

func hasSuffixFold(s string, suffixes ...string) bool {
	for _, suffix := range suffixes {
		if strings.HasSuffix(strings.ToLower(s), suffix) {
			return true
		}
	}
	return false
}

// compute reads compute or on_compute into out: a name, or a map with the
// target and the number of machines, which goes to the resources of machines.
func (u *Upgrade) compute(out, machines *asset.Value) {
	for _, key := range []string{"compute", "on_compute"} {
		v := u.Doc.Get(key)
		if v.Type() != asset.Map {
			if v != nil {
				out.Set("compute", PreviewRef(v))
			}
			continue
		}
		for member, item := range v.Entries() {
			switch member {
			case "target":
				out.Set("compute", PreviewRef(item))
			case "node_count", "instance_count":
				machines.SetPath(item, "resources", "instance_count")
			default:
				u.Lost(key+"."+member, item, "remove it")
			}
		}
	}
}

// inputs reads the inputs: their path was called data.
func (u *Upgrade) inputs(out *asset.Value) {
	inputs := u.Doc.Get("inputs")
	if inputs.Type() != asset.Map {
		u.Move(out, "inputs", "inputs", nil)
		return
	}
	renamed := asset.NewMap().At(inputs.Pos())
	for key, item := range inputs.Entries() {
		if data := item.Get("data"); data.Type() == asset.String && !item.Has("path") {
			port := asset.NewMap().At(item.Pos())
			for member, x := range item.Entries() {
				if member == "data" {
					member, x = "path", PreviewRef(data)
				}
				port.Set(member, x)
			}
			item = port
		}
		renamed.Set(key, item)
	}
	out.Set("inputs", renamed)
}

func upgradeSweepJob(u *Upgrade) []*asset.Value {
	out := asset.NewMap().At(u.Doc.Pos()).Set("$schema", schemaURL("sweepJob")).Set("type", asset.NewString("sweep"))
	u.Move(out, "name", "name", nil)
	u.Move(out, "algorithm", "sampling_algorithm", nil)
	trial := asset.NewMap().At(u.Doc.Get("trial").Pos())
	u.what(trial, u.Doc.Get("trial"), "")
	u.Rest(trial, u.Doc.Get("trial"), "code", "command", "environment")
	if v := u.Doc.Get("environment"); v != nil && !trial.Has("environment") {
		trial.Set("environment", u.environment(v))
	}
	u.compute(out, trial)
	u.searchSpace(out, trial)
	out.Set("trial", trial)
	u.inputs(out)
	u.limits(out)
	u.Move(out, "early_termination", "early_termination", func(v *asset.Value) *asset.Value { return renameKeys(v, "spec", "type") })
	u.Rest(out, u.Doc, "$schema", "type", "job_type", "algorithm", "search_space", "trial", "environment", "compute", "on_compute", "inputs",
		"limits", "early_termination", "max_total_trials", "max_concurrent_trials", "max_total_runs", "max_concurrent_runs", "max_duration_minutes", "timeout_minutes")
	return []*asset.Value{out}
}

// searchSpace names the hyperparameters, whose keys were flags that were put
// behind the command, and puts the flags into the command.
func (u *Upgrade) searchSpace(out, trial *asset.Value) {
	in := u.Doc.Get("search_space")
	if in.Type() != asset.Map {
		u.Move(out, "search_space", "search_space", nil)
		return
	}
	space := asset.NewMap().At(in.Pos())
	command := trial.Get("command").Str()
	for key, item := range in.Entries() {
		name := strings.ReplaceAll(strings.TrimLeft(key, "-"), "-", "_")
		space.Set(name, renameKeys(item, "spec", "type"))
		if strings.HasPrefix(key, "-") {
			command += " " + key + " ${{search_space." + name + "}}"
		}
	}
	out.Set("search_space", space)
	if trial.Has("command") {
		trial.Set("command", asset.NewString(command).At(trial.Get("command").Pos()))
	}
}

// limits reads the limits, which were called runs, and had minutes; for a
// while they were members of the sweep.
func (u *Upgrade) limits(out *asset.Value) {
	limits := asset.NewMap().At(u.Doc.Get("limits").Pos())
	names := map[string]string{"max_total_runs": "max_total_trials", "max_concurrent_runs": "max_concurrent_trials"}
	for _, in := range []*asset.Value{u.Doc.Get("limits"), u.Doc} {
		for key, v := range in.Entries() {
			top := in == u.Doc
			switch {
			case names[key] != "":
				limits.Set(names[key], v)
			case key == "max_duration_minutes", key == "timeout_minutes":
				limits.Set("timeout", minutes(v))
			case !top, key == "max_total_trials", key == "max_concurrent_trials":
				limits.Set(key, v)
			}
		}
	}
	if limits.Len() > 0 {
		out.Set("limits", limits)
	}
}

// minutes are seconds in the released form.
func minutes(v *asset.Value) *asset.Value {
	f, ok := v.Float64()
	if !ok {
		return v
	}
	return asset.NewInt(int64(f * 60)).At(v.Pos())
}

// renameKeys is a copy of a map in which keys have other names.
func renameKeys(v *asset.Value, pairs ...string) *asset.Value {
	if v.Type() != asset.Map {
		return v
	}
	out := asset.NewMap().At(v.Pos())
	for key, item := range v.Entries() {
		for i := 0; i < len(pairs); i += 2 {
			if key == pairs[i] {
				key = pairs[i+1]
			}
		}
		out.Set(key, item)
	}
	return out
}
