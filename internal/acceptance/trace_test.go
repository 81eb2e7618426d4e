package acceptance_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// A daemon with a collector sends one trace a pass: what it read, planned and
// did, and no secret; the log names the trace.
func TestAttackKTraces(t *testing.T) {
	t.Parallel()
	bodies := make(chan []byte, 100)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- body
	}))
	defer collector.Close()
	w := newWorld(t, emulator.Options{})
	w.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.URL
	w.env["OTEL_EXPORTER_OTLP_HEADERS"] = "api-key=hunter2hunter2"
	w.env["MLSYNC_SECRET_KEY"] = "canarycanary"
	w.write("data/a.yml", dataFile("a"))
	w.write("raw.yml", "$schema: https://azuremlschemas.azureedge.net/latest/azureBlob.schema.json\nname: raw\ntype: azure_blob\n"+
		"account_name: taxidev\ncontainer_name: raw\ncredentials:\n  account_key: ${{ secret.KEY }}\n")
	d := w.daemon("--data", t.TempDir(), "--poll", "50ms")
	d.synced()
	body := <-bodies
	for _, want := range []string{"pass", "fetch", "lock", "plan", "apply", "create", "data/a:1", "datastore/raw", "mlsync.run", "service.name"} {
		if !bytes.Contains(body, []byte(want)) {
			t.Errorf("the trace has no %q", want)
		}
	}
	d.await("done", 1)
	if id, _ := d.lines("done")[0]["trace"].(string); len(id) != 32 {
		t.Errorf("the log names the trace %q", id)
	}
	for _, secret := range []string{"hunter2", "canary"} {
		if bytes.Contains(body, []byte(secret)) || bytes.Contains([]byte(d.text()), []byte(secret)) {
			t.Errorf("%q is in the trace or in the log", secret)
		}
	}
}
