package lineage

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"mlsync.dev/mlsync/internal/inventory"
)

// hashShown is how much of the hash of a commit is shown.
const hashShown = 12

// label is a node in words, in one line.
func (n *Node) label() string {
	var text string
	switch n.Type {
	case Asset:
		text = n.ID.String() + " in " + n.Target
	case Release:
		text = "release " + n.Name
	case Commit:
		text = "commit " + n.Name[:min(hashShown, len(n.Name))]
	default:
		text = n.Name
	}
	if n.Remark != "" {
		text += " (" + n.Remark + ")"
	}
	if len(n.Metrics) > 0 {
		var list []string
		for _, k := range slices.Sorted(maps.Keys(n.Metrics)) {
			list = append(list, k+" "+n.Metrics[k])
		}
		text += " (" + strings.Join(list, ", ") + ")"
	}
	return inventory.Clean(text)
}

// state is what a reader must know of a node that is not simply there.
func (n *Node) state() string {
	if n.State == Known {
		return ""
	}
	return inventory.Clean(n.Why)
}

// mark begins the line of a node.
func (n *Node) mark() string {
	switch n.State {
	case Unknown:
		return "? "
	case Absent:
		return "- "
	case Known:
	}
	return ""
}

// Text is the graph as a tree. What is in it twice is spelled out once.
func (g *Graph) Text() string {
	p := printer{g: g, seen: map[string]bool{}}
	for _, key := range g.Roots {
		p.node(g.at[key], "", "", "", "")
	}
	return p.b.String()
}

// Below is what Text says of the root's lineage, without the root itself.
func (g *Graph) Below() string {
	p := printer{g: g, seen: map[string]bool{}}
	for _, key := range g.Roots {
		p.seen[key] = true
		p.children(p.next(g.at[key], ""), key, "")
	}
	return p.b.String()
}

type printer struct {
	g    *Graph
	b    strings.Builder
	seen map[string]bool
}

// node prints a node and what it leads to. what leads to it from the node by;
// lead stands before its line, and below before those of its children.
func (p *printer) node(n *Node, what, by, lead, below string) {
	line := n.mark()
	if what != "" && n.Type != Gap {
		line += what + " "
	}
	line += n.label()
	if why := n.state(); why != "" {
		line += ": " + why
	}
	next := p.next(n, by)
	again := p.seen[n.Key] && n.Type != Release && len(next) > 0
	if again {
		line += " (see above)"
	}
	p.b.WriteString(lead + line + "\n")
	if again {
		return
	}
	p.seen[n.Key] = true
	p.children(next, n.Key, below)
}

func (p *printer) children(next []Edge, of, below string) {
	for i, e := range next {
		branch, trunk := "├─ ", "│  "
		if i == len(next)-1 {
			branch, trunk = "└─ ", "   "
		}
		p.node(p.g.at[e.To], e.What, of, below+branch, below+trunk)
	}
}

// next are the edges of a node on the way from another: a release that was met
// at an asset leads to that asset only.
func (p *printer) next(n *Node, by string) []Edge {
	edges := p.g.out[n.Key]
	from := p.g.at[by]
	if n.Type != Release || from == nil || from.Type != Asset {
		return edges
	}
	return slices.DeleteFunc(slices.Clone(edges), func(e Edge) bool {
		to := p.g.at[e.To]
		return to.Type == Asset && to.ID != from.ID
	})
}

// Dot is the graph for Graphviz.
func (g *Graph) Dot() string {
	var b strings.Builder
	b.WriteString("digraph lineage {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n")
	shapes := map[Type]string{Asset: "box", Release: "folder", Commit: "ellipse", Address: "cylinder", Gap: "plaintext"}
	for i, n := range g.Nodes {
		style := map[State]string{Unknown: ", style=dashed, color=red", Absent: ", style=dashed"}[n.State]
		fmt.Fprintf(&b, "  n%d [label=\"%s\", shape=%s%s];\n", i+1, dotEscape(n.drawn()), shapes[n.Type], style)
	}
	at := g.numbers()
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "  n%d -> n%d [label=\"%s\"];\n", at[e.From], at[e.To], dotEscape(e.What))
	}
	b.WriteString("}\n")
	return b.String()
}

// drawn is the label of a node in a drawing.
func (n *Node) drawn() string {
	text := n.label()
	if n.State == Unknown {
		text = "? " + text
	}
	if why := n.state(); why != "" {
		text += ": " + why
	}
	return text
}

func (g *Graph) numbers() map[string]int {
	out := map[string]int{}
	for i, n := range g.Nodes {
		out[n.Key] = i + 1
	}
	return out
}

// dotEscape makes text stand for itself between the quotes of Graphviz, which
// takes a backslash for the beginning of a command and & for that of an entity.
func dotEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;").Replace(s)
}

// Mermaid is the graph as a flowchart of Mermaid.
func (g *Graph) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	open := map[Type]string{Asset: `["`, Release: `[["`, Commit: `(["`, Address: `[("`, Gap: `{{"`}
	shut := map[Type]string{Asset: `"]`, Release: `"]]`, Commit: `"])`, Address: `")]`, Gap: `"}}`}
	for i, n := range g.Nodes {
		fmt.Fprintf(&b, "  n%d%s%s%s\n", i+1, open[n.Type], mermaidEscape(n.drawn()), shut[n.Type])
	}
	at := g.numbers()
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "  n%d -->|%s| n%d\n", at[e.From], e.What, at[e.To])
	}
	for i, n := range g.Nodes {
		if n.State != Known {
			fmt.Fprintf(&b, "  style n%d stroke-dasharray: 5 5\n", i+1)
		}
	}
	return b.String()
}

// mermaidEscape makes text stand for itself between quotes: all that is no
// letter, digit, space or harmless sign is written as the number of the
// character, which also keeps it from ending a block of Markdown around it.
func mermaidEscape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r > 127 || r == ' ' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("-_.,:/()?@+=", r) {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, "#%d;", r)
	}
	return b.String()
}
