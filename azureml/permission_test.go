package azureml

import (
	"testing"
	"time"

	"mlsync.dev/mlsync/kind"
)

var scopeW = kind.Scope{Subscription: "s1", ResourceGroup: "rg", Workspace: "w"}

// The role AzureML Data Scientist, as Microsoft's page of built-in roles has it.
const dataScientist = `{"value":[
 {"actions":["Microsoft.MachineLearningServices/workspaces/*/read","Microsoft.MachineLearningServices/workspaces/*/action",
   "Microsoft.MachineLearningServices/workspaces/*/delete","Microsoft.MachineLearningServices/workspaces/*/write"],
  "notActions":["Microsoft.MachineLearningServices/workspaces/delete","Microsoft.MachineLearningServices/workspaces/write",
   "Microsoft.MachineLearningServices/workspaces/computes/*/write","Microsoft.MachineLearningServices/workspaces/computes/*/delete",
   "Microsoft.MachineLearningServices/workspaces/computes/listKeys/action"],"dataActions":[],"notDataActions":[]},
 {"actions":["*/read"],"notActions":[],"dataActions":[],"notDataActions":[]}]}`

func TestPermissions(t *testing.T) {
	s := &script{answers: []answer{ok(dataScientist)}}
	p, err := newTestClient(t, s, newClock()).Workspace(scopeW).Permissions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for action, want := range map[string]bool{
		"Microsoft.MachineLearningServices/workspaces/read":                          true, // by */read
		"Microsoft.MachineLearningServices/workspaces/write":                         false,
		"Microsoft.MachineLearningServices/workspaces/jobs/write":                    true,
		"microsoft.machinelearningservices/WORKSPACES/jobs/write":                    true,
		"Microsoft.MachineLearningServices/workspaces/environments/versions/write":   true,
		"Microsoft.MachineLearningServices/workspaces/datastores/listSecrets/action": true,
		"Microsoft.MachineLearningServices/workspaces/computes/listKeys/action":      false,
		"Microsoft.MachineLearningServices/registries/models/write":                  false,
		"Microsoft.Authorization/roleAssignments/write":                              false,
	} {
		if got := p.Allow(action); got != want {
			t.Errorf("%s: got %v", action, got)
		}
	}
}

func TestMatchAction(t *testing.T) {
	for _, c := range []struct {
		pattern, action string
		want            bool
	}{
		{"*", "a/b/read", true},
		{"a/b/read", "a/b/read", true},
		{"a/b", "a/b/read", false},
		{"*/read", "a/b/read", true},
		{"*/read", "a/b/write", false},
		{"a/*/read", "a/b/c/read", true},
		{"a/*/read", "a/read", false},
		{"a/*", "b/a/x", false},
		{"a/*/b/*/c", "a/1/b/2/c", true},
		{"a/*/b/*/c", "a/1/2/c", false},
		{"", "a", false},
	} {
		if got := matchAction(c.pattern, c.action); got != c.want {
			t.Errorf("%q on %q: got %v", c.pattern, c.action, got)
		}
	}
}

func TestSkew(t *testing.T) {
	for ahead, date := range map[time.Duration]string{
		0:                "Sun, 01 Mar 2026 12:00:00 GMT",
		10 * time.Minute: "Sun, 01 Mar 2026 11:50:00 GMT",
		-time.Hour:       "Sun, 01 Mar 2026 13:00:00 GMT",
	} {
		a := ok(`{"location":"x"}`)
		a.header = map[string]string{"Date": date}
		s := &script{answers: []answer{a}}
		got, err := newTestClient(t, s, newClock()).Workspace(scopeW).Skew(t.Context())
		if d := got - ahead; err != nil || d < -time.Second || d > time.Second {
			t.Errorf("%s: got %v, %v, want %v", date, got, err, ahead)
		}
	}
	s := &script{answers: []answer{ok(`{}`)}}
	if _, err := newTestClient(t, s, newClock()).Workspace(scopeW).Skew(t.Context()); err == nil {
		t.Error("an answer without a date says nothing of the time, and no error came")
	}
}
