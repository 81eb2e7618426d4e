package forge

import (
	"errors"
	"net/http"
	"testing"
)

func TestProbe(t *testing.T) {
	for _, tw := range twins {
		if tw.provider == GitHub {
			continue
		}
		w := &wire{handler: tw.handler(&state{})}
		w.before = func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("Authorization") != "" {
				t.Errorf("%s: the token was sent", tw.provider)
			}
			if tw.provider == Gitea && r.URL.Path == "/api/v1/version" { // asks for no token
				return plain(200, `{"version":"1.24.0"}`), nil
			}
			return nil, nil
		}
		if got, err := Probe(t.Context(), "git@git.example:team/repo.git", Options{Transport: w, Token: token}); err != nil || got != tw.provider {
			t.Errorf("got %s, %v, want %s", got, err, tw.provider)
		}
	}
	w := &wire{handler: http.NotFoundHandler()}
	w.before = func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/api/v3/meta" {
			return plain(401, "{}", "X-GitHub-Request-Id", "1"), nil
		}
		return nil, nil
	}
	if got, err := Probe(t.Context(), "https://git.example/team/repo", Options{Transport: w}); err != nil || got != GitHub {
		t.Errorf("got %s, %v", got, err)
	}
	w.before = nil
	if got, err := Probe(t.Context(), "https://git.example/team/repo", Options{Transport: w}); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %s, %v", got, err)
	}
	w.before = func(*http.Request) (*http.Response, error) { return nil, errLost }
	if got, err := Probe(t.Context(), "https://git.example/team/repo", Options{Transport: w}); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %s, %v", got, err)
	}
	n := len(w.seen)
	if got, err := Probe(t.Context(), "https://github.com/team/repo", Options{Transport: w}); err != nil || got != GitHub || len(w.seen) != n {
		t.Errorf("got %s, %v", got, err)
	}
}
