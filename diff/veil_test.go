package diff

import (
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// veil is a map of which the service gives back the type only, or also what
// else is shown.
type veil struct{ kind.Object }

func (veil) Equal(want, live *asset.Value) bool { return want.Equal(live) }

func (veil) Veils(want, live *asset.Value) bool {
	for k, item := range live.Entries() {
		if k != "key" && !item.Equal(want.Get(k)) {
			return false
		}
	}
	return live.Has("type") && live.Len() < want.Len()
}

func TestWhatIsNotReadBackIsComparedWithWhatWasApplied(t *testing.T) {
	fields := []kind.Field{{YAML: "login", REST: "l", As: veil{}}}
	const (
		want   = "'login':{'type':'t','user':'a'}"
		other  = "'login':{'type':'t','user':'b'}"
		shown  = "'login':{'type':'t'}"
		type2  = "'login':{'type':'u'}"
		secret = "'login':{'type':'t','user':'a','key':'${{ secret.K }}'}"
		hides  = "'login':{'type':'t','key':'${{ secret.key }}'}"
	)
	prints := Options{WantSecrets: map[string]string{"login.key": "1"}, LastSecrets: map[string]string{"login.key": "1"}}
	for _, c := range []struct {
		name             string
		options          Options
		want, live, last string
		reason           Reason
		changes, ignored int
	}{
		{"applied", Options{}, want, shown, want, "", 0, 0},
		{"git changed", Options{}, want, shown, other, Git, 1, 0},
		{"new in git", Options{}, want, shown, "", Git, 1, 0},
		{"nobody knows", Options{}, want, shown, "-", Adopt, 1, 1},
		{"another type", Options{}, want, type2, want, Drift, 1, 0},
		{"it shows another", Options{}, want, other, want, Drift, 1, 0},
		{"it shows all", Options{}, want, want, "-", "", 0, 0},
		{"secret applied", prints, secret, hides, secret, "", 0, 0},
		{"secret, git changed", prints, secret, hides, "'login':{'type':'t','user':'b','key':'${{ secret.K }}'}", Git, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			last := body(t, c.last)
			cmp := comparer{Options: c.options, hasLast: last != nil}
			cmp.rows(fields, node{want: body(t, c.want), live: body(t, c.live), last: last})
			ignored := 0
			for _, ch := range cmp.out {
				if ch.Reason != c.reason {
					t.Errorf("the reason is %s, want %s", ch.Reason, c.reason)
				}
				if ch.Ignored != "" {
					ignored++
				}
			}
			if len(cmp.out) != c.changes || ignored != c.ignored {
				t.Errorf("%d changes, %d ignored: %+v", len(cmp.out), ignored, cmp.out)
			}
		})
	}
}
