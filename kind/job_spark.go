package kind

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

var sparkJob = &Variant{
	Name:     "spark",
	Schemas:  []string{"sparkJob"},
	Types:    []string{"spark"},
	Const:    []Const{{REST: "properties.jobType", Text: "Spark"}},
	Tell:     func(doc *asset.Value) bool { return typeIs(doc, "spark") && doc.Has("entry") && !doc.Has("version") },
	Doc:      "One run of a Spark program, on serverless Spark or an attached Synapse pool.",
	Check:    checkSparkJob,
	Inspect:  inspectSparkEntry,
	ToREST:   sparkToREST,
	FromREST: sparkFromREST,
	Fields: slices.Concat([]Field{
		unsentProperties,
		{YAML: "compute", REST: "properties.computeId", As: Ref{To: "compute", Bare: true, Keep: []string{"local"}}, Change: Once, Stays: true, Doc: "The attached Synapse pool that it runs on; not together with resources."},
		{YAML: "identity", REST: "properties.identity", As: jobIdentity, Change: Once, Stays: true, Doc: "Who the run acts as; the managed identity of compute, or the user with resources, if not given."},
		unsentServices,
		jobInputsRow, jobOutputsRow,
	}, sparkProgram("properties."), []Field{
		{YAML: "resources", REST: "properties.resources", As: sparkResources, Change: Once, Doc: "The machines of serverless Spark; not together with compute."},
	}),
}

// sparkProgram are the rows of a Spark program. at is the path on the wire, with
// its dot.
func sparkProgram(at string) []Field {
	list := func(key, rest, doc string) Field {
		return Field{YAML: key, REST: at + rest, As: distinctTexts{}, Change: Once, Doc: doc}
	}
	return []Field{
		{YAML: "code", REST: at + "codeId", As: Local{What: Code, Asset: "code"}, Change: Once, Doc: "The folder that the program is in, or an address."},
		{YAML: "entry", REST: at + "entry", As: sparkJobEntry, Required: true, Change: Once, Doc: "Where the program begins."},
		list("py_files", "pyFiles", "Files .zip, .egg or .py for the path of Python, relative to code."),
		list("jars", "jars", "Files .jar for the driver and the executors, relative to code."),
		list("files", "files", "Files for the working directory of each executor, relative to code."),
		list("archives", "archives", "Archives that are unpacked there, relative to code."),
		{YAML: "conf", REST: at + "conf", As: sparkConf{}, Required: true, Change: Once, Doc: "Spark's configuration, sent as texts. driver_cores, driver_memory, executor_cores, executor_memory, executor_instances and dynamic_allocation_enabled, …_min_executors and …_max_executors are short for the dotted names, which win."},
		{YAML: "environment", REST: at + "environmentId", As: Ref{To: "environment", Inline: true, File: true, Inlined: sparkImage}, Nullable: true, Change: Once, Doc: "The conda packages of the program; an image means nothing to Spark and need not be given."},
		{YAML: "args", REST: at + "args", As: Str{}, Change: Once, Doc: "The arguments of the program; ${{inputs.x}} and the like are filled in."},
	}
}

// sparkJobEntry is a file in the released client: classes are read and refused.
var sparkJobEntry = Object{
	Fields: []Field{
		{YAML: "file", REST: "file", As: Str{}, Required: true, Change: Once, Doc: "The file, relative to code."},
		{YAML: "class_name", As: Str{}, Change: Once, Doc: "A Scala class, which the reference client refuses."},
		{YAML: "spark_job_entry_type", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
	},
	After: func(c *Checker, v *asset.Value) {
		if class := v.Get("class_name"); class != nil {
			c.Badf(class, "bad_value", "write file: and the entry file", "class_name: an entry by class is not supported")
		}
	},
	ToREST: func(_ *Encoder, _, rest *asset.Value) {
		rest.Set("sparkJobEntryType", asset.NewString("SparkJobPythonEntry"))
	},
}

// sparkSizes are the machines of serverless Spark.
var sparkSizes = []string{"standard_e4s_v3", "standard_e8s_v3", "standard_e16s_v3", "standard_e32s_v3", "standard_e64s_v3"}

var sparkResources = Obj(
	Field{YAML: "instance_type", REST: "instanceType", As: sparkSize{}, Required: true, Change: Once, Stays: true, Doc: "The size of the machines."},
	Field{YAML: "runtime_version", REST: "runtimeVersion", As: sparkVersion{}, Required: true, Change: Once, Doc: "The version of Spark, such as \"3.4\"."},
)

// sparkSize is one of the sizes, in any case, sent as written.
type sparkSize struct{ Fold }

func (t sparkSize) Check(c *Checker, v *asset.Value) *asset.Value {
	if got := t.Fold.Check(c, v); got == nil || hasFold(sparkSizes, got.Str()) {
		return got
	}
	c.Badf(v, "bad_value", cmp.Or(problem.DidYouMean(strings.ToLower(v.Str()), sparkSizes), "one of "+strings.Join(sparkSizes, ", ")), "%q is not a size of serverless Spark", v.Str())
	return nil
}

func (sparkSize) Schema() map[string]any {
	return map[string]any{"type": "string", "pattern": "^(?i:" + strings.Join(sparkSizes, "|") + ")$", "examples": toAny(sparkSizes)}
}
func (sparkSize) Describe() string { return strings.Join(sparkSizes, " | ") }

// sparkVersion is numbers with dots between them.
type sparkVersion struct{ Text }

const dottedNumbers = `\s*[0-9]+\s*(\.\s*[0-9]+\s*)*`

func (t sparkVersion) Check(c *Checker, v *asset.Value) *asset.Value {
	if got := t.Text.Check(c, v); got == nil || matches(dottedNumbers, got.Str()) {
		return got
	}
	c.Badf(v, "bad_value", `write numbers with dots, such as "3.4"`, "%s is not a version of Spark", sort(v))
	return nil
}

func (sparkVersion) Schema() map[string]any {
	return map[string]any{"type": []any{"string", "number"}, "pattern": "^" + dottedNumbers + "$"}
}
func (sparkVersion) Describe() string { return "numbers with dots" }

// sparkImage gives an inline environment without an image the one that the
// reference client gives it, with which the service knows that only the conda
// packages count.
func sparkImage(doc *asset.Value) *asset.Value {
	if !doc.Get("image").IsNull() {
		return doc
	}
	out := asset.NewMap().At(doc.Pos()).Set("image", asset.NewString("conda/miniconda3").At(doc.Pos()))
	if conda := doc.Get("conda_file"); !conda.IsNull() {
		out.Set("conda_file", conda)
	}
	return out
}

// distinctTexts is a list of texts, none of them twice.
type distinctTexts struct{}

func (distinctTexts) list() List { return List{Of: Str{}} }

func (t distinctTexts) Check(c *Checker, v *asset.Value) *asset.Value {
	out := t.list().Check(c, v)
	seen := map[string]bool{}
	for _, item := range out.Items() {
		if seen[item.Str()] {
			c.Badf(item, "duplicate", "remove one of them", "%q stands here twice", item.Str())
		}
		seen[item.Str()] = true
	}
	return out
}

func (t distinctTexts) Encode(e *Encoder, v *asset.Value) *asset.Value { return t.list().Encode(e, v) }

func (t distinctTexts) Decode(d *Decoder, v *asset.Value) *asset.Value { return t.list().Decode(d, v) }

func (t distinctTexts) Schema() map[string]any {
	s := t.list().Schema()
	s["uniqueItems"] = true
	return s
}
func (t distinctTexts) Describe() string { return t.list().Describe() }

func checkSparkJob(c *Checker, v *asset.Value) {
	directOnly(c, v)
	needInputs(c, v)
	compute, resources := v.Get("compute"), v.Get("resources")
	switch {
	case compute == nil && resources == nil:
		c.Problems.Hintf(v.Pos(), "missing_field", "add resources: with instance_type and runtime_version, or compute:", "a Spark job needs resources or a compute")
	case compute != nil && resources != nil:
		c.Problems.Hintf(compute.Pos(), "conflict", "remove one of them", "compute and resources exclude each other")
	}
	if code := v.Get("code").Str(); strings.HasPrefix(code, "azureml:") || strings.HasPrefix(code, "git+") {
		c.in("code", func() {
			c.Badf(v.Get("code"), "bad_reference", "write the path of a folder", "a Spark job cannot take its code from %q", code)
		})
	}
	c.in("args", func() { checkInputsOf(c, v.Get("args"), v.Get("inputs")) })
}

// directOnly refuses other modes than direct, the only one of Spark. An output
// without content, which stays one in the normal form, and the output default
// may have none.
func directOnly(c *Checker, v *asset.Value) {
	for _, side := range []string{"inputs", "outputs"} {
		for key, item := range v.Get(side).Entries() {
			if item.Type() != asset.Map || item.Get("mode").Str() == "direct" || side == "outputs" && key == "default" {
				continue
			}
			c.Problems.Hintf(item.Pos(), "bad_value", "write mode: direct", "%s.%s: Spark knows the mode direct only", side, key)
		}
	}
}

// inspectSparkEntry looks whether the entry file is in the code folder.
func inspectSparkEntry(in *Inspection, body *asset.Value) {
	file := body.GetPath("entry", "file")
	files, ok := in.Files("code")
	if !ok || file.IsNull() || !in.Folder("code") {
		return
	}
	if name := path.Clean(file.Str()); !slices.Contains(files, name) {
		in.Bad(file, "missing_file", cmp.Or(problem.DidYouMean(name, files), "it is relative to code"), "entry.file: %q is not in the code folder", file.Str())
	}
}

// sparkToREST sends who the run acts as: with a compute its managed identity,
// else the user, as the reference client does.
func sparkToREST(e *Encoder, v, rest *asset.Value) {
	jobToREST(e, v, rest)
	props := rest.Get("properties")
	for key, item := range props.Get("outputs").Entries() {
		if item.IsNull() {
			props.Get("outputs").Set(key, asset.NewMap().Set("jobOutputType", asset.NewString("uri_folder")))
		}
	}
	if v.Get("compute").Str() == "local" {
		props.Set("computeId", asset.NewString("local"))
		props.Delete("resources")
		props.Delete("environmentVariables")
	}
	if props.Get("identity").IsNull() {
		who := "Managed"
		if v.Get("compute").IsNull() {
			who = "UserIdentity"
		}
		props.Set("identity", asset.NewMap().Set("identityType", asset.NewString(who)))
	}
}

// sparkFromREST reads outputs without a mode as outputs without content: no
// others can be written.
func sparkFromREST(d *Decoder, rest, v *asset.Value) {
	jobFromREST(d, rest, v)
	outputs := v.Get("outputs")
	for key, item := range outputs.Entries() {
		if key != "default" && item.Get("mode").IsNull() {
			outputs.Set(key, asset.NewNull())
		}
	}
}
