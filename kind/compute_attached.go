package kind

import "mlsync.dev/mlsync/asset"

var kubernetesCompute = &Variant{
	Name:        "kubernetes",
	Schemas:     []string{"kubernetesCompute"},
	Types:       []string{"kubernetes"},
	Const:       []Const{{"properties.computeType", "Kubernetes"}},
	Tell:        func(doc *asset.Value) bool { return exactType(doc, "kubernetes") && hasAll(doc, "name", "resource_id") },
	DeleteQuery: detach,
	Fields: []Field{
		workspaceLocation,
		{YAML: "resource_id", REST: "properties.resourceId", As: armID{}, Change: Replace, Doc: "The resource id of the cluster, an AKS or Arc one."},
		{YAML: "properties", REST: "properties.properties", As: clusterProperties, Change: Replace, Doc: "What the extension in the cluster is told. Keys may be written in snake or camel case."},
		{YAML: "namespace", REST: "properties.properties.namespace", As: Str{}, Send: asset.NewString("default"), Change: Replace, Doc: "Where jobs run in the cluster."},
		computeIdentity,
	},
	Check: warnLocation,
	Doc:   "A Kubernetes cluster with the extension of Azure ML.",
}

// clusterProperties are the properties of an attached Kubernetes cluster. The
// row of the namespace comes after theirs: it lives in the same REST object.
var clusterProperties = anyCase(
	Field{YAML: "default_instance_type", REST: "defaultInstanceType", As: Str{}, Doc: "The instance type of jobs that name none."},
	Field{YAML: "instance_types", REST: "instanceTypes", As: Map{Of: anyCase(
		Field{YAML: "node_selector", REST: "nodeSelector", As: Map{Of: Text{}}, Doc: "Labels of the nodes."},
		Field{YAML: "resources", REST: "resources", As: anyCase(
			Field{YAML: "requests", REST: "requests", As: Map{Of: Text{}, Nulls: true}, Doc: "What is reserved."},
			Field{YAML: "limits", REST: "limits", As: Map{Of: Text{}, Nulls: true}, Doc: "What may be used."},
		), Doc: "CPU, memory and GPU."},
	)}, Doc: "The instance types, by name."},
	Field{YAML: "vc_name", REST: "vcName", As: Str{}, Doc: "The virtual cluster."},
	Field{YAML: "extension_principal_id", REST: "extensionPrincipalId", As: Str{}, Doc: "The identity of the extension."},
	Field{YAML: "extension_instance_release_train", REST: "extensionInstanceReleaseTrain", As: Str{}, Doc: "The release train of the extension."},
	Field{YAML: "relay_connection_string", REST: "relayConnectionString", As: Str{}, Secret: true, Doc: "The connection string of the relay."},
	Field{YAML: "service_bus_connection_string", REST: "serviceBusConnectionString", As: Str{}, Secret: true, Doc: "The connection string of the service bus."},
)

func anyCase(rows ...Field) Object { return Object{Fields: rows, AnyCase: true} }

var virtualMachine = &Variant{
	Name:        "virtualmachine",
	Schemas:     []string{"vmCompute", "virtualMachineCompute"},
	Types:       []string{"virtualmachine"},
	Const:       []Const{{"properties.computeType", "VirtualMachine"}},
	Tell:        func(doc *asset.Value) bool { return typeIs(doc, "virtualmachine") && doc.Has("name") },
	DeleteQuery: detach,
	Fields: []Field{
		workspaceLocation,
		attachedResource,
		{YAML: "compute_location", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "ssh_settings", REST: "properties.properties", Required: true, Change: Replace, As: Obj(
			Field{YAML: "admin_username", REST: "administratorAccount.username", As: Str{}, Change: Replace, Doc: "Who logs in."},
			Field{YAML: "admin_password", REST: "administratorAccount.password", As: Str{}, Secret: true, Change: Replace, Doc: "The password; write-only."},
			Field{YAML: "ssh_port", REST: "sshPort", As: Int{}, Send: asset.NewInt(22), Service: asset.NewInt(22), Change: Replace, Doc: "The port of SSH."},
			Field{YAML: "ssh_private_key_file", REST: "administratorAccount.privateKeyData", As: Str{}, Secret: true, Change: Replace, Doc: "The private key. The reference client reads it from a file; here it is a secret, because a private key has no place in a repository."},
		), Doc: "How the service logs in."},
	},
	Check: warnLocation,
	Doc:   "A virtual machine of elsewhere.",
}

var synapseSpark = &Variant{
	Name:        "synapsespark",
	Schemas:     []string{"synapseSparkCompute"},
	Types:       []string{"synapsespark"},
	Const:       []Const{{"properties.computeType", "SynapseSpark"}},
	Tell:        func(doc *asset.Value) bool { return typeIs(doc, "synapsespark") && hasAll(doc, "name", "resource_id") },
	DeleteQuery: detach,
	Fields: []Field{
		workspaceLocation,
		attachedResource,
		computeIdentity,
		{YAML: "node_family", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "node_size", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "node_count", As: Int{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "spark_version", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "scale_settings", As: Any{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "auto_pause_settings", As: Any{}, ReadOnly: true, Doc: "Set by the service."},
	},
	Check: warnLocation,
	Doc:   "A Spark pool of a Synapse workspace.",
}
