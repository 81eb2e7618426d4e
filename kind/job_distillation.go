package kind

import (
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// distillationJob is a fine-tuning whose data a larger model makes. The service
// has no fields for that: the reference client writes it into properties.
var distillationJob = &Variant{
	Name:     "distillation",
	Types:    []string{"distillation"},
	Schemas:  []string{"distillationJob"},
	Const:    []Const{{REST: "properties.jobType", Text: "FineTuning"}},
	Live:     isDistillation,
	Tell:     func(doc *asset.Value) bool { return typeIs(doc, "distillation") && doc.Has("data_generation_type") },
	Doc:      "One training of a small model with what a large one says.",
	Check:    checkDistillation,
	ToREST:   distillationToREST,
	FromREST: distillationFromREST,
	Fields: []Field{
		jobProperties,
		{YAML: "compute", As: Any{}, ReadOnly: true, Doc: "Taken and not sent, as the reference client does."},
		unsentServices,
		jobOutputsRow,
		{YAML: "data_generation_type", As: Words("label_generation", "label_generation", "data_generation", "data_generation"), Required: true, Change: Once, Doc: "Whether the large model answers questions that are there, or makes the questions too."},
		{YAML: "data_generation_task_type", As: Words("NLI", "NLI", "NLU_QA", "NLU_QA", "CONVERSATION", "CONVERSATION", "MATH", "MATH", "SUMMARIZATION", "SUMMARIZATION"), Required: true, Change: Once, Doc: "What the questions are about."},
		{YAML: "teacher_model_endpoint_connection", As: teacherConnection, Required: true, Change: Once, Doc: "The endpoint of the large model, and how to get in. The service keeps the key in a property of the job."},
		{YAML: "student_model", REST: tuningDetails + "model", As: studentModel{Shorthand{Key: "path", Object: tuningModel}}, Required: true, Change: Once, Doc: "The small model: an address, or a map with a path."},
		{YAML: "training_data", REST: tuningDetails + "trainingData", As: tuningData, Change: Once, Doc: "The questions; required for label_generation."},
		{YAML: "validation_data", REST: tuningDetails + "validationData", As: tuningData, Change: Once, Doc: "What the small model is checked with; required for label_generation."},
		{YAML: "teacher_model_settings", As: Obj(
			Field{YAML: "inference_parameters", As: Map{Of: pythonText{}}, Change: Once, Doc: "Parameters of each question, such as temperature."},
			Field{YAML: "endpoint_request_settings", As: Obj(requestSettings...), Change: Once, Doc: "How the endpoint is asked."},
		), Change: Once, Doc: "How the large model is asked."},
		{YAML: "prompt_settings", As: Obj(promptSettings...), Change: Once, Doc: "How the large model is told to answer."},
		{YAML: "hyperparameters", REST: tuningDetails + "hyperParameters", As: tuningTexts, Change: Once, Doc: "Texts by name."},
		{YAML: "resources", As: Obj(
			Field{YAML: "instance_type", As: Fold{}, Change: Once, Stays: true, Doc: "The size of the machine that asks."},
			Field{YAML: "instance_count", As: Int{}, Change: Once, Stays: true, Doc: "Taken and not sent, as the reference client does."},
			Field{YAML: "properties", As: Map{Of: Any{}}, Change: Once, Doc: "Taken and not sent, as the reference client does."},
		), Change: Once, Doc: "The machine that asks the large model."},
	},
}

var (
	requestSettings = []Field{
		{YAML: "request_batch_size", As: Int{}, Change: Once, Doc: "Questions at a time."},
		{YAML: "min_endpoint_success_ratio", As: Num{}, Change: Once, Doc: "The part of the questions that must be answered, 0 to 1."},
	}
	promptSettings = []Field{
		{YAML: "enable_chain_of_thought", As: Bool{}, Change: Once, Doc: "Have it think step by step; not for SUMMARIZATION."},
		{YAML: "enable_chain_of_density", As: Bool{}, Change: Once, Doc: "Have it condense step by step; for SUMMARIZATION."},
		{YAML: "max_len_summary", As: Int{}, Change: Once, Doc: "Words of a summary at most; for SUMMARIZATION."},
	}
)

// The properties that say what the service has no fields for.
const (
	enableDistillation = "azureml.enable_distillation"
	generationType     = "azureml.data_generation_type"
	generationTask     = "azureml.data_generation_task_type"
	teacherPrefix      = "azureml.teacher_model."
	teacherName        = teacherPrefix + "endpoint_name"
	teacherInfo        = "azureml.connection_information"
	generationSize     = "azureml.instance_type.data_generation"
)

// studentModel is a model, or its address as a text, which begins with
// azureml:. The normal form is the map.
type studentModel struct{ Shorthand }

func (t studentModel) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.IsScalar() && !strings.HasPrefix(v.Str(), "azureml:") {
		c.Badf(v, "bad_reference", "write azureml://registries/…, azureml:NAME:VERSION, or path: below the key", "%s does not refer to a model", sort(v))
		return nil
	}
	return t.Shorthand.Check(c, v)
}

func checkDistillation(c *Checker, v *asset.Value) {
	fillPorts(c, v)
	fileData(c, v, "training_data", "validation_data")
	if v.Get("data_generation_type").Str() != "label_generation" {
		return
	}
	for _, key := range []string{"training_data", "validation_data"} {
		if v.Get(key) == nil {
			c.in(key, func() { c.Badf(v, "missing_field", "add "+key+": and a path", "is missing: label_generation needs it") })
		}
	}
}

// distillationToREST writes the properties, whose values are all texts.
func distillationToREST(e *Encoder, v, rest *asset.Value) {
	jobToREST(e, v, rest)
	rest.SetPath(asset.NewString("ChatCompletion"), "properties", "fineTuningDetails", "taskType")
	rest.SetPath(asset.NewString("Custom"), "properties", "fineTuningDetails", "modelProvider")
	props := rest.GetPath("properties", "properties")
	if props.Type() != asset.Map {
		props = asset.NewMap()
		rest.SetPath(props, "properties", "properties")
	}
	set := func(key string, item *asset.Value) {
		if !item.IsNull() {
			props.Set(key, asset.NewString(item.Text()))
		}
	}
	teacher := v.Get("teacher_model_endpoint_connection")
	set(enableDistillation, asset.NewBool(true))
	set(generationTask, v.Get("data_generation_task_type"))
	set(teacherName, teacher.Get("name"))
	set(generationType, v.Get("data_generation_type"))
	set(teacherInfo, asset.NewString(pythonJSON(teacherInformation(e, teacher))))
	if prompt := v.Get("prompt_settings"); prompt != nil {
		for _, f := range promptSettings {
			item := prompt.Get(f.YAML)
			if _, truth := f.As.(Bool); truth && item.IsNull() {
				item = asset.NewBool(false)
			}
			set("azureml."+f.YAML, item)
		}
	}
	settings := v.Get("teacher_model_settings")
	for key, item := range settings.Get("inference_parameters").Entries() {
		set(teacherPrefix+key, item)
	}
	set("azureml.request_batch_size", settings.GetPath("endpoint_request_settings", "request_batch_size"))
	if ratio, ok := settings.GetPath("endpoint_request_settings", "min_endpoint_success_ratio").Float64(); ok {
		set("azureml.min_endpoint_success_ratio", asset.NewFloat(ratio))
	}
	set(generationSize, v.GetPath("resources", "instance_type"))
}

// distillationFromREST reads the properties and leaves them out.
func distillationFromREST(d *Decoder, rest, v *asset.Value) {
	jobFromREST(d, rest, v)
	plainProps := asset.NewMap()
	read := func(item *asset.Value, rows []Field, key string, path ...string) bool {
		f := fieldOf(rows, strings.TrimPrefix(key, "azureml."))
		if f == nil || !strings.HasPrefix(key, "azureml.") {
			return false
		}
		v.SetPath(f.As.Decode(d, item), append(path, f.YAML)...)
		return true
	}
	for key, item := range v.Get("properties").Entries() {
		switch name, teacher := strings.CutPrefix(key, teacherPrefix); {
		case key == enableDistillation || key == teacherName:
		case key == generationType:
			v.Set("data_generation_type", item)
		case key == generationTask:
			v.Set("data_generation_task_type", item)
		case key == teacherInfo:
			if info := ParseDocument(item.Text()); info.Type() == asset.Map {
				v.Set("teacher_model_endpoint_connection", teacherOf(info))
			}
		case key == generationSize:
			v.SetPath(item, "resources", "instance_type")
		case teacher:
			v.SetPath(item, "teacher_model_settings", "inference_parameters", name)
		case read(item, promptSettings, key, "prompt_settings"), read(item, requestSettings, key, "teacher_model_settings", "endpoint_request_settings"):
		default:
			plainProps.Set(key, item)
		}
	}
	if v.Delete("properties"); plainProps.Len() > 0 {
		v.Set("properties", plainProps)
	}
}

// teacherConnection is the connection to the large model: its endpoint with a
// key, or a connection of another type with credentials.
var teacherConnection = Pick{
	Name: "a connection: serverless, or one of " + strings.Join(teacherTypes.names(), ", "),
	Of: func(v *asset.Value) Type {
		typ := v.Get("type").Text()
		if _, other := teacherTypes.find(typ); other {
			return otherTeacher
		}
		if squash(typ) == "serverless" {
			return serverlessTeacher
		}
		return nil
	},
	OfREST: func(*asset.Value) Type { return nil },
	All:    []Type{serverlessTeacher, otherTeacher},
}

var teacherTypes = sameWords("git", "container_registry", "python_feed", "s3", "snowflake", "azure_sql_db", "azure_synapse_analytics",
	"azure_my_sql_db", "azure_postgres_db", "custom", "azure_data_lake_gen2")

// sameWords are Words that are spelled alike on both sides.
func sameWords(words ...string) Enum {
	var e Enum
	for _, w := range words {
		e.Words = append(e.Words, [2]string{w, w})
	}
	return e
}

var teacherHead = []Field{
	{YAML: "name", As: Str{}, Required: true, Change: Once, Doc: "The name of the endpoint."},
	{YAML: "id", As: Str{}, Change: Once, Doc: "The id of the connection."},
	{YAML: "description", As: Str{}, Change: Once, Doc: "What it is for."},
	{YAML: "tags", As: Map{Of: Any{}}, Change: Once, Doc: "Tags of the connection."},
	{YAML: "metadata", As: Map{Of: Any{}}, Change: Once, Doc: "The same as tags."},
	{YAML: "is_shared", As: Bool{}, Change: Once, Doc: "Whether others of the hub may use it; true if not given."},
	{YAML: "creation_context", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
}

var (
	serverlessTeacher = Obj(slices.Concat([]Field{{YAML: "type", As: sameWords("serverless"), Required: true, Change: Once, Doc: "serverless for a serverless endpoint."}}, teacherHead, []Field{
		{YAML: "endpoint", As: Str{}, Required: true, Change: Once, Doc: "The address of the endpoint."},
		{YAML: "api_key", As: Str{}, Required: true, Secret: true, Change: Once, Doc: "The key of the endpoint."},
		{YAML: "target", As: Str{}, Change: Once, Doc: "Taken and not sent: endpoint says it."},
		{YAML: "credentials", As: Any{}, ReadOnly: true, Doc: "Taken and not sent: api_key says it."},
	})...)
	otherTeacher = Obj(slices.Concat([]Field{{YAML: "type", As: teacherTypes, Required: true, Change: Once, Doc: "What is connected."}}, teacherHead, []Field{
		{YAML: "target", As: Str{}, Required: true, Change: Once, Doc: "The address of the endpoint."},
		{YAML: "credentials", As: teacherCredentials, Change: Once, Doc: "How to get in; none if not given."},
	})...)
	teacherCredentials = byType("credentials with a type", "type", map[string]Type{
		"pat":              credentialsOf("pat", "pat!"),
		"sas":              credentialsOf("sas", "sas_token!"),
		"usernamepassword": credentialsOf("username_password", "username", "password!"),
		"managedidentity":  credentialsOf("managed_identity", "client_id?", "resource_id?"),
		"serviceprincipal": credentialsOf("service_principal", "client_id", "client_secret!", "tenant_id"),
		"accesskey":        credentialsOf("access_key", "access_key_id", "secret_access_key!"),
		"apikey":           credentialsOf("api_key", "key!"),
		"accountkey":       credentialsOf("account_key", "account_key!"),
		"aad":              credentialsOf("aad"),
		"none":             credentialsOf("none"),
	})
)

// credentialsOf are the rows of one type of credentials: ! marks a secret and
// ? what need not be there.
func credentialsOf(typ string, keys ...string) Object {
	rows := []Field{{YAML: "type", As: sameWords(typ), Required: true, Change: Once, Doc: "How to get in."}}
	for _, key := range keys {
		name := strings.TrimRight(key, "!?")
		rows = append(rows, Field{YAML: name, As: Str{}, Required: !strings.HasSuffix(key, "?"), Secret: strings.HasSuffix(key, "!"), Change: Once, Doc: "For type " + typ + "."})
	}
	return Obj(rows...)
}

// teacherInformation is what the reference client writes of the connection, in
// its order. Tags and metadata are one.
func teacherInformation(e *Encoder, v *asset.Value) *asset.Value {
	out := asset.NewMap()
	for _, key := range []string{"name", "id", "description"} {
		if item := v.Get(key); !item.IsNull() {
			out.Set(key, item)
		}
	}
	tags := asset.NewMap()
	for _, from := range []string{"tags", "metadata"} {
		for key, item := range v.Get(from).Entries() {
			tags.Set(key, item)
		}
	}
	shared := asset.NewBool(true)
	if item := v.Get("is_shared"); !item.IsNull() {
		shared = item
	}
	credentials, target := asset.NewMap(), v.Get("target")
	serverless := v.Get("type").Str() == "serverless"
	switch given := v.Get("credentials"); {
	case serverless:
		target = v.Get("endpoint")
		credentials.Set("type", asset.NewString("api_key"))
		if key := v.Get("api_key"); !key.IsNull() {
			credentials.Set("key", e.text(key))
		}
	case given.IsNull() || given.Get("type").Str() == "none":
		credentials.Set("type", asset.NewString("none"))
		if v.Get("type").Str() == "azure_data_lake_gen2" {
			credentials.Set("type", asset.NewString("aad"))
		}
	default:
		for key, item := range given.Entries() {
			credentials.Set(key, e.text(item))
		}
	}
	out.Set("tags", tags).Set("type", v.Get("type")).Set("target", target).Set("credentials", credentials).Set("is_shared", shared).Set("metadata", tags)
	if serverless {
		if key := v.Get("api_key"); !key.IsNull() {
			out.Set("api_key", e.text(key))
		}
		out.Set("endpoint", target)
	}
	return out
}

// teacherOf reads it back, without what is secret.
func teacherOf(info *asset.Value) *asset.Value {
	rows := otherTeacher.Fields
	if info.Get("type").Str() == "serverless" {
		rows = serverlessTeacher.Fields
	}
	v := asset.NewMap()
	for _, f := range rows {
		item := info.Get(f.YAML)
		empty := item.Type() == asset.Map && item.Len() == 0
		if f.Secret || f.ReadOnly || item.IsNull() || empty || f.YAML == "metadata" || f.YAML == "is_shared" && item.Bool() || f.YAML == "target" && info.Has("endpoint") {
			continue
		}
		if pick, ok := f.As.(Pick); ok {
			item = publicCredentials(pick, item)
		}
		v.Set(f.YAML, item)
	}
	return v
}

func publicCredentials(pick Pick, v *asset.Value) *asset.Value {
	out := asset.NewMap()
	if t, ok := pick.Of(v).(Object); ok {
		for _, f := range t.Fields {
			if item := v.Get(f.YAML); !f.Secret && !item.IsNull() {
				out.Set(f.YAML, item)
			}
		}
	}
	return out
}
