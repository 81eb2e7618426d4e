package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/export"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/kind"
)

// write writes what belongs in the folder, and the configuration if there is
// none. It returns the paths in their order. With dry, nothing is written.
func (x *exporting) write(r export.Result, contents *fetched, dry bool) ([]string, error) {
	files := r.Files
	if !x.given {
		files = append(slices.Clone(files), export.File{Path: config.File, Bytes: x.newConfig(r.Assets)})
	}
	var paths []string
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	if dry {
		return paths, nil
	}
	if err := os.MkdirAll(x.dir, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(x.dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	// Content comes first: a file that names it must not stand alone.
	if err := contents.place(root); err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := putFile(root, f.Path, f.Bytes); err != nil {
			return nil, fmt.Errorf("write %s: %w", f.Path, err)
		}
	}
	return paths, nil
}

var errLink = errors.New("it is a symbolic link, which export does not write through")

// putFile puts a file into its place in one step. Neither the file nor a
// folder on the way may be a link.
func putFile(root *os.Root, name string, data []byte) error {
	if err := mkdirs(root, path.Dir(name)); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	switch info, err := root.Lstat(filepath.FromSlash(name)); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return errLink
	case !info.Mode().IsRegular():
		return errors.New("something else is there")
	default:
		mode = info.Mode().Perm()
		if old, err := root.ReadFile(filepath.FromSlash(name)); err == nil && bytes.Equal(old, data) {
			return nil
		}
	}
	temp := filepath.FromSlash(path.Join(path.Dir(name), ".mlsync-"+path.Base(name)+".tmp"))
	_ = root.Remove(temp) // of an export that was killed
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	if err := root.Rename(temp, filepath.FromSlash(name)); err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	return nil
}

// mkdirs makes the folder and those above it.
func mkdirs(root *os.Root, dir string) error {
	at := ""
	for part := range strings.SplitSeq(dir, "/") {
		at = path.Join(at, part)
		err := root.Mkdir(filepath.FromSlash(at), 0o755)
		if err == nil || at == "." {
			continue
		}
		info, lerr := root.Lstat(filepath.FromSlash(at))
		switch {
		case lerr != nil:
			return err
		case info.Mode()&fs.ModeSymlink != 0:
			return fmt.Errorf("%s: %w", at, errLink)
		case !info.IsDir():
			return fmt.Errorf("%s is a file", at)
		}
	}
	return nil
}

// newConfig is a configuration with this workspace as its only target. If all
// stamps on the assets name one owner, the tree is that owner's.
func (x *exporting) newConfig(ids []asset.ID) []byte {
	t, scope := x.target, x.ws.Scope()
	owner, name := x.stampedOwner(ids)
	if name == "" || configName(name) != name {
		owner, name = "", configName(t.Name)
	}
	var b strings.Builder
	b.WriteString("# Written by mlsync export. See mlsync schema config for all that can stand here.\n")
	if owner != "" {
		b.WriteString("# What is live carries the stamps of this owner.\nowner: " + quoteYAML(owner) + "\n")
	}
	b.WriteString("targets:\n  " + quoteYAML(name) + ":\n")
	for _, row := range [][2]string{
		{"subscription", scope.Subscription},
		{"resource_group", scope.ResourceGroup},
		{"workspace", scope.Workspace},
		{"registry", scope.Registry},
		{"cloud", notDefault(t.Cloud, "public")},
		{"endpoint", t.Endpoint},
		{"storage_endpoint", t.StorageEndpoint},
		{"authority", t.Authority},
		{"ca_file", t.CAFile},
	} {
		if row[1] != "" {
			b.WriteString("    " + row[0] + ": " + quoteYAML(row[1]) + "\n")
		}
	}
	if id := t.Identity; id.Type != "" && id.Type != "default" {
		b.WriteString("    identity:\n      type: " + quoteYAML(id.Type) + "\n")
		for _, row := range [][2]string{{"client_id", id.ClientID}, {"tenant_id", id.TenantID}} {
			if row[1] != "" {
				b.WriteString("      " + row[0] + ": " + quoteYAML(row[1]) + "\n")
			}
		}
	}
	return []byte(b.String())
}

// stampedOwner is the owner that the stamps name, and its target; "" if there
// are none, or several.
func (x *exporting) stampedOwner(ids []asset.ID) (owner, target string) {
	stamp := ""
	for _, id := range ids {
		switch got := x.live.Asset(id).Stamps["owner"]; {
		case got == "" || got == stamp:
		case stamp != "":
			return "", ""
		default:
			stamp = got
		}
	}
	i := strings.LastIndex(stamp, "#")
	if i < 1 {
		return "", ""
	}
	return stamp[:i], stamp[i+1:]
}

func notDefault(s, def string) string {
	if s == def {
		return ""
	}
	return s
}

// configName is a name that a target may have.
func configName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '-'
	}, s)
	if s = strings.TrimLeft(s, "._-0123456789"); s == "" {
		return "workspace"
	}
	return s
}

// quoteYAML is a text as YAML.
func quoteYAML(s string) string {
	return strings.TrimSpace(kind.DumpYAML(asset.NewMap().Set("x", asset.NewString(s)))[len("x:"):])
}

// exportJSON is the result as --json prints it.
type exportJSON struct {
	Schema    string            `json:"schema"`
	Workspace string            `json:"workspace"`
	Assets    int               `json:"assets"`
	Written   []string          `json:"written"`
	Unchanged []string          `json:"unchanged"`
	Content   []string          `json:"content"`
	Secrets   []secretJSON      `json:"secrets"`
	Left      []leftJSON        `json:"left"`
	Unread    map[string]string `json:"unread"`
	Requests  int               `json:"requests"`
}

type secretJSON struct {
	Name     string   `json:"name"`
	Variable string   `json:"variable"`
	ID       asset.ID `json:"id"`
	Field    string   `json:"field"`
}

type leftJSON struct {
	ID  asset.ID `json:"id"`
	Why string   `json:"why"`
}

// report prints what was done.
func (x *exporting) report(r export.Result, written []string, contents *fetched, f exportFlags) error {
	if x.flags.json {
		out := exportJSON{
			Schema: "mlsync.export/1", Workspace: x.ws.Scope().WorkspaceID(), Assets: len(r.Assets), Written: list(written), Unchanged: list(r.Same),
			Content: list(contents.paths()), Secrets: []secretJSON{}, Left: []leftJSON{}, Unread: map[string]string{}, Requests: x.live.Requests(),
		}
		for _, s := range r.Secrets {
			out.Secrets = append(out.Secrets, secretJSON{s.Name, x.variable(s.Name), s.ID, s.Field})
		}
		for _, l := range r.Left {
			out.Left = append(out.Left, leftJSON(l))
		}
		for k, why := range x.failed {
			out.Unread[string(k)] = why
		}
		return x.printJSON(out)
	}
	if f.dryRun {
		for _, p := range written {
			x.printf("would write %s\n", printable(p))
		}
	}
	x.reportText(r, written, contents, f)
	return nil
}

func (x *exporting) reportText(r export.Result, written []string, contents *fetched, f exportFlags) {
	verb := "wrote"
	if f.dryRun {
		verb = "would write"
	}
	x.printf("%s: %s %s, %d unchanged, in %s\n", count(len(r.Assets), "asset"), verb, count(len(written), "file"), len(r.Same), printable(x.shown))
	if n := len(contents.paths()); n > 0 {
		x.printf("%s beside: code, data, models, build contexts\n", count(n, "content"))
	}
	if len(r.Left) > 0 {
		if x.flags.verbose == 0 {
			x.printf("%s left out (-v says which and why)\n", count(len(r.Left), "asset"))
		} else {
			x.printf("left out:\n")
			for _, l := range r.Left {
				x.printf("  %s: %s\n", printable(l.ID.String()), printable(l.Why))
			}
		}
	}
	if x.flags.verbose > 0 {
		for _, why := range contents.reasons() {
			x.printf("  %s\n", printable(why))
		}
	}
	if len(r.Secrets) > 0 {
		x.printf("secrets to provide, as environment variables or as %s says:\n", config.File)
		for _, s := range r.Secrets {
			x.printf("  %s   %s %s\n", printable(x.variable(s.Name)), printable(s.ID.String()), printable(s.Field))
		}
	}
	for _, k := range sortedKinds(x.failed) {
		x.say("mlsync: %s could not be read and is not in the export: %s", k, printable(x.failed[k]))
	}
}

// variable is where a secret is looked for: the environment variable or, with
// another provider in the configuration, its name.
func (x *exporting) variable(name string) string {
	provider, key := x.cfg.Secrets.Default, name
	if n, ok := x.cfg.Secrets.Names[name]; ok {
		provider, key = n.Provider, n.Key
	}
	p := x.cfg.Secrets.Providers[provider]
	if p.Type != "env" {
		return provider + ":" + key
	}
	return p.Prefix + strings.Map(func(r rune) rune {
		if r == '.' || r == '-' {
			return '_'
		}
		return r
	}, key)
}

func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func sortedKinds(m map[asset.Kind]string) []asset.Kind {
	var out []asset.Kind
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
