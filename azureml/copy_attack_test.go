package azureml_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mlsync.dev/mlsync/azureml"
)

func TestCopyCredentials(t *testing.T) {
	noToken := func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasPrefix(r.Header.Get("Authorization"), "Bearer") && !strings.HasPrefix(r.URL.Path, "/subscriptions/") &&
			refuseBlob(w, 403, "AuthorizationPermissionMismatch")
	}
	secret := func(text string) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if text == "" || !strings.HasSuffix(r.URL.Path, "/listSecrets") {
				return noToken(w, r)
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(text))
			return true
		}
	}
	for name, c := range map[string]struct {
		door func(w http.ResponseWriter, r *http.Request) bool
		with string // of what lets storage read the source
	}{
		"token":     {nil, "Bearer t"},
		"signature": {secret(""), "sig="},
		"key":       {secret(`{"secretsType":"AccountKey","key":"Y2FuYXJ5"}`), "sig="},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			s.trained(model(), "m", true)
			want := s.fingerprint(azureml.Place{Path: "m"})
			var fetches []string
			s.stand(func(w http.ResponseWriter, r *http.Request) bool {
				if u := r.Header.Get("x-ms-copy-source"); u != "" {
					s.mu.Lock()
					fetches = append(fetches, u+" "+r.Header.Get("x-ms-copy-source-authorization"))
					s.mu.Unlock()
				}
				return c.door != nil && c.door(w, r)
			})
			var log bytes.Buffer
			cl := s.client(func(o *azureml.Options) {
				o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			got, err := cl.Storage(otherID).Copy(t.Context(), azureml.Copy{From: cl.Storage(wsID), Src: azureml.Place{Path: "m"}, To: promoted(want), Want: want})
			if err != nil || got.Remote != want.Bytes {
				t.Fatalf("got %+v (%v)", got, err)
			}
			if len(fetches) != 5 || !strings.Contains(fetches[0], c.with) {
				t.Errorf("fetched with %q, want %s", fetches, c.with)
			}
			for _, word := range []string{"sig=", "Bearer", "Y2FuYXJ5"} {
				if strings.Contains(log.String(), word) {
					t.Errorf("%s is in the log", word)
				}
			}
		})
	}
}

// The credential of a source goes to no storage that its own client would not
// send it to: then bytes are streamed.
func TestCopyKeepsCredentialsHome(t *testing.T) {
	a, b := newService(t), newService(t)
	a.trained(model(), "m", true)
	want := a.fingerprint(azureml.Place{Path: "m"})
	b.stand(func(_ http.ResponseWriter, r *http.Request) bool {
		for k, v := range r.Header {
			if strings.HasPrefix(strings.ToLower(k), "x-ms-copy-source") || strings.Contains(strings.Join(v, " "), "of-a") {
				t.Errorf("%s: %q went to the other host", k, v)
			}
		}
		return false
	})
	from := a.client(func(o *azureml.Options) { o.Token = "of-a" })
	got, err := b.client().Storage(otherID).Copy(t.Context(), azureml.Copy{From: from.Storage(wsID), Src: azureml.Place{Path: "m"}, To: promoted(want), Want: want})
	if err != nil || got.Sent != want.Bytes || got.Remote != 0 {
		t.Fatalf("got %+v (%v)", got, err)
	}
	b.stand(nil)
	b.check(model(), promoted(want).Path)
	if _, err := b.client().Storage(otherID).Copy(t.Context(), azureml.Copy{From: from.Storage(wsID), Src: azureml.Place{URL: "https://evil.example.com/c/b"}, To: azureml.Place{Path: "x"}, Want: want}); !errors.Is(err, azureml.ErrForeignURL) {
		t.Errorf("got %v, want %v", err, azureml.ErrForeignURL)
	}
}

// jump is a clock that goes two hours ahead when it is told to.
type jump struct{ ahead atomic.Bool }

func (j *jump) Now() time.Time {
	if j.ahead.Load() {
		return time.Now().Add(2 * time.Hour)
	}
	return time.Now()
}

func (j *jump) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// A signature that runs out on the way is renewed.
func TestCopyOutlivesSignatures(t *testing.T) {
	s := newService(t)
	s.trained(model(), "m", true)
	want := s.fingerprint(azureml.Place{Path: "m"})
	clock := &jump{}
	s.stand(func(w http.ResponseWriter, r *http.Request) bool {
		if q := r.URL.Query(); q.Get("prefix") == "m/" && q.Get("sig") != "" {
			clock.ahead.Store(true)
		}
		return strings.HasPrefix(r.Header.Get("Authorization"), "Bearer") && !strings.HasPrefix(r.URL.Path, "/subscriptions/") &&
			refuseBlob(w, 403, "AuthorizationPermissionMismatch")
	})
	c := s.client(func(o *azureml.Options) { o.Clock = clock })
	s.requests("")
	got, err := c.Storage(otherID).Copy(t.Context(), azureml.Copy{From: c.Storage(wsID), Src: azureml.Place{Path: "m"}, To: promoted(want), Want: want})
	if err != nil || got.Remote != want.Bytes {
		t.Fatalf("got %+v (%v)", got, err)
	}
	if n := s.requests("listSecrets"); len(n) != 3 {
		t.Errorf("secrets were asked for %d times, want once for each side and once more", len(n))
	}
}
