package kind

import (
	"slices"

	"mlsync.dev/mlsync/asset"
)

var datastore = &Table{
	Kind:       "datastore",
	Plural:     "datastores",
	Collection: "datastores",
	Names:      NameRule{Pattern: `[a-zA-Z0-9][a-zA-Z0-9_]{0,254}`, Text: "use letters, digits and underscores", Warn: true},
	Tags:       "properties.tags",
	Remove:     Confirm,
	Costly:     true,
	NeedType:   true,
	// Every workspace has these four; nobody wrote them.
	System: func(id asset.ID) bool {
		return slices.Contains([]string{"workspaceblobstore", "workspaceartifactstore", "workspacefilestore", "workspaceworkingdirectory"}, id.Name)
	},
	Doc: "A place in storage that the workspace knows by name, and how to get in.",
	Variants: []*Variant{
		storeVariant("azure_blob", "azureBlob", "AzureBlob", "A container of blobs.", keyCredentials,
			storeText("account_name", "accountName", "The storage account."),
			storeText("container_name", "containerName", "The container."),
			storeEndpoint, storeProtocol),
		storeVariant("azure_file", "azureFile", "AzureFile", "A file share.", keyCredentials,
			storeText("account_name", "accountName", "The storage account."),
			storeText("file_share_name", "fileShareName", "The file share."),
			storeEndpoint, storeProtocol),
		storeVariant("azure_data_lake_gen2", "azureDataLakeGen2", "AzureDataLakeGen2", "A filesystem of a storage account with hierarchical namespace.", tenantCredentials,
			storeText("account_name", "accountName", "The storage account."),
			storeText("filesystem", "filesystem", "The filesystem."),
			storeEndpoint, storeProtocol),
		storeVariant("azure_data_lake_gen1", "azureDataLakeGen1", "AzureDataLakeGen1", "A Data Lake Store of the first generation.", tenantCredentials,
			storeText("store_name", "storeName", "The store.")),
		storeVariant("one_lake", "oneLake", "OneLake", "A lake house of Microsoft Fabric.", lakeCredentials,
			storeText("one_lake_workspace_name", "oneLakeWorkspaceName", "The id of the Fabric workspace."),
			storeText("endpoint", "endpoint", "The host of OneLake."),
			Field{YAML: "artifact", REST: "properties.artifact", Required: true, As: Object{Fields: []Field{
				{YAML: "name", REST: "artifactName", As: Str{}, Required: true, Doc: "The id of the lake house."},
				{YAML: "type", REST: "artifactType", As: Words("lake_house", "LakeHouse"), Send: asset.NewString("lake_house"), Doc: "The only sort there is."},
			}}, Doc: "What is in the workspace."}),
	},
	Fields: []Field{
		{YAML: "description", REST: "properties.description", As: Str{}, Doc: "What it is for."},
		{YAML: "tags", REST: "properties.tags", As: Tags, Send: asset.NewMap(), Doc: "Free labels."},
		{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
	},
}

var (
	storeEndpoint = Field{YAML: "endpoint", REST: "properties.endpoint", As: Str{}, Send: asset.NewString("core.windows.net"), Service: asset.NewString("core.windows.net"), Doc: "The storage endpoint of the cloud."}
	storeProtocol = Field{YAML: "protocol", REST: "properties.protocol", As: Str{}, Send: asset.NewString("https"), Service: asset.NewString("https"), Doc: "https, or wasbs and abfss."}
)

func storeText(key, rest, doc string) Field {
	return Field{YAML: key, REST: "properties." + rest, As: Str{}, Required: true, Doc: doc}
}

func storeVariant(name, schema, rest, doc string, creds credentials, fields ...Field) *Variant {
	return &Variant{
		Name:    name,
		Schemas: []string{schema},
		Types:   []string{name},
		Const:   []Const{{"properties.datastoreType", rest}},
		Tell: func(doc *asset.Value) bool {
			return typeIs(doc, name) && hasAny(doc, "account_name", "store_name", "artifact")
		},
		Fields: append(fields, Field{
			YAML: "credentials", REST: "properties.credentials", As: creds,
			Doc: "How to get in; nothing for the identity of the user or the compute. The kind follows from the keys. Secrets are write-only: a change behind mlsync's back cannot be seen.",
		}),
		ToREST: func(_ *Encoder, _, rest *asset.Value) {
			if rest.GetPath("properties", "credentials").IsNull() {
				rest.SetPath(asset.NewString("None"), "properties", "credentials", "credentialsType")
			}
		},
		Doc: doc,
	}
}

// credentials are told apart by their keys. The service gives back the sort
// and what is not secret; a secret that it holds is read as a reference of the
// field's own name, so that an export says that there is one.
type credentials struct{ sorts []credential }

type credential struct {
	rest string // credentialsType and secretsType
	// tell are keys of which one means this sort.
	tell []string
	obj  Object
}

var (
	keyCredentials    = credentials{[]credential{accountKey, sasToken}}
	tenantCredentials = credentials{[]credential{certificate, servicePrincipal}}
	lakeCredentials   = credentials{[]credential{servicePrincipal}}

	accountKey = credential{"AccountKey", []string{"account_key"}, Obj(
		Field{YAML: "account_key", REST: "secrets.key", As: Str{}, Required: true, Secret: true, Doc: "A key of the storage account."})}
	sasToken = credential{"Sas", []string{"sas_token"}, Obj(
		Field{YAML: "sas_token", REST: "secrets.sasToken", As: Str{}, Required: true, Secret: true, Doc: "A shared access signature."})}
	servicePrincipal = credential{"ServicePrincipal", []string{"client_secret", "tenant_id", "client_id"}, Obj(append(tenant,
		Field{YAML: "resource_url", REST: "resourceUrl", As: Str{}, Doc: "The resource that the token is for."},
		Field{YAML: "client_secret", REST: "secrets.clientSecret", As: Str{}, Required: true, Secret: true, Doc: "The secret of the application."})...)}
	certificate = credential{"Certificate", []string{"certificate", "thumbprint"}, Obj(append(tenant,
		// The reference client drops it on the way, under a name that its
		// REST model does not have.
		Field{YAML: "resource_url", As: Str{}, Change: Once, Doc: "Read and not sent, as the reference client does."},
		Field{YAML: "thumbprint", REST: "thumbprint", As: Str{}, Required: true, Doc: "The thumbprint of the certificate."},
		Field{YAML: "certificate", REST: "secrets.certificate", As: Str{}, Secret: true, Doc: "The certificate with its private key."})...)}

	tenant = slices.Clip([]Field{
		{YAML: "tenant_id", REST: "tenantId", As: Str{}, Required: true, Doc: "The tenant of the application."},
		{YAML: "client_id", REST: "clientId", As: Str{}, Required: true, Doc: "The id of the application."},
		{YAML: "authority_url", REST: "authorityUrl", As: Str{}, Send: asset.NewString("https://login.microsoftonline.com"), Service: asset.NewString("https://login.microsoftonline.com"), Doc: "Where tokens come from; authority_uri in older files."},
	})
)

func (c credentials) of(v *asset.Value) *credential {
	for i := range c.sorts {
		if hasAny(v, c.sorts[i].tell...) {
			return &c.sorts[i]
		}
	}
	return nil
}

// Check takes an empty map for no credentials.
func (c credentials) Check(k *Checker, v *asset.Value) *asset.Value {
	if v.Type() != asset.Map {
		k.Badf(v, "wrong_type", mapHint, "want a map, not %s", sort(v))
		return nil
	}
	if v.Len() == 0 {
		return nil
	}
	if old := v.Get("authority_uri"); old != nil {
		if v.Has("authority_url") {
			k.Badf(old, "conflict", "remove authority_uri", "authority_url and authority_uri are the same")
		}
		w := asset.NewMap().At(v.Pos())
		for key, item := range v.Entries() {
			if key == "authority_uri" {
				key = "authority_url"
			}
			w.Set(key, item)
		}
		v = w
	}
	sort := c.of(v)
	if sort == nil {
		k.Badf(v, "bad_value", "write "+c.keys(), "no credentials of this datastore have these keys")
		return nil
	}
	return sort.obj.Check(k, v)
}

func (c credentials) keys() string {
	text := ""
	for i, s := range c.sorts {
		if i > 0 {
			text += " or "
		}
		text += s.tell[0]
	}
	return text
}

func (c credentials) Encode(e *Encoder, v *asset.Value) *asset.Value {
	sort := c.of(v)
	if sort == nil {
		return nil
	}
	rest := asset.NewMap().Set("credentialsType", asset.NewString(sort.rest))
	sort.obj.encodeInto(e, v, rest)
	rest.SetPath(asset.NewString(sort.rest), "secrets", "secretsType")
	return rest
}

func (c credentials) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	for _, s := range c.sorts {
		if squash(s.rest) != squash(rest.Get("credentialsType").Str()) {
			continue
		}
		v := s.obj.Decode(d, rest)
		if v == nil {
			v = asset.NewMap()
		}
		for _, f := range s.obj.Fields {
			if f.Secret {
				v.Set(f.YAML, asset.NewString("${{ secret."+f.YAML+" }}"))
			}
		}
		return v
	}
	return nil
}

// Equal compares the sort and what is not secret.
func (c credentials) Equal(want, live *asset.Value) bool {
	w, l := c.of(want), c.of(live)
	if w == nil || l == nil {
		return w == l
	}
	return w.rest == l.rest && SameValue(w.obj, want, live)
}

func (c credentials) Children(v *asset.Value, visit func(Child)) {
	if sort := c.of(v); sort != nil {
		sort.obj.Children(v, visit)
	}
}

func (c credentials) With(v *asset.Value, key string, part *asset.Value) *asset.Value {
	return withKey(v, key, part)
}

func (c credentials) Schema() map[string]any {
	alts := []any{map[string]any{"type": "object", "maxProperties": 0}}
	for _, s := range c.sorts {
		alts = append(alts, s.obj.Schema())
	}
	return map[string]any{"anyOf": alts}
}

func (c credentials) Describe() string { return "credentials: " + c.keys() }
