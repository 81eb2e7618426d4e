package azureml

import (
	"errors"
	"net/http"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// A client that only reads sends nothing else, whichever way it is asked, and
// does not try it again.
func TestAttackN30ReaderNeverWrites(t *testing.T) {
	s := &script{answers: []answer{{status: 200, body: `{"location":"northeurope","properties":{"authMode":"Key","scoringUri":"https://e.northeurope.inference.ml.azure.com/score"}}`}}}
	clock := newClock()
	c, err := New(Options{Endpoint: "https://management.azure.com", Credential: "static", Token: "t", ReadOnly: true, Transport: s, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	scope := kind.Scope{Subscription: "s1", ResourceGroup: "rg", Workspace: "w"}
	w := c.Workspace(scope)
	id := asset.ID{Kind: "environment", Name: "e", Version: "1"}
	live := &asset.Asset{ID: id, ARM: ws + "/environments/e/versions/1", Body: asset.NewMap(), Raw: []byte(`{"properties":{}}`)}
	for name, do := range map[string]func() error{
		"put":    func() error { _, err := c.Put(ctx, ws+"/x/y", "2024-04-01", []byte(`{}`)); return err },
		"patch":  func() error { _, err := c.Patch(ctx, ws+"/x/y", "2024-04-01", []byte(`{}`)); return err },
		"delete": func() error { _, err := c.Delete(ctx, ws+"/x/y", "2024-04-01"); return err },
		"post":   func() error { _, err := c.Post(ctx, ws+"/x/listKeys", "2024-04-01", nil); return err },
		"remove": func() error {
			return w.Delete(ctx, live, func(Operation) error { return nil }, func(string) {})
		},
		"invoke": func() error { _, err := w.Invoke(ctx, Call{Endpoint: "e", Body: []byte("{}")}); return err },
		"raw": func() error {
			req, err := http.NewRequestWithContext(ctx, http.MethodPut, "https://account.blob.core.windows.net/c/b", nil)
			if err != nil {
				return err
			}
			resp, err := c.o.Transport.Do(req)
			if err == nil {
				_ = resp.Body.Close()
			}
			return err
		},
	} {
		if err := do(); !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.Get(ctx, ws, "2024-04-01"); err != nil {
		t.Error(err)
	}
	for _, seen := range s.seen {
		if seen[:4] != "GET " {
			t.Errorf("sent %s", seen)
		}
	}
	if n, _ := clock.slept(); n != 0 {
		t.Errorf("slept %d times", n)
	}
}
