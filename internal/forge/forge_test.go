package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func want() PullRequest {
	return PullRequest{Head: "promote/one", Base: "main", Title: "one", Body: "first\nsecond\n"}
}

func open(t *testing.T, s *twin, pr PullRequest) PullRequest {
	t.Helper()
	got, err := s.forge.Open(t.Context(), pr)
	if err != nil {
		t.Fatal(err)
	}
	if got.Number == 0 || got.Head != pr.Head || got.Base != pr.Base || got.Title != pr.Title || !same(got.Body, pr.Body) || !got.Open || got.Fork || got.Commit != "" && got.Commit != hash || !strings.HasPrefix(got.URL, "https://") {
		t.Errorf("got %+v", got)
	}
	return got
}

func TestOpenTwiceIsOne(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		first := open(t, s, want())
		writes := s.count("POST", "PATCH", "PUT")
		if again := open(t, s, want()); again.Number != first.Number || s.count("POST", "PATCH", "PUT") != writes {
			t.Errorf("got %+v with %v", again, s.seen)
		}
		next := want()
		next.Title, next.Body = "two", "other"+strings.Repeat("\nlong", 300)
		if again := open(t, s, next); again.Number != first.Number || len(s.pulls) != 1 || s.pulls[0].title != "two" || s.pulls[0].body != next.Body {
			t.Errorf("got %+v, there are %d", again, len(s.pulls))
		}
		// A long one is compared as a whole, though lists cut it short.
		writes = s.count("POST", "PATCH", "PUT")
		if open(t, s, next); s.count("POST", "PATCH", "PUT") != writes {
			t.Errorf("wrote what was there: %v", s.seen)
		}
		got, err := s.forge.Get(t.Context(), first.Number)
		if err != nil || got.Title != "two" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestOpenAfterALostAnswer(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		synctest.Test(t, func(t *testing.T) {
			s.loseAnswer("POST", 1)
			if open(t, s, want()); len(s.pulls) != 1 || s.count("POST") != 1 {
				t.Errorf("there are %d after %v", len(s.pulls), s.seen)
			}
		})
	})
}

func TestOpenAfterAGatewayError(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			s.before = func(r *http.Request) (*http.Response, error) {
				if n++; r.Method == "POST" && n < 4 {
					return plain(502, "<html>Bad Gateway", "Content-Type", "text/html"), nil
				}
				return nil, nil
			}
			if open(t, s, want()); len(s.pulls) != 1 {
				t.Errorf("there are %d after %v", len(s.pulls), s.seen)
			}
		})
	})
}

// Somebody opens one between the look and the creation.
func TestOpenInARace(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		synctest.Test(t, func(t *testing.T) {
			s.before = func(r *http.Request) (*http.Response, error) {
				if r.Method == "POST" && len(s.pulls) == 0 {
					s.add("promote/one", "main")
				}
				return nil, nil
			}
			if got := open(t, s, want()); got.Number != 1 || len(s.pulls) != 1 || s.pulls[0].title != "one" {
				t.Errorf("got %+v of %d", got, len(s.pulls))
			}
		})
	})
}

func TestOpenRefused(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		pr := want()
		pr.Base = "absent"
		_, err := s.forge.Open(t.Context(), pr)
		var e *Error
		if !errors.Is(err, ErrRefused) || !errors.As(err, &e) || e.Status < 400 || !strings.Contains(e.Detail, "base") && !strings.Contains(e.Detail, "target") || s.count("POST") != 1 {
			t.Errorf("got %v after %v", err, s.seen)
		}
	})
}

func TestFindSeesOnlyItsOwn(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		for i := range 230 {
			s.add(fmt.Sprintf("other-%d", i), "main")
		}
		s.add("topic", "main", func(p *pull) { p.fork = true })
		s.add("topic", "main", func(p *pull) { p.open = false })
		s.add("topic", "release")
		if got, err := s.forge.Find(t.Context(), "topic", "main"); got != nil || err != nil {
			t.Fatalf("got %+v, %v", got, err)
		}
		p := s.add("topic", "main")
		if got, err := s.forge.Find(t.Context(), "topic", "main"); err != nil || got == nil || got.Number != p.number || got.Author != someone {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// Pull requests of forks fill more than a page.
func TestFindBehindManyForks(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		for range 250 {
			s.add("topic", "main", func(p *pull) { p.fork = true })
		}
		p := s.add("topic", "main")
		if got, err := s.forge.Find(t.Context(), "topic", "main"); err != nil || got == nil || got.Number != p.number {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestComment(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		p := s.add("topic", "main")
		s.notes = append(s.notes, &note{id: s.next(), pull: p.number, author: someone, body: "<!-- m -->\nours, he says"})
		for range 150 {
			s.notes = append(s.notes, &note{id: s.next(), pull: p.number, author: robot, body: "chatter <!-- m -->\n"})
		}
		say := func(marker, text string) {
			t.Helper()
			if err := s.forge.Comment(t.Context(), p.number, marker, text); err != nil {
				t.Fatal(err)
			}
		}
		say("m", "one")
		if n := s.notes[len(s.notes)-1]; len(s.notes) != 152 || n.body != "<!-- m -->\none" {
			t.Fatalf("got %+v of %d", n, len(s.notes))
		}
		say("m", "two\nlines")
		writes := s.count("POST", "PATCH", "PUT")
		say("m", "two\nlines\n")
		if n := s.notes[len(s.notes)-1]; len(s.notes) != 152 || n.body != "<!-- m -->\ntwo\nlines" || s.count("POST", "PATCH", "PUT") != writes {
			t.Errorf("got %+v of %d", n, len(s.notes))
		}
		if s.notes[0].body != "<!-- m -->\nours, he says" {
			t.Errorf("another's comment is now %q", s.notes[0].body)
		}
		say("m2", "one")
		if len(s.notes) != 153 {
			t.Errorf("there are %d", len(s.notes))
		}
	})
}

func TestCommentAfterALostAnswer(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		synctest.Test(t, func(t *testing.T) {
			p := s.add("topic", "main")
			s.loseAnswer("POST", 1)
			if err := s.forge.Comment(t.Context(), p.number, "m", "text"); err != nil || len(s.notes) != 1 {
				t.Errorf("got %v, there are %d", err, len(s.notes))
			}
		})
	})
}

// The comment is taken away between the look and the change.
func TestCommentThatIsGone(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		synctest.Test(t, func(t *testing.T) {
			p := s.add("topic", "main")
			s.notes = []*note{{id: s.next(), pull: p.number, author: robot, body: "<!-- m -->\nold"}}
			s.before = func(r *http.Request) (*http.Response, error) {
				if r.Method == "PATCH" || r.Method == "PUT" {
					s.notes = nil
				}
				return nil, nil
			}
			if err := s.forge.Comment(t.Context(), p.number, "m", "new"); err != nil || len(s.notes) != 1 || s.notes[0].body != "<!-- m -->\nnew" {
				t.Errorf("got %v, %+v", err, s.notes)
			}
		})
	})
}

// The token of an app may not ask who it is.
func TestCommentOfAnApp(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		if s.provider != GitHub {
			return
		}
		p := s.add("topic", "main")
		s.app, s.whose = true, "ci[bot]"
		s.notes = []*note{{id: s.next(), pull: p.number, author: someone, body: "<!-- m -->\nx"}}
		for _, text := range []string{"one", "two"} {
			if err := s.forge.Comment(t.Context(), p.number, "m", text); err != nil || len(s.notes) != 2 || s.notes[1].body != "<!-- m -->\n"+text {
				t.Errorf("got %v, there are %d", err, len(s.notes))
			}
		}
	})
}

func TestStatus(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		synctest.Test(t, func(t *testing.T) {
			s.loseAnswer("POST", 1)
			for _, state := range []State{Pending, Success, Failure, Broken} {
				err := s.forge.Status(t.Context(), CommitStatus{Commit: hash, Context: "ci/plan", State: state, Description: "as it is", URL: "https://ci.example/1"})
				if err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for _, p := range s.statuses {
				if p.sha != hash || p.context != "ci/plan" || p.description != "as it is" || p.url != "https://ci.example/1" {
					t.Errorf("got %+v", p)
				}
				got = append(got, p.state)
			}
			want := map[Provider]string{
				GitHub: "pending success failure error", Gitea: "pending success failure error",
				GitLab: "running success failed failed", Azure: "pending succeeded failed error",
			}[s.provider]
			if all := strings.Join(slices.Compact(got), " "); all != want && all != strings.ReplaceAll(want, "failed failed", "failed") {
				t.Errorf("got %s, want %s", all, want)
			}
		})
	})
}

func TestLabels(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		p := s.add("topic", "main")
		if got, err := s.forge.Labels(t.Context(), p.number); len(got) != 0 || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
		n := p.number
		s.events = []labelled{
			{n, "ok", "ann", when(1), true},
			{n, "ok", someone, when(2), false},
			{n, "ok", "bob", when(3), true},
			{n, "off", "ann", when(4), true},
			{n, "off", "ann", when(5), false},
			{n, "two", "ann", when(6), true},
		}
		got, err := s.forge.Labels(t.Context(), n)
		want := []Label{{Name: "ok", By: "bob", At: when(3)}, {Name: "two", By: "ann", At: when(6)}}
		if s.provider == Azure { // it does not say
			want = []Label{{Name: "ok"}, {Name: "two"}}
		}
		for i := range got {
			got[i].account = 0
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	})
}

// A label whose last event is that it was taken away was set by nobody known.
func TestLabelWithoutItsEvent(t *testing.T) {
	got := attribute([]string{"ok"}, []labelEvent{{Label{Name: "ok", By: "ann", At: when(1)}, true}, {Label{Name: "ok", By: "ann", At: when(2)}, false}})
	if want := []Label{{Name: "ok"}}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestErrorsByStatus(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		for _, tc := range []struct {
			status  int
			headers []string
			kind    error
			after   time.Duration
		}{
			{401, nil, ErrAuth, 0},
			{403, nil, ErrAuth, 0},
			{203, nil, ErrAuth, 0},
			{404, nil, ErrNotFound, 0},
			{410, nil, ErrNotFound, 0},
			{409, nil, ErrConflict, 0},
			{400, nil, ErrRefused, 0},
			{422, nil, ErrRefused, 0},
			{423, nil, ErrRefused, 0},
			{429, []string{"Retry-After", "90"}, ErrRateLimited, 90 * time.Second},
			{403, []string{"Retry-After", "90"}, ErrRateLimited, 90 * time.Second},
			{503, []string{"Retry-After", "90"}, ErrUnreachable, 90 * time.Second},
			{304, nil, ErrRedirect, 0},
		} {
			s.before = func(*http.Request) (*http.Response, error) {
				return plain(tc.status, `{"message":"so it is"}`, tc.headers...), nil
			}
			_, err := s.forge.Get(t.Context(), 1)
			var e *Error
			if !errors.Is(err, tc.kind) || !errors.As(err, &e) || e.RetryAfter != tc.after || e.Status != tc.status || !strings.Contains(err.Error(), "so it is") {
				t.Errorf("%d: got %v", tc.status, err)
			}
			if tc.kind == ErrAuth && (!strings.Contains(e.Cure, "token") || !strings.Contains(e.Cure, "read")) {
				t.Errorf("%d: the cure is %q", tc.status, e.Cure)
			}
		}
	})
}

func TestWrongToken(t *testing.T) {
	for _, tw := range twins {
		for _, secret := range []string{"", "hush-hush"} {
			f, err := Of(tw.remote, Options{Token: "hush-hush", Transport: &wire{handler: tw.handler(&state{})}, UserAgent: "test"})
			if secret == "" {
				f, err = Of(tw.remote, Options{Transport: &wire{handler: tw.handler(&state{})}, UserAgent: "test"})
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.Open(t.Context(), want())
			if !errors.Is(err, ErrAuth) || strings.Contains(err.Error(), "hush") || secret == "" && !strings.Contains(err.Error(), "no token was given") {
				t.Errorf("%s: got %v", tw.provider, err)
			}
		}
	}
}

// GitHub's ways to say that it was too much.
func TestRateLimits(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		synctest.Test(t, func(t *testing.T) {
			p := s.add("topic", "main")
			reset := fmt.Sprint(time.Now().Add(30 * time.Minute).Unix())
			for _, tc := range []struct {
				headers []string
				text    string
				after   time.Duration
			}{
				{[]string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", reset, "Date", time.Now().UTC().Format(http.TimeFormat)}, "{}", 30 * time.Minute},
				{[]string{"Retry-After", time.Now().UTC().Add(2 * time.Minute).Format(http.TimeFormat), "Date", time.Now().UTC().Format(http.TimeFormat)}, "{}", 2 * time.Minute},
			} {
				s.before = func(*http.Request) (*http.Response, error) { return plain(403, tc.text, tc.headers...), nil }
				n := s.count("GET")
				_, err := s.forge.Get(t.Context(), p.number)
				var e *Error
				if !errors.Is(err, ErrRateLimited) || !errors.As(err, &e) || e.RetryAfter != tc.after || s.count("GET") != n+1 {
					t.Errorf("got %v after %d", err, s.count("GET")-n)
				}
			}
			// A short one is waited for, and one without a time for a minute.
			for text, pause := range map[string]time.Duration{`{"message":"You have exceeded a secondary rate limit"}`: time.Minute, "{}": 7 * time.Second} {
				first, begin := true, time.Now()
				s.before = func(*http.Request) (*http.Response, error) {
					if !first {
						return nil, nil
					}
					if first = false; text == "{}" {
						return plain(429, text, "Retry-After", "7"), nil
					}
					return plain(403, text), nil
				}
				if _, err := s.forge.Get(t.Context(), p.number); err != nil || time.Since(begin) != pause {
					t.Errorf("got %v after %s", err, time.Since(begin))
				}
			}
		})
	})
}

func TestRetriesEnd(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		synctest.Test(t, func(t *testing.T) {
			s.before = func(*http.Request) (*http.Response, error) { return plain(500, "{}"), nil }
			if _, err := s.forge.Get(t.Context(), 1); !errors.Is(err, ErrUnreachable) || s.count("GET") != 4 {
				t.Errorf("got %v after %v", err, s.seen)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			s.before = func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			_, err := s.forge.Get(ctx, 1)
			if !errors.Is(err, ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			ctx, stop := context.WithCancel(t.Context())
			stop()
			if _, err := s.forge.Get(ctx, 1); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	})
}

// What is wrong or too long is not sent.
func TestRefusesWhatIsTooLong(t *testing.T) {
	each(t, func(t *testing.T, s *twin) {
		l := s.forge.Limits()
		ctx := t.Context()
		status := CommitStatus{Commit: hash, Context: "c", State: Success}
		for name, call := range map[string]func() error{
			"title": func() error {
				p := want()
				p.Title = strings.Repeat("x", l.Title+1)
				_, err := s.forge.Open(ctx, p)
				return err
			},
			"two lines": func() error { p := want(); p.Title = "a\nb"; _, err := s.forge.Open(ctx, p); return err },
			"no title":  func() error { p := want(); p.Title = " "; _, err := s.forge.Open(ctx, p); return err },
			"body": func() error {
				p := want()
				p.Body = strings.Repeat("x", l.Body+1)
				_, err := s.forge.Open(ctx, p)
				return err
			},
			"update": func() error {
				p := want()
				p.Body = strings.Repeat("x", l.Body+1)
				_, err := s.forge.Update(ctx, p)
				return err
			},
			"ref":        func() error { p := want(); p.Head = "refs/heads/x"; _, err := s.forge.Open(ctx, p); return err },
			"one branch": func() error { p := want(); p.Head = p.Base; _, err := s.forge.Open(ctx, p); return err },
			"fork's":     func() error { p := want(); p.Head = "me:x"; _, err := s.forge.Open(ctx, p); return err },
			"comment":    func() error { return s.forge.Comment(ctx, 1, "m", strings.Repeat("x", l.Comment+1)) },
			"marker":     func() error { return s.forge.Comment(ctx, 1, "m --> x", "x") },
			"no marker":  func() error { return s.forge.Comment(ctx, 1, "", "x") },
			"description": func() error {
				c := status
				c.Description = strings.Repeat("x", l.Description+1)
				return s.forge.Status(ctx, c)
			},
			"url": func() error { c := status; c.URL = "javascript:alert(1)"; return s.forge.Status(ctx, c) },
			"long url": func() error {
				c := status
				c.URL = "https://x/" + strings.Repeat("x", 246)
				return s.forge.Status(ctx, c)
			},
			"commit":  func() error { c := status; c.Commit = "../../x"; return s.forge.Status(ctx, c) },
			"state":   func() error { c := status; c.State = "fine"; return s.forge.Status(ctx, c) },
			"context": func() error { c := status; c.Context = ""; return s.forge.Status(ctx, c) },
		} {
			if err := call(); !errors.Is(err, ErrInvalid) || len(s.seen) > 0 {
				t.Errorf("%s: got %v after %v", name, err, s.seen)
			}
		}
		// At the edge it is.
		p := want()
		p.Title, p.Body = strings.Repeat("x", l.Title), strings.Repeat("x", l.Body)
		open(t, s, p)
		if err := s.forge.Comment(ctx, 1, strings.Repeat("m", 128), strings.Repeat("x", l.Comment)); err != nil || len(s.notes[0].body) > l.Comment+markerRoom {
			t.Error(err)
		}
		status.URL = "https://x/" + strings.Repeat("x", 245)
		if err := s.forge.Status(ctx, status); err != nil {
			t.Error(err)
		}
	})
}
