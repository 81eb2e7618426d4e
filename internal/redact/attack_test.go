package redact_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"mlsync.dev/mlsync/internal/redact"
)

// key is a storage key: 64 bytes as base64.
var key = strings.Repeat("Ab3/", 21) + "Zz=="

// canaries are texts with a credential, and the part that must not be seen.
func canaries() map[string][2]string {
	return map[string][2]string{
		"bearer":            {"put: Authorization: Bearer abc.def-ghi_JKL~123", "abc.def-ghi_JKL~123"},
		"basic":             {"header basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA=="},
		"jwt":               {"token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl was refused", "eyJzdWIiOiJ4In0"},
		"url":               {"fetch https://user:hunter2hunter2@git.example.com/a/b: 401", "hunter2"},
		"url, token only":   {"fetch https://hunter2hunter2@git.example.com/a/b: 401", "hunter2"},
		"postgres":          {"dial postgres://mlsync:hunter2@db:5432/mlsync", "hunter2"},
		"postgres, words":   {"host=db user=mlsync password=hunter2 dbname=mlsync", "hunter2"},
		"sas":               {"PUT https://a.blob.core.windows.net/c/b?sv=2024&sig=hunter2%2Fabc%3D&se=1: 403", "hunter2"},
		"connection string": {"AccountName=a;AccountKey=" + key + ";EndpointSuffix=core.windows.net", key[:20]},
		"service bus":       {"Endpoint=sb://x/;SharedAccessKey=hunter2hunter2=", "hunter2"},
		"storage key":       {"the key is " + key, key[:20]},
		"form":              {"grant_type=x&client_secret=hunter2&scope=y", "hunter2"},
		"json":              {`body {"clientSecret":"hunter2","x":1}`, "hunter2"},
		"json, spaced":      {`body {"password" : "hunter2"}`, "hunter2"},
		"entra":             {"secret aB38Q~" + strings.Repeat("x", 34) + " expired", "8Q~xxx"},
		"github":            {"remote said ghp_" + strings.Repeat("A1", 18), "A1A1"},
		"github, fine":      {"remote said github_pat_" + strings.Repeat("A1", 18), "A1A1"},
		"gitlab":            {"remote said glpat-" + strings.Repeat("A1", 10), "A1A1"},
		"mlsync":            {"token mlsync_vision.k3v9x2m1q8ab_" + strings.Repeat("0f", 32) + " was refused", "0f0f"},
		"slack":             {"post xoxb-123456789012-abcdef: 404", "123456789012"},
		"slack, address":    {"post https://hooks.slack.com/services/T000/B000/hunter2: 404", "hunter2"},
		"aws":               {"key AKIAIOSFODNN7EXAMPLE refused", "IOSFODNN7"},
		"age":               {"AGE-SECRET-KEY-1" + strings.Repeat("Q", 58), "QQQQ"},
		"pem":               {"-----BEGIN RSA PRIVATE KEY-----\nMIIEhunter2\n-----END RSA PRIVATE KEY-----\n", "hunter2"},
		"pem, torn":         {"-----BEGIN OPENSSH PRIVATE KEY-----\nMIIEhunter2\n", "hunter2"},
	}
}

// K: whatever is logged, and however, a credential is not seen, and a line of
// JSON stays one.
func TestAttackKCredentialInTheLog(t *testing.T) {
	for name, c := range canaries() {
		t.Run(name, func(t *testing.T) {
			text, secret := c[0], c[1]
			var out bytes.Buffer
			log := slog.New(slog.NewJSONHandler(redact.Writer(&out), nil))
			log.Error(text)
			log.Error("x", "err", fmt.Errorf("put %w", errors.New(text)))
			log.With("list", []string{"a", text}).Error("x", "map", map[string]string{"k": text})
			log.WithGroup("g").Error("x", slog.Group("h", "v", text))
			if strings.Contains(out.String(), secret) {
				t.Errorf("the log has %q:\n%s", secret, &out)
			}
			for line := range strings.Lines(out.String()) {
				if !json.Valid([]byte(line)) {
					t.Errorf("no JSON: %s", line)
				}
			}
			out.Reset()
			slog.New(slog.NewTextHandler(redact.Writer(&out), nil)).Error("x", "err", errors.New(text))
			if strings.Contains(out.String(), secret) {
				t.Errorf("the log has %q:\n%s", secret, &out)
			}
			if got := redact.Text(text); strings.Contains(got, secret) || !strings.Contains(got, redact.Mask) {
				t.Errorf("got %q", got)
			}
		})
	}
}

// What is no credential stays as it is: logs are read.
func TestTextStays(t *testing.T) {
	for _, text := range []string{
		"commit 9d4e1e23bd5b727046a9e3b4b7db57bd8d6ee684 of https://github.com/contoso/ml-assets.git",
		"sha256:" + strings.Repeat("0123456789abcdef", 4),
		"model/taxi:4: put: 409 Conflict (request 0f8fad5b-d9cb-469f-a165-70867728950e)",
		"azureml://datastores/workspaceblobstore/paths/LocalUpload/abc/train.csv",
		"/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/mlw",
		"secret STORAGE_KEY is not set: ${{ secret.STORAGE_KEY }} in datastores/raw.yml:7:16",
		"git@github.com:contoso/ml-assets.git",
		`{"level":"INFO","msg":"done","plan":"9afd-6889","token_env":"GIT_TOKEN"}`,
		"key=value; keys: 3",
	} {
		if got := redact.Text(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, c := range canaries() {
		f.Add(c[0])
	}
	f.Fuzz(func(t *testing.T, s string) {
		line, err := json.Marshal(s)
		if err != nil {
			t.Skip()
		}
		if got := redact.Text(string(line)); !json.Valid([]byte(got)) {
			t.Errorf("%s became %s", line, got)
		}
	})
}
