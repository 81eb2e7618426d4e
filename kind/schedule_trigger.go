package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

// trigger is a cron expression or a recurrence. The rows are those of both,
// so that a change of one leaves alone what the service has filled in.
var trigger = Object{
	After: checkTrigger,
	Fields: []Field{
		{YAML: "type", REST: "triggerType", As: word{Words("cron", "Cron", "recurrence", "Recurrence")}, Required: true, Doc: "cron or recurrence."},
		{YAML: "expression", REST: "expression", As: Str{}, Doc: "The expression, for type cron: minute, hour, day of the month, month, day of the week."},
		{YAML: "frequency", REST: "frequency", As: wordOf("minute", "hour", "day", "week", "month"), Doc: "The unit of the interval, for type recurrence."},
		{YAML: "interval", REST: "interval", As: Int{}, Doc: "How many units lie between two runs, for type recurrence."},
		{YAML: "schedule", REST: "schedule", As: Obj(
			Field{YAML: "hours", REST: "hours", As: List{Of: Int{}, Single: true}, Required: true, Doc: "The hours of the day: one or a list."},
			Field{YAML: "minutes", REST: "minutes", As: List{Of: Int{}, Single: true}, Required: true, Doc: "The minutes of the hour: one or a list."},
			Field{YAML: "week_days", REST: "weekDays", As: List{Of: wordOf("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), Single: true}, Doc: "The days of the week: one or a list."},
			Field{YAML: "month_days", REST: "monthDays", As: List{Of: Int{}, Single: true}, Doc: "The days of the month: one or a list."},
		), Doc: "The times within the interval, for type recurrence."},
		{YAML: "start_time", REST: "startTime", As: moment{}, Doc: "When it begins, in the time zone; the service fills in the next minute."},
		{YAML: "end_time", REST: "endTime", As: moment{}, Doc: "When it ends, in the time zone."},
		{YAML: "time_zone", REST: "timeZone", As: Str{}, Send: asset.NewString("UTC"), Service: asset.NewString("UTC"), Doc: "The Windows name of the time zone, such as Pacific Standard Time."},
	},
}

// ofTrigger are the fields of one type of trigger only, and whether it needs them.
var ofTrigger = map[string]map[string]bool{
	"cron":       {"expression": true},
	"recurrence": {"frequency": true, "interval": true, "schedule": false},
}

func checkTrigger(c *Checker, v *asset.Value) {
	typ := v.Get("type").Str()
	for other, fields := range ofTrigger {
		for _, key := range sortedKeys(fields) {
			item := v.Get(key)
			switch {
			case typ == "":
			case other != typ && item != nil:
				c.in(key, func() { c.Badf(item, "unknown_field", "remove it", "is for type %s only", other) })
			case other == typ && item == nil && fields[key]:
				c.in(key, func() { c.Badf(v, "missing_field", "add "+key+": as type "+typ+" needs it", "is missing") })
			}
		}
	}
	if zone := v.Get("time_zone"); strings.Contains(zone.Str(), "/") {
		c.in("time_zone", func() {
			c.warn(zone.Pos(), "bad_value", "write a Windows name, such as Pacific Standard Time", "%q is no name of a time zone that the service knows", zone.Str())
		})
	}
}

// finishTrigger takes out what belongs to the other type of trigger, in a body
// that is changed, and sends empty times of a recurrence that has none, as the
// reference client does.
func finishTrigger(rest *asset.Value) {
	t := rest.GetPath("properties", "trigger")
	typ := squash(t.Get("triggerType").Str())
	for other, fields := range ofTrigger {
		for key := range fields {
			if other != typ && t.Has(key) {
				t.Delete(key)
			}
		}
	}
	if typ == "recurrence" && t.Get("schedule").IsNull() {
		t.Set("schedule", asset.NewMap().Set("hours", asset.NewList()).Set("minutes", asset.NewList()))
	}
}
