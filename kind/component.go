package kind

import (
	"regexp"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// spec is where a component's own document lives in the REST body. It is the
// file, with its references spelled out.
const spec = "properties.componentSpec."

// anonymousComponent is the name of all inline components.
const anonymousComponent = "azureml_anonymous"

// component is a step that pipelines are made of. What it does is fixed with
// its version; its texts and tags are not (recorded 2026-03).
var component = &Table{
	Kind:        "component",
	Plural:      "components",
	Collection:  "components",
	Versioned:   true,
	InRegistry:  true,
	Anonymous:   anonymousComponent,
	Names:       NameRule{Pattern: `[a-z][a-z\d_]{0,254}`, Text: "use 1 to 255 lower-case letters, digits and underscores, the first a letter"},
	Tags:        "properties.tags",
	Remove:      Archive,
	Promotable:  true,
	Renames:     true,
	LabelPath:   true,
	OneSpelling: true,
	DateVersion: true,
	Apart:       true,
	System:      func(id asset.ID) bool { return id.Name == anonymousComponent },
	Doc:         "A step of pipelines, with declared inputs and outputs.",
	Variants: []*Variant{
		commandComponent, pipelineComponent, parallelComponent, sparkComponent, automlComponent, importComponent,
		copyComponent, transferInComponent, transferOutComponent, flowComponent,
	},
	Fields: []Field{
		{YAML: "display_name", REST: spec + "display_name", As: Str{}, Doc: "The name that is shown."},
		{YAML: "description", REST: spec + "description", As: Str{}, Doc: "What it does. The service keeps the text in the specification only."},
		{YAML: "tags", REST: "properties.tags", As: Map{Of: Str{}, Owned: true, Drop: Tags.Drop}, Doc: "Tags of the version."},
		{YAML: "properties", REST: "properties.properties", As: specProperties, Change: Append, Doc: "Properties may be added, not changed or removed."},
		{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "creation_context", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "latest_version", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
	},
}

// deterministic says whether the same inputs give the same outputs.
var deterministic = Field{YAML: "is_deterministic", REST: spec + "is_deterministic", As: Bool{}, Change: NewVersion, Send: asset.NewBool(true), Doc: "The same inputs give the same outputs, so that a result may be used again."}

func componentVariant(name, schema string, fields ...Field) *Variant {
	v := &Variant{
		Name: name, Types: []string{name}, Fields: fields, Open: strings.TrimSuffix(spec, "."),
		Ignore: []string{"$schema", "_source", "name", "version", "type", "tags"},
		Const:  []Const{{REST: spec + "type", Text: name}},
		ToREST: componentToREST, FromREST: componentFromREST, Check: checkComponent,
	}
	if schema != "" {
		v.Schemas = []string{schema}
	}
	return v
}

var commandComponent = func() *Variant {
	v := componentVariant("command", "commandComponent",
		deterministic,
		Field{YAML: "inputs", REST: spec + "inputs", As: componentInputs, Change: NewVersion, Doc: "What it reads. The service gives required inputs back first."},
		Field{YAML: "outputs", REST: spec + "outputs", As: outputsOf(true), Change: NewVersion, Doc: "What it gives back."},
		Field{YAML: "command", REST: spec + "command", As: Str{}, Required: true, Change: NewVersion, Doc: "The command line. ${{inputs.x}} and the like are filled in, and $[[ ]] is left out if an optional input in it has no value."},
		Field{YAML: "code", REST: spec + "code", As: componentCode, Change: NewVersion, Doc: "The folder that the command runs in, an address, or a code asset."},
		includes,
		Field{YAML: "environment", REST: spec + "environment", As: Ref{To: "environment", Inline: true, File: true, Prefix: true}, Required: true, Change: NewVersion, Doc: "What the command runs in."},
		Field{YAML: "distribution", REST: spec + "distribution", As: laxPick(spelled(distribution).(Pick)), Change: NewVersion, Doc: "How the processes are spread over the machines."},
		Field{YAML: "resources", REST: spec + "resources", As: specResources, Change: NewVersion, Doc: "The machines."},
		Field{YAML: "queue_settings", REST: spec + "queue_settings", As: specQueue, Change: NewVersion, Stays: true, Doc: "How a run is queued on serverless compute."},
		Field{YAML: "environment_variables", As: Any{}, Change: Once, Doc: "Read and not sent: a step may have some."},
	)
	v.Doc = "A command, with the environment that it runs in."
	v.Tell = tellCommandComponent
	v.ToREST = programToREST
	v.Live = func(rest *asset.Value) bool {
		return rest.GetPath("properties", "componentSpec", "command").Str() != "import"
	}
	v.Check = func(c *Checker, body *asset.Value) {
		checkComponent(c, body)
		checkExpressions(c, body)
	}
	return v
}()

// componentCode is a folder of program code of a component.
var componentCode = Local{What: Code, Asset: "code", Prefix: true, Component: true, Includes: "additional_includes"}

var includes = Field{YAML: "additional_includes", As: List{Of: Str{}}, Change: Once, Doc: "Files and folders that are put into the folder of the code before it is uploaded."}

// specProperties are texts on the version. Those of commands and Spark programs
// stand in the specification as well, as they are written.
var specProperties = Map{Of: shown{}, Owned: true, Drop: Tags.Drop}

// shown is any value, which is sent as the text that Python makes of it.
type shown struct{ Any }

// Encode makes the text.
func (shown) Encode(e *Encoder, v *asset.Value) *asset.Value {
	return pythonText{}.Encode(e, pythonText{}.Check(nil, v))
}

// Equal compares the texts.
func (shown) Equal(want, live *asset.Value) bool {
	return pythonText{}.Check(nil, want).Text() == pythonText{}.Check(nil, live).Text()
}

// specQueue is sent as it is written.
var specQueue = spelled(Object{Fields: queueSettings.Fields})

// specResources are sent as they are written. What the reference client does
// not know it leaves out, the properties too.
var specResources = Object{Lax: true, Fields: []Field{
	{YAML: "instance_count", REST: "instance_count", As: Int{}, Change: NewVersion, Service: asset.NewInt(1), Stays: true, Doc: "How many machines."},
	{YAML: "instance_type", REST: "instance_type", As: Fold{}, Change: NewVersion, Stays: true, Doc: "The size of the machines."},
	{YAML: "properties", As: Map{Of: Any{}}, Change: Once, Doc: "Read and not sent: a step may have some."},
	{YAML: "shm_size", REST: "shm_size", As: Str{}, Change: NewVersion, Doc: "The shared memory of the container, such as 4g."},
	{YAML: "docker_args", REST: "docker_args", As: dockerArgs, Change: NewVersion, Doc: "Arguments of docker run: one text or a list."},
	{YAML: "locations", REST: "locations", As: List{Of: Str{}}, Change: NewVersion, Stays: true, Doc: "Regions that a run may go to."},
	{YAML: "max_instance_count", REST: "max_instance_count", As: Int{}, Change: NewVersion, Stays: true, Doc: "Up to how many machines, for elastic runs."},
}}

// tellCommandComponent knows a command component by its keys: a job has
// compute and the like instead.
func tellCommandComponent(doc *asset.Value) bool {
	return hasAll(doc, "command", "environment") && hasAny(doc, "type", "version", "is_deterministic", "additional_includes") &&
		!tellCommandJob(doc) && (doc.Get("type").IsNull() || typeIs(doc, "command"))
}

// usedExpression finds the expressions in a command.
var usedExpression = regexp.MustCompile(`\$\{\{\s*(\S*?)\s*\}\}`)

func checkComponent(c *Checker, v *asset.Value) {
	for _, key := range []string{"inputs", "outputs"} {
		c.in(key, func() { checkPortNames(c, v.Get(key)) })
	}
	for key, item := range v.Entries() {
		if c.variant.Field(key) == nil {
			c.warn(item.Pos(), "unknown_field", "remove it, or correct its name", "%s is no field of a %s component; it is sent as it is", key, c.variant.Name)
		}
	}
	if more := v.Get("additional_includes"); more.Len() > 0 && !v.Has("code") {
		v.Set("code", asset.NewString(NoCode).At(more.Pos()))
	}
}

// NoCode stands for the code of a component that has additional_includes only.
const NoCode = "additional_includes:"

// checkExpressions looks whether the component has what its command names.
func checkExpressions(c *Checker, v *asset.Value) {
	command := v.Get("command")
	for _, m := range usedExpression.FindAllStringSubmatch(command.Str(), -1) {
		if head, name, _ := strings.Cut(m[1], "."); !knows(v, head, name) {
			c.in("command", func() {
				c.Badf(command, "missing_input", "declare it, or correct the name", "the component has no %s", m[1])
			})
		}
	}
}

// ownWords are what a command may name of its component besides ports.
var ownWords = []string{"name", "version", "type", "display_name", "description", "tags", "inputs", "outputs", "command", "code", "environment", "distribution", "resources", "properties", "is_deterministic", "id"}

// knows reports whether a component has what an expression names: a port, a
// group of ports or what is inside a port, or a field of its own.
func knows(v *asset.Value, head, name string) bool {
	if head != "inputs" && head != "outputs" || name == "" {
		return name == "" && slices.Contains(ownWords, head)
	}
	for key := range v.Get(head).Entries() {
		if name == key || strings.HasPrefix(key, name+".") || strings.HasPrefix(name, key+".") {
			return true
		}
	}
	return false
}

// componentToREST adds the identity to the specification, and the texts that
// stand outside of it as well.
func componentToREST(e *Encoder, v, rest *asset.Value) {
	props := rest.Get("properties")
	doc := props.Get("componentSpec")
	if !doc.Has("name") { // an update leaves it as it is
		if e.anonymous {
			doc.Set("name", asset.NewString(anonymousComponent)).Set("version", asset.NewString(anonymousVersion))
		} else {
			doc.Set("name", asset.NewString(e.id.Name))
			if !e.auto && e.id.Version != "" {
				doc.Set("version", asset.NewString(e.id.Version))
			}
		}
	}
	if more := v.Get("additional_includes"); more.Len() > 0 {
		doc.Set("additional_includes", more)
	}
	for _, key := range []string{"inputs", "outputs", "resources", "distribution", "queue_settings", "retry_settings", "conf"} {
		if item := doc.Get(key); item.Type() == asset.Map && item.Len() == 0 {
			doc.Delete(key)
		}
	}
	if text := v.Get("description"); text != nil {
		props.Set("description", asset.NewString(text.Text()))
	}
	if tags := v.Get("tags"); tags.Len() > 0 {
		doc.Set("tags", Tags.Encode(e, tags))
	}
	if !props.Has("isArchived") {
		props.Set("isArchived", asset.NewBool(false))
	}
	if !props.Has("isAnonymous") {
		props.Set("isAnonymous", asset.NewBool(false))
	}
}

// programToREST is componentToREST for components that hold a program.
func programToREST(e *Encoder, v, rest *asset.Value) {
	componentToREST(e, v, rest)
	if props := v.Get("properties"); props.Len() > 0 {
		rest.SetPath(props, "properties", "componentSpec", "properties")
	}
}

// componentFromREST takes back what componentToREST adds.
func componentFromREST(_ *Decoder, rest, v *asset.Value) {
	if v.Get("description") == nil {
		if text := rest.GetPath("properties", "description"); text.Str() != "" {
			v.Set("description", asset.NewString(text.Str()))
		}
	}
}
