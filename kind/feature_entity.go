package kind

import "mlsync.dev/mlsync/asset"

var featureStoreEntity = &Table{
	Kind:         "feature-store-entity",
	Plural:       "feature-store-entities",
	Collection:   "featurestoreEntities",
	Versioned:    true,
	NeedVersion:  true,
	Names:        serviceName,
	Tags:         "properties.tags",
	Remove:       Archive,
	ArchiveStage: true,
	Promotable:   true,
	Doc:          "What the rows of feature sets are about, such as an account: the columns that say which.",
	Variants: []*Variant{{
		Schemas: []string{"featureStoreEntity"},
		Tell:    func(doc *asset.Value) bool { return hasAll(doc, "name", "index_columns") && !doc.Has("features") },
		ToREST:  sendAssetState,
	}},
	Fields: []Field{
		{YAML: "description", REST: "properties.description", As: Str{}, Doc: "What it is."},
		{YAML: "tags", REST: "properties.tags", As: textTags, Send: asset.NewMap(), Doc: "Free labels."},
		{YAML: "properties", REST: "properties.properties", As: textTags, Send: asset.NewMap(), Change: Append, Doc: "Marks for programs. The service lets them be added, not changed or removed."},
		{YAML: "index_columns", REST: "properties.indexColumns", As: List{Of: indexColumn}, Required: true, Change: NewVersion, Doc: "The columns by which the rows of feature sets are found."},
		{YAML: "stage", REST: "properties.stage", As: featureStage, Send: asset.NewString("Development"), Service: asset.NewString("Development"), Stays: true, Doc: "How far it has come."},
		{YAML: "latest_version", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
	},
}

// featureStage takes the words in the service's spelling only.
var featureStage = Exactly("Development", "Production", "Archived")

// textTags are Tags whose values must be texts: the reference client refuses
// numbers here.
var textTags = Map{Of: Str{}, Owned: true, Drop: Tags.Drop}

var indexColumn = Obj(
	Field{YAML: "name", REST: "columnName", As: Str{}, Required: true, Doc: "The name of the column."},
	Field{YAML: "type", REST: "dataType", As: columnType, Required: true, Doc: "The sort of its values."},
)

var columnType = Words("string", "String", "integer", "Integer", "long", "Long", "float", "Float", "double", "Double", "binary", "Binary", "datetime", "Datetime", "boolean", "Boolean")
