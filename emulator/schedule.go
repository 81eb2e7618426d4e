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
		check: checkSchedule, fill: fillSchedule, done: startSchedule, view: viewSchedule, filter: filterSchedule,
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
	if sub(c.props, "trigger") == nil || sub(c.props, "action") == nil {
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "Properties 'trigger' and 'action' are required."})
	}
	def := sub(sub(c.props, "action"), "jobDefinition")
	ids := jobReferences(def)
	if source := str(def, "sourceJobId"); source != "" {
		ids = append(ids, source)
	}
	for _, id := range ids {
		if bad := c.dependency(id); bad != nil {
			return bad
		}
	}
	return nil
}

func fillSchedule(_ *call, doc obj) {
	p := sub2(doc)
	def := sub(sub(p, "action"), "jobDefinition")
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
	def["status"] = "NotStarted"
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
