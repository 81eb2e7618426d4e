package azureml_test

import (
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"mlsync.dev/mlsync/azureml"
)

// Clients that share connections use those of each other, unless they trust
// others; clients that share none do not.
func TestConnectionsAreShared(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int32{"shared": 1, "own": 3} {
		var opened atomic.Int32
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte("{}"))
		}))
		server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				opened.Add(1)
			}
		}
		server.StartTLS()
		t.Cleanup(server.Close)
		ca := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
		shared := azureml.NewConnections()
		for i, token := range []string{"a", "b", "c"} {
			o := azureml.Options{Endpoint: server.URL, CAFile: ca, Credential: "static", Token: token, Connections: shared}
			if name == "own" {
				o.Connections = nil
			}
			c, err := azureml.New(o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Get(t.Context(), wsID, "2024-04-01"); err != nil {
				t.Fatalf("%d: %v", i, err)
			}
		}
		if n := opened.Load(); n != want {
			t.Errorf("%s: %d connections, want %d", name, n, want)
		}
		if _, err := azureml.New(azureml.Options{Endpoint: server.URL, CAFile: ca + "x", Credential: "static", Token: "a", Connections: shared}); err == nil {
			t.Error("authorities that are not there are trusted")
		}
		other, err := azureml.New(azureml.Options{Endpoint: server.URL, Credential: "static", Token: "a", Connections: shared, Tries: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Get(t.Context(), wsID, "2024-04-01"); err == nil {
			t.Error("a client trusts the authorities of another")
		}
	}
}
