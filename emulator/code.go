package emulator

import "net/http"

func codeKind(op string) *definition {
	v := &definition{
		system: sysFull, check: checkCode,
		stored:  func(c *call, r *resource, _ bool) { c.srv.store.indexHash(r) },
		actions: map[string]func(*call) answer{"startpendingupload": startPendingUpload, "publish": publish, "credentials": contentSAS, "getblobreferencesas": contentSAS},
		fields: assetFields(
			field{name: "codeUri"},
			field{name: "provisioningState", def: "Succeeded", norm: always("Succeeded")},
		),
		// Recorded 2022-10: a code comes back as not anonymous whatever was sent.
		fill: func(_ *call, doc obj) { sub2(doc)["isAnonymous"] = false },
	}
	return containerKind("codes", "Code", op, v)
}

func checkCode(c *call) *refusal {
	uri := str(c.props, "codeUri")
	if uri == "" {
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "Property 'codeUri' is required."})
	}
	if bad := c.registryChange("Code"); bad != nil {
		return bad
	}
	return c.pathFixed("codeUri", uri)
}
