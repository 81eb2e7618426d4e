package kind

import (
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
	Doc:        "One run of a command, or a sweep of runs over hyperparameters.",
	Variants:   []*Variant{commandJob, sweepJob, pipelineJob},
	Fields: []Field{
		{YAML: "display_name", REST: "properties.displayName", As: Str{}, Doc: "The name that is shown; the name of the job if not given."},
		{YAML: "description", REST: "properties.description", As: Str{}, Doc: "What it is for."},
		{YAML: "experiment_name", REST: "properties.experimentName", As: Str{}, Change: Once, Service: asset.NewString("Default"), Doc: "The experiment that the run belongs to."},
		{YAML: "tags", REST: "properties.tags", As: jobTags, Doc: "Tags of the run."},
		{YAML: "properties", REST: "properties.properties", As: jobTags, Change: Append, Doc: "Properties may be added, not changed or removed."},
		{YAML: "compute", REST: "properties.computeId", As: Ref{To: "compute", Bare: true, Keep: []string{"local", "serverless"}}, Change: Once, Doc: "Where it runs; serverless if not given."},
		{YAML: "identity", REST: "properties.identity", As: jobIdentity, Change: Once, Doc: "Who the run acts as."},
		{YAML: "services", REST: "properties.services", As: jobServices, Change: Once, Doc: "Ways into the running job."},
		{YAML: "queue_settings", REST: "properties.queueSettings", As: queueSettings, Change: Once, Doc: "How the run is queued on serverless compute."},
		{YAML: "inputs", REST: "properties.inputs", As: jobInputs, Change: Once, Doc: "What the command reads; literals are sent as texts."},
		{YAML: "outputs", REST: "properties.outputs", As: jobOutputs, Change: Once, Doc: "What the command writes."},
		{YAML: "parent_job_name", REST: "properties.parentJobName", As: Str{}, Change: Once, Doc: "The run that this one is a child of."},
		{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "status", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "log_files", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "creation_context", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
	},
}

// jobTags are texts, and keys without one.
var jobTags = Map{Of: Str{}, Nulls: true, Owned: true, Drop: Tags.Drop}

var jobIdentity = Object{
	After: func(c *Checker, v *asset.Value) {
		if v.Get("type").Str() == "managed_identity" {
			v.Set("type", asset.NewString("managed").At(v.Get("type").Pos()))
		}
		for _, key := range []string{"client_id", "object_id", "msi_resource_id"} {
			if item := v.Get(key); item != nil && v.Get("type").Str() != "managed" {
				c.Badf(item, "conflict", "remove it", "%s is for type managed only", key)
			}
		}
	},
	Fields: []Field{
		{YAML: "type", REST: "identityType", Required: true, As: Words("managed", "Managed", "managed_identity", "Managed", "aml_token", "AMLToken", "user_identity", "UserIdentity"), Doc: "A managed identity, a token of the workspace, or the user who submits."},
		{YAML: "client_id", REST: "clientId", As: Str{}, Doc: "The managed identity by client id."},
		{YAML: "object_id", REST: "objectId", As: Str{}, Doc: "The managed identity by object id."},
		{YAML: "msi_resource_id", REST: "resourceId", As: Fold{}, Doc: "The managed identity by resource id."},
	},
}

// jobServices leaves out the services that every run has.
var jobServices = Map{
	Drop: func(key string) bool { return key == "Tracking" || key == "Studio" },
	Of: Object{After: finishService, Fields: []Field{
		{YAML: "type", REST: "jobServiceType", As: serviceTypes, Doc: "What the service is."},
		{YAML: "port", REST: "port", As: Int{}, Doc: "The port that it listens on."},
		{YAML: "nodes", REST: "nodes.nodesValueType", As: Words("all", "All"), Doc: "all for every node; the first if not given."},
		{
			YAML: "properties", REST: "properties", Doc: "Further properties.",
			As: Map{Of: Text{}, Drop: func(key string) bool { return key == "logDir" || key == "sshPublicKeys" }},
		},
		{YAML: "ssh_public_keys", REST: "properties.sshPublicKeys", As: Str{}, Doc: "Who may log in, for type ssh."},
		{YAML: "log_dir", REST: "properties.logDir", As: Str{}, Doc: "Where the logs are, for type tensor_board."},
		{YAML: "job_service_type", As: serviceTypes, Doc: "An older name of type."},
		{YAML: "endpoint", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "status", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "error_message", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
	}},
}

var serviceTypes = Words("ssh", "SSH", "tensor_board", "TensorBoard", "vs_code", "VSCode", "jupyter_lab", "JupyterLab", "custom", "Custom")

// finishService brings the two spellings of a service to one.
func finishService(c *Checker, v *asset.Value) {
	if old := v.Get("job_service_type"); old != nil {
		setDefault(v, "type", old.Str())
		v.Delete("job_service_type")
	}
	if v.Get("type").IsNull() {
		c.Badf(v, "missing_field", "one of "+strings.Join(serviceTypes.names(), ", "), "type is missing")
	}
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
	for key, typ := range map[string]string{"ssh_public_keys": "ssh", "log_dir": "tensor_board"} {
		if item := v.Get(key); item != nil && v.Get("type").Str() != typ {
			c.Badf(item, "conflict", "remove it", "%s is for type %s only", key, typ)
		}
	}
}

// queueSettings are words in the file; the service takes the priority as a
// number.
var queueSettings = Object{
	Fields: []Field{
		{YAML: "job_tier", REST: "jobTier", As: Words("spot", "Spot", "basic", "Basic", "standard", "Standard", "premium", "Premium", "null", "Null"), Doc: "What is paid for waiting less."},
		{YAML: "priority", REST: "priority", As: Words("low", "1", "medium", "2", "high", "3"), Doc: "The order within the tier."},
	},
	ToREST: func(_ *Encoder, _, rest *asset.Value) {
		if n := decodeNumber(rest.Get("priority")); n.Type() == asset.Int {
			rest.Set("priority", n)
		}
	},
}

// jobResources are the machines of a run.
var jobResources = Object{
	After: func(_ *Checker, v *asset.Value) { superComputer(v) },
	Fields: []Field{
		{YAML: "instance_count", REST: "instanceCount", As: Int{}, Change: Once, Service: asset.NewInt(1), Doc: "How many machines."},
		{YAML: "instance_type", REST: "instanceType", As: Fold{}, Change: Once, Doc: "The size of the machines."},
		{YAML: "properties", REST: "properties", As: Map{Of: Any{}}, Change: Once, Doc: "Further properties, as the compute wants them."},
		{YAML: "shm_size", REST: "shmSize", As: Str{}, Change: Once, Service: asset.NewString("2g"), Doc: "The shared memory of the container, such as 4g."},
		{YAML: "docker_args", REST: "dockerArgs", As: dockerArgs, Change: Once, Doc: "Arguments of docker run: one text or a list."},
		{YAML: "locations", REST: "locations", As: List{Of: Str{}}, Change: Once, Doc: "Regions that the run may go to."},
		{YAML: "max_instance_count", REST: "maxInstanceCount", As: Int{}, Change: Once, Doc: "Up to how many machines, for elastic runs."},
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
	switch compute := v.Get("compute"); {
	case strings.EqualFold(compute.Str(), "serverless"):
		v.Delete("compute")
	case strings.EqualFold(compute.Str(), "local"):
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
