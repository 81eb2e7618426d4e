package tree

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
)

// Whatever a file of the allowed size holds, reading it ends soon.
func TestHostileFilesEndSoon(t *testing.T) {
	const size = 1<<20 - 100
	rep := func(s string) string { return strings.Repeat(s, size/len(s)) }
	var keys, anchors strings.Builder
	for i := 0; keys.Len() < size-20; i++ {
		keys.WriteString("k" + strconv.Itoa(i) + ":\n")
	}
	for i := 0; anchors.Len() < size-40; i++ {
		anchors.WriteString("- &a" + strconv.Itoa(i) + " x\n- *a" + strconv.Itoa(i) + "\n")
	}
	for name, text := range map[string]string{
		"flow lists": rep("["), "flow maps": rep("{a: "), "block lists": rep("- "), "explicit keys": rep("? "), "block maps": nested(2000),
		"long line": "a: " + rep("x"), "long quoted": `a: "` + rep("x") + `"`, "comments": rep("# x\n"), "blank": rep("\n"), "tabs": rep("\t"),
		"keys": keys.String(), "anchors": anchors.String(), "documents": rep("---\n"), "tags": "a: " + rep("!"), "quotes": rep("'"), "braces": rep("{{x}} "),
		"literal": "a: |\n" + rep(" x\n"), "broken at the end": rep("a: 1\n") + "\t[", "digits": "a: " + rep("9"), "colons": "a: 1" + rep(":59"), "merge": "a: &a {<<: *a}\n" + rep("<<: 1\n"),
	} {
		start := time.Now()
		docs, bad := Parse([]byte(text), "f.yml", ParseOptions{})
		commentSchema([]byte(text))
		(&reader{}).unreadable([]byte(text), "f.yml")
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("%s: %d documents, %d problems, %s", name, len(docs), len(bad), took)
		} else if took > time.Second {
			t.Logf("%s took %s", name, took)
		}
	}
}

// nested are maps in maps.
func nested(n int) string {
	var b strings.Builder
	for i := range min(n, 1400) {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestVariablesCannotGrowWithoutEnd(t *testing.T) {
	vars := map[string]*asset.Value{"v": asset.NewString(strings.Repeat("x", 1<<19))}
	_, bad := Read(files("a.yml", envURL+"name: a\nimage: "+strings.Repeat("${{var.v}}", 50_000)+"\n"), Options{Vars: vars})
	if len(bad) != 1 || bad[0].Code != "too_large" {
		t.Errorf("%d problems", len(bad))
	}
}
