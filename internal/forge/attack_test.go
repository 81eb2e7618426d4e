package forge

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"mlsync.dev/mlsync/internal/limit"
)

// endless is an answer of ten gigabytes.
type endless struct{ left int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p, strings.Repeat(" ", min(len(p), 32<<10)))
	e.left -= int64(n)
	return n, nil
}

func (*endless) Close() error { return nil }

// calls is every operation, by name.
func calls(t *testing.T, s *twin) map[string]func() error {
	ctx := t.Context()
	return map[string]func() error{
		"find":    func() error { _, err := s.forge.Find(ctx, "topic", "main"); return err },
		"get":     func() error { _, err := s.forge.Get(ctx, 1); return err },
		"open":    func() error { _, err := s.forge.Open(ctx, want()); return err },
		"update":  func() error { p := want(); p.Number = 1; _, err := s.forge.Update(ctx, p); return err },
		"comment": func() error { return s.forge.Comment(ctx, 1, "m", "x") },
		"labels":  func() error { _, err := s.forge.Labels(ctx, 1); return err },
		"status":  func() error { return s.forge.Status(ctx, CommitStatus{Commit: hash, Context: "c", State: Success}) },
	}
}

func TestAttackL40AnswersOfTenGigabytes(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		f, err := Of("https://github.com/team/repo", Options{Token: token, Transport: s.wire, Answer: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		body := &endless{10 << 30}
		s.before = func(*http.Request) (*http.Response, error) {
			a := plain(200, "")
			a.Body = body
			return a, nil
		}
		if _, err := f.Get(t.Context(), 1); !errors.Is(err, ErrTooLarge) || len(s.seen) != 1 {
			t.Errorf("got %v after %v", err, s.seen)
		}
		if read := 10<<30 - body.left; read > 2<<20 {
			t.Errorf("read %d bytes", read)
		}
		// A refusal of that length is looked at no further than its beginning.
		body.left = 10 << 30
		s.before = func(*http.Request) (*http.Response, error) {
			a := plain(404, "")
			a.Body = body
			return a, nil
		}
		if _, err := f.Get(t.Context(), 1); !errors.Is(err, ErrNotFound) || 10<<30-body.left > 2*limit.ForgeMessage {
			t.Errorf("got %v after %d bytes", err, 10<<30-body.left)
		}
	})
}

// At the edge of the bounds, and one beyond.
func TestAttackL41LongLists(t *testing.T) {
	s := &state{whose: robot}
	w := &wire{handler: githubTwin(s)}
	f, err := Of("https://github.com/team/repo", Options{Token: token, Transport: w, UserAgent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	pages, text := limit.ForgePages, "[]"
	w.before = func(r *http.Request) (*http.Response, error) {
		n := 1
		_, _ = fmt.Sscan(r.FormValue("page"), &n)
		if n < pages {
			return plain(200, text, "Link", fmt.Sprintf(`<https://x/?page=%d>; rel="next"`, n+1)), nil
		}
		return plain(200, text), nil
	}
	if _, err := f.Find(t.Context(), "a", "b"); err != nil || len(w.seen) != limit.ForgePages {
		t.Errorf("got %v after %d", err, len(w.seen))
	}
	pages++
	w.seen = nil
	if _, err := f.Find(t.Context(), "a", "b"); !errors.Is(err, ErrTooLarge) || len(w.seen) != limit.ForgePages {
		t.Errorf("got %v after %d", err, len(w.seen))
	}
	// All pages together are bounded as one answer is.
	w.seen, pages = nil, 100
	f.client.answer = 1 << 20
	text = "[" + strings.Repeat(" ", 1<<18) + "]"
	if _, err := f.Find(t.Context(), "a", "b"); !errors.Is(err, ErrTooLarge) || len(w.seen) != 4 {
		t.Errorf("got %v after %d", err, len(w.seen))
	}
	f.client.answer = limit.ForgeAnswer
	w.seen, pages = nil, 1
	text = "[" + strings.Repeat(" ", limit.ForgeAnswer-2) + "]"
	if _, err := f.Find(t.Context(), "a", "b"); err != nil {
		t.Error(err)
	}
	text += " "
	if _, err := f.Find(t.Context(), "a", "b"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	// A page that leads to itself.
	w.seen = nil
	w.before = func(*http.Request) (*http.Response, error) {
		return plain(200, "[]", "Link", `<https://x/?page=2>; rel="next"`), nil
	}
	if _, err := f.Find(t.Context(), "a", "b"); !errors.Is(err, ErrUnreachable) || len(w.seen) != 2 {
		t.Errorf("got %v after %d", err, len(w.seen))
	}
}

// A timeline that never ends.
func TestAttackL42EndlessTimeline(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		if s.provider != Gitea {
			return
		}
		s.before = func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/labels") {
				return plain(200, `[{"name":"ok"}]`), nil
			}
			return plain(200, `[{"type":"comment"}]`), nil
		}
		if _, err := s.forge.Labels(t.Context(), 1); !errors.Is(err, ErrTooLarge) || len(s.seen) != limit.ForgePages+1 {
			t.Errorf("got %v after %d", err, len(s.seen))
		}
	})
}

// What a service asks to be left alone is believed up to a bound, and every
// attempt is bounded in time and number.
func TestAttackL43SlowServices(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		synctest.Test(t, func(t *testing.T) {
			for _, tc := range []struct {
				after time.Duration
				tries int
			}{{limit.ForgeWait, limit.ForgeTries}, {limit.ForgeWait + time.Second, 1}, {1 << 30 * time.Second, 1}} {
				s.seen = nil
				begin := time.Now()
				s.before = func(*http.Request) (*http.Response, error) {
					return plain(429, "{}", "Retry-After", fmt.Sprint(int(tc.after.Seconds()))), nil
				}
				_, err := s.forge.Get(t.Context(), 1)
				if !errors.Is(err, ErrRateLimited) || len(s.seen) != tc.tries || time.Since(begin) != time.Duration(tc.tries-1)*tc.after {
					t.Errorf("%s: got %v after %d and %s", tc.after, err, len(s.seen), time.Since(begin))
				}
			}
			s.seen = nil
			begin := time.Now()
			s.before = func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			_, err := s.forge.Get(t.Context(), 1)
			most := limit.ForgeTries*limit.ForgeRequest + (limit.ForgeTries-1)*limit.ForgeBackoff
			if took := time.Since(begin); !errors.Is(err, ErrUnreachable) || len(s.seen) != limit.ForgeTries || took < limit.ForgeTries*limit.ForgeRequest || took > most {
				t.Errorf("got %v after %d and %s", err, len(s.seen), took)
			}
		})
	})
}

// Neither the token nor the request follows a redirect to another place.
func TestAttackN10Redirects(t *testing.T) {
	var stolen atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		stolen.Add(1)
		answer(w, 200, obj{})
	}))
	defer thief.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{thief.URL, "//" + strings.TrimPrefix(thief.URL, "http://"), "https://evil.example/?x=" + token} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, status) }))
			f, err := Of(server.URL+"/team/repo", Options{Provider: Gitea, Token: token})
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.Get(t.Context(), 1)
			err2 := f.Status(t.Context(), CommitStatus{Commit: hash, Context: "c", State: Success})
			for _, err := range []error{err, err2} {
				if !errors.Is(err, ErrRedirect) || strings.Contains(err.Error(), token) {
					t.Errorf("%d to %s: got %v", status, to, err)
				}
			}
			server.Close()
		}
	}
	if stolen.Load() > 0 {
		t.Errorf("%d requests came to another host", stolen.Load())
	}
}

// A repository of another name is found where it is now; a change is made
// there, and never becomes a look.
func TestAttackN11RedirectsWithinTheService(t *testing.T) {
	status, methods := 301, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if methods += r.Method + " "; !strings.HasPrefix(r.URL.Path, "/now") {
			http.Redirect(w, r, "/now", status)
			return
		}
		if r.Header.Get("Authorization") != "token "+token {
			answer(w, 401, obj{})
			return
		}
		answer(w, 200, (&state{}).hubPull(&pull{number: 1, head: "a", base: "b", open: true}))
	}))
	defer server.Close()
	f, err := Of(server.URL+"/team/repo", Options{Provider: Gitea, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Get(t.Context(), 1); err != nil {
		t.Error(err)
	}
	methods = ""
	if err := f.Status(t.Context(), CommitStatus{Commit: hash, Context: "c", State: Success}); !errors.Is(err, ErrRedirect) || methods != "POST " {
		t.Errorf("got %v after %s", err, methods)
	}
	status, methods = 307, ""
	if err := f.Status(t.Context(), CommitStatus{Commit: hash, Context: "c", State: Success}); err != nil || methods != "POST POST " {
		t.Errorf("got %v after %s", err, methods)
	}
}

// A page with status 200 is no answer, and is not asked for again.
func TestAttackN12PagesForAnswers(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		for _, kind := range []string{"text/html; charset=utf-8", "", "application/octet-stream", "application/json"} {
			s.before = func(*http.Request) (*http.Response, error) {
				return plain(200, "<html><form>Sign in</form>", "Content-Type", kind), nil
			}
			for name, call := range calls(t, s) {
				s.seen = nil
				if err := call(); name != "status" && (!errors.Is(err, ErrUnreachable) || len(s.seen) != 1) {
					t.Errorf("%s, %q: got %v after %v", name, kind, err, s.seen)
				}
			}
		}
	})
}

// JSON of other types, or without what must be there, ends in an error, never
// in a panic or a pull request without a number.
func TestAttackN13StrangeJSON(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		for _, text := range []string{
			"", "null", "true", "1", `"x"`, "[]", "{}", "[null]", "[[]]", "[{}]", `{"value":{}}`, `{"value":[null]}`, `{"value":[{}]}`, `{"value":null}`,
			`{"number":"1"}`, `{"number":-1,"iid":-1,"pullRequestId":-1}`, `{"number":1e99,"iid":1e99,"pullRequestId":1e99}`, `{"number":1.5,"iid":1.5,"pullRequestId":1.5}`,
			`[{"number":1,"head":null,"base":null}]`, `[{"iid":1,"source_branch":null}]`, `{"value":[{"comments":[]}]}`, `{"value":[{"comments":null}]}`, `{"value":[{"comments":[{"id":{}}]}]}`,
			`[{"event":"labeled","label":null}]`, `{"labels":{}}`, `{"labels":[null]}`, strings.Repeat("[", 20_000), `{"a":` + strings.Repeat(`{"a":`, 20_000),
			`{"number":1,"head":{"ref":"` + "\xff" + `"}}`,
		} {
			s.before = func(r *http.Request) (*http.Response, error) { return plain(200, text), nil }
			for name, call := range calls(t, s) {
				if err := call(); err == nil && (name == "get" || name == "open" || name == "update") {
					t.Errorf("%s takes %.40s", name, text)
				}
			}
			s.before = func(r *http.Request) (*http.Response, error) { return plain(422, text), nil }
			for name, call := range calls(t, s) {
				if err := call(); !errors.Is(err, ErrRefused) {
					t.Errorf("%s: got %v for %.40s", name, err, text)
				}
			}
		}
	})
}

// No form of the token is in an error, whatever the service says.
func TestAttackK10TokensInErrors(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		synctest.Test(t, func(t *testing.T) {
			echo := func(r *http.Request) string {
				return fmt.Sprintf("%v %s %s %s %s", r.Header, token, url.QueryEscape(token), url.PathEscape(token), url.UserPassword("x", token))
			}
			for _, status := range []int{401, 403, 404, 409, 422, 429, 500} {
				s.before = func(r *http.Request) (*http.Response, error) {
					return plain(status, fmt.Sprintf(`{"message":%q,"errors":[%q]}`, echo(r), token), "X-Accepted-GitHub-Permissions", token), nil
				}
				for name, call := range calls(t, s) {
					if err := call(); err == nil || strings.Contains(err.Error(), "t0ken") || strings.Contains(err.Error(), "OmNhbmFyeS1") {
						t.Errorf("%s: got %v", name, err)
					}
				}
			}
			s.before = func(r *http.Request) (*http.Response, error) { return nil, errors.New("dial: " + echo(r)) }
			for name, call := range calls(t, s) {
				if err := call(); err == nil || strings.Contains(err.Error(), "t0ken") {
					t.Errorf("%s: got %v", name, err)
				}
			}
			if all := fmt.Sprintf("%v %+v %#v", s.forge.client.token, Options{Token: token}, Options{Token: token}); strings.Contains(all, "t0ken") {
				t.Errorf("printed: %s", all)
			}
		})
	})
}

// Terminals and browsers get nothing that does more than be read.
func TestAttackU10TextsOfServices(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		s.before = func(*http.Request) (*http.Response, error) {
			return plain(422, `{"message":"\u001b[2Jx\u202ey\n`+strings.Repeat("long ", 1000)+`"}`), nil
		}
		_, err := s.forge.Get(t.Context(), 1)
		if err == nil || strings.ContainsFunc(err.Error(), func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) || len(err.Error()) > 1000 {
			t.Errorf("got %q", err)
		}
	})
	for _, in := range []string{"javascript:alert(1)", "data:text/html,x", "https://u:p@x/", "\x1b[2J", "file:///etc/passwd", "https://x/" + strings.Repeat("x", 5000)} {
		if got := webPage(in); got != "" {
			t.Errorf("%s: got %s", in, got)
		}
	}
}

// GitLab carries out the commands in texts with the rights of the token.
func TestAttackU11CommandsInTexts(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		p := want()
		p.Body = "fine\n/merge\n\r/approve\n/label ~ok\r\n`x`\n/close\n/ no\n"
		got := open(t, s, PullRequest{Head: p.Head, Base: p.Base, Title: p.Title, Body: "x"})
		p.Number = got.Number
		if _, err := s.forge.Update(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if err := s.forge.Comment(t.Context(), got.Number, "m", p.Body); err != nil {
			t.Fatal(err)
		}
		writes := s.count("POST", "PATCH", "PUT")
		if _, err := s.forge.Open(t.Context(), p); err != nil || s.count("POST", "PATCH", "PUT") != writes {
			t.Errorf("opened again: %v, %v", err, s.seen)
		}
		if err := s.forge.Comment(t.Context(), got.Number, "m", p.Body); err != nil || s.count("POST", "PATCH", "PUT") != writes {
			t.Errorf("commented again: %v, %v", err, s.seen)
		}
		for _, text := range []string{s.pulls[0].body, s.notes[0].body} {
			if strings.Contains(text, "CARRIED OUT") || !strings.Contains(text, "/merge") {
				t.Errorf("got %q", text)
			}
		}
	})
}
