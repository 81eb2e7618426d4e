package kind

import (
	"mlsync.dev/mlsync/asset"
)

const (
	// featureSpecFile is the file that defines the features of a set.
	featureSpecFile = "FeatureSetSpec.yaml"
	// featureSpecText is where the resolved body holds what the file says. It
	// is no field of the format.
	featureSpecText = "featureset_properties"
)

// inspectFeatureSpec reads the file that defines the features of a local
// folder, as the reference client does: a copy of it is sent as a property.
func inspectFeatureSpec(in *Inspection, body *asset.Value) {
	path := body.GetPath("specification", "path")
	files, local := in.Files("specification.path")
	if !local {
		return
	}
	if !in.Folder("specification.path") || !contains(files, featureSpecFile) {
		in.Bad(path, "missing_file", "put a file called "+featureSpecFile+" into the folder", "specification.path: it is not a folder with a file %s", featureSpecFile)
		return
	}
	doc := in.Document("specification.path", featureSpecFile)
	if doc == nil {
		return // reported already
	}
	c := &Checker{}
	spec := featureSpec.Check(c, doc)
	for _, p := range c.Problems {
		in.Bad(asset.NewNull().At(p.Pos), p.Code, p.Hint, "%s", p.Text)
	}
	if len(c.Problems.Errors()) > 0 {
		return
	}
	known := Object{Fields: featureSpec.Fields}
	body.Set(featureSpecText, asset.NewString(pythonJSON(known.Encode(&Encoder{}, spec))))
}

// featureSpec is the file; its rows are in the order in which the reference
// client sends them. Keys that it does not know are left out, not refused.
var featureSpec = Object{
	Open: true,
	Fields: []Field{
		{YAML: "source", REST: "source", As: featureSource, Required: true, Doc: "Where the data comes from."},
		{YAML: "feature_transformation_code", REST: "featureTransformationCode", As: Obj(
			Field{YAML: "path", REST: "Path", As: Str{}, Required: true, Doc: "The folder of the code, within the specification."},
			Field{YAML: "transformer_class", REST: "TransformerClass", As: Str{}, Doc: "The class that makes the features."},
		), Doc: "How features are made of the data."},
		{YAML: "features", REST: "features", Required: true, As: List{Of: Obj(
			Field{YAML: "name", REST: "FeatureName", As: Str{}, Required: true, Doc: "The name of the feature."},
			Field{YAML: "type", REST: "DataType", As: Str{}, Required: true, Doc: "The sort of its values."},
			Field{YAML: "description", REST: "Description", As: Str{}, Doc: "What it is."},
			Field{YAML: "tags", REST: "Tags", As: Map{Of: Str{}}, Doc: "Free labels."},
		)}, Doc: "The features."},
		{YAML: "index_columns", REST: "indexColumns", As: List{Of: Obj(
			Field{YAML: "name", REST: "ColumnName", As: Str{}, Required: true, Doc: "The name of the column."},
			Field{YAML: "type", REST: "DataType", As: lowerWords(columnType), Required: true, Doc: "The sort of its values."},
		)}, Doc: "The columns by which rows are found."},
		{YAML: "source_lookback", REST: "sourceLookback", As: delay, Doc: "How much of the source is looked at."},
		{YAML: "temporal_join_lookback", REST: "temporalJoinLookback", As: delay, Doc: "How old a feature may be in a join."},
	},
	After: checkFeatureSpec,
}

var featureSource = Object{
	Fields: []Field{
		{YAML: "type", REST: "type", As: Str{}, Required: true, Doc: "The format, featureset, or custom."},
		{YAML: "path", REST: "path", As: Str{}, Doc: "Where the data is."},
		{YAML: "timestamp_column", REST: "timestampColumn", As: Obj(
			Field{YAML: "name", REST: "name", As: Str{}, Required: true, Doc: "The name of the column."},
			Field{YAML: "format", REST: "format", As: Str{}, Doc: "How it is written."},
		), Doc: "The column that says when."},
		{YAML: "source_delay", REST: "sourceDelay", As: delay, Doc: "How late the data arrives."},
		{YAML: "source_process_code", REST: "source_process_code", As: Obj(
			Field{YAML: "path", REST: "path", As: Str{}, Required: true, Doc: "The folder of the code."},
			Field{YAML: "process_class", REST: "process_class", As: Str{}, Required: true, Doc: "The class that reads the source."},
		), Doc: "How a custom source is read."},
		// The reference client checks it and does not send it.
		{YAML: "kwargs", As: Map{Of: Str{}}, Doc: "What the class is told."},
	},
	After: checkFeatureSource,
}

var delay = Obj(
	Field{YAML: "days", REST: "Days", As: Int{}, Doc: "Days."},
	Field{YAML: "hours", REST: "Hours", As: Int{}, Doc: "Hours."},
	Field{YAML: "minutes", REST: "Minutes", As: Int{}, Doc: "Minutes."},
)

// lowerWords sends the words as they are written.
func lowerWords(e Enum) Enum {
	var out Enum
	for _, w := range e.Words {
		out.Words = append(out.Words, [2]string{w[0], w[0]})
	}
	return out
}

// checkFeatureSource holds a source to the rules of its type.
func checkFeatureSource(c *Checker, v *asset.Value) {
	rules := map[string]struct{ need, never []string }{
		"custom":     {[]string{"timestamp_column", "kwargs", "source_process_code"}, []string{"path"}},
		"featureset": {[]string{"path"}, []string{"timestamp_column", "source_delay", "source_process_code"}},
	}
	typ := v.Get("type").Str()
	rule, ok := rules[typ]
	if !ok {
		rule.need, rule.never = []string{"timestamp_column", "path"}, []string{"kwargs", "source_process_code"}
	}
	for _, key := range rule.need {
		if item := v.Get(key); item == nil || item.Type() == asset.String && item.Str() == "" || key == "kwargs" && item.Len() == 0 {
			c.Badf(v, "missing_field", "add "+key, "a source of type %q needs %s", typ, key)
		}
	}
	for _, key := range rule.never {
		if item := v.Get(key); item != nil && (item.Len() > 0 || item.Type() == asset.String && item.Str() != "") {
			c.Badf(item, "unknown_field", "remove it", "a source of type %q has no %s", typ, key)
		}
	}
}

func checkFeatureSpec(c *Checker, v *asset.Value) {
	typ := v.GetPath("source", "type").Str()
	columns := v.Get("index_columns")
	switch {
	case typ == "": // reported already
	case typ == "featureset" && columns.Len() > 0:
		c.Badf(columns, "unknown_field", "remove it", "index_columns: those of a source of type featureset are its own")
	case typ != "featureset" && columns.Len() == 0:
		c.Badf(v, "missing_field", "add index_columns", "a source of type %q needs index_columns", typ)
	}
}
