package asset

import "testing"

// FuzzParseID: what is read prints as what was read, and reads the same again.
func FuzzParseID(f *testing.F) {
	for _, s := range []string{"data/d:1", "environment/e", "online-deployment/chat/blue", "data/d:a:b", "data/", "/x", "data/a/b/c", "data//x", "data/:1", "data/x:", "job/x/y:1", "\xff/\x00:\n", "data/d:1/2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseID(text)
		if err != nil {
			return
		}
		if id.Kind == "" || id.Name == "" {
			t.Fatalf("%q is %#v", text, id)
		}
		again, err := ParseID(id.String())
		if err != nil || again != id {
			t.Fatalf("%q is %#v, then %#v: %v", text, id, again, err)
		}
	})
}
