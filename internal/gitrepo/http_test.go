package gitrepo

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestHTTPFetchAndPoll(t *testing.T) {
	u := newUpstream(t)
	first := u.commit("one\n\nbody", "a.yml", "a: 1\n", "sub/b.yml", "b: 1\n")
	server := serve(t, u)
	r := open(t, server.options(t))

	c := fetch(t, r, "main")
	if c.Hash != first || c.Subject != "one" || c.Author.Name != "Ann Author" || c.Author.Email != "ann@example.com" ||
		!c.Author.When.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) || c.Committer.Name != "Cy Committer" {
		t.Errorf("got %+v, want %s", c, first)
	}
	wantFile(t, r, first, "sub/b.yml", "b: 1\n")
	if server.count() != 2 {
		t.Errorf("a first fetch took %d requests, want 2", server.count())
	}

	fetch(t, r, "main")
	if server.count() != 3 {
		t.Errorf("a poll without change took %d requests, want 1", server.count()-2)
	}

	second := u.commit("two", "a.yml", "a: 2\n")
	if c := fetch(t, r, ""); c.Hash != second || len(c.Parents) != 1 || c.Parents[0] != first {
		t.Errorf("got %+v, want %s", c, second)
	}
	wantFile(t, r, second, "a.yml", "a: 2\n")
	wantFile(t, r, first, "a.yml", "a: 1\n")
}

func TestHTTPCredentialInURL(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", "a", "1")
	server := serve(t, u)
	opts := server.options(t)
	opts.Credential = nil
	opts.URL = strings.Replace(opts.URL, "https://", "https://"+url.UserPassword(testUser, testPass).String()+"@", 1)
	r := open(t, opts)
	fetch(t, r, "main")
	noSecret(t, r.URL())
}

func TestHTTPErrorsHaveAKindAndNoSecret(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", "a", "1")
	server := serve(t, u)
	for _, tc := range []struct {
		name   string
		change func(*Options)
		wrap   func(http.ResponseWriter, *http.Request, http.Handler)
		ref    string
		want   error
		text   string
	}{
		{name: "wrong password", want: ErrAuth, text: "check that the credential", change: func(o *Options) {
			o.Credential = Fixed(Credential{Username: "eve", Password: testPass})
		}},
		{name: "no password", want: ErrAuth, text: "no credential was given", change: func(o *Options) { o.Credential = nil }},
		{name: "credential cannot be had", want: ErrAuth, text: "vault is shut", change: func(o *Options) {
			o.Credential = func(context.Context) (Credential, error) { return Credential{}, errors.New("vault is shut") }
		}},
		{name: "no such repository", want: ErrNotFound, change: func(o *Options) { o.URL += "x" }},
		{name: "no such branch", want: ErrNotFound, ref: "gone", text: "no branch or tag gone"},
		{name: "strange certificate", want: ErrUnreachable, text: "ca bundle", change: func(o *Options) { o.CABundle = nil }},
		{name: "nobody listens", want: ErrUnreachable, change: func(o *Options) { o.URL = "https://127.0.0.1:1/x.git" }},
		{name: "maintenance page", want: ErrUnreachable, text: "not git", wrap: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>back soon</html>")
		}},
		{name: "maintenance page that claims to be git", want: ErrUnreachable, text: "not git", wrap: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			_, _ = io.WriteString(w, "<html>back soon</html>")
		}},
		{name: "page instead of the pack", want: ErrUnreachable, text: "not git", wrap: func(w http.ResponseWriter, r *http.Request, git http.Handler) {
			if r.Method == http.MethodPost {
				_, _ = io.WriteString(w, "<html>back soon</html>")
				return
			}
			git.ServeHTTP(w, r)
		}},
		{name: "overloaded", want: ErrUnreachable, text: "503", wrap: func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			http.Error(w, "later\x1b[31m "+r.Header.Get("Authorization"), http.StatusServiceUnavailable)
		}},
		{name: "sign-in page", want: ErrAuth, wrap: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusNonAuthoritativeInfo)
		}},
		{name: "pack over the limit", want: ErrTooLarge, change: func(o *Options) { o.MaxPack = 100 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server.setWrap(tc.wrap)
			opts := server.options(t)
			if tc.change != nil {
				tc.change(&opts)
			}
			_, err := open(t, opts).Fetch(t.Context(), ref(t, tc.ref))
			var e *Error
			if !errors.Is(err, tc.want) || !errors.As(err, &e) || e.Op != "fetch" {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if !strings.Contains(err.Error(), tc.text) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("got %q, want it to say %q", err, tc.text)
			}
			noSecret(t, err.Error())
		})
	}
}

// The other place must see neither the credential nor even a request.
func TestHTTPRedirectToAnotherHostIsRefused(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", "a", "1")
	server := serve(t, u)
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other host was asked: %s %s %v", r.Method, r.URL, r.Header)
	}))
	defer thief.Close()
	for _, on := range []string{http.MethodGet, http.MethodPost} {
		server.setWrap(func(w http.ResponseWriter, r *http.Request, git http.Handler) {
			if r.Method == on {
				http.Redirect(w, r, thief.URL+r.URL.String(), http.StatusTemporaryRedirect)
				return
			}
			git.ServeHTTP(w, r)
		})
		_, err := open(t, server.options(t)).Fetch(t.Context(), Ref{})
		if !errors.Is(err, ErrRedirect) || !strings.Contains(err.Error(), thief.URL) {
			t.Errorf("%s: got %v", on, err)
		}
	}
}

func TestHTTPRedirectWithinTheHostIsFollowed(t *testing.T) {
	u := newUpstream(t)
	want := u.commit("one", "a", "1")
	server := serve(t, u)
	server.setWrap(func(w http.ResponseWriter, r *http.Request, git http.Handler) {
		if strings.HasPrefix(r.URL.Path, "/old/") {
			http.Redirect(w, r, "/up.git"+strings.TrimPrefix(r.URL.String(), "/old"), http.StatusMovedPermanently)
			return
		}
		git.ServeHTTP(w, r)
	})
	opts := server.options(t)
	opts.URL = server.URL + "/old"
	if c := fetch(t, open(t, opts), "main"); c.Hash != want {
		t.Errorf("got %s, want %s", c.Hash, want)
	}
}

// A server that accepts and then says nothing must not hold us longer than the
// context, nor longer than the timeout.
func TestHTTPSilentServer(t *testing.T) {
	asked, release := make(chan struct{}, 2), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}))
	defer server.Close()
	defer close(release)

	r := open(t, Options{URL: server.URL + "/x.git", Dir: t.TempDir(), Timeout: 50 * time.Millisecond})
	_, err := r.Fetch(t.Context(), Ref{})
	if !errors.Is(err, ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("timeout: got %v", err)
	}
	<-asked

	r = open(t, Options{URL: server.URL + "/x.git", Dir: t.TempDir()})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err = r.Fetch(ctx, Ref{}); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
		t.Errorf("cancel: got %v", err)
	}
}

func TestHTTPCredentialIsNotSentInTheOpen(t *testing.T) {
	r := open(t, Options{URL: "http://git.example/x.git", Dir: t.TempDir(), Credential: Fixed(Credential{Bearer: testPass})})
	_, err := r.Fetch(t.Context(), Ref{})
	if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "use https://") {
		t.Errorf("got %v", err)
	}
}

// cutter ends an answer early, or spoils a byte of it.
type cutter struct {
	http.ResponseWriter
	after int
	flip  bool
}

func (c *cutter) Write(p []byte) (int, error) {
	n := min(len(p), max(c.after, 0))
	if c.flip && n < len(p) && c.after >= 0 {
		spoiled := append([]byte(nil), p...)
		spoiled[n] ^= 0xff
		c.after = -1
		_, err := c.ResponseWriter.Write(spoiled)
		return len(p), err
	}
	c.after -= n
	if c.flip {
		n = len(p)
	}
	_, err := c.ResponseWriter.Write(p[:n])
	return len(p), err
}

// After a bad pack nothing of it stays, and the next fetch succeeds.
func TestHTTPBadPack(t *testing.T) {
	u := newUpstream(t)
	want := u.commit("one", "a", strings.Repeat("some content ", 100))
	server := serve(t, u)
	opts := server.options(t)
	r := open(t, opts)
	for _, bad := range []cutter{{after: 5}, {after: 60}, {after: 150}, {after: 60, flip: true}, {after: 150, flip: true}} {
		server.setWrap(func(w http.ResponseWriter, r *http.Request, git http.Handler) {
			if r.Method == http.MethodPost {
				spoiled := bad
				spoiled.ResponseWriter = w
				w = &spoiled
			}
			git.ServeHTTP(w, r)
		})
		if _, err := r.Fetch(t.Context(), Ref{}); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%+v: got %v", bad, err)
		}
		if left := r.store().packs(); left != 0 {
			t.Errorf("%+v: %d packs stay", bad, left)
		}
	}
	server.setWrap(nil)
	if c := fetch(t, r, ""); c.Hash != want {
		t.Errorf("got %s, want %s", c.Hash, want)
	}
	if left, err := filepath.Glob(filepath.Join(opts.Dir, "*", "objects", "pack", "tmp_*")); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
