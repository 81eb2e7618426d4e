package emulator

import (
	"net/http"
	"strings"
)

var credentialTypes = oneOf("AccountKey", "Sas", "ServicePrincipal", "Certificate", "None", "KerberosKeytab", "KerberosPassword")

func datastoreKind() *definition {
	return &definition{
		collection: "datastores", label: "Datastore", system: sysFull, missing: notFoundNamed, check: checkDatastore, fill: fillDatastore,
		secrets: datastoreSecrets, filter: filterDatastore, refuse: refuseSystemDatastore,
		stored:  func(c *call, r *resource, _ bool) { c.datastoreContainer(r) },
		actions: map[string]func(*call) answer{"listsecrets": listSecrets},
		fields: []field{
			{name: "description"},
			{name: "tags", norm: stringMap},
			{name: "properties", norm: stringMap},
			{name: "isDefault", def: false, keep: true, norm: always(false)},
			{name: "datastoreType", norm: oneOf("AzureBlob", "AzureFile", "AzureDataLakeGen1", "AzureDataLakeGen2", "OneLake", "Hdfs")},
			{name: "credentials", object: true, def: obj{"credentialsType": "None"}},
			{name: "subscriptionId"},
			{name: "resourceGroup"},
			{name: "serviceDataAccessAuthIdentity", def: "None", norm: oneOf("None", "WorkspaceSystemAssignedIdentity", "WorkspaceUserAssignedIdentity")},
			{name: "accountName", def: omit},
			{name: "containerName", def: omit},
			{name: "fileShareName", def: omit},
			{name: "filesystem", def: omit},
			{name: "endpoint", def: omit},
			{name: "protocol", def: omit},
			{name: "storeName", def: omit},
			{name: "artifact", object: true, def: omit},
			{name: "oneLakeWorkspaceName", def: omit},
			{name: "hdfsServerCertificate", def: omit},
			{name: "nameNodeAddress", def: omit},
		},
	}
}

// datastoreNeeds are the fields without which a datastore of a type is refused (spec).
var datastoreNeeds = map[string][]string{
	"AzureBlob": {"accountName", "containerName"}, "AzureFile": {"accountName", "fileShareName"},
	"AzureDataLakeGen1": {"storeName"}, "AzureDataLakeGen2": {"accountName", "filesystem"}, "OneLake": {"oneLakeWorkspaceName", "artifact"},
}

func checkDatastore(c *call) *refusal {
	typ, _ := oneOf("AzureBlob", "AzureFile", "AzureDataLakeGen1", "AzureDataLakeGen2", "OneLake", "Hdfs")(c.props["datastoreType"]).(string)
	if typ == "" {
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "Property 'datastoreType' is required."})
	}
	var details []detail
	for _, k := range datastoreNeeds[typ] {
		if c.props[k] == nil || c.props[k] == "" {
			details = append(details, detail{"InvalidInput", "Property '" + k + "' is required for a datastore of type " + typ + "."})
		}
	}
	if typ := str(sub(c.props, "credentials"), "credentialsType"); typ == "" {
		details = append(details, detail{"InvalidInput", "Property 'credentials.credentialsType' is required."})
	}
	if details != nil {
		return userError(http.StatusBadRequest, "The request is invalid.", details...)
	}
	return nil
}

// datastoreSecrets takes the secrets out: no GET ever shows them.
func datastoreSecrets(_ *call, props obj) obj {
	cred := sub(props, "credentials")
	cred["credentialsType"] = credentialTypes(cred["credentialsType"])
	secret := sub(cred, "secrets")
	delete(cred, "secrets")
	if secret == nil {
		return obj{}
	}
	return clone(secret).(obj)
}

func fillDatastore(c *call, doc obj) {
	p := sub2(doc)
	switch p["datastoreType"] {
	case "AzureBlob", "AzureFile", "AzureDataLakeGen2":
		if p["endpoint"] == nil {
			p["endpoint"] = c.srv.opt.StorageSuffix
		}
		if p["protocol"] == nil {
			p["protocol"] = "https"
		}
	case "OneLake":
		if a := sub(p, "artifact"); a != nil {
			a["artifactType"] = oneOf("LakeHouse")(a["artifactType"])
		}
	}
	p["isDefault"] = isTrue(c.oldProps(), "isDefault")
}

// listSecrets is the only way to read a secret. With an expirable request an account key becomes a SAS (recorded
// 2026-03).
func listSecrets(c *call) answer {
	typ := str(sub(c.oldProps(), "credentials"), "credentialsType")
	if typ == "None" || typ == "" {
		return userError(http.StatusBadRequest, "No secrets for credentials of type None.").answer(c)
	}
	secret := obj{"secretsType": typ}
	if isTrue(c.sent, "expirableSecret") && (typ == "AccountKey" || typ == "Sas") {
		return jsonAnswer(http.StatusOK, obj{"secretsType": "Sas", "sasToken": "?" + strings.Replace(fakeSAS("rcuwdl", c.now), "sr=c", "srt=co&ss=bf", 1)})
	}
	return jsonAnswer(http.StatusOK, merged(secret, c.prev.secret))
}

func filterDatastore(c *call, r *resource) bool {
	names, search, isDefault := c.query("names"), c.query("searchText"), c.query("isDefault")
	if names != "" {
		found := false
		for _, n := range strings.Split(names, ",") {
			found = found || strings.EqualFold(strings.TrimSpace(n), r.name)
		}
		if !found {
			return false
		}
	}
	if search != "" && !strings.Contains(strings.ToLower(r.name), strings.ToLower(search)) {
		return false
	}
	if isDefault == "" {
		return true
	}
	return isTrue(sub(c.srv.document(r), "properties"), "isDefault") == strings.EqualFold(isDefault, "true")
}

func refuseSystemDatastore(c *call, r *resource) *refusal {
	if isTrue(sub(c.srv.document(r), "properties"), "isDefault") {
		return userError(http.StatusBadRequest, "The default datastore "+r.name+" cannot be deleted.")
	}
	return nil
}

// datastoreContainer makes the container that a blob datastore points to, so that it can be listed.
func (c *call) datastoreContainer(r *resource) {
	p := sub(c.srv.document(r), "properties")
	container := str(p, "containerName")
	if container == "" {
		container = str(p, "filesystem")
	}
	if container != "" && str(p, "accountName") != "" {
		c.srv.blobs.ensureContainer(str(p, "accountName"), container)
	}
}

// systemContent gives a new workspace its four datastores (recorded).
func (c *call) systemContent() {
	s := c.scope
	if s.registry() {
		return
	}
	account := s.account()
	put := func(name string, isDefault bool, props obj) {
		made := *c
		made.fault = &modifier{}
		made.coll = s.coll("datastores")
		made.names, made.name, made.prev, made.old = []string{name}, name, nil, nil
		props["accountName"], props["endpoint"], props["protocol"] = account, c.srv.opt.StorageSuffix, "https"
		props["credentials"] = obj{"credentialsType": "AccountKey", "secrets": obj{"secretsType": "AccountKey", "key": fakeKey("storage" + s.guid)}}
		made.props, made.sent = props, obj{"properties": props}
		doc, secret := made.compose()
		sub2(doc)["isDefault"] = isDefault
		made.store(doc, secret)
	}
	put("workspaceworkingdirectory", false, obj{"datastoreType": "AzureFile", "fileShareName": "code-" + s.guid})
	put("workspacefilestore", false, obj{"datastoreType": "AzureFile", "fileShareName": "azureml-filestore-" + s.guid})
	put("workspaceartifactstore", false, obj{"datastoreType": "AzureBlob", "containerName": "azureml"})
	put("workspaceblobstore", true, obj{
		"datastoreType": "AzureBlob", "containerName": "azureml-blobstore-" + s.guid,
		"serviceDataAccessAuthIdentity": "WorkspaceSystemAssignedIdentity", "subscriptionId": s.sub, "resourceGroup": s.group,
	})
}
