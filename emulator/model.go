package emulator

import "net/http"

func modelKind(op string) *definition {
	v := &definition{
		system: sysFull, check: checkModel, fill: fillModel,
		filter:  propertyFilter(map[string]string{"tags": "tags", "properties": "properties", "description": "description"}),
		actions: map[string]func(*call) answer{"startpendingupload": startPendingUpload, "publish": publish, "getblobreferencesas": contentSAS},
		fields: assetFields(
			field{name: "autoDeleteSetting", since: "2023-02-01"},
			field{name: "flavors", def: emptyMap{}},
			field{name: "jobName"},
			field{name: "modelType", def: "custom_model"},
			field{name: "modelUri"},
			field{name: "provisioningState", def: "Succeeded", norm: always("Succeeded")},
			field{name: "stage", since: "2022-12-01"},
			field{name: "intellectualProperty", since: "2023-02-01", norm: always(nil)},
		),
	}
	d := containerKind("models", "Model", op, v)
	d.oldestFirst = true // recorded 2026-03
	return d
}

func checkModel(c *call) *refusal {
	uri := str(c.props, "modelUri")
	if uri == "" {
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "Property 'modelUri' is required."})
	}
	c.props["modelUri"] = c.longURI(uri, "resourceGroups")
	if bad := c.registryChange("Model"); bad != nil {
		return bad
	}
	if typ := str(c.props, "modelType"); c.prev != nil && typ != "" && typ != str(c.oldProps(), "modelType") {
		return userError(http.StatusBadRequest, "The type of model "+c.names[0]+":"+c.name+" cannot be changed.")
	}
	return c.pathFixed("modelUri", str(c.props, "modelUri"))
}

func fillModel(c *call, doc obj) {
	p := sub2(doc)
	switch {
	case isTrue(p, "isArchived"):
		p["stage"] = "Archived" // recorded 2025-02
	case p["stage"] == nil:
		p["stage"] = "Development"
	}
}
