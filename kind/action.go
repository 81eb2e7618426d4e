package kind

import "mlsync.dev/mlsync/asset"

// action are files that ask the service to do something once: az ml data
// import, az ml data index, az ml model package. They are no state, so no tree
// holds them as assets: they are recognised and explained. render shows the
// request that they mean.
var action = &Table{
	Kind:   "action",
	Plural: "actions",
	Once:   true,
	Action: true,
	Doc:    "A request that is made once, and no state.",
	Variants: []*Variant{
		dataImport,
		dataIndex,
		modelPackage,
	},
}

// actions are kinds that are no assets.
var actions = link([]*Table{action})

// Command explains an action: the command that makes it, and what to write
// where the result is wanted as state.
type Command struct {
	// Name is the command, such as az ml data import.
	Name string
	// Instead is what states the same.
	Instead string
	// Send is the method and the path, below the workspace, of the request.
	Send func(e *Encoder, a *asset.Asset) (method, path string)
}

// Around is what an action needs to know beside its file.
type Around struct {
	// Model is the version of the model that is packaged.
	Model asset.ID
	// WorkspaceGUID is the id that the service gave the workspace.
	WorkspaceGUID string
}

// dataIndex is recognised only: the reference client cannot read such a file.
var dataIndex = &Variant{
	Name:    "data-index",
	Schemas: []string{"dataIndex"},
	Tell:    func(doc *asset.Value) bool { return hasAll(doc, "name", "index", "embedding", "source") },
	Doc:     "Makes an index of documents.",
	Open:    "properties",
	Command: &Command{Name: "az ml data index", Instead: "write the pipeline job that makes the index, or a schedule that repeats it"},
	Check: func(c *Checker, v *asset.Value) {
		c.Problems.Hintf(v.Pos(), "unsendable", "write the pipeline job that makes the index", "what az ml data index sends is not known: the reference client cannot read the file")
	},
}
