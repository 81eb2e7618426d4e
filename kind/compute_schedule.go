package kind

import "mlsync.dev/mlsync/asset"

// startStop is one entry of the schedules of a compute instance. Its trigger
// is one object in the file; on the wire its kind is beside it and once more
// inside.
var startStop = Object{
	Fields: []Field{
		{YAML: "action", REST: "action", As: Words("start", "start", "stop", "stop"), Required: true, Doc: "What happens."},
		{YAML: "state", REST: "status", As: Words("enabled", "enabled", "disabled", "disabled"), Service: asset.NewString("enabled"), Doc: "Whether it happens."},
		{YAML: "trigger", REST: "trigger", As: computeTrigger, Doc: "When it happens."},
		{YAML: "schedule_id", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "provisioning_state", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
	},
	ToREST: func(_ *Encoder, _, rest *asset.Value) {
		if !rest.Has("status") {
			rest.Set("status", asset.NewString("Enabled"))
		}
		trigger := rest.Get("trigger")
		rest.Delete("trigger")
		switch trigger.Get("triggerType").Str() {
		case "Cron":
			rest.Set("triggerType", asset.NewString("Cron")).Set("cron", trigger)
		case "Recurrence":
			rest.Set("triggerType", asset.NewString("Recurrence")).Set("recurrence", trigger)
		}
	},
	FromREST: func(d *Decoder, rest, v *asset.Value) {
		for _, t := range []struct {
			key, name string
			obj       Object
		}{{"cron", "cron", cronTrigger}, {"recurrence", "recurrence", recurrenceTrigger}} {
			if inner := rest.Get(t.key); inner.Type() == asset.Map && squash(rest.Get("triggerType").Str()) == t.name {
				if got := t.obj.Decode(d, inner); got != nil {
					v.Set("trigger", got.Set("type", asset.NewString(t.name)))
				}
			}
		}
	},
}

var computeTrigger = Pick{
	Name: "a cron or recurrence trigger",
	Of: func(v *asset.Value) Type {
		switch squash(v.Get("type").Str()) {
		case "cron":
			return cronTrigger
		case "recurrence":
			return recurrenceTrigger
		}
		return nil
	},
	OfREST: func(*asset.Value) Type { return nil },
	All:    []Type{cronTrigger, recurrenceTrigger},
}

var cronTrigger = Obj(
	Field{YAML: "type", REST: "triggerType", As: Words("cron", "Cron"), Required: true, Doc: "A cron expression."},
	Field{YAML: "expression", REST: "expression", As: Str{}, Required: true, Doc: "The cron expression."},
	triggerStart, triggerZone,
)

var recurrenceTrigger = Obj(
	Field{YAML: "type", REST: "triggerType", As: Words("recurrence", "Recurrence"), Required: true, Doc: "An interval."},
	Field{YAML: "frequency", REST: "frequency", As: Words("minute", "minute", "hour", "hour", "day", "day", "week", "week", "month", "month"), Required: true, Doc: "The unit of the interval."},
	Field{YAML: "interval", REST: "interval", As: Int{}, Required: true, Doc: "How many units lie between."},
	Field{YAML: "schedule", REST: "schedule", Send: asset.NewMap(), As: Obj(
		Field{YAML: "hours", REST: "hours", As: List{Of: Int{}}, Send: asset.NewList(), Doc: "The hours of the day."},
		Field{YAML: "minutes", REST: "minutes", As: List{Of: Int{}}, Send: asset.NewList(), Doc: "The minutes of the hour."},
		Field{YAML: "week_days", REST: "weekDays", As: List{Of: weekDay}, Doc: "The days of the week."},
	), Doc: "The hours, minutes and days."},
	triggerStart, triggerZone,
)

var weekDay = Words("monday", "monday", "tuesday", "tuesday", "wednesday", "wednesday", "thursday", "thursday", "friday", "friday", "saturday", "saturday", "sunday", "sunday")

var (
	triggerStart = Field{YAML: "start_time", REST: "startTime", As: Str{}, Doc: "When the plan begins, without an offset."}
	triggerZone  = Field{YAML: "time_zone", REST: "timeZone", As: Str{}, Send: asset.NewString("UTC"), Service: asset.NewString("UTC"), Doc: "The Windows name of the time zone."}
)
