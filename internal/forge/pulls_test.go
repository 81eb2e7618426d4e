package forge

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// The open pull requests come with what they are planned for, those of forks
// too, and the second look costs nothing where the service has tags.
func TestPulls(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		s.add("topic", "main")
		f := s.add("fork", "main", func(p *pull) { p.fork, p.sha = true, strings.Repeat("b", 40) })
		s.add("old", "main", func(p *pull) { p.open = false })
		s.events = []labelled{{f.number, "ok", "ann", when(1), true}}
		got, err := s.forge.Pulls(t.Context(), "", 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Pulls) != 2 || got.More || got.Same {
			t.Fatalf("%+v", got)
		}
		p := got.Pulls[1]
		if p.Number != f.number || !p.Fork || p.Head != "fork" || p.Base != "main" || p.Commit != strings.Repeat("b", 40) || !slices.Equal(p.Labels, []string{"ok"}) || got.Pulls[0].Fork {
			t.Errorf("%+v", got.Pulls)
		}
		if tags := s.provider == GitHub || s.provider == GitLab; tags != (got.Tag != "") {
			t.Errorf("tag %q", got.Tag)
		}
		again, err := s.forge.Pulls(t.Context(), got.Tag, 100)
		if err != nil || again.Same != (got.Tag != "") || again.Same != (len(again.Pulls) == 0) || again.Tag != got.Tag {
			t.Errorf("%+v %v", again, err)
		}
		f.sha = strings.Repeat("c", 40)
		if moved, err := s.forge.Pulls(t.Context(), got.Tag, 100); err != nil || moved.Same || moved.Pulls[1].Commit != f.sha {
			t.Errorf("%+v %v", moved, err)
		}
		if s.provider != Azure && got.At.IsZero() {
			t.Error("it does not say when that was")
		}
	})
}

// At most so many are read, and that there are more is said.
func TestAttackL60ManyPullRequests(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		for i := range 250 {
			s.add(fmt.Sprintf("topic-%d", i), "main")
		}
		for _, c := range []struct {
			most, want int
			more       bool
		}{{200, 200, true}, {250, 250, false}, {120, 120, true}, {300, 250, false}} {
			got, err := s.forge.Pulls(t.Context(), "", c.most)
			if err != nil || len(got.Pulls) != c.want || got.More != c.more {
				t.Errorf("%d: %d, more %v, %v", c.most, len(got.Pulls), got.More, err)
			}
		}
		if n := s.count(http.MethodGet); n > 24 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestRefs(t *testing.T) {
	want := map[Provider][2]string{
		GitHub: {"refs/pull/7/head", "refs/pull/7/merge"}, GitLab: {"refs/merge-requests/7/head", "refs/merge-requests/7/merge"},
		Azure: {"", "refs/pull/7/merge"}, Gitea: {"refs/pull/7/head", ""},
	}
	each(t, func(t *testing.T, s *twin) {
		if head, merge := s.forge.Refs(7); [2]string{head, merge} != want[s.provider] {
			t.Errorf("%q %q", head, merge)
		}
	})
}

// counts is what whoever decides does with a consent.
func counts(c Consent, seen time.Time) bool {
	return c.There && c.May && c.At.After(c.Moved) && (c.Tells || c.At.After(seen))
}

// A label counts if somebody who may write set it, after the head came to be
// what it is. Azure DevOps does not say who, so none counts there.
func TestAttackZ20LabelsOfStrangers(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		p := s.add("fork", "main", func(p *pull) { p.fork, p.sha = true, strings.Repeat("b", 40) })
		s.may = map[string]string{"ann": "write", "adm": "admin", "reader": "read"}
		s.pushes = []pushed{{p.number, p.sha, when(2), false}}
		ask := func() Consent {
			t.Helper()
			pr, err := s.forge.Get(t.Context(), p.number)
			if err != nil {
				t.Fatal(err)
			}
			c, err := s.forge.Consent(t.Context(), pr, "ok")
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		for _, c := range []struct {
			name   string
			events []labelled
			seen   time.Time
			want   bool
		}{
			{"none", nil, when(2), false},
			{"another label", []labelled{{p.number, "other", "ann", when(3), true}}, when(2), false},
			{"who may write", []labelled{{p.number, "ok", "ann", when(3), true}}, when(2), true},
			{"an admin", []labelled{{p.number, "ok", "adm", when(3), true}}, when(2), true},
			{"who may read", []labelled{{p.number, "ok", "reader", when(3), true}}, when(2), false},
			{"a stranger", []labelled{{p.number, "ok", someone, when(3), true}}, when(2), false},
			{"before the push", []labelled{{p.number, "ok", "ann", when(1), true}}, when(2), false},
			{"with the push", []labelled{{p.number, "ok", "ann", when(2), true}}, when(2), false},
			{"taken away", []labelled{{p.number, "ok", "ann", when(3), true}, {p.number, "ok", "ann", when(4), false}}, when(2), false},
			{"set by a stranger again", []labelled{{p.number, "ok", "ann", when(3), true}, {p.number, "ok", "ann", when(4), false}, {p.number, "ok", someone, when(5), true}}, when(2), false},
		} {
			s.events = c.events
			if got := counts(ask(), c.seen); got != (c.want && s.provider != Azure) {
				t.Errorf("%s: %v", c.name, got)
			}
		}
		// A new push, also one that brings an old head back, needs it again.
		s.events = []labelled{{p.number, "ok", "ann", when(3), true}}
		s.pushes = append(s.pushes, pushed{p.number, p.sha, when(4), true})
		if counts(ask(), when(2)) {
			t.Error("a head that was brought back counts")
		}
		// GitLab tells of each push; a head that is not in its list yet is not told of.
		if s.provider == GitLab {
			s.pushes = nil
			if c := ask(); c.Tells || counts(c, when(4)) {
				t.Errorf("%+v", c)
			}
		}
	})
}

// What somebody may do is asked of the service; if that fails nobody may.
func TestConsentFails(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		if s.provider == Azure {
			return
		}
		p := s.add("fork", "main", func(p *pull) { p.fork = true })
		s.may = map[string]string{"ann": "write"}
		s.events = []labelled{{p.number, "ok", "ann", when(3), true}}
		s.before = func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.Path, "/collaborators/") || strings.Contains(r.URL.Path, "/members/") {
				return plain(403, `{"message":"no"}`), nil
			}
			return nil, nil
		}
		if c, err := s.forge.Consent(t.Context(), PullRequest{Number: p.number}, "ok"); !errors.Is(err, ErrAuth) || c.May {
			t.Errorf("%+v %v", c, err)
		}
	})
}
