package kind

import "mlsync.dev/mlsync/asset"

var featureSet = &Table{
	Kind:         "feature-set",
	Plural:       "feature-sets",
	Collection:   "featuresets",
	Versioned:    true,
	NeedVersion:  true,
	Names:        serviceName,
	Tags:         "properties.tags",
	Remove:       Archive,
	ArchiveStage: true,
	Promotable:   true,
	Doc:          "Features of one source: where the data comes from, how features are made of it, and when they are stored.",
	Variants: []*Variant{{
		Schemas: []string{"featureSet"},
		Tell:    func(doc *asset.Value) bool { return hasAll(doc, "name", "specification", "entities") },
		Inspect: inspectFeatureSpec,
		ToREST:  sendFeatureSet,
	}},
	Fields: []Field{
		{YAML: "description", REST: "properties.description", As: Str{}, Doc: "What it is."},
		{YAML: "tags", REST: "properties.tags", As: textTags, Send: asset.NewMap(), Doc: "Free labels."},
		{YAML: "entities", REST: "properties.entities", As: List{Of: Ref{To: "feature-store-entity", Verbatim: true}}, Required: true, Change: NewVersion, Doc: "What its rows are about. The service gets the references as they are written."},
		{YAML: "specification", REST: "properties.specification", Required: true, As: Obj(
			Field{YAML: "path", REST: "path", As: featureSpecPath, Required: true, Change: NewVersion, Doc: "A folder with a file FeatureSetSpec.yaml, which is uploaded, or an address. The file is sent as properties, too, if the folder is local."},
		), Doc: "Where the features are defined."},
		{YAML: "stage", REST: "properties.stage", As: featureStage, Send: asset.NewString("Development"), Service: asset.NewString("Development"), Stays: true, Doc: "How far it has come."},
		{YAML: "materialization_settings", REST: "properties.materializationSettings", As: materialization, Stays: true, Doc: "When and on what features are computed and stored."},
		{YAML: "latest_version", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
	},
}

// featureSpecPath is uploaded without an ignore file of its own: the reference
// client writes one with these lines into the folder before it looks at it.
var featureSpecPath = func() Local {
	l := storePath(true)
	l.Ignore = []string{".*", "*.amltmp", "*.amltemp"}
	return l
}()

var materialization = Object{
	Fields: []Field{
		{YAML: "schedule", REST: "schedule", As: materializationTrigger, Doc: "When it is repeated."},
		{YAML: "notification", REST: "notification", As: Obj(
			Field{YAML: "email_on", REST: "emailOn", As: List{Of: Exactly("JobCompleted", "JobFailed", "JobCancelled")}, Required: true, Doc: "What is told."},
			Field{YAML: "emails", REST: "emails", As: List{Of: Str{}}, Required: true, Doc: "Who is told."},
		), Doc: "Who gets mail of it."},
		{YAML: "resource", REST: "resource", As: Obj(
			Field{YAML: "instance_type", REST: "instanceType", As: Fold{}, Required: true, Doc: "The size of the machines."},
		), Doc: "What it runs on."},
		{YAML: "spark_configuration", REST: "sparkConfiguration", As: Map{Of: pythonText{}, Nulls: true}, Doc: "Settings of Spark; values are sent as texts."},
		{YAML: "offline_enabled", As: Bool{}, Doc: "Stores the features in the offline store; not, if it is not said."},
		{YAML: "online_enabled", As: Bool{}, Doc: "Stores the features in the online store; not, if it is not said."},
	},
	// What is not said is off for the reference client, not left alone.
	After: func(_ *Checker, v *asset.Value) {
		for _, key := range []string{"offline_enabled", "online_enabled"} {
			if !v.Has(key) {
				v.Set(key, asset.NewBool(false))
			}
		}
	},
	ToREST: func(_ *Encoder, v, rest *asset.Value) {
		rest.Set("storeType", asset.NewString(storeTypes[[2]bool{v.Get("offline_enabled").Bool(), v.Get("online_enabled").Bool()}]))
	},
	FromREST: func(_ *Decoder, rest, v *asset.Value) {
		for stores, name := range storeTypes {
			if squash(name) == squash(rest.Get("storeType").Str()) {
				v.Set("offline_enabled", asset.NewBool(stores[0])).Set("online_enabled", asset.NewBool(stores[1]))
			}
		}
	},
}

// storeTypes are the words for the stores that are enabled, offline and online.
var storeTypes = map[[2]bool]string{{true, true}: "OnlineAndOffline", {true, false}: "Offline", {false, true}: "Online", {false, false}: "None"}

var materializationTrigger = Obj(
	Field{YAML: "type", REST: "triggerType", As: Words("recurrence", "Recurrence"), Required: true, Doc: "The only sort there is."},
	Field{YAML: "frequency", REST: "frequency", As: Words("minute", "minute", "hour", "hour", "day", "day", "week", "week", "month", "month"), Required: true, Doc: "The unit of the interval."},
	Field{YAML: "interval", REST: "interval", As: Int{}, Required: true, Doc: "How many units lie between."},
	Field{YAML: "schedule", REST: "schedule", Send: asset.NewMap().Set("hours", asset.NewList()).Set("minutes", asset.NewList()), As: Obj(
		Field{YAML: "hours", REST: "hours", As: List{Of: Int{}, Single: true}, Required: true, Doc: "The hours of the day."},
		Field{YAML: "minutes", REST: "minutes", As: List{Of: Int{}, Single: true}, Required: true, Doc: "The minutes of the hour."},
		Field{YAML: "week_days", REST: "weekDays", As: List{Of: weekDay, Single: true}, Doc: "The days of the week."},
		Field{YAML: "month_days", REST: "monthDays", As: List{Of: Int{}, Single: true}, Doc: "The days of the month."},
	), Doc: "The hours, minutes and days."},
	Field{YAML: "start_time", REST: "startTime", As: isoTime{}, Doc: "When it begins, in quotes and without an offset."},
	Field{YAML: "end_time", REST: "endTime", As: isoTime{}, Doc: "When it ends."},
	triggerZone,
)

// sendFeatureSet adds the properties that inspectFeatureSpec has made of the
// file, and the state that all versions of assets are sent with.
func sendFeatureSet(e *Encoder, v, rest *asset.Value) {
	if spec := v.Get(featureSpecText); spec != nil {
		rest.SetPath(asset.NewString("1"), "properties", "properties", "featuresetPropertiesVersion")
		rest.SetPath(spec, "properties", "properties", "featuresetProperties")
	}
	sendAssetState(e, v, rest)
}
