package kind

import (
	"regexp"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// connection is an address outside the workspace and how to get in there.
//
// Its stamps are in the metadata. The service answers null for tags, whatever
// was sent, and keeps metadata as they are (recorded 2026-03); the reference
// client takes tags: for another name of metadata:, too.
var connection = &Table{
	Kind:       "connection",
	Plural:     "connections",
	Collection: "connections",
	Names:      NameRule{Pattern: `[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}`, Text: "use 3 to 33 letters, digits, dashes and underscores, the first a letter or digit", Warn: true},
	Tags:       "properties.metadata",
	Patchable:  true,
	Remove:     Confirm,
	Costly:     true,
	NeedType:   true,
	ExactType:  true,
	Doc:        "An address outside the workspace, and how to get in.",
	Variants:   connectionVariants(),
	Fields: []Field{
		{YAML: "description", As: Str{}, Change: Once, Doc: "Read and not sent, as the reference client does."},
		{YAML: "tags", As: connectionMetadata, Doc: "An older name of metadata, which wins where both have a key."},
		{YAML: "is_shared", REST: "properties.isSharedToAll", As: Bool{}, Send: asset.NewBool(true), Service: asset.NewBool(true), Doc: "Whether all projects of the hub see it."},
		{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "creation_context", As: Any{}, ReadOnly: true, Doc: "Set by the service."},
	},
}

// connectionMetadata are texts; the client makes texts of other values.
var connectionMetadata = metadataWithout()

// metadataWithout is a map of metadata in which the keys have a field of
// their own, or are the service's.
func metadataWithout(keys ...string) Map {
	return Map{Of: pythonText{}, Nulls: true, Owned: true, Drop: func(key string) bool {
		return strings.HasPrefix(key, StampPrefix) || slices.Contains(keys, key)
	}}
}

// connectionForm is what tells the types of connections apart.
type connectionForm struct {
	name, category, doc string
	auth                authentication
	// apiKey says that the file holds the key in api_key: always, if the
	// authentication has one type only.
	apiKey bool
	// target is the field that holds the address; needed if it must be there.
	target       string
	targetNeeded bool
	// metadata are the keys that the client or the service writes.
	metadata []string
	fields   []Field
	consts   []Const // members that say the type, beside the category
	check    func(c *Checker, v *asset.Value)
	toREST   func(v, rest *asset.Value)
	fromREST func(rest, v *asset.Value)
}

var (
	openAuth = authentication{sorts: anyAuth, silent: "none"}
	keyOrAAD = authentication{
		sorts: []authSort{authKey, authAAD}, silent: "aad",
		taken: []authSort{authPat, authSas, authPassword, authManaged, authPrincipal, authAccess, authAccount, authNone},
	}
	keyOnly  = authentication{sorts: []authSort{authKey}, silent: "api_key"}
	blobAuth = authentication{sorts: []authSort{authSas, authAccount, authAAD}, silent: "aad"}
	lakeAuth = authentication{sorts: []authSort{authPrincipal, authAAD}, silent: "aad"}
	// The service keeps aad of stores as None.
	adlsAuth = authentication{sorts: []authSort{authPrincipal, authAAD, authManaged}, silent: "aad", taken: []authSort{authNone}}
)

// connectionForms are all forms, in the order of the docs.
var connectionForms = slices.Concat(plainConnections(), storeConnections(), serviceConnections(), keyConnections())

func connectionVariants() []*Variant {
	var out []*Variant
	for _, f := range connectionForms {
		out = append(out, f.variant())
	}
	return out
}

// plainConnections are those that have no fields of their own.
func plainConnections() []connectionForm {
	var out []connectionForm
	for _, f := range [][3]string{
		{"git", "Git", "A git server."},
		{"container_registry", "ContainerRegistry", "A registry of images."},
		{"python_feed", "PythonFeed", "A feed of Python packages."},
		{"s3", "S3", "A bucket of S3."},
		{"snowflake", "Snowflake", "A Snowflake database."},
		{"azure_sql_db", "AzureSqlDb", "An Azure SQL database."},
		{"azure_synapse_analytics", "AzureSynapseAnalytics", "An Azure Synapse workspace."},
		{"azure_my_sql_db", "AzureMySqlDb", "An Azure database of MySQL."},
		{"azure_postgres_db", "AzurePostgresDb", "An Azure database of PostgreSQL."},
		{"custom", "CustomKeys", "Any other service."},
	} {
		out = append(out, connectionForm{name: f[0], category: f[1], doc: f[2], auth: openAuth, target: "target", targetNeeded: true})
	}
	return out
}

// storeConnections are those to storage.
func storeConnections() []connectionForm {
	return []connectionForm{
		{name: "azure_data_lake_gen2", category: "ADLSGen2", doc: "A data lake of the second generation.", auth: adlsAuth, target: "target", targetNeeded: true},
		{
			name: "azure_blob", category: "AzureBlob", doc: "A container of blobs.", auth: blobAuth, target: "url", targetNeeded: true,
			metadata: []string{"AccountName", "ContainerName"},
			fields: []Field{
				{YAML: "account_name", REST: "properties.metadata.AccountName", As: Str{}, Required: true, Doc: "The storage account."},
				{YAML: "container_name", REST: "properties.metadata.ContainerName", As: Str{}, Required: true, Doc: "The container."},
			},
		},
		{
			name: "azure_one_lake", category: "AzureOneLake", doc: "A lake house of Microsoft Fabric.", auth: lakeAuth, target: "target",
			check: checkLake, toREST: lakeToREST, fromREST: lakeFromREST,
			fields: []Field{
				{YAML: "endpoint", As: Str{}, Required: true, Doc: "The host of OneLake."},
				{YAML: "one_lake_workspace_name", As: Str{}, Doc: "The name of the Fabric workspace; needed without target."},
				{YAML: "artifact", As: unsent{Obj(
					Field{YAML: "type", As: Words("lake_house", "lake_house"), Required: true, Doc: "The only sort there is."},
					Field{YAML: "name", As: Str{}, Required: true, Doc: "The lake house."},
				)}, Nullable: true, Doc: "What is in the workspace; needed without target."},
			},
		},
	}
}

// serviceConnections are those to services of Azure, by key or by the
// identity of whoever uses them.
func serviceConnections() []connectionForm {
	resource := Field{YAML: "ai_services_resource_id", REST: "properties.metadata.ResourceId", As: Str{}, Required: true, Doc: "The resource id of the service."}
	form := func(name, category, target, doc string) connectionForm {
		return connectionForm{name: name, category: category, doc: doc, auth: keyOrAAD, apiKey: true, target: target, targetNeeded: true}
	}
	openAI := form("azure_open_ai", "AzureOpenAi", "azure_endpoint", "A service of Azure OpenAI.")
	openAI.metadata = []string{"ApiVersion", "ApiType", "ResourceId", "DeploymentApiVersion"}
	openAI.fields = []Field{
		{YAML: "api_version", REST: "properties.metadata.ApiVersion", As: Str{}, Nullable: true, Doc: "The version of its API."},
		{YAML: "open_ai_resource_id", REST: "properties.metadata.ResourceId", As: Str{}, Nullable: true, Doc: "The resource id of the service."},
	}
	openAI.toREST = func(_, rest *asset.Value) {
		if m := rest.GetPath("properties", "metadata"); m.Get("ApiType").IsNull() {
			rest.SetPath(asset.NewString("Azure"), "properties", "metadata", "ApiType")
		}
	}
	services := form("azure_ai_services", "AIServices", "endpoint", "The services of Azure AI.")
	services.metadata, services.fields = []string{"ResourceId"}, []Field{resource}
	safety := form("azure_content_safety", "CognitiveService", "endpoint", "The content safety of Azure AI.")
	safety.metadata, safety.consts = []string{"Kind"}, []Const{{"properties.metadata.Kind", "Content Safety"}}
	speech := form("azure_speech_services", "CognitiveService", "endpoint", "The speech services of Azure AI.")
	speech.metadata, speech.consts = []string{"Kind"}, []Const{{"properties.metadata.Kind", "speech"}}
	return []connectionForm{openAI, services, form("azure_ai_search", "CognitiveSearch", "endpoint", "A search service of Azure AI."), safety, speech}
}

// keyConnections are those to services that know keys only.
func keyConnections() []connectionForm {
	form := func(name, category, target, doc string) connectionForm {
		return connectionForm{name: name, category: category, doc: doc, auth: keyOnly, apiKey: true, target: target, targetNeeded: target != "target"}
	}
	return []connectionForm{
		form("api_key", "ApiKey", "api_base", "Any service with a key."),
		form("open_ai", "OpenAi", "target", "OpenAI itself."),
		form("serp", "Serp", "target", "The search of Serp."),
		form("serverless", "Serverless", "endpoint", "A serverless endpoint, here or elsewhere."),
	}
}

func (f connectionForm) variant() *Variant {
	return &Variant{
		Name:     f.name,
		Schemas:  []string{"connection"},
		Types:    []string{f.name},
		Const:    append([]Const{{"properties.category", f.category}}, f.consts...),
		Live:     func(rest *asset.Value) bool { return f.auth.live(rest) != nil },
		Tell:     f.tell,
		Doc:      f.doc,
		Fields:   f.rows(),
		Check:    f.checked,
		ToREST:   f.encode,
		FromREST: f.decode,
	}
}

// tell: some types are those of datastores, too, which have no address. What
// has all else of a connection is one with a slip of the pen in its type.
func (f connectionForm) tell(doc *asset.Value) bool {
	if !hasAny(doc, "name", "credentials", "metadata") || hasAny(doc, "deployments", "auth_mode") {
		return false
	}
	if f.name == snakeWord(doc.Get("type").Str()) {
		return hasAny(doc, f.target, "target") || f.auth.silent == keyOnly.silent && doc.Has("api_key")
	}
	return f.name == "git" && hasAll(doc, "name", "type", "target") && openAuth.find(doc.GetPath("credentials", "type").Str()) != nil &&
		!slices.ContainsFunc(connectionForms, func(o connectionForm) bool { return o.name == snakeWord(doc.Get("type").Str()) })
}

func (f connectionForm) rows() []Field {
	rows := []Field{{YAML: f.target, REST: "properties.target", As: Str{}, Required: f.targetNeeded, Doc: "The address."}}
	if f.target != "target" {
		rows = append(rows, Field{YAML: "target", As: Str{}, Change: Once, Doc: "Read and not sent: " + f.target + " says it."})
	}
	if f.name == "azure_one_lake" {
		rows[0].Doc = "The address; by default made of endpoint, workspace and artifact."
	}
	rows = append(rows, f.fields...)
	rows = append(rows, Field{YAML: "metadata", REST: "properties.metadata", As: metadataWithout(f.metadata...), Doc: "What else is known of it. The service adds to it, and mlsync writes its stamps there."})
	// Metadata come before the fields that are a part of them on the wire.
	rows = append(rows[len(rows)-1:], rows[:len(rows)-1]...)
	creds := Field{YAML: "credentials", REST: "properties.credentials", As: f.auth, Doc: "How to get in. The service gives back the type only: a change behind mlsync's back cannot be seen."}
	creds.Service = asset.NewMap().Set("type", asset.NewString(f.auth.silent))
	key := Field{YAML: "api_key", As: Str{}, Secret: true, Nullable: true, Doc: "The key; the same as credentials of type api_key."}
	switch {
	case f.auth.silent == keyOnly.silent:
		key.REST, key.Required, key.Nullable, key.Doc = "properties.credentials.key", true, false, "The key."
		creds.REST, creds.As, creds.Service, creds.Change, creds.Doc = "", openAuth, nil, Once, "Read and not sent: api_key says it."
		return append(rows, key, creds)
	case f.apiKey:
		return append(rows, key, creds)
	}
	return append(rows, creds)
}

// checked brings a file to the form with metadata and credentials.
func (f connectionForm) checked(c *Checker, v *asset.Value) {
	f.checkMetadata(c, v)
	f.checkKey(c, v)
	if f.check != nil {
		f.check(c, v)
	}
}

// checkMetadata puts tags into metadata, and leaves out what a field of its
// own says.
func (f connectionForm) checkMetadata(c *Checker, v *asset.Value) {
	all := asset.NewMap()
	for _, from := range []string{"tags", "metadata"} {
		for k, item := range v.Get(from).Entries() {
			if slices.Contains(f.metadata, k) {
				c.Problems.Warnf(item.Pos(), "unused", "remove it", "%s.%s: it is written by itself", from, k)
				if k != "DeploymentApiVersion" {
					continue
				}
			}
			all.Set(k, item)
		}
	}
	v.Delete("tags")
	if v.Has("metadata") || all.Len() > 0 {
		v.Set("metadata", all.At(v.Get("metadata").Pos()))
	}
}

// checkKey puts the key where the type has it: into credentials, or into
// api_key. An empty key is none.
func (f connectionForm) checkKey(c *Checker, v *asset.Value) {
	if !f.apiKey {
		return
	}
	key, cred := v.Get("api_key"), v.Get("credentials")
	if f.auth.silent != keyOnly.silent {
		v.Delete("api_key")
		if key.Str() != "" {
			v.Set("credentials", asset.NewMap().At(key.Pos()).Set("type", asset.NewString(authKey.name)).Set("key", key))
		}
		return
	}
	v.Delete("credentials")
	switch {
	case key.Str() != "" || key == nil:
	case cred.Get("key").Str() != "":
		v.Set("api_key", cred.Get("key"))
	default:
		c.in("api_key", func() { c.Badf(key, "missing_value", "write ${{ secret.NAME }}", "the key is empty") })
	}
}

func (f connectionForm) encode(_ *Encoder, v, rest *asset.Value) {
	if rest.GetPath("properties", "metadata").IsNull() {
		rest.SetPath(asset.NewMap(), "properties", "metadata")
	}
	for _, c := range f.consts { // the metadata of the file took their place
		if rest.GetPath(splitPath(c.REST)...).IsNull() {
			rest.SetPath(asset.NewString(c.Text), splitPath(c.REST)...)
		}
	}
	if f.auth.silent == keyOnly.silent {
		rest.SetPath(asset.NewString(authKey.rest), "properties", "authType")
	} else {
		f.auth.toREST(v.Get("credentials"), rest)
	}
	if f.toREST != nil {
		f.toREST(v, rest)
	}
}

func (f connectionForm) decode(d *Decoder, rest, v *asset.Value) {
	if f.auth.silent == keyOnly.silent {
		v.Set("api_key", asset.NewString("${{ secret.api_key }}"))
	} else if cred := f.auth.fromREST(d, rest); cred != nil {
		v.Set("credentials", cred)
	}
	if f.fromREST != nil {
		f.fromREST(rest, v)
	}
}

// lakeID is what the reference client takes for the id of a lake house: its
// pattern misses ids as they are, of which the first part has 8 characters.
var lakeID = regexp.MustCompile(`^.{7}-.{4}-.{4}-.{4}.{12}`)

var lakeTarget = regexp.MustCompile(`\Ahttps://([^/]+)/([^/]+)/([^/]+)\z`)

// lakeAddress is the address that the client makes of the parts.
func lakeAddress(v *asset.Value) string {
	name := v.GetPath("artifact", "name").Str()
	if !lakeID.MatchString(name) {
		name += ".Lakehouse"
	}
	return "https://" + v.Get("endpoint").Str() + "/" + v.Get("one_lake_workspace_name").Str() + "/" + name
}

// checkLake brings the address to the form with parts, if it has one: an
// address stands above parts that say something else.
func checkLake(c *Checker, v *asset.Value) {
	if !v.Has("target") {
		for _, key := range []string{"one_lake_workspace_name", "artifact"} {
			if !v.Has(key) {
				c.Problems.Hintf(v.Pos(), "missing_field", "add "+key+":, or target: and the address", "%s is missing", key)
			}
		}
		return
	}
	endpoint := v.Get("endpoint")
	target := v.Get("target")
	for _, key := range []string{"target", "endpoint", "one_lake_workspace_name", "artifact"} {
		v.Delete(key)
	}
	lakeParts(target, endpoint, v)
}

// lakeParts sets the parts of an address, or the address if it has none.
func lakeParts(target, endpoint, v *asset.Value) {
	m := lakeTarget.FindStringSubmatch(target.Str())
	parts := asset.NewMap()
	if m != nil {
		parts.Set("endpoint", asset.NewString(m[1])).Set("one_lake_workspace_name", asset.NewString(m[2])).
			Set("artifact", asset.NewMap().Set("type", asset.NewString("lake_house")).Set("name", asset.NewString(strings.TrimSuffix(m[3], ".Lakehouse"))))
	}
	if m == nil || lakeAddress(parts) != target.Str() {
		parts = asset.NewMap().Set("target", target)
		if endpoint != nil {
			parts.Set("endpoint", endpoint)
		}
	}
	for k, item := range parts.Entries() {
		v.Set(k, item.At(target.Pos()))
	}
}

func lakeToREST(v, rest *asset.Value) {
	if !v.Has("target") {
		rest.SetPath(asset.NewString(lakeAddress(v)), "properties", "target")
	}
}

func lakeFromREST(rest, v *asset.Value) {
	target := rest.GetPath("properties", "target")
	v.Delete("target")
	lakeParts(target, asset.NewString(hostOf(target.Str())), v)
}

// hostOf is the host of an address, or the address if it has none.
func hostOf(address string) string {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		address = rest
	}
	host, _, _ := strings.Cut(address, "/")
	return host
}
