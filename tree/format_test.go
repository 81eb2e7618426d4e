package tree

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mlsync.dev/mlsync/asset"
)

func TestFormat(t *testing.T) {
	in := "\ufeff\n\n# head  \nname: a   # x\nconda:\r\n    name: c\n    # about channels\n    channels:\n        -   x  \n        -   k: v\n            m:\n                - 1\n\n\n\n" +
		"    flat:\n    - a\n    text: |\n          two  \n            deep\n\n          end\n    long: one\n        two\n    flow: {a: 1,\n       b: 2}\n# tail\n\n\n"
	want := `# head
name: a   # x
conda:
  name: c
  # about channels
  channels:
    - x
    - k: v
      m:
        - 1

  flat:
  - a
  text: |
    two` + "  " + `
      deep

    end
  long: one
    two
  flow: {a: 1,
    b: 2}
# tail
`
	out, bad := Format([]byte(in), "f.yml")
	if len(bad) > 0 || string(out) != want {
		t.Errorf("%v\n%s", bad, out)
	}
	if again, _ := Format(out, "f.yml"); !bytes.Equal(again, out) {
		t.Errorf("not stable:\n%s", again)
	}
}

func TestFormatLeavesWhatItCannotRead(t *testing.T) {
	in := []byte("a: [1\nb: 2\n")
	if out, bad := Format(in, "f.yml"); len(bad) == 0 || !bytes.Equal(in, out) {
		t.Error(bad, string(out))
	}
}

func TestFormatKeepsWhatWriteWrites(t *testing.T) {
	gen := values()
	rapid.Check(t, func(t *rapid.T) {
		in := emit(asset.NewMap().Set("k", gen.Draw(t, "value")).Set("last", asset.NewInt(1)))
		out, bad := Format(in, "f.yml")
		if len(bad) > 0 || !sameContent(in, out) {
			t.Fatalf("%v\n%s\n%s", bad, in, out)
		}
		if again, _ := Format(out, "f.yml"); !bytes.Equal(out, again) {
			t.Fatalf("not stable\n%q\n%q", out, again)
		}
	})
}

func TestFormatCorpus(t *testing.T) {
	dir, _ := corpus(t)
	n, kept := 0, 0
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !IsYAML(name) {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		out, bad := Format(data, name)
		if len(bad) > 0 {
			return nil
		}
		n++
		again, _ := Format(out, name)
		if !sameContent(data, out) || !bytes.Equal(out, again) {
			t.Errorf("%s: not stable", name)
		}
		if strings.Count(string(data), "#") != strings.Count(string(out), "#") {
			t.Errorf("%s: comments are lost", name)
		}
		if bytes.Equal(data, out) {
			kept++
		}
		return nil
	})
	if err != nil || n == 0 {
		t.Error(err)
	}
	t.Logf("%d files, %d unchanged", n, kept)
}
