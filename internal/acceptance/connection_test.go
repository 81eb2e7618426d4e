package acceptance_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// connected is a world with all connections, applied.
func connected(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, emulator.Options{})
	for _, name := range []string{"git", "registry", "snowflake", "openai", "onelake", "blob", "serp"} {
		w.write("connections/"+name+".yml", readFile(t, "testdata/every/connections/"+name+".yml"))
	}
	w.apply()
	w.settled()
	return w
}

// secrets are the credentials of a connection, which a read never shows.
func (w *world) secrets(name string) map[string]any {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.em.URL()+workspaceID+"/connections/"+name+"/listsecrets?api-version=2024-04-01-preview", http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	var a map[string]any
	if err := json.Unmarshal(w.do(req), &a); err != nil {
		w.t.Fatal(err)
	}
	creds, _ := a["properties"].(map[string]any)["credentials"].(map[string]any)
	return creds
}

func metadata(a map[string]any) map[string]any {
	m, _ := a["properties"].(map[string]any)["metadata"].(map[string]any)
	return m
}

// What the service does not give back is compared with what was applied: a
// name of a user as much as a secret. Every write sends the secrets again.
func TestConnectionIsComparedWithWhatWasApplied(t *testing.T) {
	t.Parallel()
	w := connected(t)
	w.edit("connections/snowflake.yml", "username: loader", "username: reader")
	w.edit("connections/registry.yml", "client_id: 1", "client_id: 2")
	w.edit("connections/openai.yml", "api_version: 2024-02-01", "api_version: 2024-06-01")
	p, r := w.plan()
	for id, want := range map[string]string{"warehouse": "update", "team-images": "update", "chat-model": "update", "team-git": "noop", "lakehouse": "noop", "finder": "noop"} {
		if got := p.step("connection/" + id).Action; got != want {
			t.Errorf("%s: %s, want %s: %s", id, got, want, r)
		}
	}
	w.apply()
	w.settled()
	if c := w.secrets("warehouse"); c["username"] != "reader" || c["password"] != canaries["GIT_PAT"] {
		t.Errorf("the credentials are %v", c)
	}
	if c := w.secrets("chat-model"); c["key"] != canaries["CHAT_KEY"] {
		t.Errorf("the update lost the key: %v", c)
	}
	if m := metadata(w.get("connections/chat-model")); m["ApiVersion"] != "2024-06-01-preview" || m["DeploymentApiVersion"] == nil || m["mlsync-owner"] != "acceptance#dev" {
		t.Errorf("the metadata are %v", m)
	}
}

// A secret of a connection is rotated as any other.
func TestRotatedSecretOfAConnection(t *testing.T) {
	t.Parallel()
	w := connected(t)
	w.env["MLSYNC_SECRET_CHAT_KEY"] = "canary-the-other-chat"
	p, _ := w.plan()
	for id, want := range map[string]string{"chat-model": "update", "finder": "update", "team-git": "noop", "raw-blobs": "noop"} {
		if got := p.step("connection/" + id).Action; got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	w.apply()
	w.settled()
	for _, name := range []string{"chat-model", "finder"} {
		if c := w.secrets(name); c["key"] != "canary-the-other-chat" {
			t.Errorf("%s: the credentials are %v", name, c)
		}
	}
}

// What others write into the metadata stays, and drift of what git says is
// corrected.
func TestDriftOfAConnection(t *testing.T) {
	t.Parallel()
	w := connected(t)
	w.change("connections/team-git", func(a map[string]any) {
		metadata(a)["theirs"] = "x"
		metadata(a)["team"] = "other"
		a["properties"].(map[string]any)["credentials"] = map[string]any{"pat": "lost"}
	})
	r := w.want(exitPending, "drift")
	if !strings.Contains(r.out, "metadata.team") || strings.Contains(r.out, "theirs") {
		t.Errorf("the drift is told as: %s", r)
	}
	w.apply()
	w.settled()
	if m := metadata(w.get("connections/team-git")); m["team"] != "vision" || m["theirs"] != "x" {
		t.Errorf("the metadata are %v", m)
	}
	if c := w.secrets("team-git"); c["key"] != canaries["GIT_PAT"] {
		t.Errorf("the credentials are %v", c)
	}
}

// A connection is removed with an approval only, and one that is given up
// keeps its secret.
func TestConnectionThatGitLost(t *testing.T) {
	t.Parallel()
	w := connected(t)
	w.want(exitDone, "disown", "connection/warehouse")
	if c := w.secrets("warehouse"); c["password"] != canaries["GIT_PAT"] {
		t.Errorf("giving it up lost the password: %v", c)
	}
	if m := metadata(w.get("connections/warehouse")); m["mlsync-owner"] != nil {
		t.Errorf("the metadata are %v", m)
	}
	w.remove("connections/snowflake.yml")
	w.remove("connections/git.yml")
	w.quiet(func() {
		w.apply() // the first look
		if r := w.want(exitRefused, "apply"); !strings.Contains(r.out+r.err, "delete:connection/team-git") {
			t.Errorf("the refusal says: %s", r)
		}
	})
	w.apply("--allow", "delete:connection/team-git")
	if w.get("connections/team-git") != nil {
		t.Error("it is still there")
	}
}

// A connection of a form that no file can say is not written over.
func TestConnectionOfAnotherForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.put("connections/flow-keys", map[string]any{"properties": map[string]any{
		"authType": "CustomKeys", "category": "CustomKeys", "target": "_", "credentials": map[string]any{"keys": map[string]any{"a": "b"}},
	}})
	w.write("connections/flow.yml", "name: flow-keys\ntype: custom\ntarget: https://x.example\n")
	w.quiet(func() {
		if p, r := w.plan(); p.step("connection/flow-keys").Action != "unknown" || !strings.Contains(r.out, "a form that") {
			t.Errorf("the plan says: %s", r)
		}
		w.mlsync("apply")
	})
}
