package kind

// assignedIdentity is the identity of a resource of its own, such as an
// endpoint or a compute: system_assigned, user_assigned or both.
var assignedIdentity = Obj(
	Field{
		YAML: "type", REST: "type", Required: true, Doc: "Who the resource acts as.",
		As: Words("system_assigned", "SystemAssigned", "user_assigned", "UserAssigned", "system_assigned,user_assigned", "SystemAssigned,UserAssigned", "none", "None"),
	},
	Field{
		YAML: "user_assigned_identities", REST: "userAssignedIdentities", Doc: "Managed identities, by resource id.",
		As: KeyedList{Key: "resource_id", Of: Obj(
			Field{YAML: "resource_id", As: Str{}, Required: true, Doc: "The resource id of the identity."},
			Field{YAML: "client_id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
			Field{YAML: "principal_id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		)},
	},
	Field{YAML: "principal_id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
	Field{YAML: "tenant_id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
)
