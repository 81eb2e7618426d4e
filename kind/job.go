package kind

import (
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// job is one run. Everything but its texts and tags is fixed when it is
// submitted, so a changed file means another run.
var job = &Table{
	Kind:       "job",
	Plural:     "jobs",
	Collection: "jobs",
	Names:      NameRule{Pattern: `[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}`, Text: "use 1 to 255 letters, digits, dashes and underscores, the first a letter or digit"},
	Tags:       "properties.tags",
	Remove:     Archive,
	Promotable: true,
	Once:       true,
	ExactType:  true,
	Apart:      true,
	Doc:        "One run: of a command, a sweep, a pipeline, a Spark program, or a training that Azure carries out.",
	Variants:   slices.Concat([]*Variant{commandJob, sweepJob, pipelineJob, sparkJob}, automlJobs(), []*Variant{finetuningJob, distillationJob}),
	Fields: []Field{
		{YAML: "display_name", REST: "properties.displayName", As: Str{}, Doc: "The name that is shown; the name of the job if not given."},
		{YAML: "description", REST: "properties.description", As: Str{}, Doc: "What it is for."},
		{YAML: "experiment_name", REST: "properties.experimentName", As: Str{}, Change: Once, Service: asset.NewString("Default"), Doc: "The experiment that the run belongs to."},
		{YAML: "tags", REST: "properties.tags", As: jobTags, Doc: "Tags of the run, which are texts."},
		{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "status", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "log_files", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "creation_context", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
	},
}

// jobTags are tags of a job: the reference client takes no numbers for texts
// here.
var jobTags = func() Map {
	m := Tags
	m.Of = strictText{}
	return m
}()

// strictText is a text that must be written as one.
type strictText struct{ Str }

func (strictText) Decode(d *Decoder, v *asset.Value) *asset.Value { return Text{}.Decode(d, v) }

// Rows that several forms of a job have.
var (
	jobProperties    = Field{YAML: "properties", REST: "properties.properties", As: jobTags, Change: Append, Doc: "Properties may be added, not changed or removed."}
	jobCompute       = Field{YAML: "compute", REST: "properties.computeId", As: Ref{To: "compute", Bare: true, Keep: []string{"local", "serverless"}}, Change: Once, Stays: true, Doc: "Where it runs; serverless if not given."}
	jobIdentityRow   = Field{YAML: "identity", REST: "properties.identity", As: jobIdentity, Change: Once, Stays: true, Doc: "Who the run acts as."}
	jobServicesRow   = Field{YAML: "services", REST: "properties.services", As: jobServices, Change: Once, Stays: true, Doc: "Ways into the running job."}
	jobQueue         = Field{YAML: "queue_settings", REST: "properties.queueSettings", As: queueSettings, Change: Once, Stays: true, Doc: "How the run is queued on serverless compute."}
	jobInputsRow     = Field{YAML: "inputs", REST: "properties.inputs", As: jobInputs, Change: Once, Doc: "What the run reads; literals are sent as texts."}
	jobOutputsRow    = Field{YAML: "outputs", REST: "properties.outputs", As: jobOutputs, Change: Once, Doc: "What the run writes."}
	folderOutputRow  = Field{YAML: "outputs", REST: "properties.outputs", As: folderOutputs, Change: Once, Doc: "What the run writes."}
	commandJobRows   = []Field{jobProperties, jobCompute, jobIdentityRow, jobServicesRow, jobQueue, jobInputsRow, jobOutputsRow}
	unsentServices   = Field{YAML: "services", As: Any{}, ReadOnly: true, Doc: "Taken and not sent, as the reference client does."}
	unsentProperties = Field{YAML: "properties", As: Any{}, ReadOnly: true, Doc: "Taken and not sent, as the reference client does."}
)

var jobIdentity = Object{
	After: func(c *Checker, v *asset.Value) {
		if v.Get("type").Str() == "managed_identity" {
			v.Set("type", asset.NewString("managed").At(v.Get("type").Pos()))
		}
		for _, key := range []string{"client_id", "object_id"} {
			if item := v.Get(key); item != nil && v.Get("type").Str() != "managed" {
				c.Badf(item, "conflict", "remove it", "%s is for type managed only", key)
			}
		}
	},
	Fields: []Field{
		{YAML: "type", REST: "identityType", Required: true, As: Words("managed", "Managed", "managed_identity", "Managed", "aml_token", "AMLToken", "user_identity", "UserIdentity"), Doc: "A managed identity, a token of the workspace, or the user who submits."},
		{YAML: "client_id", REST: "clientId", As: Str{}, Doc: "The managed identity by client id."},
		{YAML: "object_id", REST: "objectId", As: Str{}, Doc: "The managed identity by object id."},
	},
}

// jobServices leaves out the services that every run has.
var jobServices = Map{
	Drop: func(key string) bool { return key == "Tracking" || key == "Studio" },
	Of: Object{After: finishService, FromREST: func(_ *Decoder, _, v *asset.Value) { setDefault(v, "type", otherService) }, Fields: []Field{
		{YAML: "type", REST: "jobServiceType", As: serviceType{}, Doc: "What the service is."},
		{YAML: "port", REST: "port", As: Int{}, Doc: "The port that it listens on."},
		{YAML: "nodes", REST: "nodes.nodesValueType", As: Enum{Exact: true, Words: [][2]string{{"all", "All"}}}, Doc: "all for every node; the first if not given."},
		{
			YAML: "properties", REST: "properties", Doc: "Further properties.",
			As: Map{Of: Text{}, Drop: func(key string) bool { return key == "logDir" || key == "sshPublicKeys" }},
		},
		{YAML: "ssh_public_keys", REST: "properties.sshPublicKeys", As: Str{}, Doc: "Who may log in, for type ssh."},
		{YAML: "log_dir", REST: "properties.logDir", As: Str{}, Doc: "Where the logs are, for type tensor_board."},
		{YAML: "endpoint", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "status", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "error_message", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
	}},
}

// serviceType is the type of a service. The reference client knows four, in
// lower case or any case of the same letters, and sends no type for any other
// word.
type serviceType struct{}

var serviceTypes = Words("ssh", "SSH", "tensor_board", "TensorBoard", "vs_code", "VSCode", "jupyter_lab", "JupyterLab")

func (serviceType) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() != asset.String {
		return Str{}.Check(c, v)
	}
	word := strings.ToLower(v.Str())
	if contains(serviceTypes.names(), word) {
		return asset.NewString(word)
	}
	c.warn(v.Pos(), "not_sent", "one of "+strings.Join(serviceTypes.names(), ", "), "%q is no type of service and is not sent", v.Str())
	return asset.NewString(otherService)
}

// otherService is the normal form of a word that is not sent.
const otherService = "other"

func (serviceType) Encode(e *Encoder, v *asset.Value) *asset.Value {
	if v.Str() == otherService {
		return nil
	}
	return serviceTypes.Encode(e, v)
}

func (serviceType) Decode(d *Decoder, v *asset.Value) *asset.Value { return serviceTypes.Decode(d, v) }

func (serviceType) Schema() map[string]any {
	return map[string]any{"type": "string", "examples": toAny(serviceTypes.names())}
}
func (serviceType) Describe() string { return serviceTypes.Describe() }

// spelled is the word of the file.
func (serviceType) spelled() Type { return spelledService{} }

type spelledService struct{ serviceType }

func (spelledService) Encode(_ *Encoder, v *asset.Value) *asset.Value {
	if v.Str() == otherService {
		return nil
	}
	return plain(v)
}

// finishService brings the two spellings of a member to one.
func finishService(c *Checker, v *asset.Value) {
	if props := v.Get("properties"); props.Len() > 0 {
		rest := props.Clone()
		for _, move := range [][2]string{{"logDir", "log_dir"}, {"sshPublicKeys", "ssh_public_keys"}} {
			if item := rest.Get(move[0]); item != nil {
				setDefault(v, move[1], item.Text())
				rest.Delete(move[0])
			}
		}
		v.Set("properties", rest)
		if rest.Len() == 0 {
			v.Delete("properties")
		}
	}
	if v.Get("log_dir") != nil {
		setDefault(v, "type", "tensor_board")
	}
	setDefault(v, "type", "ssh") // so the reference client reads one without a type
	for key, typ := range map[string]string{"ssh_public_keys": "ssh", "log_dir": "tensor_board"} {
		if item := v.Get(key); item != nil && v.Get("type").Str() != typ {
			c.Badf(item, "conflict", "remove it", "%s is for type %s only", key, typ)
		}
	}
}

var priorities = []string{"low", "medium", "high"}

// queueSettings are words in the file; the service takes the priority as a
// number.
var queueSettings = Object{
	Fields: []Field{
		{YAML: "job_tier", REST: "jobTier", As: Words("spot", "Spot", "basic", "Basic", "standard", "Standard", "premium", "Premium", "null", "Null"), Doc: "What is paid for waiting less."},
		{YAML: "priority", REST: "priority", As: sameWords("low", "medium", "high"), Doc: "The order within the tier."},
	},
	ToREST: func(_ *Encoder, _, rest *asset.Value) {
		if i := slices.Index(priorities, rest.Get("priority").Str()); i >= 0 {
			rest.Set("priority", asset.NewInt(int64(i+1)))
		}
	},
	FromREST: func(_ *Decoder, rest, v *asset.Value) {
		if i, ok := decodeNumber(rest.Get("priority")).Int64(); ok && i >= 1 && int(i) <= len(priorities) {
			v.Set("priority", asset.NewString(priorities[i-1]))
		}
	},
}

// jobResources are the machines of a run.
var jobResources = Object{
	After: func(_ *Checker, v *asset.Value) { superComputer(v) },
	Fields: []Field{
		{YAML: "instance_count", REST: "instanceCount", As: Int{}, Change: Once, Service: asset.NewInt(1), Stays: true, Doc: "How many machines."},
		{YAML: "instance_type", REST: "instanceType", As: Fold{}, Change: Once, Stays: true, Doc: "The size of the machines."},
		{YAML: "properties", REST: "properties", As: Map{Of: Any{}}, Change: Once, Doc: "Further properties, as the compute wants them."},
		{YAML: "shm_size", REST: "shmSize", As: Str{}, Change: Once, Service: asset.NewString("2g"), Doc: "The shared memory of the container, such as 4g."},
		{YAML: "docker_args", REST: "dockerArgs", As: dockerArgs, Change: Once, Doc: "Arguments of docker run: one text or a list."},
		{YAML: "locations", REST: "locations", As: List{Of: Str{}}, Change: Once, Stays: true, Doc: "Regions that the run may go to."},
		{YAML: "max_instance_count", REST: "maxInstanceCount", As: Int{}, Change: Once, Stays: true, Doc: "Up to how many machines, for elastic runs."},
	},
	ToREST: func(_ *Encoder, _, rest *asset.Value) {
		if args := rest.Get("dockerArgs"); args.Type() == asset.List {
			rest.Delete("dockerArgs")
			rest.Set("dockerArgsList", args)
		}
	},
	FromREST: func(d *Decoder, rest, v *asset.Value) {
		if args := rest.Get("dockerArgsList"); args.Len() > 0 {
			v.Set("docker_args", List{Of: Str{}}.Decode(d, args))
		}
	},
}

var dockerArgs = Pick{
	Name: "a text or a list",
	Of: func(v *asset.Value) Type {
		if v.Type() == asset.List {
			return List{Of: Str{}}
		}
		return Str{}
	},
	OfREST: func(*asset.Value) Type { return Str{} },
	All:    []Type{Str{}, List{Of: Str{}}},
}

// superComputer gives the properties of such computes the name that the
// service knows, as the reference client does.
func superComputer(v *asset.Value) {
	props := v.Get("properties")
	if props == nil {
		return
	}
	out := asset.NewMap().At(props.Pos())
	for key, item := range props.Entries() {
		switch strings.ToLower(key) {
		case "aisupercomputer", "singularity":
			key = "AISuperComputer"
		case "itp", "target_selector":
			key = strings.ToLower(key)
		}
		out.Set(key, item)
	}
	v.Set("properties", out)
}

// finishJob is the part of the check that all jobs share.
func finishJob(c *Checker, v *asset.Value) {
	fillPorts(c, v)
	if compute := v.Get("compute"); strings.EqualFold(compute.Str(), "local") {
		v.Set("compute", asset.NewString("local").At(compute.Pos()))
	}
}

const (
	commonRuntime   = "AZUREML_COMPUTE_USE_COMMON_RUNTIME"
	virtualClusters = "virtualclusters/"
)

// jobToREST sends what the reference client sends of every job.
func jobToREST(e *Encoder, v, rest *asset.Value) {
	props := rest.Get("properties")
	fill := func(key, text string) {
		if props.Get(key).IsNull() && text != "" {
			props.Set(key, asset.NewString(text))
		}
	}
	fill("displayName", e.id.Name)
	fill("experimentName", e.Experiment)
	if !props.Has("isArchived") {
		props.Set("isArchived", asset.NewBool(false))
	}
	nullInputs(props)
	compute := v.Get("compute").Str()
	if cluster, ok := strings.CutPrefix(compute, "azureml:"+virtualClusters); ok {
		props.Set("computeId", asset.NewString("/subscriptions/"+e.Scope.Subscription+"/resourceGroups/"+e.Scope.ResourceGroup+
			"/providers/Microsoft.MachineLearningServices/"+virtualClusters+cluster))
	}
	if compute == "local" {
		// What the reference client sends to run a job on its own machine.
		props.Delete("computeId")
		rest.SetPath(asset.NewMap().Set("IsLocal", asset.NewBool(true)), "properties", "resources", "properties", "IsLocal")
		rest.SetPath(asset.NewString("true"), "properties", "environmentVariables", commonRuntime)
	}
}

// jobFromREST takes back what jobToREST adds.
func jobFromREST(d *Decoder, rest, v *asset.Value) {
	if d.id.Name != "" && v.Get("display_name").Text() == d.id.Name {
		v.Delete("display_name")
	}
	if i := strings.LastIndex(strings.ToLower(rest.GetPath("properties", "computeId").Str()), "/"+virtualClusters); i >= 0 {
		arm := rest.GetPath("properties", "computeId").Str()
		here := "/subscriptions/" + d.Scope.Subscription + "/resourceGroups/" + d.Scope.ResourceGroup + "/"
		if _, ok := cutPrefixFold(arm, here); ok {
			v.Set("compute", asset.NewString("azureml:"+virtualClusters+arm[i+1+len(virtualClusters):]))
		}
	}
	if rest.GetPath("properties", "resources", "properties", "IsLocal") == nil {
		return
	}
	v.Set("compute", asset.NewString("local"))
	dropEntry(v, "IsLocal", "resources", "properties")
	dropEntry(v, commonRuntime, "environment_variables")
}

// dropEntry removes key from the map at path, and maps that are empty then.
func dropEntry(v *asset.Value, key string, path ...string) {
	if len(path) > 0 {
		inner := v.Get(path[0])
		dropEntry(inner, key, path[1:]...)
		if inner.Type() == asset.Map && inner.Len() == 0 {
			v.Delete(path[0])
		}
		return
	}
	if v.Has(key) {
		v.Delete(key)
	}
}

// warn records a warning about the value at the field that is being checked.
func (c *Checker) warn(pos problem.Pos, code, hint, format string, args ...any) {
	if p := c.Path(); p != "" {
		format = strings.ReplaceAll(p, "%", "%%") + ": " + format
	}
	c.Problems.Warnf(pos, code, hint, format, args...)
}
