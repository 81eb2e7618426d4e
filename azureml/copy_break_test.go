package azureml_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/azureml"
)

// Breaking the copy at any request and running it again converges, and nothing
// looks complete before it is.
func TestCopySurvivesEveryRequest(t *testing.T) {
	for _, k := range sorts() {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s,after=%t", k.name, after), func(t *testing.T) {
				for n := 1; ; n++ {
					s := newService(t)
					s.trained(brief(), "azureml/job/model", k.sums)
					src := azureml.Place{Path: "azureml/job/model"}
					want := s.fingerprint(src)
					to := promoted(want)
					broken := s.breakAt(n, after, k.door)
					copyOnce := func() error {
						c := k.client(s)
						_, err := c.Storage(otherID).Copy(t.Context(), azureml.Copy{From: c.Storage(wsID), Src: src, To: to, Want: want})
						return err
					}
					err := copyOnce()
					s.stand(k.door)
					if !broken() {
						if err != nil {
							t.Fatalf("nothing was broken: %v", err)
						}
						if n < 8 {
							t.Errorf("it took %d requests only", n-1)
						}
						return
					}
					if err != nil && strings.Contains(err.Error(), "sig=") {
						t.Errorf("request %d: a signature is in %v", n, err)
					}
					if s.marked(to, want) && !complete(s, to, want) {
						t.Fatalf("request %d: marked and not complete", n)
					}
					for range 2 {
						if err = copyOnce(); err == nil {
							break
						}
					}
					if err != nil {
						t.Fatalf("request %d: %v", n, err)
					}
					if !s.marked(to, want) || !complete(s, to, want) {
						t.Fatalf("request %d: not complete in the end", n)
					}
				}
			})
		}
	}
}

// brief is a model of few requests.
func brief() fstest.MapFS {
	out := model()
	return fstest.MapFS{"MLmodel": out["MLmodel"], "data/__init__.py": out["data/__init__.py"], "weights.bin": {Data: out["weights.bin"].Data[:6000]}}
}

// breakAt cuts the connection at the n-th request, before or after it took
// effect, and everything behind it: the process died.
func (s *service) breakAt(n int, after bool, door func(http.ResponseWriter, *http.Request) bool) (broken func() bool) {
	seen := 0
	s.stand(func(w http.ResponseWriter, r *http.Request) bool {
		s.mu.Lock()
		seen++
		at := seen
		s.mu.Unlock()
		if at < n {
			return door(w, r)
		}
		if at == n && after {
			if rec := (&discard{header: http.Header{}}); !door(rec, r) {
				s.inner.ServeHTTP(rec, r)
			}
		}
		panic(http.ErrAbortHandler)
	})
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return seen >= n
	}
}

// discard is an answer that nobody hears.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

func complete(s *service, p azureml.Place, want azureml.Content) bool {
	got, err := s.client().Storage(otherID).Fingerprint(s.t.Context(), p, nil)
	return err == nil && got.Object == want.Object
}

// What was sent before the break is not sent again.
func TestCopyResumes(t *testing.T) {
	for _, k := range sorts() {
		t.Run(k.name, func(t *testing.T) {
			s := newService(t)
			s.trained(model(), "m", k.sums)
			want := s.fingerprint(azureml.Place{Path: "m"})
			to := promoted(want)
			late := func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPut && r.URL.Query().Get("comp") == "metadata" {
					return refuseBlob(w, 400, "InvalidInput")
				}
				return k.door(w, r)
			}
			s.stand(late)
			c := k.client(s)
			job := azureml.Copy{From: c.Storage(wsID), Src: azureml.Place{Path: "m"}, To: to, Want: want}
			if _, err := c.Storage(otherID).Copy(t.Context(), job); err == nil {
				t.Fatal("the refused mark was no error")
			}
			s.stand(k.door)
			if got, err := c.Storage(otherID).Copy(t.Context(), job); err != nil || got.Sent != 0 {
				t.Errorf("again: %+v (%v), want nothing sent", got, err)
			}
			if !s.marked(to, want) {
				t.Error("not marked")
			}
		})
	}
}

// Blocks that an earlier attempt left are not sent again.
func TestCopyResumesBlocks(t *testing.T) {
	for _, k := range sorts() {
		if !k.cut {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			s := newService(t)
			s.trained(fstest.MapFS{"w": model()["weights.bin"]}, "m", k.sums)
			want := s.fingerprint(azureml.Place{Path: "m"})
			to, refused := promoted(want), 0
			s.stand(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPut && r.URL.Query().Get("comp") == "blocklist" && refused == 0 {
					refused++
					return refuseBlob(w, 500, "InternalError")
				}
				return k.door(w, r)
			})
			c := k.client(s)
			job := azureml.Copy{From: c.Storage(wsID), Src: azureml.Place{Path: "m"}, To: to, Want: want}
			if _, err := c.Storage(otherID).Copy(t.Context(), job); err == nil {
				t.Fatal("the refused list was no error")
			}
			if got, err := c.Storage(otherID).Copy(t.Context(), job); err != nil || got.Sent != 0 {
				t.Errorf("again: %+v (%v), want nothing sent", got, err)
			}
			s.check(fstest.MapFS{"w": model()["weights.bin"]}, to.Path)
		})
	}
}
