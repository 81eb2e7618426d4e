package web_test

import (
	"os"
	"testing"

	"mlsync.dev/mlsync/web"
)

const page = "../docs/reference/api.md"

const head = `# The HTTP API

What the daemon answers below ` + "`/api/v1`" + `; [how to turn it on and use it](../how-to/api.md). The same as an OpenAPI 3.1 document: ` + "`GET /api/v1/openapi.json`" + `.
This page is made of the table of routes in package ` + "`web`" + `: ` + "`MLSYNC_GOLDEN=1 go test ./web`" + ` writes it.

Each request has a header ` + "`Authorization: Bearer TOKEN`" + `. What it may do depends on the roles that the file of projects gives in each project:

| action | viewer | operator | approver | admin |
|---|---|---|---|---|
| ` + "`read`" + ` | yes | yes | yes | yes |
| ` + "`read-audit`" + ` | | | yes | yes |
| ` + "`sync`, `hold`, `abort`, `put-off`" + ` | | yes | | yes |
| ` + "`approve`" + ` | | | yes | yes |
| ` + "`own-tokens`" + ` | yes | yes | yes | yes |

A list answers with a page, ` + "`{\"items\": [Target, …], \"next\": CURSOR}` for `TargetPage`" + `, in an order that is fixed and goes by project first. Mistakes are ` + "`application/problem+json`" + ` (RFC 9457), a
` + "`Problem`" + `: 400 cannot be read, 401 no credential, 403 may not, 404 is not there or may not be seen, 405 no such method, 409 is not so any more, 413 and 415 no such body,
422 cannot be done, 429 too often, 503 not now.
`

// The reference is what the table says. MLSYNC_GOLDEN=1 writes it.
func TestReferenceIsTheTable(t *testing.T) {
	want := head + web.Reference() + "\n## Members\n" + web.Answers()
	if os.Getenv("MLSYNC_GOLDEN") != "" {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the table says: run MLSYNC_GOLDEN=1 go test ./web", page)
	}
}
