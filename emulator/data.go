package emulator

import (
	"net/http"
	"regexp"
	"strings"
)

func dataKind(op string) *definition {
	v := &definition{
		system: sysDated, check: checkData, fill: fillData, filter: propertyFilter(map[string]string{"$tags": "tags"}),
		actions: map[string]func(*call) answer{"startpendingupload": startPendingUpload, "publish": publish, "getblobreferencesas": contentSAS},
		fields: assetFields(
			field{name: "autoDeleteSetting", since: "2023-02-01"},
			field{name: "dataType", def: "uri_folder"},
			field{name: "dataUri"},
			field{name: "referencedUris", def: omit},
			field{name: "stage", since: "2023-02-01"},
			field{name: "intellectualProperty", since: "2023-02-01", norm: always(nil)},
		),
	}
	d := containerKind("data", "Data", op, v, field{name: "dataType", keep: true})
	d.fill = func(c *call, doc obj) {
		if t := str(c.props, "dataType"); t != "" {
			sub2(doc)["dataType"] = t
		}
	}
	d.check = func(c *call) *refusal {
		if t := str(c.props, "dataType"); c.prev != nil && t != "" && t != str(c.oldProps(), "dataType") {
			return userError(http.StatusBadRequest, "The data type of "+c.name+" cannot be changed from "+str(c.oldProps(), "dataType")+" to "+t+".")
		}
		return nil
	}
	return d
}

var (
	shortDatastore = regexp.MustCompile(`^azureml://datastores/`)
	groupWord      = regexp.MustCompile(`(?i)/resourcegroups/`)
)

// longURI is the workspace-qualified form of a datastore URI; word is how the service of the kind writes resourceGroups.
func (c *call) longURI(uri, word string) string {
	if shortDatastore.MatchString(uri) && !c.scope.registry() {
		return "azureml://subscriptions/" + c.scope.sub + "/" + word + "/" + c.scope.group + "/workspaces/" + c.scope.name + strings.TrimPrefix(uri, "azureml:/")
	}
	if strings.HasPrefix(uri, "azureml://subscriptions/") {
		return groupWord.ReplaceAllString(uri, "/"+word+"/")
	}
	return uri
}

// dataURI is the canonical form of a data path (recorded 2026-03): long, resourcegroups in lower case, and a trailing
// slash for a folder.
func (c *call) dataURI(uri, typ string) string {
	out := c.longURI(uri, "resourcegroups")
	if typ == "uri_folder" && strings.HasPrefix(out, "azureml://") && !strings.HasSuffix(out, "/") {
		out += "/"
	}
	return out
}

func (c *call) pathFixed(key, sent string) *refusal {
	if c.prev != nil && sent != str(c.oldProps(), key) {
		return userError(http.StatusBadRequest, "Asset paths cannot be updated.")
	}
	return nil
}

func checkData(c *call) *refusal {
	typ := str(c.props, "dataType")
	switch typ {
	case "":
		typ = "uri_folder"
	case "uri_file", "uri_folder", "mltable":
	default:
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "dataType '" + typ + "' is not one of uri_file, uri_folder, mltable."})
	}
	uri := str(c.props, "dataUri")
	if uri == "" {
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "Property 'dataUri' is required."})
	}
	c.props["dataUri"] = c.dataURI(uri, typ)
	if bad := c.registryChange("Data"); bad != nil {
		return bad
	}
	if p := c.coll.parent; p.seq != 0 && p.children.all.len() > 0 {
		if have := str(sub(c.srv.document(p), "properties"), "dataType"); have != "" && have != typ {
			return userError(http.StatusBadRequest, "The data type of "+p.name+" cannot be changed from "+have+" to "+typ+".")
		}
	}
	return c.pathFixed("dataUri", str(c.props, "dataUri"))
}

// registryChange applies what only registries refuse: names of deleted versions, and changed properties (reported in
// azureml-assets 3439).
func (c *call) registryChange(label string) *refusal {
	if !c.scope.registry() {
		return nil
	}
	if c.prev == nil {
		return c.wasDeleted()
	}
	for k, v := range sub(c.props, "properties") {
		if old, ok := sub(c.oldProps(), "properties")[k]; ok && !equalJSON(old, v) {
			return userError(http.StatusBadRequest, "Value of property "+k+" for "+strings.ToLower(label)+" "+c.names[0]+" cannot be replaced to "+scalarText(v)+
				" without increasing the version.")
		}
	}
	return nil
}

func fillData(c *call, doc obj) {
	if c.prev == nil {
		return
	}
	p := sub2(doc)
	if c.props["referencedUris"] == nil && c.oldProps()["referencedUris"] != nil {
		p["referencedUris"] = c.oldProps()["referencedUris"]
	}
}
