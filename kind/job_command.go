package kind

import (
	"regexp"
	"strings"

	"mlsync.dev/mlsync/asset"
)

var commandJob = &Variant{
	Name:     "command",
	Schemas:  []string{"commandJob"},
	Types:    []string{"command"},
	Const:    []Const{{REST: "properties.jobType", Text: "Command"}},
	Tell:     tellCommandJob,
	Preview:  &Preview{Tell: tellPreviewCommand, Upgrade: upgradeCommandJob},
	Doc:      "One run of a command.",
	ToREST:   jobToREST,
	FromREST: jobFromREST,
	Check: func(c *Checker, v *asset.Value) {
		finishJob(c, v)
		c.in("command", func() {
			doubleBraces(c, v)
			checkInputsOf(c, v.Get("command"), v.Get("inputs"))
		})
	},
	Fields: append(commandFields("properties."),
		Field{YAML: "limits", REST: "properties.limits", As: commandLimits, Change: Once, Doc: "When the run is stopped."}),
}

// tellCommandJob knows a command job from a command component, which has a
// version or the type.
func tellCommandJob(doc *asset.Value) bool {
	if !hasAll(doc, "command", "environment") || doc.Has("version") || doc.Get("type") != nil && !typeIs(doc, "command") {
		return false
	}
	return hasAny(doc, "compute", "experiment_name", "display_name", "limits", "services", "identity", "queue_settings") && !doc.Has("is_deterministic") ||
		!hasAny(doc, "type", "is_deterministic", "additional_includes")
}

// commandFields are the rows of what runs: of a command job and of the trial
// of a sweep. at is the path on the wire, with its dot.
func commandFields(at string) []Field {
	return []Field{
		{YAML: "command", REST: at + "command", As: Str{}, Required: true, Change: Once, Doc: "The command line; ${{inputs.x}} and the like are filled in."},
		{YAML: "code", REST: at + "codeId", As: Local{What: Code, Asset: "code"}, Change: Once, Doc: "The folder that the command runs in, an address, or a code asset."},
		{YAML: "environment", REST: at + "environmentId", As: Ref{To: "environment", Inline: true, File: true}, Required: true, Change: Once, Doc: "What the command runs in."},
		{YAML: "environment_variables", REST: at + "environmentVariables", As: Map{Of: Text{}, Nulls: true}, Change: Once, Doc: "Variables of the process, sent as texts."},
		{YAML: "distribution", REST: at + "distribution", As: distribution, Change: Once, Doc: "How the processes are spread over the machines."},
		{YAML: "resources", REST: at + "resources", As: jobResources, Change: Once, Doc: "The machines."},
	}
}

// commandLimits are sent as written; only those of sweeps are raised.
var commandLimits = Object{
	Fields: []Field{{YAML: "timeout", REST: "timeout", As: Duration{}, Change: Once, Doc: "Seconds."}},
	ToREST: func(_ *Encoder, _, rest *asset.Value) { rest.Set("jobLimitsType", asset.NewString("Command")) },
}

var processCount = Field{YAML: "process_count_per_instance", REST: "processCountPerInstance", As: Int{}, Change: Once, Doc: "Processes on one machine."}

var (
	pytorchDistribution = Obj(distributionType("pytorch", "PyTorch"), processCount)
	mpiDistribution     = Obj(distributionType("mpi", "Mpi"), processCount)
	tensorDistribution  = Obj(distributionType("tensorflow", "TensorFlow"),
		Field{YAML: "parameter_server_count", REST: "parameterServerCount", As: Int{}, Change: Once, Send: asset.NewInt(0), Doc: "Parameter servers."},
		Field{YAML: "worker_count", REST: "workerCount", As: Int{}, Change: Once, Doc: "Workers; as many as machines if not given."})
	rayDistribution = Obj(distributionType("ray", "Ray"),
		Field{YAML: "port", REST: "port", As: Int{}, Change: Once, Doc: "The port of the head node."},
		Field{YAML: "address", REST: "address", As: Str{}, Change: Once, Doc: "The address of the head node."},
		Field{YAML: "include_dashboard", REST: "includeDashboard", As: Bool{}, Change: Once, Doc: "Start the dashboard."},
		Field{YAML: "dashboard_port", REST: "dashboardPort", As: Int{}, Change: Once, Doc: "The port of the dashboard."},
		Field{YAML: "head_node_additional_args", REST: "headNodeAdditionalArgs", As: Str{}, Change: Once, Doc: "Further arguments of ray start on the head node."},
		Field{YAML: "worker_node_additional_args", REST: "workerNodeAdditionalArgs", As: Str{}, Change: Once, Doc: "Further arguments of ray start on the others."})
	distribution = byType("a distribution: pytorch, mpi, tensorflow or ray", "distributionType", map[string]Type{
		"pytorch": pytorchDistribution, "mpi": mpiDistribution, "tensorflow": tensorDistribution, "ray": rayDistribution,
	})
)

func distributionType(yaml, rest string) Field {
	return Field{YAML: "type", REST: "distributionType", As: Words(yaml, rest), Required: true, Change: Once, Doc: "How the processes find each other."}
}

// byType picks a type by the member type of the file, which is called key on
// the wire.
func byType(name, key string, types map[string]Type) Pick {
	p := Pick{
		Name:   name,
		Of:     func(v *asset.Value) Type { return types[squash(v.Get("type").Text())] },
		OfREST: func(rest *asset.Value) Type { return types[squash(rest.Get(key).Text())] },
	}
	for _, k := range sortedKeys(types) {
		p.All = append(p.All, types[k])
	}
	return p
}

var singleBrace = regexp.MustCompile(`\{(?:inputs|outputs|search_space)\.[^}]*\}`)

// doubleBraces rewrites {inputs.x}, which the preview wrote, to ${{inputs.x}},
// as the reference client does.
func doubleBraces(c *Checker, v *asset.Value) {
	command := v.Get("command")
	text := rewriteBraces(command.Str())
	if text == command.Str() {
		return
	}
	c.warn(command.Pos(), "old_expression", "write ${{inputs.x}}", "single braces are the form of the preview and are read as ${{…}}")
	v.Set("command", asset.NewString(text).At(command.Pos()))
}

// rewriteBraces leaves alone what stands in braces already.
func rewriteBraces(text string) string {
	var b strings.Builder
	last := 0
	for _, m := range singleBrace.FindAllStringIndex(text, -1) {
		if m[0] > 0 && text[m[0]-1] == '{' || m[1] < len(text) && text[m[1]] == '}' {
			continue
		}
		b.WriteString(text[last:m[0]] + "${{" + text[m[0]+1:m[1]-1] + "}}")
		last = m[1]
	}
	return b.String() + text[last:]
}
