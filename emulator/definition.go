package emulator

import "regexp"

// A definition is one kind of resource: a row of the table of collections. What a row cannot say is a hook.
type definition struct {
	collection string // canonical name in the path
	label      string // singular, for messages: "Model"
	child      *definition
	version    bool // the resource is a version of its parent
	container  bool // the resource has versions

	envelope []field // top-level fields besides id, name, type, properties, systemData
	fields   []field // rows of properties

	created, updated int    // statuses of PUT
	op               string // prefix of the long-running operation, empty when PUT is synchronous
	deleteOp         bool   // DELETE is long-running
	service          opService
	creating, state  string // provisioningState while a create and an update run; Creating and Updating when empty
	system           systemStyle
	oldestFirst      bool // order of lists
	class            string
	names            *regexp.Regexp // what a new name must match; nil: namePattern
	bodyless         bool           // DELETE answers without a body

	rename  func(*call)                             // the service chooses another name than the path's
	check   func(*call) *refusal                    // refuses a PUT before anything is stored
	fill    func(*call, obj)                        // completes the shaped document
	interim func(*call, obj) obj                    // what a long-running PUT answers; nil: the document
	done    func(*Server, *resource, obj)           // completes the document when the operation has succeeded
	stored  func(*call, *resource, bool)            // after a PUT was stored; the flag says created
	secrets func(*call, obj) obj                    // takes the secrets out of the body
	patch   func(*call, obj) *refusal               // merges a PATCH body into the document; nil: 405
	refuse  func(*call, *resource) *refusal         // refuses a DELETE
	missing func(*call) *refusal                    // the 404
	view    func(*call, *resource, obj, string) obj // adapts a document to an api-version; nil: rows only
	viewOld bool                                    // view is for api-versions before newest only
	filter  func(*call, *resource) bool             // passes a resource of a list
	actions map[string]func(*call) answer           // POST, by lower-case name
	reads   map[string]func(*call) answer           // GET below the resource, by lower-case name
	dropped func(*Server, *resource)                // after a resource was deleted
	newest  string                                  // api-versions from here on get the stored body
}

type systemStyle int

const (
	sysFull    systemStyle = iota // createdAt/By/ByType, lastModifiedAt/By/ByType
	sysNoBy                       // createdAt and lastModifiedAt only (component and model containers)
	sysCreated                    // no lastModified* on create (jobs)
	sysDated                      // no lastModifiedBy* on create (data)
	sysBatch                      // createdAt, createdBy, lastModifiedAt
	sysZ                          // as sysFull with Z times (connections, workspaces)
	sysNone                       // no systemData (computes)
)

type opService int

const (
	mfeStatus     opService = iota // mfeOperationsStatus with percentComplete
	mfeSchedule                    // ids point to mfeOperationResults, Creating, no percentComplete
	mfeBatch                       // id, name and status only
	computeStatus                  // computeOperationsStatus, no Location
	wsStatus                       // workspaceOperationsStatus
)

// A catalogue is the table of collections of workspaces and registries.
type catalogue struct {
	workspace, registry           *definition
	workspaceKinds, registryKinds []*definition
}

func newCatalogue() *catalogue {
	return &catalogue{
		workspace: complete([]*definition{workspaceResource()})[0],
		registry:  complete([]*definition{registryResource()})[0],
		workspaceKinds: complete([]*definition{
			environmentKind(""), dataKind(""), modelKind(""), codeKind(""), componentKind(""),
			featureSetKind(), featureEntityKind(),
			jobKind(), scheduleKind(), datastoreKind(), computeKind(), connectionKind(),
			onlineEndpointKind(), batchEndpointKind(), serverlessKind(), marketplaceKind(),
		}),
		registryKinds: complete([]*definition{
			environmentKind("ra"), dataKind("ra"), modelKind("ra"), codeKind("ra"), componentKind("ra"),
		}),
	}
}

// kinds lists the top-level collections of a workspace or a registry.
func (t *catalogue) kinds(kind string) []*definition {
	if kind == "registries" {
		return t.registryKinds
	}
	return t.workspaceKinds
}

// scope is the definition of the workspace or registry itself.
func (t *catalogue) scope(kind string) *definition {
	if kind == "registries" {
		return t.registry
	}
	return t.workspace
}

// complete derives what follows from the rows.
func complete(defs []*definition) []*definition {
	for _, d := range defs {
		for ; d != nil; d = d.child {
			d.newest = max(newest(d.fields), newest(d.envelope), d.newest)
			if d.created == 0 {
				d.created = 201
			}
			if d.updated == 0 {
				d.updated = 200
			}
			if d.creating == "" {
				d.creating = "Creating"
			}
			if d.state == "" {
				d.state = "Updating"
			}
			if d.missing == nil {
				d.missing = notFoundAsset
			}
		}
	}
	return defs
}

// assetFields are the rows that every asset version has.
func assetFields(more ...field) []field {
	return append([]field{
		{name: "description"},
		{name: "tags", def: emptyMap{}, norm: stringMap},
		{name: "properties", def: emptyMap{}, norm: stringMap},
		{name: "isArchived", def: false},
		{name: "isAnonymous", def: false},
	}, more...)
}

// containerKind is the container of a versioned asset with versions as described by v.
func containerKind(collection, label, op string, v *definition, more ...field) *definition {
	v.collection, v.version, v.label = "versions", true, label
	rows := append([]field{
		{name: "description"},
		{name: "tags", def: emptyMap{}, norm: stringMap},
		{name: "properties", def: emptyMap{}, norm: stringMap},
		{name: "isArchived", def: false},
		{name: "latestVersion"},
		{name: "nextVersion"},
		{name: "provisioningState", def: "Succeeded", norm: always("Succeeded")},
	}, more...)
	d := &definition{collection: collection, label: label, container: true, child: v, fields: rows, system: sysFull}
	if op != "" {
		d.op, d.deleteOp, v.op, v.deleteOp = op, true, op, true
	}
	return d
}

// always is a canonicaliser that sets one value: the field is the server's.
func always(v any) func(any) any { return func(any) any { return v } }

// stringMap turns the scalars of a map into strings, as the service does for tags and properties.
func stringMap(v any) any {
	o, ok := v.(obj)
	if !ok {
		return obj{}
	}
	out := make(obj, len(o))
	for k, e := range o {
		out[k] = nil
		if e != nil {
			out[k] = scalarText(e)
		}
	}
	return out
}
