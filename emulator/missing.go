package emulator

import (
	"net/http"
	"strings"
)

// notFoundAsset is the 404 of assets in the shape of the managementfrontend (recorded for models and components, the
// other kinds are inferred from them).
func notFoundAsset(c *call) *refusal {
	d, label := c.def(), c.def().label
	if label == "Component" {
		message := "Not found component " + c.names[0] + "."
		if d.version {
			message = "Not found component " + c.names[0] + " (version: " + c.name + ")."
		}
		f := userError(http.StatusNotFound, message)
		f.inner = []string{"NotFound", "ComponentNotFound"}
		return f
	}
	const message = "The specified resource was not found."
	if !d.version {
		return userError(http.StatusNotFound, message, detail{label + "NotFound", label + " container with name: " + c.name + " not found."})
	}
	if label == "Model" {
		return userError(http.StatusNotFound, message, detail{"NoSuchModelRegistered", "There is no registered model in Account Subscription: " +
			c.scope.sub + ", ResourceGroup: " + c.scope.group + ", Workspace: " + c.scope.name + " with id " + c.names[0] + ":" + c.name})
	}
	return userError(http.StatusNotFound, message, detail{label + "NotFound", label + " with name: " + c.names[0] + " and version: " + c.name + " not found."})
}

// notFoundNamed is the 404 of kinds without versions.
func notFoundNamed(c *call) *refusal {
	return userError(http.StatusNotFound, "The specified resource was not found.", detail{
		c.def().label + "NotFound",
		c.def().label + " " + c.name + " was not found in workspace " + c.scope.name + ".",
	})
}

// notFoundEndpoint is the 404 of endpoints and deployments (recorded 2023-01 for batch endpoints).
func notFoundEndpoint(c *call) *refusal {
	d := detail{"NoSuchEndpoint", "There is no endpoint with name: " + c.names[0] + " in " + c.scope.name}
	if len(c.names) > 1 {
		d = detail{"NoSuchDeployment", "There is no deployment with name: " + c.name + " in endpoint " + c.names[0]}
	}
	return &refusal{status: http.StatusNotFound, code: "NotFound", message: "The specified resource was not found.", details: []detail{d}}
}

// notFoundRP is the 404 of the account service.
func notFoundRP(c *call) *refusal {
	return rpError(http.StatusNotFound, c.def().label+" "+c.name+" can't be found in this workspace", "NotFoundError")
}

// notFoundEmpty is the 404 of computes: a bare status (recorded 2022-11).
func notFoundEmpty(*call) *refusal { return &refusal{status: http.StatusNotFound, shape: shapeEmpty} }

// dependency refuses a write that refers to an absent resource of the same workspace. Ids of other workspaces,
// registries and plain URIs pass. Curated environments appear when they are first used.
func (c *call) dependency(id string) *refusal {
	id = strings.TrimPrefix(id, "azureml:")
	if !strings.HasPrefix(strings.ToLower(id), c.scope.key()+"/") {
		return nil
	}
	seg := strings.Split(strings.Trim(id[len(c.scope.key()):], "/"), "/")
	if len(seg) == 4 && strings.EqualFold(seg[2], "labels") {
		if r := c.scope.find(seg[:2]); r != nil && r.children.all.len() > 0 {
			return nil
		}
	} else if len(seg) == 2 || len(seg) == 4 {
		if c.scope.coll(seg[0]) == nil || c.scope.find(seg) != nil || strings.EqualFold(seg[0]+"/"+seg[1], "computes/serverless") {
			return nil
		}
		if c.curated(seg) {
			return nil
		}
	}
	what := strings.TrimSuffix(seg[0], "s") + " " + at(seg, 1)
	if len(seg) == 4 {
		what += " (version: " + seg[3] + ")"
	}
	return &refusal{status: http.StatusNotFound, code: "NotFound", message: "key: " + id + ", Message: Not found " + what + "."}
}

// curated makes a curated environment known to the workspace.
func (c *call) curated(seg []string) bool {
	if len(seg) != 4 || !strings.EqualFold(seg[0], "environments") || !strings.HasPrefix(strings.ToLower(seg[1]), "azureml-") {
		return false
	}
	made := *c
	envs := c.scope.coll("environments")
	parent := envs.get(seg[1])
	if parent == nil {
		parent = &resource{name: seg[1], coll: envs}
		parent.children = newCollection(envs.def.child, c.scope, parent)
	}
	made.fault = &modifier{}
	made.coll, made.names, made.name, made.prev, made.old = parent.children, []string{seg[1], seg[3]}, seg[3], nil, nil
	made.props = obj{"image": "mcr.microsoft.com/azureml/curated/" + strings.ToLower(strings.TrimPrefix(seg[1], "AzureML-")) + ":" + seg[3]}
	made.sent = obj{"properties": made.props}
	doc, secret := made.compose()
	sub2(doc)["environmentType"] = "Curated"
	made.store(doc, secret)
	return true
}
