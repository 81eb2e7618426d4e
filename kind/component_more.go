package kind

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"

	"mlsync.dev/mlsync/asset"
)

func specInputs(of Type) Field {
	return Field{YAML: "inputs", REST: spec + "inputs", As: of, Change: NewVersion, Doc: "What it reads. The service gives required inputs back first."}
}

func specOutputs(of Type) Field {
	return Field{YAML: "outputs", REST: spec + "outputs", As: of, Change: NewVersion, Doc: "What it gives back."}
}

var parallelComponent = func() *Variant {
	v := componentVariant("parallel", "parallelComponent", append([]Field{
		deterministic, specInputs(componentInputs), specOutputs(outputsOf(false)),
		{YAML: "resources", REST: spec + "resources", As: specResources, Change: NewVersion, Doc: "The machines."},
	}, spelledRows(parallelFields, spec)...)...)
	v.Open, v.Lax = "", true
	v.Doc = "A script that is run over mini batches of data, in parallel."
	v.Tell = func(doc *asset.Value) bool { return typeIs(doc, "parallel") && hasAll(doc, "task", "name") }
	return v
}()

// parallelFields are what a parallel component and a parallel step share.
var parallelFields = []Field{
	{YAML: "task", REST: "task", As: parallelTask, Change: NewVersion, Doc: "What is run on each mini batch."},
	{YAML: "mini_batch_size", REST: "mini_batch_size", As: batchSize{}, Change: NewVersion, Send: asset.NewString("0"), Doc: "Files, or bytes of a table such as 10kb, in one mini batch."},
	{YAML: "partition_keys", REST: "partition_keys", As: jsonList{List{Of: Str{}}}, Change: NewVersion, Doc: "The columns that a table is divided by, in place of mini_batch_size."},
	{YAML: "input_data", REST: "input_data", As: Str{}, Change: NewVersion, Doc: "The input that is divided, such as ${{inputs.data}}."},
	{YAML: "retry_settings", REST: "retry_settings", As: parallelRetry, Change: NewVersion, Doc: "What happens to a mini batch that failed."},
	{YAML: "max_concurrency_per_instance", REST: "max_concurrency_per_instance", As: Int{}, Change: NewVersion, Service: asset.NewInt(1), Doc: "Processes on one machine."},
	{YAML: "error_threshold", REST: "error_threshold", As: Int{}, Change: NewVersion, Service: asset.NewInt(-1), Doc: "Items that may fail; -1 for any number."},
	{YAML: "mini_batch_error_threshold", REST: "mini_batch_error_threshold", As: Int{}, Change: NewVersion, Service: asset.NewInt(-1), Doc: "Mini batches that may fail; -1 for any number."},
	{YAML: "logging_level", REST: "logging_level", As: exactWords("INFO", "DEBUG", "WARNING"), Change: NewVersion, Doc: "How much is logged."},
}

var parallelTask = Object{Lax: true, Fields: []Field{
	{YAML: "type", REST: "type", As: specWords("run_function", "model", "function"), Required: true, Change: NewVersion, Doc: "What the task is."},
	{YAML: "code", REST: "code", As: Local{What: Code, Asset: "code", Prefix: true, Component: true}, Change: NewVersion, Doc: "The folder of the entry script."},
	{YAML: "entry_script", REST: "entry_script", As: Str{}, Change: NewVersion, Doc: "The script, relative to the code."},
	{YAML: "program_arguments", REST: "program_arguments", As: Str{}, Change: NewVersion, Doc: "Arguments of the script."},
	{YAML: "model", REST: "model", As: Str{}, Change: NewVersion, Doc: "The model, of a task of type model."},
	{YAML: "append_row_to", REST: "append_row_to", As: Str{}, Change: NewVersion, Doc: "The output that collects the rows that the script returns."},
	{YAML: "environment", REST: "environment", As: Ref{To: "environment", Inline: true, File: true, Prefix: true}, Required: true, Change: NewVersion, Doc: "What the script runs in."},
}}

var parallelRetry = Object{Lax: true, Fields: []Field{
	{YAML: "timeout", REST: "timeout", As: bound{Int{}}, Change: NewVersion, Doc: "Seconds that a mini batch may take."},
	{YAML: "max_retries", REST: "max_retries", As: bound{Int{}}, Change: NewVersion, Doc: "How often it is tried again."},
}}

// batchSize is a number of files, or of bytes with a unit, that is sent as a
// plain number: as a text in a component, as a number in a step.
type batchSize struct{ Number bool }

var batchPattern = regexp.MustCompile(`^\d+([kKmMgG][bB])?$`)

// Check brings 10kb to 10240.
func (b batchSize) Check(c *Checker, v *asset.Value) *asset.Value {
	text := v.Text()
	if b.Number && isBinding(v) {
		return asset.NewString(text)
	}
	if v.Type() != asset.String || !batchPattern.MatchString(text) {
		c.Badf(v, "bad_value", `write "10", "10kb", "10mb" or "1gb", in quotes`, "%s is no size of a mini batch", sort(v))
		return nil
	}
	digits := strings.TrimRight(strings.ToLower(text), "kmgb")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		c.Badf(v, "bad_value", "write a smaller number", "%s is too much", text)
		return nil
	}
	if len(text) > len(digits) {
		n <<= map[byte]int{'k': 10, 'm': 20, 'g': 30}[strings.ToLower(text)[len(text)-2]]
	}
	return asset.NewString(strconv.FormatInt(n, 10))
}

func (b batchSize) Encode(_ *Encoder, v *asset.Value) *asset.Value {
	if b.Number {
		if n, err := strconv.ParseInt(v.Text(), 10, 64); err == nil {
			return asset.NewInt(n)
		}
	}
	return asset.NewString(v.Text())
}

func (batchSize) Decode(_ *Decoder, v *asset.Value) *asset.Value {
	if v.IsNull() {
		return nil
	}
	return asset.NewString(v.Text())
}

func (b batchSize) Schema() map[string]any {
	if b.Number {
		return map[string]any{"type": "string", "pattern": batchPattern.String() + `|^\$\{\{.*\}\}$`}
	}
	return map[string]any{"type": "string", "pattern": batchPattern.String()}
}
func (batchSize) Describe() string { return "number, or size such as 10kb, in quotes" }

// jsonList is a list that is sent as the text of a JSON list.
type jsonList struct{ List }

func (l jsonList) Encode(e *Encoder, v *asset.Value) *asset.Value {
	if v.Type() != asset.List || v.Len() == 0 {
		return plain(v)
	}
	var parts []string
	for _, item := range v.Items() {
		parts = append(parts, asciiJSON(item.Text()))
	}
	return asset.NewString("[" + strings.Join(parts, ", ") + "]")
}

// Equal compares the items.
func (l jsonList) Equal(want, live *asset.Value) bool { return SameValue(l.List, want, live) }

// asciiJSON is a JSON text of ASCII characters only, as Python writes it.
func asciiJSON(s string) string {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) != nil {
		return `""`
	}
	var out strings.Builder
	for _, r := range strings.TrimSuffix(text.String(), "\n") {
		switch {
		case r < 0x7f:
			out.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.String()
}

func (l jsonList) Decode(d *Decoder, v *asset.Value) *asset.Value {
	if v.Type() == asset.String {
		list, err := asset.ParseJSON([]byte(v.Str()))
		if err != nil || list.Type() != asset.List {
			return present(v)
		}
		v = list
	}
	return l.List.Decode(d, v)
}

var sparkComponent = func() *Variant {
	v := componentVariant("spark", "sparkComponent", append([]Field{deterministic, specInputs(componentInputs), specOutputs(outputsOf(false))}, sparkFields(spec)...)...)
	v.Fields = append(v.Fields, includes)
	v.Fields = append(v.Fields, confShorts()...)
	v.Check = func(c *Checker, body *asset.Value) {
		if body.Get("code") == nil {
			body.Set("code", asset.NewString(".").At(body.Pos()))
		}
		checkComponent(c, body)
		liftConf(body)
	}
	v.ToREST = programToREST
	v.Doc = "A Spark program."
	v.Tell = func(doc *asset.Value) bool { return typeIs(doc, "spark") && hasAll(doc, "entry", "name", "version") }
	return v
}()

// sparkFields are the rows of a Spark program in a component. The entry of a
// step carries its sort as well.
func sparkFields(at string) []Field {
	return []Field{
		{YAML: "code", REST: at + "code", As: componentCode, Change: NewVersion, Doc: "The folder of the program; the folder of the file if not given."},
		{YAML: "entry", REST: at + "entry", As: sparkEntry, Required: true, Change: NewVersion, Doc: "The script, or the class of a jar."},
		{YAML: "py_files", REST: at + "py_files", As: List{Of: Str{}}, Change: NewVersion, Doc: "Python files, relative to the code."},
		{YAML: "jars", REST: at + "jars", As: List{Of: Str{}}, Change: NewVersion, Doc: "Jars, relative to the code."},
		{YAML: "files", REST: at + "files", As: List{Of: Str{}}, Change: NewVersion, Doc: "Files that every worker gets."},
		{YAML: "archives", REST: at + "archives", As: List{Of: Str{}}, Change: NewVersion, Doc: "Archives that every worker unpacks."},
		{YAML: "conf", REST: at + "conf", As: specConf{Map{Of: Any{}}}, Change: NewVersion, Doc: "Settings of Spark, such as spark.driver.cores."},
		{YAML: "args", REST: at + "args", As: Str{}, Change: NewVersion, Doc: "Arguments of the program."},
		{YAML: "environment", REST: at + "environment", As: Ref{To: "environment", Inline: true, File: true, Prefix: true, Inlined: sparkImage}, Nullable: true, Change: NewVersion, Doc: "What the program runs in; conda packages only."},
	}
}

// liftConf moves settings of Spark that stand beside conf into it.
func liftConf(v *asset.Value) {
	conf := v.Get("conf")
	if conf == nil {
		conf = asset.NewMap().At(v.Pos())
	}
	for _, pair := range confKeys {
		item := v.Get(pair[0])
		if n, ok := item.Float64(); item != nil && !conf.Has(pair[1]) && item.Text() != "" && item.Text() != "False" && (!ok || n != 0) {
			conf.Set(pair[1], item)
		}
		v.Delete(pair[0])
	}
	if conf.Len() > 0 {
		v.Set("conf", conf)
	}
}

var sparkEntry = Object{
	Fields: []Field{
		{YAML: "file", REST: "file", As: Str{}, Change: NewVersion, Doc: "The script, relative to the code."},
		{YAML: "class_name", REST: "class_name", As: Str{}, Change: NewVersion, Doc: "The class of a jar."},
	},
	After: func(c *Checker, v *asset.Value) {
		if v.Has("file") == v.Has("class_name") {
			c.Badf(v, "missing_field", "write file: or class_name:, and not both", "an entry names a file or a class")
		}
	},
}

// confKeys are settings of Spark that have a short name in the file too.
var confKeys = [][2]string{
	{"driver_cores", "spark.driver.cores"},
	{"driver_memory", "spark.driver.memory"},
	{"executor_cores", "spark.executor.cores"},
	{"executor_memory", "spark.executor.memory"},
	{"executor_instances", "spark.executor.instances"},
	{"dynamic_allocation_enabled", "spark.dynamicAllocation.enabled"},
	{"dynamic_allocation_min_executors", "spark.dynamicAllocation.minExecutors"},
	{"dynamic_allocation_max_executors", "spark.dynamicAllocation.maxExecutors"},
}

// specConf are settings of Spark as a component has them: texts of digits are
// numbers.
type specConf struct{ Map }

func (m specConf) Check(c *Checker, v *asset.Value) *asset.Value {
	got := m.Map.Check(c, v)
	if got == nil {
		return nil
	}
	out := asset.NewMap()
	for key, item := range got.Entries() {
		for _, pair := range confKeys {
			if key == pair[0] {
				key = pair[1]
			}
		}
		if n, err := strconv.ParseInt(item.Str(), 10, 64); err == nil && strings.Trim(item.Str(), "0123456789") == "" {
			item = asset.NewInt(n).At(item.Pos())
		}
		out.Set(key, item)
	}
	return out
}

// Equal compares texts: the service gives them back as texts.
func (specConf) Equal(want, live *asset.Value) bool {
	if want.Len() != live.Len() {
		return false
	}
	for key, item := range want.Entries() {
		if !strings.EqualFold(item.Text(), live.Get(key).Text()) {
			return false
		}
	}
	return true
}

var automlComponent = func() *Variant {
	v := componentVariant("automl", "", deterministic,
		Field{YAML: "task", REST: spec + "task", As: specWords("classification", "regression", "forecasting", "image_classification", "image_classification_multilabel", "image_object_detection", "image_instance_segmentation", "text_classification", "text_classification_multilabel", "text_ner"), Required: true, Change: NewVersion, Doc: "The task of automated machine learning."},
		specInputs(componentInputs), specOutputs(outputsOf(false)))
	v.Open, v.Lax = "", true
	v.Doc = "A task of automated machine learning."
	v.Tell = func(doc *asset.Value) bool { return typeIs(doc, "automl") && hasAll(doc, "task", "name", "version") }
	return v
}()

// importComponent is sent as a command component that says what it is in a
// tag.
var importComponent = func() *Variant {
	v := componentVariant("import", "", deterministic,
		Field{YAML: "source", REST: spec + "inputs", As: Map{Keys: "type|connection|query|path", Of: parameterInput}, Required: true, Change: NewVersion, Doc: "Where the data comes from: its type, connection, query or path."},
		Field{YAML: "output", REST: spec + "outputs.output", As: outputsOf(false).Of, Required: true, Change: NewVersion, Doc: "What is made of it."})
	v.Doc = "An import of data from a database or a bucket."
	v.Const = []Const{{REST: spec + "type", Text: "command"}, {REST: spec + "command", Text: "import"}}
	v.Ignore = append(v.Ignore, "command", "inputs", "outputs")
	v.Tell = func(doc *asset.Value) bool {
		return typeIs(doc, "import") && hasAll(doc, "source", "output", "name", "version")
	}
	v.ToREST = func(e *Encoder, body, rest *asset.Value) {
		componentToREST(e, body, rest)
		rest.SetPath(asset.NewString("import"), "properties", "componentSpec", "tags", "component_type_overwrite")
	}
	return v
}()

var (
	copyComponent = transferComponent("copy_data", "Data is copied within the workspace.",
		Field{YAML: "data_copy_mode", REST: spec + "data_copy_mode", As: specWords("merge_with_overwrite", "fail_if_conflict"), Change: NewVersion, Doc: "What happens to what is there already."},
		specInputs(Map{Keys: portPath, Of: dataInput}), specOutputs(outputsOf(false)))
	transferInComponent = transferComponent("import_data", "Data comes from a database or file system.",
		Field{YAML: "source", REST: spec + "source", As: transferEnd, Required: true, Change: NewVersion, Doc: "Where the data comes from."},
		importedOutputs)
	transferOutComponent = transferComponent("export_data", "Data goes to a database or file system.",
		specInputs(Map{Of: Obj(Field{YAML: "type", REST: "type", As: specWords("uri_folder", "uri_file"), Required: true, Change: NewVersion, Doc: "uri_file to a database, uri_folder to a file system."})}),
		Field{YAML: "sink", REST: spec + "sink", As: transferEnd, Required: true, Change: NewVersion, Doc: "Where the data goes."})
	transferEnd = Obj(Field{YAML: "type", REST: "type", As: specWords("file_system", "database"), Required: true, Change: NewVersion, Doc: "What it is."})
)

// importedOutputs are the outputs of an import: a table if the file is silent.
var importedOutputs = func() Field {
	f := specOutputs(Map{Of: Obj(Field{YAML: "type", REST: "type", As: specWords("mltable", "uri_folder"), Required: true, Change: NewVersion, Doc: "mltable from a database, uri_folder from a file system."})})
	f.Send = asset.NewMap().Set("sink", asset.NewMap().Set("type", asset.NewString("mltable")))
	return f
}()

func transferComponent(task, doc string, fields ...Field) *Variant {
	v := componentVariant("data_transfer", "", append([]Field{
		deterministic,
		{YAML: "task", REST: spec + "task", As: exactWords(task), Required: true, Change: NewVersion, Doc: doc},
	}, fields...)...)
	v.Name, v.Doc = task, doc
	v.When = func(doc *asset.Value) bool { return squash(doc.Get("task").Text()) == squash(task) }
	v.Const = append(v.Const, Const{REST: spec + "task", Text: task})
	v.Tell = func(doc *asset.Value) bool {
		return typeIs(doc, "data_transfer") && v.When(doc) && hasAll(doc, "name", "version")
	}
	v.Check = func(c *Checker, body *asset.Value) {
		checkComponent(c, body)
		checkTransferPorts(c, task, body)
	}
	return v
}
