package tree

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// tooLarge reports whether a limit was said to be passed.
func tooLarge(bad problem.List) bool {
	for _, p := range bad {
		if p.Code == "too_large" || p.Code == "too_deep" {
			return true
		}
	}
	return false
}

func parse(text string) problem.List {
	_, bad := Parse([]byte(text), "f.yml", ParseOptions{})
	return bad
}

// Each row is a text at the limit, which is read, and one beyond, which is not.
func TestAttackL1LargeFiles(t *testing.T) {
	entries := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "k%d: 1\n", i)
		}
		return b.String()
	}
	for name, at := range map[string]func(more int) string{
		"bytes":     func(more int) string { return "a: " + strings.Repeat("x", limit.FileBytes-3+more) },
		"documents": func(more int) string { return strings.Repeat("---\na: 1\n", limit.Documents-1+more) },
		"depth":     func(more int) string { n := limit.Depth + more; return strings.Repeat("[", n) + strings.Repeat("]", n) },
		"entries":   func(more int) string { return entries(limit.Entries + more) },
		"digits":    func(more int) string { return "a: " + strings.Repeat("9", limit.Digits+more) },
		"aliased": func(more int) string {
			return "a: &a [" + strings.Repeat("x,", 99) + "]\nb: [" + strings.Repeat("*a,", limit.Aliased/100) + "]\nc: &c x\nd: [" + strings.Repeat("*c,", more) + "]\n"
		},
		"problems": func(more int) string {
			return "a: 1\n" + strings.Repeat("a: 1\n", limit.Problems-1+more) + "b: 1\nc: 1\n"
		},
	} {
		within, beyond := parse(at(0)), parse(at(1))
		switch name {
		case "digits":
			if len(within) > 0 || len(beyond) == 0 {
				t.Errorf("%s: %v; one more: %v", name, within, beyond)
			}
		default:
			if tooLarge(within) || !tooLarge(beyond) {
				t.Errorf("%s: %d problems; one more: %d", name, len(within), len(beyond))
			}
		}
	}
}

// What aliases and merges stand for is counted over the whole file: a thousand
// documents, each just within the limit, are a bomb as well.
func TestAttackL2AliasAndMergeBombs(t *testing.T) {
	laughs := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	merges := "m0: &m0 {k0: 1}\n"
	for i := 1; i < 40; i++ {
		merges += fmt.Sprintf("m%d: &m%d {<<: [*m%d, *m%d], k%d: 1}\n", i, i, i-1, i-1, i)
	}
	within := "---\na: &a [" + strings.Repeat("x,", 99) + "]\nb: [" + strings.Repeat("*a,", limit.Aliased/100-1) + "]\n"
	for name, text := range map[string]string{"a billion laughs": laughs, "merges of merges": merges, "many documents": strings.Repeat(within, limit.Documents/2), "itself": "a: &a [*a]\n", "itself by merge": "a: &a {<<: *a}\n"} {
		if bad := parse(text); len(bad.Errors()) == 0 {
			t.Errorf("%s was read", name)
		}
	}
	if bad := parse(within); len(bad) > 0 {
		t.Errorf("one document within the limit: %v", bad)
	}
}

// bomb is a folder in which the same ten folders stand within each other.
type bomb struct{}

func (b bomb) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (b bomb) ReadDir(name string) ([]fs.DirEntry, error) {
	m := fstest.MapFS{}
	for i := range 10 {
		m[fmt.Sprint(i)] = &fstest.MapFile{Mode: fs.ModeDir}
	}
	if strings.Count(name, "/") > 50 {
		m = fstest.MapFS{"x.txt": {}}
	}
	return m.ReadDir(".")
}

func (b bomb) Stat(string) (fs.FileInfo, error) {
	return fstest.MapFS{"d": &fstest.MapFile{Mode: fs.ModeDir}}.Stat("d")
}

// A commit of a few hundred bytes can hold 10^50 files.
func TestAttackL3TreeOfEndlessFolders(t *testing.T) {
	opts := Options{}
	opts.Parse.Limits.Names = 10_000 // the default takes long
	_, bad := Read(bomb{}, opts)
	if len(bad) != 1 || bad[0].Code != "too_large" || !strings.Contains(bad[0].Text, "more than 10000 files and folders") {
		t.Errorf("got %v", bad)
	}
	if got := (Limits{}).orDefaults(); got.Names != limit.TreeNames || got.Files != limit.TreeFiles || got.Total != limit.TreeBytes {
		t.Errorf("the defaults are %+v", got)
	}
}

// Files, names and bytes of a tree, at the limit and one beyond.
func TestAttackL4TreesOfManyFiles(t *testing.T) {
	m := files("a.yml", "a: 1\n", "b.yml", "a: 1\n", "c/d.yml", "a: 1\n")
	for name, lim := range map[string]func(n int) Limits{
		"files": func(n int) Limits { return Limits{Files: 3 + n} },
		"names": func(n int) Limits { return Limits{Names: 5 + n} }, // two of them are folders
		"bytes": func(n int) Limits { return Limits{Total: 15 + n} },
	} {
		for n, want := range map[int]bool{0: false, -1: true} {
			_, bad := Read(m, Options{Parse: ParseOptions{Limits: lim(n)}})
			if tooLarge(bad) != want {
				t.Errorf("%s %+d: %v", name, n, bad)
			}
		}
	}
}

// None of these is what it looks like to a reader of YAML 1.2, and all that
// could be misread is said.
func TestAttackL5OddYAML(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\na: 2\n": "duplicate_key", "a:\n\tb: 1\n": "", "a: \xff\xfe\n": "", "no: 1\n": "bad_key", "on: 1\n": "bad_key",
		"a: !!python/object:os.system x\n": "bad_tag", "a: !ruby/object x\n": "bad_tag", "a: !!binary x\n": "", "a: \x00\n": "", "a: \x1b[2J\n": "",
		"? [a]\n: b\n": "bad_key", "a: =\n": "bad_scalar", "a: 2001-99-99\n": "bad_scalar",
	} {
		bad := parse(text)
		if len(bad.Errors()) == 0 || want != "" && bad[0].Code != want {
			t.Errorf("%q: got %v, want %s", text, bad, want)
		}
	}
	for text, want := range map[string]string{"\xef\xbb\xbfa: x\n": `"x"`, "a: no\n": "false", "a: 0o7\n": `"0o7"`, "a: 010\n": "8", "a: 1e3\n": `"1e3"`} {
		docs, bad := Parse([]byte(text), "f.yml", ParseOptions{})
		if len(bad) > 0 || len(docs) != 1 || string(docs[0].Get("a").Canonical()) != want {
			t.Errorf("%q: got %v %v, want %s", text, docs, bad, want)
		}
	}
}

// Whatever an asset is called, its file stands below the folder of its kind.
func TestAttackP1NamesThatArePaths(t *testing.T) {
	for _, name := range []string{
		"../../etc/passwd", "/etc/passwd", `..\..\x`, "C:\\x", `\\host\share`, "a/../../b", "..", ".", ".git", ".GIT", "CON", "nul.txt", "a\x00b", "a.", "a ", "%2e%2e%2f",
		"caf\u00e9", "cafe\u0301", "x\u202egpj", strings.Repeat("a", 4000), "-rf", "a\nb",
	} {
		for _, tbl := range kind.All() {
			p := Layout(&asset.Asset{ID: asset.ID{Kind: tbl.Kind, Parent: name, Name: name, Version: name}})
			if !fs.ValidPath(p) || strings.ContainsAny(p, "\\:\x00\n ") || strings.Contains(p, "/.") || !strings.HasPrefix(p, tbl.Plural+"/") && tbl.Parent == "" {
				t.Errorf("%s %q stands in %q", tbl.Kind, name, p)
			}
			for _, part := range strings.Split(p, "/") {
				if len(part) > 255 || strings.HasSuffix(part, ".") {
					t.Errorf("%s %q stands in %q", tbl.Kind, name, p)
				}
			}
		}
	}
}

// What variables add to one text, at the limit and one byte beyond.
func TestAttackL21LongVariables(t *testing.T) {
	for more, want := range map[int]bool{0: false, 1: true} {
		vars := map[string]*asset.Value{"v": asset.NewString(strings.Repeat("x", limit.VarText/2)), "w": asset.NewString(strings.Repeat("x", limit.VarText/2+more))}
		_, bad := Read(files("a.yml", envURL+"name: a\nimage: 'i${{var.v}}${{var.w}}'\n"), Options{Vars: vars})
		if tooLarge(bad) != want {
			t.Errorf("%d more: %v", more, bad)
		}
	}
}
