package emulator

import (
	"net/http"
	"strings"
	"time"
)

var frequency = oneOf("Minute", "Hour", "Day", "Week", "Month")

func scheduleKind() *definition {
	return &definition{
		collection: "schedules", label: "Schedule", op: "s", deleteOp: true, updated: 201, service: mfeSchedule, system: sysFull, missing: notFoundNamed,
		check: checkSchedule, fill: fillSchedule, done: startSchedule, view: viewSchedule, filter: filterSchedule, refuse: refuseEnabled,
		fields: []field{
			{name: "displayName"},
			{name: "description"},
			{name: "tags", def: emptyMap{}, norm: stringMap},
			{name: "properties", def: emptyMap{}, norm: stringMap},
			{name: "isEnabled", def: true},
			{name: "trigger", fields: []field{
				{name: "triggerType", norm: oneOf("Cron", "Recurrence")},
				{name: "expression", def: omit},
				{name: "frequency", def: omit, norm: frequency},
				{name: "interval", def: omit},
				{name: "schedule", def: omit, fields: []field{
					{name: "hours", def: emptyList{}},
					{name: "minutes", def: emptyList{}},
					{name: "weekDays", norm: weekDays},
					{name: "monthDays"},
				}},
				{name: "startTime"},
				{name: "endTime"},
				{name: "timeZone", def: "UTC"},
			}},
			{name: "action", object: true},
			{name: "provisioningState", def: "Succeeded", norm: always("Succeeded")},
		},
	}
}

func weekDays(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	day := oneOf("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
	out := make([]any, len(list))
	for i, d := range list {
		out[i] = day(d)
	}
	return out
}

func checkSchedule(c *call) *refusal {
	action := sub(c.props, "action")
	if sub(c.props, "trigger") == nil || action == nil {
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "Properties 'trigger' and 'action' are required."})
	}
	def := sub(action, "jobDefinition")
	ids := append(jobReferences(def), monitorReferences(sub(action, "monitorDefinition"))...)
	if source := str(def, "sourceJobId"); source != "" {
		if bad := jobsOverride(c, def); bad != nil {
			return bad
		}
		ids = append(ids, c.sourceJob(source))
	}
	for _, id := range ids {
		if bad := c.dependency(id); bad != nil {
			return bad
		}
	}
	return nil
}

// jobsOverride refuses a copy of a job that has steps of its own (reported in azure-sdk-for-python#40288).
func jobsOverride(c *call, def obj) *refusal {
	if len(sub(def, "jobs")) == 0 {
		return nil
	}
	verb := "created"
	if c.prev != nil {
		verb = "updated"
	}
	f := userError(http.StatusBadRequest, `The schedule "`+c.name+`" could not be `+verb+`. Failure reason: UserError, Invalid trigger definition, details: `+
		"Invalid jobs override for pipeline job since source job "+str(def, "sourceJobId")+" is specified.")
	f.inner = []string{"BadArgument", "ArgumentInvalid", "InvalidPipelineJob", "InvalidJobsOverride"}
	return f
}

// sourceJob is the resource id of a job that is given by its name.
func (c *call) sourceJob(source string) string {
	if strings.Contains(source, "/") {
		return source
	}
	return c.scope.id() + "/jobs/" + source
}

// monitorReferences are the resources that a monitor reads.
func monitorReferences(def obj) []string {
	return textsAt(def, "uri", "deploymentId", "modelId", "preprocessingComponentId")
}

// fillSchedule completes the action. What cannot be changed is kept: the display name (the specification says so).
func fillSchedule(c *call, doc obj) {
	p := sub2(doc)
	if c.prev != nil {
		p["displayName"] = c.oldProps()["displayName"]
	}
	action := sub(p, "action")
	action["actionType"] = oneOf("CreateJob", "CreateMonitor", "ImportData")(action["actionType"])
	if def := sub(action, "monitorDefinition"); def != nil {
		fillMonitor(def)
	}
	if def := sub(action, "dataImportDefinition"); def != nil {
		fillImport(def)
	}
	def := sub(action, "jobDefinition")
	if def == nil {
		return
	}
	for _, k := range []string{"description", "displayName", "computeId", "componentId", "identity", "services", "notificationSetting", "sourceJobId", "settings", "jobs"} {
		if def[k] == nil {
			def[k] = nil
		}
	}
	for _, k := range []string{"tags", "properties", "inputs", "outputs"} {
		ensure(def, k)
	}
	if def["isArchived"] == nil {
		def["isArchived"] = false
	}
	if source := str(def, "sourceJobId"); source != "" {
		def["sourceJobId"] = c.sourceJob(source)
		if str(def, "experimentName") == "" {
			def["experimentName"] = "Default"
		}
	}
	def["status"] = "NotStarted"
}

// fillMonitor writes the words of a monitor as the specification does, and says what was not said (inferred from the
// specification: no monitor was recorded).
func fillMonitor(def obj) {
	if t := sub(def, "monitoringTarget"); t != nil {
		t["taskType"] = oneOf("Classification", "Regression", "QuestionAnswering")(t["taskType"])
		nulls(t, "deploymentId", "modelId")
	}
	nulls(def, "monitoringTarget", "alertNotificationSetting")
	word := oneOf("JensenShannonDistance", "NormalizedWassersteinDistance", "PopulationStabilityIndex", "TwoSampleKolmogorovSmirnovTest", "PearsonsChiSquaredTest",
		"NullValueRate", "DataTypeErrorRate", "OutOfBoundsRate", "NormalizedDiscountedCumulativeGain")
	context := oneOf("ModelInputs", "ModelOutputs", "Training", "Test", "Validation", "GroundTruth")
	var walk func(v any)
	walk = func(v any) {
		switch t := v.(type) {
		case []any:
			for _, e := range t {
				walk(e)
			}
		case obj:
			if t["metric"] != nil {
				t["metric"] = word(t["metric"])
				nulls(t, "threshold")
			}
			if t["inputDataType"] != nil {
				t["dataContext"] = context(t["dataContext"])
				nulls(t, "columns", "preprocessingComponentId")
			}
			for _, e := range t {
				walk(e)
			}
		}
	}
	for _, e := range sub(def, "signals") {
		if signal, ok := e.(obj); ok {
			nulls(signal, "properties", "features", "featureDataTypeOverride", "dataSegment")
			walk(signal)
		}
	}
}

func fillImport(def obj) {
	nulls(def, "description", "autoDeleteSetting", "intellectualProperty", "stage")
	ensure(def, "tags")
	ensure(def, "properties")
	if source := sub(def, "source"); source != nil {
		nulls(source, "connection")
	}
}

// nulls says that o has no such members.
func nulls(o obj, keys ...string) {
	for _, k := range keys {
		if o[k] == nil {
			o[k] = nil
		}
	}
}

// refuseEnabled: a schedule must be disabled before it is deleted (learn.microsoft.com, how-to-schedule-pipeline-job).
func refuseEnabled(c *call, r *resource) *refusal {
	if !isTrue(sub(c.srv.document(r), "properties"), "isEnabled") {
		return nil
	}
	return userError(http.StatusBadRequest, "The schedule "+r.name+" is enabled. A schedule must be disabled before it can be deleted.")
}

// startSchedule: a schedule without a start starts with the next minute (recorded 2023-10). A time that was sent stays
// as it was written.
func startSchedule(s *Server, _ *resource, doc obj) {
	if t := sub(sub(doc, "properties"), "trigger"); t != nil && t["startTime"] == nil {
		t["startTime"] = s.opt.Now().UTC().Truncate(time.Minute).Add(time.Minute).Format("2006-01-02T15:04:05")
	}
}

// viewSchedule: the answer of a PUT has only properties, that of a GET also name and systemData (recorded 2023-10).
// Items of lists are whole.
func viewSchedule(c *call, _ *resource, doc obj, _ string) obj {
	switch {
	case c.name == "" || c.coll.def.collection != "schedules": // a list, or the result of an operation
		return doc
	case c.req.Method == http.MethodPut:
		return obj{"properties": doc["properties"]}
	}
	delete(doc, "id")
	delete(doc, "type")
	return doc
}

func filterSchedule(c *call, r *resource) bool {
	want := strings.ToLower(c.query("listViewType"))
	if want == "all" || want == "" {
		return true
	}
	enabled := isTrue(sub(c.srv.document(r), "properties"), "isEnabled")
	return enabled == (want != "disabledonly")
}
