package kind

import "slices"

// Row is a field of a kind at any depth, for the reference docs.
type Row struct {
	// Path is where the field stands in the file: keys joined by dots, with
	// NAME for a free key of a map and [] for an item of a list.
	Path string
	// Field is the row of the table.
	Field *Field
	// Change is what the service allows, also where an enclosing field
	// decides.
	Change Change
	// Secret, ReadOnly and Stays hold also where an enclosing field says so.
	Secret, ReadOnly, Stays bool
}

// Rows are all fields of the variant in the order of its table, each before
// those inside it. Inline assets are not entered: they are of another kind.
func (v *Variant) Rows() []Row {
	var r rower
	r.fields("", v.all, Row{})
	return r.out
}

// alternatives is a Type that has several forms of its own.
type alternatives interface{ alternatives() []Type }

type rower struct {
	out  []Row
	deep int
}

// maxRowDepth stops at types that hold themselves.
const maxRowDepth = 12

func (r *rower) fields(at string, fields []Field, outer Row) {
	for i := range fields {
		f := &fields[i]
		row := Row{Path: at + f.YAML, Field: f, Change: f.Change, Secret: f.Secret || outer.Secret, ReadOnly: f.ReadOnly || outer.ReadOnly, Stays: f.Stays || outer.Stays}
		if f.Change == InPlace {
			row.Change = outer.Change
		}
		if f.Made || slices.ContainsFunc(r.out, row.same) {
			continue // the field of another alternative
		}
		r.out = append(r.out, row)
		if r.deep < maxRowDepth && !row.ReadOnly {
			r.deep++
			r.inside(row.Path, f.As, row)
			r.deep--
		}
	}
}

// same reports rows that read the same, as of the alternatives of a Pick.
func (r Row) same(o Row) bool {
	return r.Path == o.Path && r.Field.Doc == o.Field.Doc && r.Field.As.Describe() == o.Field.As.Describe()
}

func (r *rower) inside(at string, t Type, outer Row) {
	switch t := t.(type) {
	case Object:
		r.fields(at+".", t.Fields, outer)
	case snaked:
		r.fields(at+".", t.Fields, outer)
	case bound:
		r.inside(at, t.Of, outer)
	case steps:
		r.inside(at, t.Map, outer)
	case jsonList:
		r.inside(at, t.List, outer)
	case Shorthand:
		r.fields(at+".", t.Fields, outer)
	case inFile:
		r.fields(at+".", t.Fields, outer)
	case inList:
		r.fields(at+".", t.Fields, outer)
	case metrics:
		r.fields(at+".", t.Fields, outer)
	case lowerKeys:
		r.inside(at+".NAME", t.Of, outer)
	case Map:
		r.inside(at+".NAME", t.Of, outer)
	case List:
		r.inside(at+"[]", t.Of, outer)
	case KeyedList:
		r.inside(at+"[]", t.Of, outer)
	case identityMap:
		r.inside(at, t.Map, outer)
	case outboundRules:
		for _, one := range t.alternatives() {
			r.inside(at+"[]", one, outer)
		}
	case alternatives:
		for _, one := range t.alternatives() {
			r.inside(at, one, outer)
		}
	case Wrap:
		r.inside(at, t.Of, outer)
	case Pick:
		for _, one := range t.All {
			r.inside(at, one, outer)
		}
	case unsent:
		r.fields(at+".", t.Fields, outer)
	case authentication:
		for _, sort := range t.sorts {
			r.inside(at, sort.obj, outer)
		}
	case credentials:
		for _, sort := range t.sorts {
			r.inside(at, sort.obj, outer)
		}
	}
}
