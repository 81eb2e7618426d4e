package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

// pipelineJob is a run of several steps.
var pipelineJob = &Variant{
	Name:     "pipeline",
	Schemas:  []string{"pipelineJob"},
	Types:    []string{"pipeline"},
	Const:    []Const{{REST: "properties.jobType", Text: "Pipeline"}},
	Tell:     func(doc *asset.Value) bool { return tellPipeline(doc) && !doc.Has("version") },
	Doc:      "One run of several steps, which pass data to each other.",
	Whole:    completePipeline,
	ToREST:   pipelineToREST,
	FromREST: jobFromREST,
	Check:    checkPipelineJob,
	Fields: []Field{
		jobProperties, jobCompute, jobIdentityRow, jobServicesRow, jobOutputsRow,
		{YAML: "inputs", REST: "properties.inputs", As: pipelineInputs, Change: Once, Doc: "What the steps can bind to: values, which are sent as texts, and data."},
		{YAML: "component", REST: "properties.componentId", As: Ref{To: "component", Inline: true, File: true, Path: true, Default: true, Type: "pipeline", Apart: true}, Change: Once, Doc: "A pipeline component that is run; not together with jobs."},
		{YAML: "jobs", REST: "properties.jobs", As: pipelineSteps, Change: Once, Doc: "The steps, by name."},
		{YAML: "settings", REST: "properties.settings", As: pipelineSettings, Change: Once, Doc: "What holds for all steps."},
	},
}

// tellPipeline knows a pipeline from the deployment of one.
func tellPipeline(doc *asset.Value) bool {
	return typeIs(doc, "pipeline") && hasAny(doc, "jobs", "component") && !hasAny(doc, "endpoint_name", "job_definition")
}

// pipelineSettings are sent as they are written, with unknown members.
var pipelineSettings = Object{Open: true, Fields: []Field{
	{YAML: "default_compute", REST: "default_compute", As: Ref{To: "compute", Keep: []string{"serverless"}}, Change: Once, Stays: true, Doc: "Where steps run that name no compute; serverless if not given."},
	{YAML: "default_datastore", REST: "default_datastore", As: Ref{To: "datastore"}, Change: Once, Stays: true, Doc: "Where the outputs of steps are kept."},
	{YAML: "continue_on_step_failure", REST: "continue_on_step_failure", As: Bool{}, Change: Once, Doc: "Other steps go on when one failed."},
	{YAML: "force_rerun", REST: "force_rerun", As: Bool{}, Change: Once, Doc: "No result of an earlier run is used again."},
}}

// completePipeline completes the steps. Each must know where it runs.
func completePipeline(c *Checker, v *asset.Value) {
	takePipeline(v, v.Get("component"))
	for name, item := range v.Get("inputs").Entries() {
		if path := item.Get("path"); isBinding(path) {
			v.Get("inputs").Set(name, path)
		}
	}
	defer func() { plainInputs(v.Get("inputs")) }()
	completeSteps(c, v)
	if def := v.Get("component"); def.Type() == asset.Map {
		inferOptional(c, def)
	}
	if v.Get("compute").IsNull() && v.GetPath("settings", "default_compute").IsNull() {
		c.in("jobs", func() { checkComputes(c, v.Get("jobs")) })
		c.in("component", func() { checkComputes(c, v.GetPath("component", "jobs")) })
	}
}

// plainInputs makes texts of values, once the steps have looked at their sorts.
func plainInputs(inputs *asset.Value) {
	for name, item := range inputs.Entries() {
		if item.IsScalar() {
			inputs.Set(name, asset.NewString(item.Text()).At(item.Pos()))
		}
	}
}

// takePipeline completes a job by the component that it names and that stands in
// a file: it has the ports of the component and no others.
func takePipeline(v, def *asset.Value) {
	if def.Type() != asset.Map {
		return
	}
	inputs := asset.NewMap().At(v.Get("inputs").Pos())
	for name, decl := range def.Get("inputs").Entries() {
		if item := v.Get("inputs").Get(name); item != nil {
			inputs.Set(name, item)
		} else if text := decl.Get("default"); text != nil {
			inputs.Set(name, text)
		}
	}
	setOrDelete(v, "inputs", inputs)
	outputs := asset.NewMap().At(v.Get("outputs").Pos())
	for name := range def.Get("outputs").Entries() {
		item := v.Get("outputs").Get(name)
		if item == nil {
			item = asset.NewMap().At(v.Pos()).Set("type", asset.NewString("uri_folder"))
		}
		outputs.Set(name, item)
	}
	setOrDelete(v, "outputs", outputs)
}

// checkComputes looks for steps that no compute is said for, in the pipelines
// that are steps as well.
func checkComputes(c *Checker, jobs *asset.Value) {
	for name, node := range jobs.Entries() {
		typ := squash(node.Get("type").Text())
		c.in(name, func() {
			switch {
			case typ == "pipeline":
				checkComputes(c, node.GetPath("component", "jobs"))
			case node.Get("compute").IsNull() && (typ != "spark" || node.Get("resources").IsNull()):
				c.Badf(node, "missing_field", "write compute: here, or for the whole pipeline", "the step has no compute")
			}
		})
	}
}

func checkPipelineJob(c *Checker, v *asset.Value) {
	finishJob(c, v)
	for name, item := range v.Get("outputs").Entries() {
		c.in("outputs", func() { c.in(name, func() { checkOutputName(c, item) }) })
	}
	jobs, ref := v.Get("jobs"), v.Get("component")
	switch {
	case jobs.Len() > 0 && ref != nil:
		c.Badf(ref, "conflict", "remove one of them", "jobs and component exclude each other")
	}
	for name, node := range jobs.Entries() {
		if typeIs(node, "automl") && node.Get("compute").IsNull() && v.Get("compute").IsNull() && v.GetPath("settings", "default_compute").IsNull() {
			c.in("jobs", func() {
				c.Badf(node, "missing_field", "add compute: to the step, or settings: with default_compute", "%s.compute: is missing", name)
			})
		}
		if typeIs(node, "import") {
			c.in("jobs", func() {
				c.Badf(node, "bad_value", "use a step of type data_transfer with task: import_data", "%s: Azure does not run steps of type import", name)
			})
		}
	}
}

// pipelineToREST leaves out inputs that are empty texts, which the service
// does not take, and always says something of the settings.
func pipelineToREST(e *Encoder, v, rest *asset.Value) {
	jobToREST(e, v, rest)
	props := rest.Get("properties")
	for name, item := range v.Get("inputs").Entries() {
		if item.IsNull() || item.IsScalar() && item.Text() == "" {
			props.Get("inputs").Delete(name)
		}
	}
	if !props.Has("settings") {
		props.Set("settings", asset.NewMap())
	}
}

// pipelineComponent is a pipeline that is a step of others.
var pipelineComponent = func() *Variant {
	v := componentVariant("pipeline", "pipelineComponent",
		Field{YAML: "is_deterministic", REST: spec + "is_deterministic", As: Bool{}, Change: NewVersion, Doc: "The same inputs give the same outputs, so that a result may be used again."},
		specInputs(componentInputs), specOutputs(outputsOf(true)),
		Field{YAML: "jobs", REST: spec + "jobs", As: pipelineSteps, Change: NewVersion, Doc: "The steps, by name."},
		Field{YAML: "source_job_id", REST: spec + "source_job_id", As: Str{}, Change: NewVersion, Doc: "The job whose steps they are, in place of jobs."},
	)
	v.ToREST = func(e *Encoder, body, rest *asset.Value) {
		componentToREST(e, body, rest)
		if job := body.Get("source_job_id"); job != nil {
			rest.SetPath(asset.NewString(job.Text()), "properties", "componentSpec", "sourceJobId")
		}
	}
	v.Ignore = append(v.Ignore, "sourceJobId")
	v.Doc = "Several steps that are one."
	v.Tell = func(doc *asset.Value) bool { return tellPipeline(doc) && doc.Has("version") }
	v.Whole = func(c *Checker, body *asset.Value) {
		completeSteps(c, body)
		if !c.Part { // else once the inputs that are given to it are looked at
			inferOptional(c, body)
		}
	}
	return v
}()

// inferOptional makes an input of a pipeline component optional that no step
// needs, as the reference client does, and refuses one that is said to be
// optional and is not.
func inferOptional(c *Checker, v *asset.Value) {
	needed, bound := map[string][]string{}, map[string]bool{}
	for name, node := range v.Get("jobs").Entries() {
		form := stepOf(node.Get("type").Text(), node.Get("task").Text())
		if form == nil || node.Get(form.ref).Type() != asset.Map {
			continue
		}
		for key, item := range node.Get("inputs").Entries() {
			text := item.Str()
			if item.Type() == asset.Map {
				text = item.Get("path").Str()
			}
			input, whole := strings.CutPrefix(strings.TrimSuffix(text, "}}"), "${{parent.inputs.")
			if !whole || strings.Contains(input, ".") { // a part of a group
				continue
			}
			bound[input] = true
			if decl := portsOf(node.Get(form.ref), "inputs").Get(key); decl != nil && !decl.Get("optional").Bool() {
				needed[input] = append(needed[input], name+".inputs."+key)
			}
		}
	}
	for name, decl := range v.Get("inputs").Entries() {
		switch {
		case !bound[name]:
		case decl.Get("optional").IsNull() && len(needed[name]) == 0:
			decl.Set("optional", asset.NewBool(true))
		case decl.Get("optional").Bool() && len(needed[name]) > 0:
			c.Badf(decl, "conflict", "remove optional: true", "inputs.%s is optional, and %s needs it", name, strings.Join(needed[name], ", "))
		}
	}
}
