package webhook

import (
	"net/http"
	"strings"
	"testing"
)

// Whatever a payload holds, it is read without harm: refs have full names, and
// nothing is woken that is not named.
func FuzzPayload(f *testing.F) {
	for i, p := range Providers() {
		f.Add(i, "push", payload(f, p))
		f.Add(i, "repo:push", payload(f, p))
	}
	f.Add(0, "create", []byte(`{"ref":"x","ref_type":"tag"}`))
	f.Fuzz(func(t *testing.T, i int, event string, body []byte) {
		all := Providers()
		p := all[((i%len(all))+len(all))%len(all)]
		h, err := Read(p, Named(p, http.Header{}, event), body)
		if err != nil {
			return
		}
		for _, ref := range h.Refs {
			if !strings.HasPrefix(ref, "refs/") {
				t.Errorf("%s: the ref %q", p, ref)
			}
		}
		if h.About("https://nobody.example/no/thing", "") && !strings.Contains(strings.ToLower(string(body)), "nobody") && !strings.Contains(string(body), `\`) {
			t.Errorf("%s: about a repository that it does not name", p)
		}
		_, _ = Guess(http.Header{}, body)
	})
}
