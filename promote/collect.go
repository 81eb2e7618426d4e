package promote

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/graph"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// Found is the answer to what one asset of a workspace is. Nothing but an
// answer makes an asset absent.
type Found struct {
	// Asset is in written form; nil if there is none. Code is as it was read.
	Asset *asset.Asset
	// Stamps are the tags of mlsync on it.
	Stamps map[string]string
	// Unknown says why it could not be read; "" if it could.
	Unknown string
}

// Look answers what is in a workspace.
type Look struct {
	Asset func(asset.ID) Found
	// Contained are the assets that one contains, such as the deployments of
	// an endpoint.
	Contained func(asset.ID) (ids []asset.ID, unknown string)
}

// Draft is a closed set of assets on its way to be a release.
type Draft struct {
	Roots  []asset.ID
	Assets []Drafted // in the order of ids
	Needs  []Need
}

// Drafted is one asset of a draft.
type Drafted struct {
	Asset  *asset.Asset
	Places []Placed
	Stamps map[string]string
}

// Placed is content that an asset names: what must be hashed.
type Placed struct {
	Field string
	Code  bool
	At    Place
}

// UnreadError says which assets could not be read, so that nobody knows what
// belongs to the set.
type UnreadError struct{ Why []string }

// Error lists them.
func (e *UnreadError) Error() string {
	return "the set is not known: " + strings.Join(e.Why, "; ")
}

// Collect closes the roots over what they refer to. What is every target's own
// ends the search and is listed. The error is an *UnreadError; a root or a
// reference that leads nowhere and a circle are problems.
func Collect(roots []asset.ID, look Look) (*Draft, problem.List, error) {
	c := &collector{
		look: look, graph: graph.New(asset.ID.Compare),
		asked: map[asset.ID]bool{}, found: map[asset.ID]*Drafted{}, needs: map[asset.ID]map[asset.ID]bool{},
	}
	for _, id := range roots {
		c.root(id)
	}
	for len(c.queue) > 0 {
		id := c.queue[0]
		c.queue = c.queue[1:]
		c.visit(id)
	}
	if len(c.unread) > 0 {
		slices.Sort(c.unread)
		return nil, nil, &UnreadError{Why: slices.Compact(c.unread)}
	}
	if _, err := c.graph.Order(); err != nil {
		var cycle *graph.CycleError[asset.ID]
		if errors.As(err, &cycle) {
			c.bad.Hintf(problem.Pos{}, "cycle", "break the circle of references", "the assets refer to each other in a %s", cycle)
		}
	}
	if len(c.bad) > 0 {
		return nil, c.bad.Sorted(), nil
	}
	return c.draft(roots), nil, nil
}

type collector struct {
	look   Look
	graph  *graph.Graph[asset.ID]
	queue  []asset.ID
	asked  map[asset.ID]bool
	found  map[asset.ID]*Drafted
	needs  map[asset.ID]map[asset.ID]bool
	unread []string
	bad    problem.List
}

func (c *collector) badf(code, hint, format string, args ...any) {
	c.bad.Hintf(problem.Pos{}, code, hint, format, args...)
}

// root asks for an asset and for what it contains.
func (c *collector) root(id asset.ID) {
	t := kind.Of(id.Kind)
	switch {
	case t == nil || !t.Promotable:
		c.badf("not_promotable", "name a model, an endpoint, a component or the like", "%s cannot be promoted: every target has its own", id)
		return
	case t.Versioned && id.Version == "":
		c.badf("missing_version", "write "+id.String()+":VERSION", "%s: the version is missing", id)
		return
	}
	c.ask(id)
	inside, unknown := c.look.Contained(id)
	if unknown != "" {
		c.unread = append(c.unread, fmt.Sprintf("what %s contains: %s", id, unknown))
	}
	for _, part := range inside {
		c.ask(part)
	}
}

func (c *collector) ask(id asset.ID) {
	c.graph.Add(id)
	if !c.asked[id] {
		c.asked[id] = true
		c.queue = append(c.queue, id)
	}
}

// visit reads one asset and asks for what it refers to.
func (c *collector) visit(id asset.ID) {
	got := c.look.Asset(id)
	switch {
	case got.Unknown != "":
		c.unread = append(c.unread, fmt.Sprintf("%s: %s", id, got.Unknown))
		return
	case got.Asset == nil:
		c.badf("missing_asset", "apply the source first, or correct the name", "%s is not in the source", id)
		return
	}
	d := &Drafted{Asset: got.Asset, Stamps: got.Stamps}
	c.found[id] = d
	if parent := parentOf(id); !parent.IsZero() {
		c.ask(parent)
		c.graph.Edge(id, parent)
	}
	for _, l := range links(got.Asset) {
		c.follow(d, l)
	}
}

func (c *collector) follow(d *Drafted, l link) {
	id := d.Asset.ID
	switch {
	case l.lost != "":
		c.badf("lost_content", "copy it into the source, or register it there", "%s: the content of %s cannot move: %s", id, l.site.Dotted(), l.lost)
	case l.code:
		c.code(d, l)
	case l.content:
		d.Places = append(d.Places, Placed{Field: l.site.Dotted(), At: l.at})
	case l.store != "":
		c.need(asset.ID{Kind: "datastore", Name: l.store}, id)
	case !kind.Of(l.to.Kind).Promotable:
		c.need(l.to, id)
	case l.stays:
		// What the target has of its own refers to what the target has.
	default:
		c.ask(l.to)
		c.graph.Edge(id, l.to)
	}
}

func (c *collector) need(id, by asset.ID) {
	if c.needs[id] == nil {
		c.needs[id] = map[asset.ID]bool{}
	}
	c.needs[id][by] = true
}

// code asks for a code asset, which is content of the asset that uses it.
func (c *collector) code(d *Drafted, l link) {
	got := c.look.Asset(l.to)
	switch {
	case got.Unknown != "":
		c.unread = append(c.unread, fmt.Sprintf("%s: %s", l.to, got.Unknown))
	case got.Asset == nil:
		c.badf("missing_asset", "apply the source first", "%s: the code %s is not in the source", d.Asset.ID, l.to.Short())
	case got.Asset.Body.Get("path").Str() == "":
		c.badf("lost_content", "", "%s: the service does not say where the code %s is", d.Asset.ID, l.to.Short())
	default:
		d.Places = append(d.Places, Placed{Field: l.site.Dotted(), Code: true, At: Place{URL: unsigned(got.Asset.Body.Get("path").Str())}})
	}
}

func (c *collector) draft(roots []asset.ID) *Draft {
	out := &Draft{Roots: slices.Clone(roots)}
	slices.SortFunc(out.Roots, asset.ID.Compare)
	out.Roots = slices.Compact(out.Roots)
	for _, d := range c.found {
		out.Assets = append(out.Assets, *d)
	}
	slices.SortFunc(out.Assets, func(a, b Drafted) int { return a.Asset.ID.Compare(b.Asset.ID) })
	for id, by := range c.needs {
		n := Need{ID: id}
		for user := range by {
			n.By = append(n.By, user)
		}
		slices.SortFunc(n.By, asset.ID.Compare)
		out.Needs = append(out.Needs, n)
	}
	slices.SortFunc(out.Needs, func(a, b Need) int { return a.ID.Compare(b.ID) })
	return out
}

// parentOf is the asset that contains an asset; zero if none does.
func parentOf(id asset.ID) asset.ID {
	if t := kind.Of(id.Kind); t.Parent != "" {
		return asset.ID{Kind: t.Parent, Name: id.Parent}
	}
	return asset.ID{}
}
