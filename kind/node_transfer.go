package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

// transferEnds are where data comes from or goes to, and the one port that the
// step has.
var transferEnds = map[string]struct{ end, ports, port string }{
	"import_data": {"source", "outputs", "sink"},
	"export_data": {"sink", "inputs", "source"},
}

// checkTransfer gives a step that brings data in or out its component, unless
// it names one.
func checkTransfer(c *Checker, v *asset.Value) {
	finishStep("data_transfer")(c, v)
	task := v.Get("task").Str()
	ends := transferEnds[task]
	if ports := v.Get(ends.ports); ports.Len() != 1 || !ports.Has(ends.port) {
		c.Badf(v, "missing_field", "write "+ends.ports+": {"+ends.port+": …}", "%s has one entry, which is called %s", ends.ports, ends.port)
	}
	if !v.Get("component").IsNull() {
		return
	}
	name := task + "_"
	switch typ := squash(v.GetPath(ends.end, "type").Str()); {
	case typ == "database":
		name += "database"
	case ends.end == "source":
		name += "file_system"
	default:
		c.Badf(v, "bad_value", "write type: database", "%s: data can be brought to a database only", ends.end)
		return
	}
	v.Set("component", asset.NewString("azureml://registries/azureml/components/"+name+"/versions/0.0.1").At(v.Pos()))
}

// checkCopy looks whether the ports of a component that copies data fit: one
// input has the type of the output, several make a folder.
func checkCopy(c *Checker, v *asset.Value) {
	inputs, outputs := v.Get("inputs"), v.Get("outputs")
	if outputs.Len() != 1 {
		c.Badf(v, "bad_value", "declare one output", "there are %d outputs, and only one can be copied to", outputs.Len())
		return
	}
	var from, to string
	for _, item := range outputs.Entries() {
		to = item.Get("type").Text()
	}
	for _, item := range inputs.Entries() {
		from = item.Get("type").Text()
	}
	switch {
	case inputs.Len() == 0:
		c.Badf(v, "missing_field", "declare what is copied", "inputs are missing")
	case inputs.Len() == 1 && !strings.EqualFold(from, to):
		c.Badf(v, "bad_value", "give both one type", "the input is a %s and the output a %s", from, to)
	case inputs.Len() > 1 && to != "uri_folder":
		c.Badf(v, "bad_value", "write type: uri_folder", "several inputs make a folder, and no %s", to)
	}
}

// checkTransferPorts looks at the ports of a component that moves data.
func checkTransferPorts(c *Checker, task string, body *asset.Value) {
	ends, moves := transferEnds[task]
	if !moves {
		checkCopy(c, body)
		return
	}
	other := map[string]string{"inputs": "outputs", "outputs": "inputs"}[ends.ports]
	if item := body.Get(other); item != nil {
		c.Badf(item, "unknown_field", "remove it", "%s has no %s", task, other)
	}
	ports := body.Get(ends.ports)
	if ports != nil && (ports.Len() != 1 || !ports.Has(ends.port)) {
		c.Badf(ports, "bad_value", "declare one, called "+ends.port, "%s has one of %s", task, ends.ports)
	}
}
