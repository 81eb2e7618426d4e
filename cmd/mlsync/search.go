package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/bridge"
	"mlsync.dev/mlsync/internal/inventory"
	"mlsync.dev/mlsync/kind"
)

// searchFlags are the flags of mlsync search.
type searchFlags struct {
	targetFlags
	kinds, tags   []string
	all, nameOnly bool
}

func (a *app) searchCommand() *cobra.Command {
	var f searchFlags
	c := &cobra.Command{
		Use: "search [TERM]", Short: "Find assets in workspaces and registries", GroupID: "work", Args: cobra.MaximumNArgs(1),
		Long: `Find assets whose name, description or tags hold the term, in all targets of
mlsync.yaml, in those that --target names (with commas between them), or in one
workspace or registry. With --all, or without mlsync.yaml, it looks into every
workspace and registry that the identity can list; --subscription and
--resource-group narrow that. Upper and lower case are the same, and a term with
* or ? has to match the whole text. Without a term, everything is found.

Of an asset with versions, the newest that is not archived counts. It takes a
request a name to read its description and tags; --name-only does without.
What the service makes by itself is left out, and jobs are, unless --kind asks
for them.

What could not be read is a row with question marks, with the reason on stderr,
and the exit code is 1: nothing is left out silently.`,
		Example: `  mlsync search taxi
  mlsync search 'taxi-*' --kind model,environment --target dev,prod
  mlsync search --tag team=rides --all
  mlsync search fares --registry shared --resource-group rg-ml --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runSearch(cmd.Context(), f, append(args, "")[0])
		},
	}
	f.register(c)
	_ = c.Flags().MarkHidden("state") // the flag is there
	c.Flags().StringSliceVar(&f.kinds, "kind", nil, "only these kinds (default: all but jobs)")
	c.Flags().StringArrayVar(&f.tags, "tag", nil, "only assets with this tag: key or key=value, where the value may be a glob (repeatable)")
	c.Flags().BoolVar(&f.all, "all", false, "look into every workspace and registry that the identity can list")
	c.Flags().BoolVar(&f.nameOnly, "name-only", false, "look at names only, and read no versions")
	_ = c.RegisterFlagCompletionFunc("kind", completeKinds)
	c.MarkFlagsMutuallyExclusive("tag", "name-only")
	return c
}

func completeKinds(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return kindNames(), cobra.ShellCompDirectiveNoFileComp
}

// searched is what a search found.
type searched struct {
	places []*place
	finds  []inventory.Find
	unread []inventory.Unread
	links  *links
}

func (a *app) runSearch(ctx context.Context, f searchFlags, term string) error {
	kinds, err := kindTables(f.kinds)
	if err != nil {
		return err
	}
	query, err := inventory.NewQuery(term, f.tags)
	if err != nil {
		return err
	}
	cfg, bad, err := a.readConfig()
	if err != nil {
		return err
	}
	if err := bad.Err(); err != nil {
		return err
	}
	out := &searched{}
	if out.links, out.places, out.unread, err = a.places(ctx, cfg, f.targetFlags, f.all); err != nil {
		return err
	}
	a.searchAll(ctx, out, query, kinds, f.nameOnly)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := a.showSearch(out, term); err != nil {
		return err
	}
	if len(out.unread) > 0 {
		return exitWith(exitError)
	}
	return nil
}

// kindTables are the tables of the kinds that were asked for.
func kindTables(names []string) ([]*kind.Table, error) {
	kinds, bad := inventory.Kinds(names)
	if bad != "" {
		known := slices.DeleteFunc(kindNames(), func(k string) bool { return k == "code" })
		return nil, unknownName("kind", bad, known)
	}
	return kinds, nil
}

// searchAll looks into all places, some at a time.
func (a *app) searchAll(ctx context.Context, out *searched, query inventory.Query, kinds []*kind.Table, nameOnly bool) {
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(placesAtOnce)
	bar := a.counter("workspaces and registries", len(out.places))
	for i, p := range out.places {
		g.Go(func() error {
			live, unread := searchPlace(ctx, p, query, kinds, nameOnly)
			finds := query.Search(i, live)
			mu.Lock()
			defer mu.Unlock()
			out.finds, out.unread = append(out.finds, finds...), append(out.unread, unread...)
			bar.step()
			return nil
		})
	}
	_ = g.Wait() // failures are in unread
	bar.done()
	inventory.Sort(out.finds)
	inventory.SortUnread(out.unread)
}

// searchPlace reads what there is of the kinds in one place.
func searchPlace(ctx context.Context, p *place, query inventory.Query, kinds []*kind.Table, nameOnly bool) ([]inventory.Live, []inventory.Unread) {
	ws := p.client.Workspace(p.scope)
	if slices.ContainsFunc(kinds, func(t *kind.Table) bool { return t.Top }) {
		if err := ws.Locate(ctx); err != nil {
			return nil, []inventory.Unread{{Place: p.name, Why: err.Error()}}
		}
	}
	live := bridge.NewLive(p.client, ws)
	l := look{live: live, scope: p.scope, foreign: live.Foreign, another: ws.Another}
	l.lists(ctx, kinds)
	unread := l.failed(p.name, kinds)
	out := l.single(kinds)
	names := l.names(kinds)
	if nameOnly {
		for _, name := range names {
			out = append(out, inventory.Live{ID: l.latest(name)})
		}
		out = slices.DeleteFunc(out, func(v inventory.Live) bool { return !query.Name(v.ID.Container().Short()) })
		return out, unread
	}
	l.newest(ctx, names)
	for _, name := range names {
		v, there, why := l.version(name)
		if why != "" {
			unread = append(unread, inventory.Unread{Place: p.name, Kind: name.Kind, Name: name.Name, Why: why})
		}
		if there && why == "" {
			out = append(out, v)
		}
	}
	return out, unread
}

func (a *app) showSearch(s *searched, term string) error {
	if a.flags.json {
		return a.printJSON(s.json(term))
	}
	for _, u := range s.unread {
		fmt.Fprintf(a.streams.err, "mlsync: %s\n", u)
	}
	var names []string
	for _, p := range s.places {
		names = append(names, p.name)
	}
	width := 0
	if a.streams.outTTY {
		width = a.streams.width
	}
	if len(s.finds)+len(s.unread) > 0 {
		if err := inventory.FindTable(s.finds, s.unread, names, time.Now()).Text(a.streams.out, width); err != nil {
			return err
		}
	}
	if !a.flags.quiet {
		a.say("%s found in %s, in %s", number(len(s.finds), "asset"), placesText(len(s.places)), number(int(s.links.requests()), "request"))
	}
	return nil
}

func placesText(n int) string {
	if n == 1 {
		return "1 workspace or registry"
	}
	return fmt.Sprintf("%d workspaces and registries", n)
}

// findJSON is an asset that was found, as --json prints it.
type findJSON struct {
	ID            asset.ID          `json:"id"`
	Kind          asset.Kind        `json:"kind"`
	Name          string            `json:"name"`
	Version       string            `json:"version,omitempty"`
	Where         string            `json:"where"`
	Targets       []string          `json:"targets,omitempty"`
	Subscription  string            `json:"subscription"`
	ResourceGroup string            `json:"resource_group"`
	Workspace     string            `json:"workspace,omitempty"`
	Registry      string            `json:"registry,omitempty"`
	ARM           string            `json:"arm_id"`
	Created       string            `json:"created,omitempty"`
	Description   string            `json:"description,omitempty"`
	Tags          map[string]string `json:"tags,omitempty"`
	Matched       []string          `json:"matched,omitempty"`
}

func (s *searched) json(term string) map[string]any {
	list := []findJSON{}
	for _, f := range s.finds {
		p := s.places[f.Place]
		one := findJSON{
			ID: f.ID, Kind: f.ID.Kind, Name: f.ID.Container().Short(), Version: f.ID.Version, Where: p.name, Targets: p.targets,
			Subscription: p.scope.Subscription, ResourceGroup: p.scope.ResourceGroup, Workspace: p.scope.Workspace, Registry: p.scope.Registry,
			ARM: p.scope.ARM(f.ID), Created: inventory.Stamp(f.Created()), Description: f.Description(), Matched: f.Matched,
		}
		for _, t := range f.Tags() {
			if one.Tags == nil {
				one.Tags = map[string]string{}
			}
			one.Tags[t.Key] = t.Value
		}
		list = append(list, one)
	}
	return map[string]any{
		"format": "mlsync.search/1", "term": term, "complete": len(s.unread) == 0, "places": len(s.places), "requests": s.links.requests(),
		"assets": list, "unread": append([]inventory.Unread{}, s.unread...),
	}
}
