package emulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

func jobKind() *definition {
	ios := []field{
		{name: "description"},
		{name: "jobInputType", def: omit},
		{name: "jobOutputType", def: omit},
		{name: "uri", def: omit},
		{name: "mode", def: omit},
		{name: "value", def: omit},
		{name: "assetName", def: omit},
		{name: "assetVersion", def: omit},
		{name: "pathOnCompute", def: omit},
		{name: "autoDeleteSetting", def: omit},
	}
	return &definition{
		collection: "jobs", label: "Job", op: "", deleteOp: true, system: sysCreated, check: checkJob, fill: fillJob, stored: startJob,
		missing: notFoundNamed, envelope: nil, filter: filterJob,
		actions: map[string]func(*call) answer{"cancel": cancelJob},
		fields: []field{
			{name: "jobType"},
			{name: "displayName"},
			{name: "description"},
			{name: "experimentName", def: "Default"},
			{name: "tags", def: emptyMap{}, norm: stringMap},
			{name: "properties", def: emptyMap{}, norm: stringMap},
			{name: "isArchived", def: false},
			{name: "computeId"},
			{name: "componentId"},
			{name: "identity", object: true},
			{name: "parentJobName", since: "2024-01-01", norm: always(nil)},
			{name: "notificationSetting", since: "2023-02-01"},
			{name: "services", def: emptyMap{}, norm: jobServices},
			{name: "inputs", def: emptyMap{}, each: ios},
			{name: "outputs", def: emptyMap{}, each: ios},
			{name: "secretsConfiguration", object: true, def: omit},
			// command
			{name: "command", def: omit},
			{name: "codeId", def: omit},
			{name: "environmentId", def: omit},
			{name: "environmentVariables", object: true, def: omit},
			{name: "distribution", object: true, def: omit},
			{name: "limits", object: true, def: omit},
			{name: "parameters", def: omit},
			{name: "resources", object: true, def: omit},
			{name: "queueSettings", object: true, def: omit},
			{name: "autologgerSettings", object: true, def: omit},
			// sweep
			{name: "trial", object: true, def: omit},
			{name: "searchSpace", object: true, def: omit},
			{name: "samplingAlgorithm", object: true, def: omit},
			{name: "objective", object: true, def: omit},
			{name: "earlyTermination", object: true, def: omit},
			{name: "componentConfiguration", object: true, def: omit},
			// pipeline
			{name: "jobs", object: true, def: omit},
			{name: "settings", object: true, def: omit},
			{name: "sourceJobId", def: omit},
			// automl
			{name: "taskDetails", object: true, def: omit},
			// spark
			{name: "archives", def: omit},
			{name: "args", def: omit},
			{name: "conf", object: true, def: omit},
			{name: "entry", object: true, def: omit},
			{name: "files", def: omit},
			{name: "jars", def: omit},
			{name: "pyFiles", def: omit},
			// finetuning, distillation
			{name: "fineTuningDetails", object: true, def: omit},
			{name: "dataGenerationDetails", def: omit},
			{name: "finetuningDetails", def: omit},
			{name: "dataGenerationTaskType", def: omit},
			{name: "dataGenerationType", def: omit},
			{name: "teacherModelEndpoint", def: omit},
			{name: "modelProvider", def: omit},
			{name: "promptSettings", def: omit},
			{name: "status", def: "NotStarted", norm: always("NotStarted")},
		},
	}
}

var jobTypes = oneOf("Command", "Sweep", "Pipeline", "AutoML", "Spark", "Labeling", "FineTuning", "Distillation", "Base")

// checkJob refuses what cannot be submitted; for an existing job it keeps all but what may change.
func checkJob(c *call) *refusal {
	typ, _ := c.props["jobType"].(string)
	if typ == "" {
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "Property 'jobType' is required."})
	}
	c.props["jobType"] = jobTypes(typ)
	if c.prev != nil {
		return nil
	}
	for _, id := range jobReferences(c.props) {
		if bad := c.dependency(id); bad != nil {
			return bad
		}
	}
	return nil
}

// jobReferences lists the ids a job needs: compute, environment, code, component and inputs, at any depth.
func jobReferences(props obj) []string {
	return textsAt(props, "computeId", "componentId", "environmentId", "codeId", "uri", "code", "environment", "default_compute")
}

// textsAt are the texts under the keys, at any depth, sorted; the items of a list
// are under its key.
func textsAt(v any, keys ...string) []string {
	var out []string
	var walk func(key string, v any)
	walk = func(key string, v any) {
		switch t := v.(type) {
		case obj:
			for k, e := range t {
				walk(k, e)
			}
		case []any:
			for _, e := range t {
				walk(key, e)
			}
		case string:
			if slices.Contains(keys, key) {
				out = append(out, t)
			}
		}
	}
	walk("", v)
	slices.Sort(out)
	return out
}

func fillJob(c *call, doc obj) {
	if c.prev != nil {
		updateJob(c, doc)
		return
	}
	p := sub2(doc)
	typ := str(p, "jobType")
	null := func(keys ...string) {
		for _, k := range keys {
			if p[k] == nil {
				p[k] = nil
			}
		}
	}
	null("description", "displayName", "componentId")
	delete(p, "parameters")
	if p["displayName"] == nil {
		p["displayName"] = c.name
	}
	services := sub(p, "services")
	services["Tracking"] = obj{
		"jobServiceType": "Tracking", "port": nil, "status": nil, "errorMessage": nil, "properties": nil, "nodes": nil,
		"endpoint": "azureml://" + c.region() + ".api.azureml.ms/mlflow/v1.0" + c.scope.id() + "?",
	}
	services["Studio"] = obj{
		"jobServiceType": "Studio", "port": nil, "status": nil, "errorMessage": nil, "properties": nil, "nodes": nil,
		"endpoint": "https://ml.azure.com/runs/" + c.name + "?wsid=" + c.scope.id() + "&tid=" + c.who.tenant,
	}
	outputs := sub(p, "outputs")
	for _, o := range outputs {
		if out, ok := o.(obj); ok && out["uri"] == nil {
			out["uri"] = nil
		}
	}
	if outputs["default"] == nil && typ != "Pipeline" {
		outputs["default"] = obj{"uri": "azureml://datastores/workspaceartifactstore/ExperimentRun/dcid." + c.name, "mode": "ReadWriteMount", "jobOutputType": "uri_folder", "description": nil}
	}
	switch typ {
	case "Command":
		fillCommand(p)
		null("codeId", "distribution", "limits", "queueSettings", "identity")
		p["parameters"] = obj{}
	case "Sweep":
		fillSweep(c, p)
	case "Pipeline":
		null("sourceJobId", "settings", "jobs")
	case "Spark":
		null("archives", "args", "conf", "files", "jars", "pyFiles", "environmentId", "queueSettings")
	case "AutoML":
		null("environmentId", "queueSettings", "resources")
	case "FineTuning":
		null("queueSettings", "resources")
	}
	p["status"] = "Starting"
}

func fillCommand(p obj) {
	p["resources"] = fillResources(sub(p, "resources"))
	if p["environmentVariables"] == nil {
		p["environmentVariables"] = obj{}
	}
	props := ensure(p, "properties")
	if p["computeId"] == nil {
		props["_azureml.ComputeTargetType"] = "amlctrain"
		props["_azureml.ClusterName"] = nil
	} else {
		id := str(p, "computeId")
		props["_azureml.ComputeTargetType"] = "amlctrain"
		props["_azureml.ClusterName"] = id[strings.LastIndex(id, "/")+1:]
	}
}

var resourceRows = []field{
	{name: "instanceCount", def: json.Number("1")},
	{name: "maxInstanceCount", def: omit},
	{name: "instanceType"},
	{name: "locations", def: omit},
	{name: "properties"},
	{name: "shmSize", def: "2g"},
	{name: "dockerArgs"},
	{name: "dockerArgsList", since: "2025-01-01", def: omit},
}

func fillResources(sent obj) obj { return shape(resourceRows, sent, nil) }

// fillSweep completes a sweep job (recorded 2026-03).
func fillSweep(c *call, p obj) {
	if o := sub(p, "objective"); o != nil {
		o["goal"] = oneOf("Minimize", "Maximize")(o["goal"])
	}
	p["samplingAlgorithm"] = shape([]field{
		{name: "samplingAlgorithmType", norm: oneOf("Random", "Grid", "Bayesian")},
		{name: "seed"},
		{name: "logbase"},
		{name: "rule", norm: oneOf("Random", "Sobol"), def: "Random"},
	}, sub(p, "samplingAlgorithm"), nil)
	p["limits"] = shape([]field{{name: "jobLimitsType", def: "Sweep"}, {name: "maxConcurrentTrials"}, {name: "maxTotalTrials"}, {name: "timeout"}, {name: "trialTimeout"}}, sub(p, "limits"), nil)
	trial := ensure(p, "trial")
	trial["resources"] = merged(obj{"maxInstanceCount": nil, "locations": nil}, fillResources(sub(trial, "resources")))
	for _, k := range []string{"distribution", "codeId"} {
		if trial[k] == nil {
			trial[k] = nil
		}
	}
	if env, ok := trial["environmentId"].(string); ok {
		if short, ok := strings.CutPrefix(env, "azureml:"); ok && !strings.HasPrefix(short, "/") {
			if name, version, ok := strings.Cut(short, ":"); ok {
				trial["environmentId"] = c.scope.id() + "/environments/" + name + "/versions/" + version
			}
		}
	}
	p["queueSettings"] = merged(obj{"jobTier": "Null", "priority": nil}, sub(p, "queueSettings"))
	if p["componentConfiguration"] == nil {
		p["componentConfiguration"] = nil
	}
	if p["earlyTermination"] == nil {
		p["earlyTermination"] = nil
	}
	tags := ensure(p, "tags")
	for k, v := range map[string]string{
		"_aml_system_max_concurrent_jobs": "1", "_aml_system_max_total_jobs": "1", "_aml_system_generator_config": "{}",
		"_aml_system_primary_metric_config": "{}", "_aml_system_platform_config": "{}", "_aml_system_policy_config": "{}",
	} {
		tags[k] = v
	}
	props := ensure(p, "properties")
	metric, _ := sub(p, "objective")["primaryMetric"].(string)
	goal, _ := sub(p, "objective")["goal"].(string)
	props["primary_metric_config"] = string(encode(obj{"name": metric, "goal": strings.ToLower(goal)}))
	props["runTemplate"], props["platform"], props["user_agent"] = "HyperDrive", "AML", "emulator"
	props["ContentSnapshotId"] = guidOf("snapshot" + c.name)
}

// jobServices fills in what the service adds to each service of a job.
func jobServices(v any) any {
	o, ok := v.(obj)
	if !ok {
		return obj{}
	}
	out := obj{}
	for k, e := range o {
		svc, _ := e.(obj)
		out[k] = merged(obj{"jobServiceType": nil, "port": nil, "endpoint": nil, "status": nil, "errorMessage": nil, "properties": nil, "nodes": nil}, svc)
	}
	return out
}

// updateJob is a PUT to an existing job: names, text, tags, archive state and added properties change; anything else
// is ignored.
func updateJob(c *call, doc obj) {
	p := clone(c.oldProps()).(obj)
	for _, k := range []string{"displayName", "description", "isArchived"} {
		if v, ok := c.props[k]; ok && v != nil {
			p[k] = v
		}
	}
	if tags, ok := c.props["tags"].(obj); ok {
		system := obj{}
		for k, v := range sub(p, "tags") {
			if strings.HasPrefix(k, "_aml_system_") {
				system[k] = v
			}
		}
		p["tags"] = merged(system, stringMap(tags).(obj))
	}
	have := ensure(p, "properties")
	for k, v := range sub(c.props, "properties") {
		if _, ok := have[k]; !ok {
			have[k] = v
		}
	}
	doc["properties"] = p
}

// The life of a job.
var jobSteps = map[string]string{"Starting": "Queued", "Queued": "Running", "Running": "Completed", "CancelRequested": "Canceled"}

func startJob(c *call, r *resource, created bool) {
	if created {
		c.srv.nextJobStep(r, c.now)
	}
}

func (s *Server) nextJobStep(r *resource, now time.Time) {
	if s.opt.JobStep > 0 {
		s.store.schedule(&event{at: now.Add(s.opt.JobStep), kind: evJob, res: r})
	}
}

// moveJob takes a job to its next state.
func (s *Server) moveJob(r *resource, e *event) {
	doc := s.document(r)
	p := sub(doc, "properties")
	next := jobSteps[str(p, "status")]
	if next == "" {
		return
	}
	p["status"] = next
	props := ensure(p, "properties")
	switch next {
	case "Running":
		props["StartTimeUtc"] = e.at.UTC().Format("2006-01-02 15:04:05")
		props["ContentSnapshotId"] = guidOf("snapshot" + r.name)
		props["ProcessInfoFile"], props["ProcessStatusFile"] = "azureml-logs/process_info.json", "azureml-logs/process_status.json"
		ensure(p, "tags")["_aml_system_ComputeTargetStatus"] = `{"AllocationState":"steady","PreparingNodeCount":0,"RunningNodeCount":1,"CurrentNodeCount":1}`
	case "Completed", "Canceled":
		props["EndTimeUtc"] = e.at.UTC().Format("2006-01-02 15:04:05")
	}
	r.doc = encode(doc)
	if jobSteps[next] != "" {
		s.nextJobStep(r, e.at)
	}
}

// cancelJob is POST …/cancel: 202 and an operation; the job is Canceled when it ends.
func cancelJob(c *call) answer {
	p := sub(c.old, "properties")
	switch status := str(p, "status"); status {
	case "Completed", "Failed", "Canceled":
		return userError(http.StatusBadRequest, "Job "+c.name+" is in the terminal state "+status+" and cannot be canceled.").answer(c)
	}
	p["status"] = "CancelRequested"
	c.prev.doc = encode(c.old)
	op := c.newOperation("j", "Canceling", c.prev)
	c.srv.store.schedule(&event{at: op.End, kind: evJob, op: op.ID, res: c.prev})
	c.srv.store.log.put(c.prev)
	return c.withOperation(emptyAnswer(http.StatusAccepted), op)
}

func filterJob(c *call, r *resource) bool {
	jobType, tag, props := c.query("jobType"), c.query("tag"), c.query("properties")
	if jobType == "" && tag == "" && props == "" {
		return true
	}
	p := sub(c.srv.document(r), "properties")
	return (jobType == "" || strings.EqualFold(jobType, str(p, "jobType"))) && matchPairs(sub(p, "tags"), tag) && matchPairs(sub(p, "properties"), props)
}
