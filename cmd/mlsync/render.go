package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/resolve"
	"mlsync.dev/mlsync/tree"
)

// renderFlags are the flags of mlsync render.
type renderFlags struct {
	as, facts string
	offline   bool
	scope     kind.Scope
}

func (a *app) renderCommand() *cobra.Command {
	var f renderFlags
	c := &cobra.Command{
		Use: "render --as rest --offline FILE...", Short: "Print the requests that files mean", GroupID: "files", Args: cobra.MinimumNArgs(1),
		Long: `Print for each file the requests to Azure that it means, one line of JSON a
file, without asking Azure. What must be known of the workspace (versions,
datastores) comes from a facts file; without an entry for what it needs, a file
is refused. A refused file does not stop the others: its line says why.`,
		Example: `  mlsync render --as rest --offline --subscription S --resource-group G --workspace W envs/train.yml
  mlsync render --as rest --offline --facts facts.json --subscription S --resource-group G --workspace W jobs/*.yml`,
		RunE: func(cmd *cobra.Command, files []string) error { return a.runRender(cmd.Context(), f, files) },
	}
	c.Flags().StringVar(&f.as, "as", "rest", "what to print: rest")
	c.Flags().BoolVar(&f.offline, "offline", false, "ask nobody (the only way so far, and required)")
	c.Flags().StringVar(&f.facts, "facts", "", "JSON file that says what the workspace would answer")
	c.Flags().StringVar(&f.scope.Subscription, "subscription", "", "subscription id")
	c.Flags().StringVar(&f.scope.ResourceGroup, "resource-group", "", "resource group")
	c.Flags().StringVar(&f.scope.Workspace, "workspace", "", "workspace")
	for _, name := range []string{"subscription", "resource-group", "workspace"} {
		_ = c.MarkFlagRequired(name)
	}
	return c
}

// rendered is one line of the output.
type rendered struct {
	ID      string           `json:"id"`
	Source  string           `json:"source"`
	Kind    string           `json:"kind"`
	Writes  []renderedWrite  `json:"writes"`
	Uploads []renderedUpload `json:"uploads"`
	Error   any              `json:"error"`
}

type renderedWrite struct {
	Method string       `json:"method"`
	Path   string       `json:"path"`
	Body   *asset.Value `json:"body"`
}

type renderedUpload struct {
	Local string            `json:"local"`
	Blob  string            `json:"blob"`
	Hash  map[string]string `json:"hash"`
}

func (a *app) runRender(ctx context.Context, f renderFlags, files []string) error {
	if f.as != "rest" || !f.offline {
		return fmt.Errorf("render needs --as rest --offline")
	}
	facts, err := readFacts(f.facts)
	if err != nil {
		return err
	}
	f.scope.Location = facts.Location
	fsys := os.DirFS(".")
	if a.flags.dir != "" {
		fsys = os.DirFS(a.flags.dir)
	}
	enc := json.NewEncoder(a.streams.out)
	enc.SetEscapeHTML(false)
	for _, file := range files {
		source := path.Clean(filepath.ToSlash(file))
		out := (&renderer{scope: f.scope, facts: facts, fs: fsys}).file(ctx, source)
		if err := enc.Encode(out); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// renderer renders one file.
type renderer struct {
	scope kind.Scope
	facts *renderFacts
	fs    fs.FS
}

func (r *renderer) file(ctx context.Context, source string) rendered {
	out := rendered{ID: strings.ReplaceAll(source, "/", "__"), Source: source, Writes: []renderedWrite{}, Uploads: []renderedUpload{}}
	t, bad := tree.Read(onlyFile{r.fs, source}, tree.Options{Literals: true, AsClient: true, Actions: true, Manage: kind.OptIns(), Sets: r.defaults(source), Parse: tree.ParseOptions{LastWins: true}})
	for _, f := range t.Files {
		if f.Unmanaged != "" {
			out.Kind = f.Unmanaged
			bad.Addf(problem.Pos{File: source}, "unmanaged", "%s: this version of mlsync does not manage this kind", f.Unmanaged)
		}
	}
	if len(t.Assets) > 0 {
		out.Kind = kind.VariantOf(t.Assets[0]).FullName()
	} else if len(bad.Errors()) == 0 {
		bad.Addf(problem.Pos{File: source}, "no_asset", "the file holds no asset")
	}
	want, more := resolve.Resolve(ctx, resolve.Input{FS: r.fs, Assets: t.Assets, Scope: r.scope, Facts: r.facts, Document: parseDocument, Literals: true, AsClient: true})
	bad.Append(more)
	for id, why := range want.Unresolved {
		bad.Addf(problem.Pos{File: source}, "missing_fact", "%s: %s", id, why)
	}
	if len(bad.Errors()) == 0 {
		r.writes(want, &out, &bad)
	}
	if list := bad.Errors(); len(list) > 0 {
		out.Error = map[string]any{"message": list.Error(), "problems": problemsJSON(list)}
		out.Writes = []renderedWrite{}
	}
	return out
}

// writes adds the requests of all assets of the file, in their order.
func (r *renderer) writes(want *resolve.Want, out *rendered, bad *problem.List) {
	for _, id := range want.Order {
		w := want.Set.Get(id)
		e := &kind.Encoder{Scope: r.scope, Late: true, Experiment: r.facts.DefaultExperiment, Around: r.facts.around(), CodeURI: r.codeURI(want)}
		body, err := kind.ToREST(w, e)
		if err != nil {
			bad.Addf(w.Pos, "unsendable", "%v", err)
			return
		}
		for _, u := range want.Uploads[id] {
			if u.Code {
				body.SetPath(asset.NewString(r.facts.codeURI(id.Name, u.Content.Base, u.Content.IsDir)), "properties", "codeUri")
			}
			out.Uploads = append(out.Uploads, renderUpload(u))
		}
		for range registrations(want, w) {
			method, path := "PUT", ""
			if cmd := kind.VariantOf(w).Command; cmd != nil {
				method, path = cmd.Send(e, w)
				path = r.scope.WorkspaceID() + "/" + path
			} else {
				path = r.scope.ARM(id)
			}
			out.Writes = append(out.Writes, renderedWrite{method, path, body})
		}
	}
}

// codeURI says where the content of a code asset of a file would go.
func (r *renderer) codeURI(want *resolve.Want) func(text string) (string, error) {
	return func(text string) (string, error) {
		for id, uploads := range want.Uploads {
			if r.scope.ARM(id) == text && len(uploads) > 0 {
				return r.facts.codeURI(id.Name, uploads[0].Content.Base, uploads[0].Content.IsDir), nil
			}
		}
		return "", fmt.Errorf("offline it is not known where %s is", text)
	}
}

// registrations is how often the reference client registers an asset: an
// inline environment once for each component that holds it, everything else
// once.
func registrations(want *resolve.Want, a *asset.Asset) int {
	if !a.Anonymous || a.ID.Kind != "environment" {
		return 1
	}
	n := 0
	for _, other := range want.Set.All() {
		holds := false
		if other.ID.Kind == "component" {
			kind.Walk(other, func(s kind.Site) {
				holds = holds || s.Value.Str() == "azureml:"+a.ID.Name+":"+a.ID.Version
			})
		}
		if holds {
			n += max(1, uses(want, other))
		}
	}
	return max(1, n)
}

// uses counts the steps that run a component.
func uses(want *resolve.Want, component *asset.Asset) int {
	n := 0
	for _, a := range want.Set.All() {
		kind.Walk(a, func(s kind.Site) {
			if s.Value.Str() == "azureml:"+component.ID.Name+":"+component.ID.Version {
				n++
			}
		})
	}
	return n
}

func renderUpload(u resolve.Upload) renderedUpload {
	if u.Content.Merged {
		return renderedUpload{"<merged>/" + u.Content.Base, u.Content.Base, map[string]string{"kind": "content-202208", "sha256": u.Hash}}
	}
	if u.Code {
		return renderedUpload{u.Content.Path, u.Content.Base, map[string]string{"kind": "content-202208", "sha256": u.Hash}}
	}
	return renderedUpload{u.Content.Path, "LocalUpload/" + u.Hash + "/" + u.Content.Base, map[string]string{"kind": "object", "sha256": u.Hash}}
}

// defaults are the names that the facts give to deployments without them.
func (r *renderer) defaults(source string) []tree.SetRule {
	data, err := fs.ReadFile(r.fs, source)
	if err != nil || r.facts.DefaultEndpoint == "" {
		return nil
	}
	docs, _ := tree.Parse(data, source, tree.ParseOptions{LastWins: true})
	if len(docs) == 0 {
		return nil
	}
	v := kind.Identify(docs[0], "").Variant
	if v == nil || v.Table().ParentKey == "" {
		return nil
	}
	set := asset.NewMap()
	if !docs[0].Has(v.Table().ParentKey) {
		set.Set(v.Table().ParentKey, asset.NewString(r.facts.DefaultEndpoint))
	}
	if !docs[0].Has("name") {
		set.Set("name", asset.NewString(r.facts.DefaultDeployment))
	}
	return []tree.SetRule{{Set: set}}
}

// parseDocument reads a YAML file that an asset names: one document.
func parseDocument(data []byte, file string) (*asset.Value, problem.List) {
	docs, bad := tree.Parse(data, file, tree.ParseOptions{LastWins: true})
	if len(docs) == 0 {
		return nil, bad
	}
	return docs[0], bad
}

// onlyFile is a file system in which a walk finds one file only.
type onlyFile struct {
	fs.FS
	name string
}

// ReadDir shows the way to the file and nothing else.
func (o onlyFile) ReadDir(dir string) ([]fs.DirEntry, error) {
	rest := o.name
	if dir != "." {
		var ok bool
		if rest, ok = strings.CutPrefix(o.name, dir+"/"); !ok {
			return nil, nil
		}
	}
	next, _, _ := strings.Cut(rest, "/")
	info, err := fs.Stat(o.FS, path.Join(dir, next))
	if err != nil {
		return nil, err
	}
	return []fs.DirEntry{fs.FileInfoToDirEntry(info)}, nil
}
