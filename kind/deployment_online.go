package kind

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

var onlineDeployment = &Table{
	Kind:       "online-deployment",
	Plural:     "online-deployments",
	Collection: "deployments",
	Parent:     "online-endpoint",
	ParentKey:  "endpoint_name",
	LowerName:  true,
	Names:      endpointName,
	Tags:       "tags",
	Location:   true,
	Remove:     Delete,
	Costly:     true,
	Promotable: true,
	Doc:        "A model, its code and environment on machines, behind an online endpoint.",
	Variants: []*Variant{
		{
			Name:    "managed",
			Schemas: []string{"managedOnlineDeployment", "onlineDeployment"},
			Types:   []string{"managed"},
			Const:   []Const{{REST: "properties.endpointComputeType", Text: "Managed"}},
			Tell: func(doc *asset.Value) bool {
				return hasAll(doc, "endpoint_name", "instance_type") && !doc.Has("type") && !doc.Has("compute")
			},
			Doc:      "A deployment on machines of Azure.",
			Check:    checkOnlineDeployment,
			Inspect:  inspectScript,
			ToREST:   onlineDeploymentToREST,
			FromREST: func(_ *Decoder, _, v *asset.Value) { dropEntry(v, privateConnection, "properties") },
			Fields: []Field{
				{YAML: "instance_type", REST: "properties.instanceType", As: Fold{}, Required: true, Change: Replace, Stays: true, Doc: "The size of the machines."},
				{YAML: "scale_settings", REST: "properties.scaleSettings", As: byType("scale settings: default", "scaleType", map[string]Type{"default": defaultScale}), Stays: true, Doc: "default only: managed deployments are scaled by Azure Monitor."},
				{YAML: "egress_public_network_access", REST: "properties.egressPublicNetworkAccess", As: Words("enabled", "Enabled", "disabled", "Disabled"), Change: Replace, Service: asset.NewString("enabled"), Stays: true, Doc: "Whether the machines can reach the internet."},
				{YAML: "private_network_connection", REST: "properties.properties." + privateConnection, As: Words("true", "True", "false", "False"), Change: Replace, Stays: true, Doc: "An older form of egress_public_network_access."},
			},
		},
		{
			Name:    "kubernetes",
			Schemas: []string{"kubernetesOnlineDeployment"},
			Types:   []string{"kubernetes"},
			Const:   []Const{{REST: "properties.endpointComputeType", Text: "Kubernetes"}},
			Tell:    func(doc *asset.Value) bool { return doc.Has("endpoint_name") && typeIs(doc, "kubernetes") },
			Doc:     "A deployment on an attached Kubernetes cluster.",
			Check:   checkOnlineDeployment,
			Inspect: inspectScript,
			ToREST:  onlineDeploymentToREST,
			Fields: []Field{
				{YAML: "instance_type", REST: "properties.instanceType", As: Fold{}, Change: Replace, Stays: true, Doc: "An instance type of the cluster."},
				{YAML: "scale_settings", REST: "properties.scaleSettings", As: kubernetesScale, Stays: true, Doc: "default, or target_utilization."},
				{YAML: "resources", REST: "properties.containerResourceRequirements", As: Obj(
					Field{YAML: "requests", REST: "containerResourceRequests", As: containerResources, Doc: "What a container is given."},
					Field{YAML: "limits", REST: "containerResourceLimits", As: containerResources, Doc: "What a container may use."},
				), Stays: true, Doc: "The resources of a container."},
			},
		},
	},
	Fields: []Field{
		{YAML: "description", REST: "properties.description", As: Str{}, Doc: "What it is for."},
		{YAML: "tags", REST: "tags", As: Tags, Doc: "Tags of the deployment."},
		{YAML: "properties", REST: "properties.properties", As: Tags, Change: Append, Doc: "Properties may be added, not changed or removed."},
		{YAML: "model", REST: "properties.model", As: Ref{To: "model", Inline: true, Named: true}, Doc: "The model."},
		{YAML: "model_mount_path", REST: "properties.modelMountPath", As: Str{}, Doc: "Where the model is in a custom container."},
		{YAML: "code_configuration", REST: "properties.codeConfiguration", As: codeConfiguration, Doc: "The code that answers requests."},
		{YAML: "environment", REST: "properties.environmentId", As: Ref{To: "environment", Inline: true, File: true, Named: true}, Doc: "What the code runs in."},
		{YAML: "environment_variables", REST: "properties.environmentVariables", As: Map{Of: Text{}}, Doc: "Variables of the process, sent as texts."},
		{YAML: "instance_count", REST: "sku.capacity", As: Int{}, Stays: true, Doc: "How many machines."},
		{YAML: "app_insights_enabled", REST: "properties.appInsightsEnabled", As: Bool{}, Send: asset.NewBool(false), Doc: "Send logs to Application Insights."},
		{YAML: "request_settings", REST: "properties.requestSettings", As: Obj(
			Field{YAML: "request_timeout_ms", REST: "requestTimeout", As: Duration{Millis: true}, Service: asset.NewInt(5000), Doc: "Milliseconds for one request."},
			Field{YAML: "max_concurrent_requests_per_instance", REST: "maxConcurrentRequestsPerInstance", As: Int{}, Service: asset.NewInt(1), Doc: "Requests at a time on one machine."},
			Field{YAML: "max_queue_wait_ms", REST: "maxQueueWait", As: Duration{Millis: true}, Doc: "Milliseconds that a request may wait."},
		), Doc: "How requests are treated."},
		{YAML: "liveness_probe", REST: "properties.livenessProbe", As: probe, Doc: "How it is found out that a container lives."},
		{YAML: "readiness_probe", REST: "properties.readinessProbe", As: probe, Doc: "How it is found out that a container is ready."},
		{YAML: "data_collector", REST: "properties.dataCollector", As: dataCollector, Doc: "What is kept of requests and answers."},
		{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "provisioning_state", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "creation_context", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
	},
}

// privateConnection is the property that holds private_network_connection.
const privateConnection = "private-network-connection"

// codeConfiguration is the code of a deployment and its script.
var codeConfiguration = Object{
	After: func(c *Checker, v *asset.Value) {
		if v.Get("code") != nil && v.Get("scoring_script").IsNull() {
			c.in("scoring_script", func() {
				c.Badf(v, "missing_field", "add the path of the script, relative to code", "is missing")
			})
		}
	},
	Fields: []Field{
		{YAML: "code", REST: "codeId", As: Local{What: Code, Asset: "code"}, Doc: "The folder of the code, an address, or a code asset."},
		{YAML: "scoring_script", REST: "scoringScript", As: Str{}, Doc: "The script, relative to code."},
	},
}

// inspectScript looks whether the script is in the code folder.
func inspectScript(in *Inspection, body *asset.Value) {
	const code = "code_configuration.code"
	script := body.GetPath("code_configuration", "scoring_script")
	files, ok := in.Files(code)
	if !ok || script.IsNull() || !in.Folder(code) {
		return
	}
	if name := path.Clean(script.Str()); !slices.Contains(files, name) {
		in.Bad(script, "missing_file", cmp.Or(problem.DidYouMean(name, files), "it is relative to code"), "code_configuration.scoring_script: %q is not in the code folder", script.Str())
	}
}

var (
	defaultScale = Obj(Field{YAML: "type", REST: "scaleType", As: Words("default", "Default"), Required: true, Doc: "As many machines as instance_count says."})
	targetScale  = Obj(
		Field{YAML: "type", REST: "scaleType", As: Words("target_utilization", "TargetUtilization"), Required: true, Doc: "As many machines as the load needs."},
		Field{YAML: "min_instances", REST: "minInstances", As: Int{}, Doc: "At least so many."},
		Field{YAML: "max_instances", REST: "maxInstances", As: Int{}, Doc: "At most so many."},
		Field{YAML: "polling_interval", REST: "pollingInterval", As: Duration{}, Doc: "Seconds between two looks at the load."},
		Field{YAML: "target_utilization_percentage", REST: "targetUtilizationPercentage", As: Int{}, Doc: "The load to keep."},
	)
	kubernetesScale = byType("scale settings: default or target_utilization", "scaleType", map[string]Type{"default": defaultScale, "targetutilization": targetScale})
)

// probe: the service fills in 10 s, 10 s, 2 s, 1 and 30.
var probe = Obj(
	Field{YAML: "initial_delay", REST: "initialDelay", As: Duration{}, Service: asset.NewInt(10), Doc: "Seconds before the first probe."},
	Field{YAML: "period", REST: "period", As: Duration{}, Service: asset.NewInt(10), Doc: "Seconds between two probes."},
	Field{YAML: "timeout", REST: "timeout", As: Duration{}, Service: asset.NewInt(2), Doc: "Seconds for one probe."},
	Field{YAML: "success_threshold", REST: "successThreshold", As: Int{}, Service: asset.NewInt(1), Doc: "Successes in a row that count."},
	Field{YAML: "failure_threshold", REST: "failureThreshold", As: Int{}, Service: asset.NewInt(30), Doc: "Failures in a row that count."},
)

// containerResources have the key of Kubernetes for gpu as well.
var containerResources = Object{
	After: func(_ *Checker, v *asset.Value) {
		if gpu := v.Get("nvidia.com/gpu"); gpu != nil {
			setDefault(v, "gpu", gpu.Str())
			v.Delete("nvidia.com/gpu")
		}
	},
	Fields: []Field{
		{YAML: "cpu", REST: "cpu", As: Str{}, Doc: "Processors, such as 0.5 or 500m."},
		{YAML: "memory", REST: "memory", As: Str{}, Doc: "Memory, such as 0.5Gi."},
		{YAML: "gpu", REST: "gpu", As: Str{}, Doc: "Graphics processors."},
		{YAML: "nvidia.com/gpu", As: Str{}, Doc: "The name that Kubernetes has for gpu."},
	},
}

// dataCollector: the sampling rate is one for all collections in the file and
// a member of each on the wire.
var dataCollector = Object{
	Fields: []Field{
		{YAML: "collections", REST: "collections", As: Map{Of: Obj(
			Field{YAML: "enabled", REST: "dataCollectionMode", As: quotedWord{Words("true", "Enabled", "false", "Disabled")}, Required: true, Doc: "Whether it is kept: \"true\" or \"false\", in quotes."},
			Field{YAML: "data", REST: "dataId", As: collected, Stays: true, Doc: "The data asset that stands for what is kept; one that is named after the deployment if not given."},
			Field{YAML: "client_id", REST: "clientId", As: Str{}, Stays: true, Doc: "The managed identity that writes it."},
		)}, Required: true, Doc: "What is kept, by name."},
		{YAML: "rolling_rate", REST: "rollingRate", As: Words("year", "Year", "month", "Month", "day", "Day", "hour", "Hour", "minute", "Minute"), Doc: "How often a new file is begun."},
		{YAML: "sampling_rate", As: Num{}, Doc: "The part of the requests that is kept, 0 to 1."},
		{YAML: "request_logging", REST: "requestLogging", As: Obj(
			Field{YAML: "capture_headers", REST: "captureHeaders", As: List{Of: Str{}}, Doc: "Headers that are kept."},
		), Doc: "What is kept of the request itself."},
	},
	ToREST: func(_ *Encoder, v, rest *asset.Value) {
		if rate := v.Get("sampling_rate"); rate != nil {
			for _, item := range rest.Get("collections").Items() {
				item.Set("samplingRate", plain(rate))
			}
		}
	},
	FromREST: func(_ *Decoder, rest, v *asset.Value) {
		items := rest.Get("collections").Items()
		if len(items) == 0 || items[0].Get("samplingRate").IsNull() {
			return
		}
		rate := decodeNumber(items[0].Get("samplingRate"))
		same := func(item *asset.Value) bool { return decodeNumber(item.Get("samplingRate")).Equal(rate) }
		if !slices.ContainsFunc(items, func(item *asset.Value) bool { return !same(item) }) {
			v.Set("sampling_rate", rate)
		}
	},
}

// quotedWord is an Enum that must be written as a text.
type quotedWord struct{ Enum }

// Check refuses what is no text.
func (q quotedWord) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() != asset.String {
		return Str{}.Check(c, v)
	}
	return q.Enum.Check(c, v)
}

// collectedData is the data asset of a collection, of which anything may be
// missing.
type collectedData struct{ Pick }

var collected = collectedData{Pick{
	Name:   "a data asset",
	Of:     func(*asset.Value) Type { return collectedRef },
	OfREST: func(*asset.Value) Type { return collectedRef },
	All:    []Type{collectedRef},
}}

var collectedRef = Ref{To: "data", Inline: true, Named: true}

// Check fills in what is missing.
func (t collectedData) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() == asset.Map && len(c.path) > 1 {
		v = dataOf(c, c.path[len(c.path)-2], v)
	}
	return t.Pick.Check(c, v)
}

// Equal compares references.
func (collectedData) Equal(want, live *asset.Value) bool { return collectedRef.Equal(want, live) }

// checkOnlineDeployment names the data assets of collections that name none.
func checkOnlineDeployment(c *Checker, v *asset.Value) {
	for name, item := range v.GetPath("data_collector", "collections").Entries() {
		if item.Get("data").IsNull() && c.id.Name != "" && c.id.Parent != "" {
			data := dataOf(c, name, asset.NewMap().At(item.Pos()))
			data.Delete("type") // the first variant of data
			item.Set("data", data)
		}
	}
}

// dataOf completes the data asset of a collection, as the reference client
// does: it is named after the deployment.
func dataOf(c *Checker, collection string, given *asset.Value) *asset.Value {
	data := asset.NewMap().At(given.Pos())
	for key, item := range given.Entries() {
		data.Set(key, item)
	}
	setDefault(data, "type", "uri_folder")
	setDefault(data, "name", strings.Join([]string{c.id.Parent, c.id.Name, collection}, "-"))
	setDefault(data, "version", "1")
	setDefault(data, "path", strings.Join([]string{"azureml://datastores/workspaceblobstore/paths/modelDataCollector", c.id.Parent, c.id.Name, collection}, "/"))
	return data
}

func onlineDeploymentToREST(_ *Encoder, _, rest *asset.Value) {
	if rest.GetPath("sku", "name").IsNull() {
		rest.SetPath(asset.NewString("Default"), "sku", "name")
	}
}
