package emulator

import (
	"net/http"
	"strings"
)

// publish copies a version to a registry of the same subscription: 202 and an operation (spec). The registry must
// exist; nothing is created on demand here.
func publish(c *call) answer {
	var target *scope
	for _, s := range c.srv.store.order {
		if s.registry() && strings.EqualFold(s.sub, c.scope.sub) && strings.EqualFold(s.name, str(c.sent, "registryName")) {
			target = s
		}
	}
	if target == nil {
		return userError(http.StatusNotFound, "Registry "+str(c.sent, "registryName")+" was not found.", detail{"RegistryNotFound", str(c.sent, "registryName")}).answer(c)
	}
	name, version := str(c.sent, "destinationName"), str(c.sent, "destinationVersion")
	if name == "" {
		name = c.names[0]
	}
	if version == "" {
		version = c.name
	}
	assets := target.coll(c.coll.parent.coll.def.collection)
	parent := assets.get(name)
	if parent == nil {
		parent = &resource{name: name, coll: assets}
		parent.children = newCollection(assets.def.child, target, parent)
	}
	if parent.children.get(version) != nil {
		return userError(http.StatusConflict, "The asset azureml://registries/"+target.name+"/"+assets.def.collection+"/"+name+"/versions/"+version+" already exists.").answer(c)
	}
	copied := *c
	copied.scope, copied.coll, copied.names, copied.name, copied.prev, copied.old = target, parent.children, []string{name, version}, version, nil, nil
	copied.props = clone(c.oldProps()).(obj)
	copied.sent = obj{"properties": copied.props}
	doc, secret := copied.compose()
	copied.store(doc, secret)
	return c.withOperation(emptyAnswer(http.StatusAccepted), c.newOperation("pub", "Updating", c.prev))
}
