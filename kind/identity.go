package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

// Identity is the managed identity of a compute or endpoint: a list of
// resource ids in the file, a map by resource id on the wire.
var Identity Type = identity{Obj(
	Field{YAML: "type", REST: "type", As: Words(
		"system_assigned", "SystemAssigned",
		"user_assigned", "UserAssigned",
		"system_assigned,user_assigned", "SystemAssigned,UserAssigned",
		"none", "None",
	), Required: true, Doc: "Whose identity it is."},
	Field{YAML: "user_assigned_identities", REST: "userAssignedIdentities", As: userIdentities{List{Of: Obj(
		Field{YAML: "resource_id", REST: "id", As: Str{}, Doc: "The resource id of the identity."},
		Field{YAML: "principal_id", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
		Field{YAML: "client_id", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
		Field{YAML: "tenant_id", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
	)}}, Doc: "The user-assigned identities."},
	Field{YAML: "principal_id", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
	Field{YAML: "tenant_id", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
)}

type identity struct{ Object }

// Equal looks only at what want says; no identity and the type none are one.
func (i identity) Equal(want, live *asset.Value) bool {
	if want.Get("type").Str() == "none" && live.IsNull() {
		return true
	}
	return SameValue(i.Object, want, live)
}

func (i identity) Describe() string { return "managed identity" }

type userIdentities struct{ List }

func (u userIdentities) Encode(_ *Encoder, v *asset.Value) *asset.Value {
	rest := asset.NewMap()
	for _, item := range v.Items() {
		if id := item.Get("resource_id").Str(); id != "" {
			rest.Set(id, asset.NewMap())
		}
	}
	if rest.Len() == 0 {
		return nil
	}
	return rest
}

func (u userIdentities) Decode(_ *Decoder, rest *asset.Value) *asset.Value {
	out := asset.NewList()
	for id := range rest.Entries() {
		out.Append(asset.NewMap().Set("resource_id", asset.NewString(id)))
	}
	if out.Len() == 0 {
		return nil
	}
	return out
}

// Equal compares the sets of ids; the service changes their case.
func (u userIdentities) Equal(want, live *asset.Value) bool {
	ids := func(v *asset.Value) map[string]bool {
		out := map[string]bool{}
		for _, item := range v.Items() {
			out[strings.ToLower(item.Get("resource_id").Str())] = true
		}
		return out
	}
	w, l := ids(want), ids(live)
	for id := range w {
		if !l[id] {
			return false
		}
	}
	return len(w) == len(l)
}
