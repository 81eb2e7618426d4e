package kind

import (
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// A step of a pipeline is written in one of two ways. It names a component, or
// it holds what runs. The second is made into the first once the types of its
// ports can be told: completeSteps makes an inline component of it, as the
// reference client does.

// steps are the steps of a pipeline, by name.
type steps struct{ Map }

// pipelineSteps are sent as free maps in snake case, in which nothing that is
// empty has a place.
var pipelineSteps = steps{Map{Keys: `[a-z_][a-z\d_]*`, Of: step}}

// Encode adds the name to each step.
func (s steps) Encode(e *Encoder, v *asset.Value) *asset.Value {
	rest := asset.NewMap()
	for name, item := range v.Entries() {
		got := s.Of.Encode(e, item)
		if got == nil {
			continue
		}
		if !typeIs(item, "automl") { // of which maps without entries are sent
			got = withoutEmpty(got)
		}
		rest.Set(name, got.Set("name", asset.NewString(name)))
	}
	return rest
}

// Equal compares what want mentions of each step.
func (s steps) Equal(want, live *asset.Value) bool { return sameMap(s.Map, want, live) }

// withoutEmpty leaves out what has no value and maps without entries.
func withoutEmpty(v *asset.Value) *asset.Value {
	switch v.Type() {
	case asset.Map:
		out := asset.NewMap()
		for key, item := range v.Entries() {
			if item = withoutEmpty(item); !item.IsNull() && (item.Type() != asset.Map || item.Len() > 0) {
				out.Set(key, item)
			}
		}
		return out
	case asset.List:
		out := asset.NewList()
		for _, item := range v.Items() {
			if item = withoutEmpty(item); !item.IsNull() && (item.Type() != asset.Map || item.Len() > 0) {
				out.Append(item)
			}
		}
		return out
	}
	return v
}

// step picks the form of a step by its type and by whether it names a
// component.
var step = Pick{
	Name:  "a step of a pipeline",
	Types: []string{"command", "sweep", "parallel", "spark", "pipeline", "data_transfer", "automl"},
	Of: func(v *asset.Value) Type {
		if v.Type() != asset.Map {
			return nil
		}
		s := stepOf(v.Get("type").Text(), v.Get("task").Text())
		switch {
		case s == nil:
			return nil
		case v.Has(s.ref) || s.inline == nil:
			return s.named
		}
		return *s.inline
	},
	OfREST: func(rest *asset.Value) Type {
		if s := stepOf(rest.Get("type").Text(), rest.Get("task").Text()); s != nil {
			return s.named
		}
		return nil
	},
	All: allSteps(),
}

// stepForm is one type of step.
type stepForm struct {
	typ, task string
	// ref is the key that names the component, "" if there is none.
	ref    string
	named  Type
	inline *Object
	// whole says that an inline step needs no component of its own.
	whole bool
	// lifted are the rows of the inline form that go into the component, kept
	// are those that stay in the step as well.
	lifted, kept []string
	// bound are lifted rows that may hold a binding to the pipeline, dropped
	// rows that neither the component nor the step has in the end.
	bound, dropped []string
	// check looks at the component that is made of an inline step.
	check func(c *Checker, def *asset.Value)
}

func stepOf(typ, task string) *stepForm {
	typ = squash(typ)
	if typ == "" {
		typ = "command"
	}
	for i := range stepForms {
		f := &stepForms[i]
		if squash(f.typ) == typ && (f.task == "" || squash(f.task) == squash(task)) {
			return f
		}
	}
	return nil
}

func allSteps() []Type {
	var out []Type
	for _, f := range stepForms {
		if f.typ == "automl" && f.task == "" {
			continue
		}
		out = append(out, f.named)
		if f.inline != nil {
			out = append(out, *f.inline)
		}
	}
	return out
}

var stepForms = append([]stepForm{
	{
		typ: "command", ref: "component", named: commandStep(), inline: inlineStep("command", commandInline...),
		lifted: []string{"command", "code", "environment", "description", "tags", "resources", "distribution"}, kept: []string{"tags", "resources", "distribution"}, bound: []string{"tags", "command", "code", "environment", "description"}, check: checkExpressions,
	},
	{typ: "sweep", ref: "trial", named: sweepStep},
	{
		typ: "parallel", ref: "component", named: namedStep("parallel", parallelStepFields...), inline: inlineStep("parallel", parallelInline...),
		lifted: []string{"task", "mini_batch_size", "partition_keys", "logging_level", "max_concurrency_per_instance", "error_threshold", "mini_batch_error_threshold", "retry_settings", "resources", "input_data"},
		kept:   []string{"task", "mini_batch_size", "partition_keys", "logging_level", "max_concurrency_per_instance", "error_threshold", "mini_batch_error_threshold", "retry_settings", "resources", "input_data"},
		bound:  []string{"retry_settings"}, dropped: []string{"display_name", "tags"},
	},
	{
		typ: "spark", ref: "component", named: namedStep("spark", append(confShorts(), append(sparkStepFields, idleRow("environment"), idleRow("code"))...)...), inline: inlineStep("spark", sparkInline...),
		lifted: []string{"code", "entry", "py_files", "jars", "files", "archives", "conf", "args", "environment", "description", "tags", "properties"},
		kept:   []string{"entry", "py_files", "jars", "files", "archives", "conf", "args", "tags", "properties"},
		bound:  []string{"code", "entry", "py_files", "jars", "files", "archives", "conf", "args", "environment", "description", "tags", "properties"},
	},
	{typ: "pipeline", ref: "component", named: namedStep("pipeline", idleRow("settings"))},
	{
		typ: "data_transfer", task: "copy_data", ref: "component", named: namedStep("data_transfer", copyStepFields...), inline: inlineStep("data_transfer", copyStepFields...),
		lifted: []string{"task", "data_copy_mode", "description", "tags"}, kept: []string{"task", "data_copy_mode", "tags"}, check: checkCopy,
	},
	{typ: "data_transfer", task: "import_data", ref: "component", named: transferStep("import_data"), inline: inlineTransfer("import_data"), whole: true},
	{typ: "data_transfer", task: "export_data", ref: "component", named: transferStep("export_data"), inline: inlineTransfer("export_data"), whole: true},
}, automlSteps()...)

const stepOutputsDoc = "Where the outputs go; a binding such as ${{parent.outputs.x}} gives one to the pipeline."

// stepHead are the rows of every step.
func stepHead(typ string) []Field {
	return []Field{
		{YAML: "type", REST: "type", As: specWords(typ), Change: Once, Doc: "What the step is; command if not given."},
		{YAML: "inputs", REST: "inputs", As: stepInputs, Change: Once, Doc: "Values, data, or bindings such as ${{parent.inputs.x}} and ${{parent.jobs.a.outputs.x}}."},
		{YAML: "outputs", REST: "outputs", As: stepOutputs, Change: Once, Doc: stepOutputsDoc},
		{YAML: "display_name", REST: "display_name", As: Str{}, Change: Once, Doc: "The name that is shown."},
		{YAML: "description", As: Str{}, Change: Once, Doc: "What the step does; a part of an inline component."},
		{YAML: "tags", REST: "tags", As: Map{Of: Str{}, Nulls: true}, Change: Once, Doc: "Tags of the step."},
		{YAML: "properties", REST: "properties", As: Map{Of: Str{}, Nulls: true}, Change: Once, Doc: "Properties of the step."},
		{YAML: "name", As: Str{}, Change: Once, Doc: "The step is called as its key says."},
	}
}

// namedHead are the further rows of steps that name their component. Texts that
// only the step has are passed on as they are.
var namedHead = []Field{
	{YAML: "display_name", REST: "display_name", As: Any{}, Nullable: true, Change: Once, Doc: "The name that is shown."},
	{YAML: "description", As: Any{}, Nullable: true, Change: Once, Doc: "Read and not sent."},
	{YAML: "tags", REST: "tags", As: Map{Of: Any{}, Nulls: true}, Nullable: true, Change: Once, Doc: "Tags of the step."},
	{YAML: "comment", REST: "comment", As: Str{}, Change: Once, Doc: "A remark that is shown beside the step."},
	{YAML: "name", As: Any{}, Nullable: true, Change: Once, Doc: "The step is called as its key says."},
	idleRow("experiment_name"), idleRow("id"), idleRow("status"), idleRow("log_files"), idleRow("creation_context"), idleRow("$schema"),
}

// idleRow is a field that a step may have and that means nothing.
func idleRow(key string) Field {
	return Field{YAML: key, As: Any{}, Nullable: true, Change: Once, Doc: "Read and not sent."}
}

var stepCompute = Field{YAML: "compute", REST: "computeId", As: bound{Ref{To: "compute", Bare: true}}, Change: Once, Stays: true, Doc: "Where it runs; the default of the pipeline if not given."}

// stepComponent names a component of the workspace, of a registry or of a file.
func stepComponent(key, rest, typ string) Field {
	ref := Ref{To: "component", Inline: true, File: true, Path: true, Type: typ, NeedType: typ == "parallel", Home: key == "trial"}
	return Field{YAML: key, REST: rest, As: ref, Required: true, Change: Once, Doc: "The component: a reference, the path of a file, or the component itself."}
}

// namedStep is a step that names its component; unknown fields are passed on.
func namedStep(typ string, fields ...Field) Object {
	rows := append(bindable(overlay(stepHead(typ), namedHead)), stepComponent("component", "componentId", typ), stepCompute)
	return Object{Open: true, Fields: append(rows, bindable(fields)...), After: finishStep(typ)}
}

// inlineStep is a step that holds what runs.
func inlineStep(typ string, fields ...Field) *Object {
	rows := append(overlay(stepHead(typ), []Field{{YAML: "outputs", REST: "outputs", As: inlineOutputs, Change: Once, Doc: stepOutputsDoc}}), stepCompute,
		Field{YAML: "experiment_name", As: Str{}, Change: Once, Doc: "Read and not sent: the pipeline has one."},
		idleRow("$schema"),
		Field{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		Field{YAML: "status", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		Field{YAML: "log_files", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
		Field{YAML: "creation_context", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
	)
	return &Object{Fields: append(rows, fields...), After: finishStep(typ)}
}

// finishStep says the type of the step, which may be left out for commands.
func finishStep(typ string) func(c *Checker, v *asset.Value) {
	return func(_ *Checker, v *asset.Value) {
		v.Set("type", asset.NewString(typ).At(v.Pos()))
	}
}

var (
	stepIdentity     = Field{YAML: "identity", REST: "identity", As: snaked{Object: jobIdentity}, Change: Once, Stays: true, Doc: "Who the step acts as."}
	stepVariables    = Field{YAML: "environment_variables", REST: "environment_variables", As: Map{Of: Any{}}, Change: Once, Doc: "Variables of the process."}
	stepResources    = Field{YAML: "resources", REST: "resources", As: snaked{Object: jobResources}, Change: Once, Doc: "The machines."}
	stepDistribution = Field{YAML: "distribution", REST: "distribution", As: snakedPick(distribution), Change: Once, Doc: "How the processes are spread over the machines."}
	stepQueue        = Field{YAML: "queue_settings", REST: "queue_settings", As: snaked{Object: queueSettings}, Change: Once, Stays: true, Doc: "How the step is queued on serverless compute."}
	stepServices     = Field{YAML: "services", REST: "services", As: Map{Drop: jobServices.Drop, Of: snaked{Object: jobServices.Of.(Object), Inner: []string{"nodes"}}}, Change: Once, Stays: true, Doc: "Ways into the running step."}
)

func snakedPick(p Pick) Pick {
	of, ofREST := p.Of, p.OfREST
	wrap := func(t Type) Type {
		if o, ok := t.(Object); ok {
			return snaked{Object: o}
		}
		return t
	}
	p.Of = func(v *asset.Value) Type { return wrap(of(v)) }
	p.OfREST = func(rest *asset.Value) Type { return wrap(ofREST(snaked{}.rename(rest, camelCase))) }
	p.All = append([]Type(nil), p.All...)
	for i := range p.All {
		p.All[i] = wrap(p.All[i])
	}
	return p
}

var commandStepFields = []Field{
	idleRow("environment"), idleRow("command"), idleRow("code"), idleRow("parent_job_name"), idleRow("is_deterministic"),
	stepVariables, stepResources, stepDistribution,
	{YAML: "limits", REST: "limits", As: snaked{Object: commandLimits}, Change: Once, Doc: "When the step is stopped."},
	stepIdentity, stepServices, stepQueue,
}

// shortRows are fields of a command step that may stand beside the maps that
// they belong to.
var shortRows = map[string][]string{
	"resources":      {"instance_count", "instance_type", "locations", "docker_args", "shm_size"},
	"limits":         {"timeout"},
	"queue_settings": {"job_tier", "priority"},
}

// commandStep is a command step that names its component.
func commandStep() Object {
	o := namedStep("command", commandStepFields...)
	for _, key := range sortedKeys(shortRows) {
		var rows []Field
		switch t := fieldOf(o.Fields, key).As.(bound).Of.(type) {
		case snaked:
			rows = t.Fields
		}
		for _, f := range rows {
			if slices.Contains(shortRows[key], f.YAML) {
				f.REST, f.Doc = "", "The same as "+f.YAML+" of "+key+"."
				o.Fields = append(o.Fields, f)
			}
		}
	}
	finish := o.After
	o.After = func(c *Checker, v *asset.Value) {
		finish(c, v)
		for _, key := range sortedKeys(shortRows) {
			liftShort(v, key)
		}
	}
	return o
}

// liftShort moves short fields into the map that they belong to.
func liftShort(v *asset.Value, key string) {
	for _, short := range shortRows[key] {
		item := v.Get(short)
		if item == nil {
			continue
		}
		if v.Get(key) == nil {
			v.Set(key, asset.NewMap().At(item.Pos()))
		}
		v.Get(key).Set(short, item)
		v.Delete(short)
	}
}

var commandInline = append(append([]Field(nil), commandStepFields[5:]...),
	Field{YAML: "command", As: Str{}, Required: true, Change: Once, Doc: "The command line."},
	Field{YAML: "code", As: Local{What: Code, Asset: "code", Component: true}, Change: Once, Doc: "The folder that the command runs in."},
	Field{YAML: "environment", As: Ref{To: "environment", Inline: true, File: true}, Change: Once, Doc: "What the command runs in."},
	Field{YAML: "parent_job_name", As: Str{}, Change: Once, Doc: "Read and not sent."},
)

var sweepStep = func() Object {
	rows := append(bindable(overlay(stepHead("sweep"), namedHead)), stepComponent("trial", "trial.componentId", "command"), stepCompute)
	rows = append(rows, bindable([]Field{
		{YAML: "search_space", REST: "search_space", As: Map{Of: spelledSpace{}}, Required: true, Change: Once, Doc: "The hyperparameters, by the name of an input."},
		{YAML: "sampling_algorithm", REST: "sampling_algorithm", As: samplingShort, Change: Once, Doc: "How values are chosen: random, grid, bayesian, or a map."},
		{YAML: "objective", REST: "objective", Required: true, Change: Once, As: spelled(sweepObjective), Doc: "What the sweep is after."},
		{YAML: "early_termination", REST: "early_termination", As: stepTermination, Change: Once, Doc: "When a run that does badly is stopped."},
		{YAML: "limits", REST: "limits", As: spelled(Object{Fields: sweepLimits.Fields}), Required: true, Change: Once, Doc: "How many runs, and how long."},
		{YAML: "queue_settings", REST: "queue_settings", As: specQueue, Change: Once, Stays: true, Doc: "How the runs are queued on serverless compute."},
		{YAML: "resources", REST: "resources", As: spelled(Object{Fields: jobResources.Fields}), Change: Once, Doc: "The machines."},
		{YAML: "identity", As: jobIdentity, Change: Once, Stays: true, Doc: "Read and not sent."},
	})...)
	return Object{Open: true, Fields: rows, After: finishStep("sweep")}
}()

var parallelStepFields = append([]Field{
	{YAML: "mini_batch_size", REST: "mini_batch_size", As: batchSize{Number: true}, Change: Once, Doc: "Files, or bytes of a table such as 10kb, in one mini batch."},
	{YAML: "environment_variables", REST: "environment_variables", As: Map{Of: Text{}}, Change: Once, Doc: "Variables of the process."},
	stepResources, stepIdentity,
}, onceRows(parallelFields, "mini_batch_size")...)

var parallelInline = bindable(parallelStepFields)

// onceRows are rows of a component as those of a step, without one of them.
func onceRows(rows []Field, but string) []Field {
	var out []Field
	for _, f := range rows {
		if f.YAML != but {
			f.Change, f.Send = Once, nil
			out = append(out, f)
		}
	}
	return out
}

var sparkStepFields = []Field{
	{YAML: "conf", REST: "conf", As: specConf{Map{Of: Any{}}}, Change: Once, Doc: "Settings of Spark, such as spark.driver.cores."},
	{YAML: "entry", REST: "entry", As: stepEntry, Change: Once, Doc: "The script, or the class of a jar."},
	{YAML: "py_files", REST: "py_files", As: List{Of: Str{}}, Change: Once, Doc: "Python files, relative to the code."},
	{YAML: "jars", REST: "jars", As: List{Of: Str{}}, Change: Once, Doc: "Jars, relative to the code."},
	{YAML: "files", REST: "files", As: List{Of: Str{}}, Change: Once, Doc: "Files that every worker gets."},
	{YAML: "archives", REST: "archives", As: List{Of: Str{}}, Change: Once, Doc: "Archives that every worker unpacks."},
	{YAML: "args", REST: "args", As: Str{}, Change: Once, Doc: "Arguments of the program."},
	{YAML: "resources", REST: "resources", As: sparkMachines(true), Change: Once, Doc: "Serverless machines; not together with compute."},
	stepIdentity,
}

// confShorts are rows of settings of Spark that may stand beside conf.
func confShorts() []Field {
	var out []Field
	for _, pair := range confKeys {
		out = append(out, Field{YAML: pair[0], As: Any{}, Change: Once, Doc: "A short name of " + pair[1] + " in conf, which goes before it."})
	}
	return out
}

var sparkInline = append(overlay(sparkStepFields, []Field{
	{YAML: "resources", REST: "resources", As: sparkMachines(false), Change: Once, Doc: "Serverless machines; not together with compute."},
	{YAML: "entry", REST: "entry", As: stepEntry, Required: true, Change: Once, Doc: "The script, or the class of a jar."},
}),
	Field{YAML: "code", As: Local{What: Code, Asset: "code", Component: true}, Change: Once, Doc: "The folder of the program."},
	Field{YAML: "environment", As: Ref{To: "environment", Inline: true, File: true, Inlined: sparkImage}, Nullable: true, Change: Once, Doc: "What the program runs in."},
	Field{YAML: "services", As: Any{}, Change: Once, Stays: true, Doc: "Read and not sent."},
)

// sparkMachines are serverless machines of a step. lower makes the letters of
// their size small.
func sparkMachines(lower bool) Object {
	sizes := specWords("standard_e4s_v3", "standard_e8s_v3", "standard_e16s_v3", "standard_e32s_v3", "standard_e64s_v3")
	return Obj(
		Field{YAML: "instance_type", REST: "instance_type", As: bound{sizeOf{sizes, lower}}, Required: true, Change: Once, Stays: true, Doc: "The size of the machines."},
		Field{YAML: "runtime_version", REST: "runtime_version", As: Text{}, Required: true, Change: Once, Doc: "The version of Spark."},
	)
}

// sizeOf is a size of machines out of a list, kept as it is written.
type sizeOf struct {
	Enum
	// Lower makes the letters small.
	Lower bool
}

// Check keeps the letters, unless they are to be small.
func (s sizeOf) Check(c *Checker, v *asset.Value) *asset.Value {
	got := s.Enum.Check(c, v)
	if got == nil || s.Lower {
		return got
	}
	return asset.NewString(v.Text())
}

// Encode sends what is written.
func (s sizeOf) Encode(e *Encoder, v *asset.Value) *asset.Value { return e.text(v) }

// Equal compares without case.
func (s sizeOf) Equal(want, live *asset.Value) bool {
	return strings.EqualFold(want.Text(), live.Text())
}

// stepEntry carries the sort of the entry on the wire.
var stepEntry = Object{
	Fields: []Field{
		{YAML: "file", REST: "file", As: Str{}, Change: Once, Doc: "The script, relative to the code."},
		{YAML: "class_name", REST: "class_name", As: Str{}, Change: Once, Doc: "The class of a jar."},
	},
	After: sparkEntry.After,
	ToREST: func(_ *Encoder, v, rest *asset.Value) {
		sort := "SparkJobScalaEntry"
		if v.Has("file") {
			sort = "SparkJobPythonEntry"
		}
		rest.Set("spark_job_entry_type", asset.NewString(sort))
	},
}

var copyStepFields = []Field{
	{YAML: "task", REST: "task", As: specWords("copy_data"), Required: true, Change: Once, Doc: "Data is copied within the workspace."},
	{YAML: "data_copy_mode", REST: "data_copy_mode", As: specWords("merge_with_overwrite", "fail_if_conflict"), Change: Once, Doc: "What happens to what is there already."},
}

// transferRows are the rows of a step that brings data in or out.
func transferRows(task string) []Field {
	end := transferEnds[task].end
	return []Field{
		{YAML: "task", REST: "task", As: specWords(task), Required: true, Change: Once, Doc: "Data is brought in, or out."},
		{YAML: end, REST: end, As: externalData, Required: true, Change: Once, Doc: "The database or file system."},
	}
}

// transferStep is a step that brings data in or out by a component of its own.
func transferStep(task string) Object {
	rows := append(bindable(overlay(stepHead("data_transfer"), namedHead)), stepCompute,
		Field{YAML: "component", REST: "componentId", As: Ref{To: "component"}, Change: Once, Doc: "The component; Microsoft's own if not given."})
	return Object{Open: true, Fields: append(rows, transferRows(task)...), After: checkTransfer}
}

// inlineTransfer is such a step without a component: Microsoft has one for
// each, which is taken.
func inlineTransfer(task string) *Object {
	o := inlineStep("data_transfer", transferRows(task)...)
	o.After = checkTransfer
	return o
}
