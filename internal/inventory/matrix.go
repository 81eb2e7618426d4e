package inventory

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// Matrix is what is where: a row an asset, a column a target.
type Matrix struct {
	Targets []string
	Rows    []Row
}

// Row is one asset, without version, in all targets.
type Row struct {
	ID    asset.ID
	Cells []Cell
}

// Differs reports whether the row has not the same in all targets that can hold
// it. What is not known may differ.
func (r Row) Differs() bool {
	first := ""
	begun := false
	for _, c := range r.Cells {
		switch {
		case c.State == Unknown:
			return true
		case c.Outside:
			continue
		}
		have := "-"
		if c.There {
			have = "version " + c.Version
		}
		if begun && have != first {
			return true
		}
		first, begun = have, true
	}
	return false
}

// NewMatrix joins columns. Of no kinds means of all; differs keeps the rows of
// which the targets have not the same version.
func NewMatrix(columns []*Column, kinds []*kind.Table, differs bool) Matrix {
	var m Matrix
	ids := map[asset.ID]bool{}
	for _, c := range columns {
		m.Targets = append(m.Targets, c.Target)
		c.index()
		for id := range c.names() {
			if t := kind.Of(id.Kind); Shown(t) && (len(kinds) == 0 || slices.Contains(kinds, t)) {
				ids[id] = true
			}
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(ids), asset.ID.Compare) {
		row := Row{ID: id}
		for _, c := range columns {
			row.Cells = append(row.Cells, c.cell(id))
		}
		if !differs || row.Differs() {
			m.Rows = append(m.Rows, row)
		}
	}
	return m
}

// Complete reports whether every cell is known.
func (m Matrix) Complete() bool {
	return !slices.ContainsFunc(m.Rows, func(r Row) bool {
		return slices.ContainsFunc(r.Cells, func(c Cell) bool { return c.State == Unknown })
	})
}

// Table is the matrix for people.
func (m Matrix) Table(now time.Time) Table {
	t := Table{Head: append([]string{"ASSET"}, m.Targets...)}
	for _, r := range m.Rows {
		row := []string{r.ID.String()}
		for _, c := range r.Cells {
			row = append(row, c.text(now))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// Sheet is the matrix for spreadsheets: a cell a fact.
func (m Matrix) Sheet(now time.Time) Table {
	t := Table{Head: []string{"kind", "name"}}
	for _, name := range m.Targets {
		for _, fact := range []string{"state", "version", "git version", "created", "age"} {
			t.Head = append(t.Head, name+" "+fact)
		}
	}
	for _, r := range m.Rows {
		row := []string{string(r.ID.Kind), r.ID.Short()}
		for _, c := range r.Cells {
			row = append(row, string(c.State), c.Version, c.Git, Stamp(c.Created), Age(c.Created, now))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// Stamp is a time for machines.
func Stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Truncate(time.Second).Format(time.RFC3339)
}

// cellJSON is a cell as --json prints it.
type cellJSON struct {
	State   State  `json:"state"`
	Version string `json:"version,omitempty"`
	Git     string `json:"git_version,omitempty"`
	Created string `json:"created,omitempty"`
	Why     string `json:"why,omitempty"`
}

// MarshalJSON prints the rows, with the cells by target.
func (m Matrix) MarshalJSON() ([]byte, error) {
	type row struct {
		ID      asset.ID            `json:"id"`
		Differs bool                `json:"differs"`
		In      map[string]cellJSON `json:"in"`
	}
	out := []row{}
	for _, r := range m.Rows {
		in := map[string]cellJSON{}
		for i, c := range r.Cells {
			in[m.Targets[i]] = cellJSON{c.State, c.Version, c.Git, Stamp(c.Created), c.Why}
		}
		out = append(out, row{r.ID, r.Differs(), in})
	}
	return json.Marshal(out)
}

// text is a cell for people.
func (c Cell) text(now time.Time) string {
	switch {
	case c.State == Absent:
		return "-"
	case c.State == Unknown && !c.There:
		return "?"
	}
	var parts []string
	for _, p := range []string{c.Version, Age(c.Created, now), string(c.State)} {
		if p == string(Unknown) {
			p = "?"
		}
		if p != "" {
			parts = append(parts, p)
		}
	}
	out := strings.Join(parts, ", ")
	if c.Git != "" && c.Git != c.Version {
		out += " (git " + c.Git + ")"
	}
	return out
}
