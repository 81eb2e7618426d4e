package plan

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
	"mlsync.dev/mlsync/internal/problem"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; go test -update rewrites it. Got:\n%s", file, got)
	}
}

func printed(t *testing.T, p *Plan, s Style) string {
	t.Helper()
	var b bytes.Buffer
	if err := Human(&b, p, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// many is a plan of n assets: some of each sort, most of them new.
func many(t *testing.T, n int) *Plan {
	w := newWorld(t)
	for i := range n {
		id := fmt.Sprintf("environment/env-%04d:2", i)
		dir := fmt.Sprintf("team-%02d/envs", i%40)
		a := w.want(id, fmt.Sprintf(`'image':'registry.example/images/train-%d:2024','conda_file':{'dependencies':['python=3.%d','pip']}`, i, i%5))
		a.Pos = problem.Pos{File: fmt.Sprintf("%s/e%d.yml", dir, i), Line: 3, Col: 1}
		if i%4 == 1 {
			id := fmt.Sprintf("data/set-%04d:1#uri_file", i)
			w.want(id, `'path':'azureml://a','description':'first line\nsecond line\nthird line\nfourth\nfifth\nsixth, new'`).Pos = problem.Pos{File: fmt.Sprintf("%s/d%d.yml", dir, i)}
			w.owned(id, `'path':'azureml://a','description':'first line\nsecond line\nthird line\nfourth\nfifth\nsixth'`, `'path':'azureml://a','description':'first line\nsecond line\nthird line\nfourth\nfifth\nsixth'`)
		}
		if i%8 == 3 {
			w.owned(fmt.Sprintf("model/old-%04d:1#custom_model", i), `'path':'x'`, `'path':'x'`)
		}
	}
	w.in.Guard.Max = -1
	return Make(w.in)
}

func TestHumanGolden(t *testing.T) {
	golden(t, "rich.txt", printed(t, rich(t), Style{Unicode: true}))
	golden(t, "rich_narrow_verbose.txt", printed(t, rich(t), Style{Width: 80, Verbose: 1}))
	golden(t, "rich_color.txt", printed(t, rich(t), Style{Unicode: true, Color: true}))
	golden(t, "human_1.txt", printed(t, many(t, 1), Style{Unicode: true}))
	golden(t, "human_47.txt", printed(t, many(t, 47), Style{Unicode: true, Width: 120}))
	golden(t, "nothing.txt", printed(t, Make(newWorld(t).in), Style{Unicode: true}))
}

func TestMarkdownGolden(t *testing.T) {
	golden(t, "rich.md", Markdown(rich(t), Budget))
	golden(t, "nothing.md", Markdown(Make(newWorld(t).in), Budget))
	for _, n := range []int{1, 47, 500, 5000} {
		golden(t, fmt.Sprintf("markdown_%d.md", n), Markdown(many(t, n), Budget))
	}
}

// Whatever the budget, what is printed is whole.
func TestMarkdownKeepsItsBudget(t *testing.T) {
	for _, n := range []int{1, 47, 500} {
		p := many(t, n)
		for _, budget := range []int{100_000, 60_000, 20_000, 5_000, 2_000, 1_000, 300} {
			text := Markdown(p, budget)
			if got := utf8.RuneCountInString(text); got > budget {
				t.Errorf("%d assets: %d characters, and %d are allowed", n, got, budget)
			}
			whole(t, text)
			if !strings.HasPrefix(text, "<!-- mlsync:plan:prod -->\nmlsync `prod`: ") {
				t.Errorf("%d assets, %d: it begins with %.80q", n, budget, text)
			}
		}
	}
	cut := Markdown(many(t, 500), 20_000)
	if !strings.Contains(cut, "Left out for length") {
		t.Error("it does not say that something was left out")
	}
}

// whole fails if a block of the comment is not closed.
func whole(t *testing.T, text string) {
	t.Helper()
	if a, b := len(regexp.MustCompile("(?m)^<details>").FindAllString(text, -1)), len(regexp.MustCompile("(?m)^</details>$").FindAllString(text, -1)); a != b {
		t.Errorf("%d details begin and %d end", a, b)
	}
	if n := len(regexp.MustCompile("(?m)^`{3,}").FindAllString(text, -1)); n%2 != 0 {
		t.Errorf("%d fences", n)
	}
	if !strings.HasSuffix(text, "\n") {
		t.Error("the last line is cut")
	}
}

// evil are texts that try to be more than text.
var evil = []string{
	"\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "a\rb", "a\u202Egnp.exe", "\u2066x\u2069", "zero\u200bwidth\ufeff", "\xff\xfe", "nul\x00", "\u0085\u2028\u2029",
	"@everyone and #123", "``` \n@everyone", "`````", "</details><script>alert(1)</script>", "[x](javascript:alert(1))", "| a | b |", "<!-- mlsync:plan:other -->",
	"![i](https://evil.example/x.png)", "https://evil.example", "GH-1 user/repo#12", "\\`", "`", "-->",
}

func hostilePlan(text string) *Plan {
	ch := func(path string, live, want *asset.Value, r diff.Reason) diff.Change {
		return diff.Change{Path: []string{path}, Live: live, Want: want, Reason: r}
	}
	str := asset.NewString
	id := asset.ID{Kind: "data", Name: text, Version: text}
	changes := []diff.Change{
		ch(text, str(text), str(text+"x"), diff.Git), ch("lines", str("a\n"+text), str("b\n"+text+"\n"), diff.Drift),
		ch("list", asset.NewList(str(text)), asset.NewList(str(text+"y")), diff.Default),
		ch("map", asset.NewMap().Set(text, str("1")), asset.NewMap().Set(text, str(text)), diff.Adopt),
		{Path: []string{"ignored"}, Ignored: text},
	}
	want := &asset.Asset{ID: id, Variant: "uri_file", Body: asset.NewMap().Set(text, str(text))}
	pos := problem.Pos{File: text + "/" + text, Line: 1}
	p := &Plan{
		Target: Target{Name: text, Workspace: text}, Source: Source{Commit: text},
		Observed: Observed{Partial: map[asset.Kind]string{"data": text}},
		Steps: []Step{
			{Key: Key{ID: id}, Action: Update, Changes: changes, Why: text, Source: pos, Want: want, ARM: text, Requires: []Key{{ID: id}}},
			{Key: Key{ID: id, Part: Late}, Action: Create, Source: pos, Want: want},
			{Key: Key{ID: id, Part: Clear}, Action: Blocked, Blocked: text, Source: pos},
			{Key: Key{ID: id}, Action: Delete, Needs: text, Source: pos},
		},
		Drift: []Drift{{ID: id, Paths: []string{text}, By: text, At: text, Changes: changes}},
	}
	p.Problems.Hintf(pos, text, text, "%s", text)
	return p
}

func TestHostileTextOnATerminal(t *testing.T) {
	for _, text := range evil {
		for _, r := range printed(t, hostilePlan(text), Style{Verbose: 1, Width: 100, Unicode: true}) {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError) {
				t.Errorf("%q prints %U", text, r)
				break
			}
		}
	}
}

var (
	fenced = regexp.MustCompile("(?ms)^(`{3,})diff\n.*?\n(`{3,})\n")
	tags   = regexp.MustCompile(`</?(details|summary)>|^<!-- mlsync:plan:[^\n]*? -->\n`)
)

// prose is what a comment says outside of fences and code spans.
func prose(text string) string {
	var out strings.Builder
	for _, l := range strings.Split(fenced.ReplaceAllString(text, ""), "\n") {
		for len(l) > 0 {
			if l[0] != '`' {
				out.WriteByte(l[0])
				l = l[1:]
				continue
			}
			n := len(l) - len(strings.TrimLeft(l, "`"))
			fence, rest := l[:n], l[n:]
			end := -1
			for i := 0; i+n <= len(rest); i++ {
				if rest[i:i+n] == fence && (i == 0 || rest[i-1] != '`') && (i+n == len(rest) || rest[i+n] != '`') {
					end = i + n
					break
				}
			}
			if end < 0 {
				out.WriteString(l)
				break
			}
			l = rest[end:]
		}
		out.WriteByte('\n')
	}
	return tags.ReplaceAllString(out.String(), "")
}

func TestHostileTextInAComment(t *testing.T) {
	for _, text := range evil {
		md := Markdown(hostilePlan(text), Budget)
		whole(t, md)
		first, body, _ := strings.Cut(md, "\n")
		if !strings.HasPrefix(first, "<!-- mlsync:plan:") || strings.Index(first, "-->") != len(first)-3 {
			t.Errorf("%q: the marker is %q", text, first)
		}
		rest := prose(body)
		for _, bad := range []string{"@", "<", "](", "http", "`", "evil", "alert", "GH-"} {
			if strings.Contains(rest, bad) {
				t.Errorf("%q: %q stands in the comment as markdown:\n%s", text, bad, rest)
			}
		}
		if m := regexp.MustCompile(`#\d`).FindString(rest); m != "" {
			t.Errorf("%q: %s stands in the comment as markdown", text, m)
		}
		for _, r := range md {
			if r != '\n' && hostile(r) {
				t.Errorf("%q prints %U", text, r)
				break
			}
		}
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	p := rich(t)
	for name, text := range map[string]string{"terminal": printed(t, p, Style{Verbose: 2}), "comment": Markdown(p, Budget)} {
		if strings.Contains(text, "canary") || !strings.Contains(text, "secret changed") {
			t.Errorf("%s: a secret is printed, or its change is not", name)
		}
	}
}

func TestNoChangesIsNotSaidOfWhatWasNotRead(t *testing.T) {
	w := newWorld(t)
	w.in.Observed.Partial = map[asset.Kind]string{"data": "403 Forbidden"}
	p := Make(w.in)
	for _, text := range []string{printed(t, p, Style{}), Markdown(p, Budget)} {
		if strings.Contains(text, "No changes") || !strings.Contains(text, "403 Forbidden") {
			t.Errorf("it claims more than was read:\n%s", text)
		}
	}
}

func TestValues(t *testing.T) {
	for _, tt := range []struct {
		n    int64
		text string
	}{{0, "0 bytes"}, {999, "999 bytes"}, {1000, "1.0 kB"}, {3_200_000, "3.2 MB"}, {200_000_000, "200 MB"}, {999_999, "1.0 MB"}, {5e15, "5000 TB"}} {
		if got := size(tt.n); got != tt.text {
			t.Errorf("size(%d) = %q, want %q", tt.n, got, tt.text)
		}
	}
	for _, tt := range []struct {
		in   []string
		text string
	}{{[]string{"1"}, "1"}, {[]string{"1", "2"}, "1,2"}, {[]string{"1", "2", "3", "5"}, "1..3,5"}, {[]string{"9", "10", "11", "a", "b"}, "9..11,a,b"}} {
		if got := ranges(tt.in); got != tt.text {
			t.Errorf("ranges(%v) = %q, want %q", tt.in, got, tt.text)
		}
	}
	long := strings.Repeat("a", 50) + strings.Repeat("b", 50)
	if got := elide(long, 60); utf8.RuneCountInString(got) != 60 || !strings.HasPrefix(got, "aaa") || !strings.HasSuffix(got, "bbb") {
		t.Errorf("elide: %q", got)
	}
}
