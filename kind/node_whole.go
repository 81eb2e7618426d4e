package kind

import (
	"regexp"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// pipe is a pipeline whose steps are completed, one after the other.
type pipe struct {
	*Checker
	inputs, outputs, jobs *asset.Value
	// chain are the ports that are being followed, each bound to the next.
	chain []string
}

// completeSteps completes the steps of a pipeline, job or component: once the
// files that it names are read, the ports of all components that stand in
// files are known.
func completeSteps(c *Checker, v *asset.Value) {
	p := &pipe{Checker: c, inputs: v.Get("inputs"), outputs: v.Get("outputs"), jobs: v.Get("jobs")}
	for name, node := range p.jobs.Entries() {
		if form := stepOf(node.Get("type").Text(), node.Get("task").Text()); form != nil && node.Type() == asset.Map {
			c.in("jobs", func() { c.in(name, func() { p.step(form, node) }) })
		}
	}
}

// step completes one step.
func (p *pipe) step(form *stepForm, node *asset.Value) {
	if form.inline != nil && !form.whole && !node.Has(form.ref) {
		p.lift(form, node)
	} else if def := node.Get(form.ref); def.Type() == asset.Map {
		p.take(form, node, def)
	}
	p.finish(form, node)
}

// lift makes an inline component of what a step holds.
func (p *pipe) lift(form *stepForm, node *asset.Value) {
	if form.typ == "spark" {
		prepareSpark(node)
	}
	def := asset.NewMap().At(node.Pos())
	for _, key := range form.lifted {
		if item := node.Get(key); item != nil && (!hasBinding(item) || slices.Contains(form.bound, key)) {
			def.Set(key, item)
		}
		if !slices.Contains(form.kept, key) {
			node.Delete(key)
		}
	}
	if form.typ != "command" {
		def.Set("type", asset.NewString(form.typ))
	}
	if ports := p.declare(node.Get("inputs"), p.input); ports.Len() > 0 {
		def.Set("inputs", ports)
	}
	if ports := p.declare(node.Get("outputs"), p.output); ports.Len() > 0 {
		def.Set("outputs", ports)
	}
	for _, key := range form.dropped {
		node.Delete(key)
	}
	if form.check != nil {
		form.check(p.Checker, def)
	}
	node.Set(form.ref, def)
}

// hasBinding reports whether a binding to the pipeline stands in v: such a
// value belongs to the step and not to its component.
func hasBinding(v *asset.Value) bool {
	if strings.Contains(v.Str(), "${{parent.") {
		return true
	}
	return slices.ContainsFunc(v.Items(), hasBinding)
}

func (p *pipe) declare(ports *asset.Value, of func(v *asset.Value) *asset.Value) *asset.Value {
	out := asset.NewMap()
	for name, item := range ports.Entries() {
		p.in(name, func() {
			if got := of(item); got != nil {
				out.Set(name, got)
			}
		})
	}
	return out
}

// portOf is a declared port.
func portOf(typ, mode string) *asset.Value {
	v := asset.NewMap().Set("type", asset.NewString(typ))
	if mode != "" && !slices.Contains(parameterTypes, typ) {
		v.Set("mode", asset.NewString(mode))
	}
	return v
}

// input declares what the value of an input is.
func (p *pipe) input(v *asset.Value) *asset.Value {
	switch {
	case parentBinding.MatchString(v.Str()) && !toOutput(v.Str()):
		typ, mode := p.source(v, v.Str())
		return portOf(typ, mode)
	case v.Type() == asset.Map:
		typ := v.Get("type").Text()
		if typ == "" {
			typ = "uri_folder"
		}
		return portOf(typ, v.Get("mode").Text())
	case v.IsNull():
		return nil
	}
	typ := map[asset.Type]string{asset.Float: "number", asset.Int: "integer", asset.Bool: "boolean"}[v.Type()]
	if typ == "" {
		typ = "string"
	}
	text, _ := parameterText(typ, v.Text())
	return portOf(typ, "").Set("default", asset.NewString(text))
}

// output declares what an output is.
func (p *pipe) output(v *asset.Value) *asset.Value {
	switch {
	case v.Type() == asset.Map:
		typ := v.Get("type").Text()
		if typ == "" {
			typ = "uri_folder"
		}
		return portOf(typ, v.Get("mode").Text())
	case toOutput(v.Str()):
		typ, mode := p.source(v, v.Str())
		return portOf(typ, mode)
	case v.Type() == asset.String:
		return portOf("string", "")
	}
	return portOf("uri_folder", "")
}

var parentBinding = regexp.MustCompile(`^\$\{\{parent\.(inputs|outputs|jobs)\.(.*?)\}\}$`)

// source is the type and mode of what a binding leads to.
func (p *pipe) source(at *asset.Value, binding string) (typ, mode string) {
	m := parentBinding.FindStringSubmatch(binding)
	if m == nil {
		p.Badf(at, "bad_reference", "write ${{parent.inputs.x}}, ${{parent.outputs.x}} or ${{parent.jobs.step.outputs.x}}", "%q is no binding to the pipeline", binding)
		return "uri_folder", ""
	}
	name := strings.SplitN(m[2], ".", 2)[0]
	switch m[1] {
	case "inputs":
		return p.top(at, p.inputs, name)
	case "outputs":
		return p.top(at, p.outputs, name)
	}
	return p.ofStep(at, strings.Split(m[2], ".")), ""
}

// top is the type and mode of an input or output of the pipeline itself.
func (p *pipe) top(at, ports *asset.Value, name string) (typ, mode string) {
	if !ports.Has(name) {
		p.Badf(at, "missing_input", problem.DidYouMean(name, ports.Keys()), "the pipeline has no %q to bind to", name)
		return "uri_folder", ""
	}
	v := ports.Get(name)
	if v.IsScalar() {
		got := p.input(v)
		return got.Get("type").Str(), ""
	}
	if typ = v.Get("type").Text(); typ == "" {
		typ = "uri_folder"
	}
	return typ, v.Get("mode").Text()
}

// ofStep is the type of a port of another step: as its component declares it
// or, for a component that stands in no file, as the step says.
func (p *pipe) ofStep(at *asset.Value, path []string) string {
	const unknown = "uri_folder"
	if len(path) != 3 || path[1] != "inputs" && path[1] != "outputs" {
		p.Badf(at, "bad_reference", "write ${{parent.jobs.step.outputs.x}}", "%q names no output of a step", strings.Join(path, "."))
		return unknown
	}
	node := p.jobs.Get(path[0])
	if node == nil {
		p.Badf(at, "missing_input", problem.DidYouMean(path[0], p.jobs.Keys()), "the pipeline has no step %q", path[0])
		return unknown
	}
	form := stepOf(node.Get("type").Text(), node.Get("task").Text())
	if form == nil || form.ref == "" {
		return "mltable" // what steps of automated machine learning give
	}
	ports := node.Get(path[1])
	if def := node.Get(form.ref); def.Type() == asset.Map {
		ports = portsOf(def, path[1])
		if form.typ == "sweep" && ports.Get(path[2]) == nil {
			ports = node.Get(path[1])
		}
	}
	if !ports.Has(path[2]) {
		p.Badf(at, "missing_input", "declare it in the step: "+path[1]+": {"+path[2]+": }", "the step %q says nothing of %s.%s", path[0], path[1], path[2])
		return unknown
	}
	switch v := ports.Get(path[2]); {
	case v.Type() == asset.Map && v.Get("type") != nil:
		return v.Get("type").Text()
	case parentBinding.MatchString(v.Str()):
		port := strings.Join(path, ".")
		if slices.Contains(p.chain, port) {
			p.Badf(at, "cycle", "bind it to something else", "%s is bound to itself", port)
			return unknown
		}
		p.chain = append(p.chain, port)
		defer func() { p.chain = p.chain[:len(p.chain)-1] }()
		typ, _ := p.source(at, v.Str())
		return typ
	}
	return unknown
}

// take completes a step by the component that it names and that stands in a
// file.
func (p *pipe) take(form *stepForm, node, def *asset.Value) {
	p.fit(form, node, def)
	switch form.typ {
	case "command":
		inherit(node, def, "resources", "distribution")
	case "parallel":
		inherit(node, def, "resources", "retry_settings", "input_data", "max_concurrency_per_instance", "mini_batch_error_threshold", "mini_batch_size", "partition_keys", "task")
	case "spark":
		inheritConf(node, def)
		for _, key := range []string{"entry", "py_files", "jars", "files", "archives", "args"} {
			node.Delete(key)
		}
		inherit(node, def, "entry", "py_files", "jars", "files", "archives", "args")
	case "pipeline":
		inferOptional(p.Checker, def)
	case "data_transfer":
		if mode := def.Get("data_copy_mode"); mode != nil {
			node.Set("data_copy_mode", mode)
		}
	}
}

// inherit gives the step what the component says and the step does not.
func inherit(node, def *asset.Value, keys ...string) {
	for _, key := range keys {
		if item := def.Get(key); node.Get(key).IsNull() && !item.IsNull() {
			node.Set(key, item.Clone())
		}
	}
}

// fit brings the ports of a step to those that its component declares: others
// are left out, a text for data is its path, and what is required must be
// there.
func (p *pipe) fit(form *stepForm, node, def *asset.Value) {
	declared, given := portsOf(def, "inputs"), node.Get("inputs")
	inputs := asset.NewMap().At(given.Pos())
	for name, decl := range declared.Entries() {
		v := given.Get(name)
		switch {
		case v.IsNull():
			if !decl.Get("optional").Bool() && decl.Get("default").IsNull() && !(form.typ == "sweep" && node.Get("search_space").Has(name)) {
				p.in("inputs", func() {
					p.Badf(node, "missing_input", "add inputs: {"+name+": …}", "%s is required by the component", name)
				})
			}
			continue
		case v.IsScalar() && !isParameter(decl) && (v.Type() != asset.String || v.Str() == ""):
			p.in("inputs", func() {
				p.in(name, func() {
					p.Badf(v, "wrong_type", "write a path or an address", "%s is no %s", sort(v), decl.Get("type").Text())
				})
			})
			continue
		case v.Type() == asset.String && !isParameter(decl) && !strings.Contains(v.Str(), "${{"):
			v = asset.NewMap().At(v.Pos()).Set("type", decl.Get("type")).Set("path", v)
			p.in("inputs", func() { p.in(name, func() { finishInput(p.Checker, v) }) })
		}
		inputs.Set(name, v)
	}
	if isFlowComponent(def) {
		p.flowValues(given, inputs)
	}
	setOrDelete(node, "inputs", inputs)
	outputs := asset.NewMap().At(node.Get("outputs").Pos())
	for name := range portsOf(def, "outputs").Entries() {
		if v := node.Get("outputs").Get(name); !v.IsNull() {
			outputs.Set(name, v)
		}
	}
	setOrDelete(node, "outputs", outputs)
}

func setOrDelete(v *asset.Value, key string, item *asset.Value) {
	if item.Len() > 0 {
		v.Set(key, item)
	} else {
		v.Delete(key)
	}
}

// finish brings a completed step to the form in which it can be compared.
func (p *pipe) finish(form *stepForm, node *asset.Value) {
	for name, v := range node.Get("inputs").Entries() {
		switch {
		case v.IsScalar():
			v = asset.NewString(v.Text()).At(v.Pos())
		case isBinding(v.Get("path")) && v.Get("mode").IsNull():
			v = v.Get("path")
		case isBinding(v.Get("path")):
			v.Delete("type")
		}
		node.Get("inputs").Set(name, v)
	}
	outputs := asset.NewMap().At(node.Get("outputs").Pos())
	for name, v := range node.Get("outputs").Entries() {
		switch path := v.Get("path"); {
		case v.IsNull():
			continue
		case v.Type() == asset.String && !toOutput(v.Str()):
			v = asset.NewMap().At(v.Pos()).Set("type", asset.NewString("uri_folder")).Set("path", v)
		case v.Get("mode").Str() == "mount":
			v.Set("mode", asset.NewString("rw_mount").At(v.Get("mode").Pos()))
		case toOutput(path.Str()) && v.Get("mode").IsNull() && v.Get("name").IsNull():
			v = path
		}
		if toOutput(v.Get("path").Str()) {
			v.Delete("type")
		}
		outputs.Set(name, v)
	}
	setOrDelete(node, "outputs", outputs)
	switch {
	case form.typ == "spark":
		p.checkSpark(form, node)
		finishSpark(node)
	case form.typ == "parallel" && node.Get(form.ref).Type() == asset.Map && !isFlowComponent(node.Get(form.ref)) && node.Get("mini_batch_size").IsNull():
		node.Set("mini_batch_size", asset.NewString("0"))
	}
}
