package azureml

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestSubscriptions(t *testing.T) {
	const next = `,"nextLink":"https://management.azure.com/subscriptions?$skiptoken=x"`
	for _, tt := range []struct {
		name    string
		answers []answer
		want    string
		bad     error
	}{
		{"two pages", []answer{
			ok(`{"value":[{"id":"/subscriptions/a","subscriptionId":"a","state":"Enabled"},{"id":"/subscriptions/b","subscriptionId":"b","state":"Deleted"}],"count":{"type":"Total","value":3}` + next + `}`),
			ok(`{"value":[{"id":"/subscriptions/c","subscriptionId":"c","state":"Disabled"}]}`),
		}, "a c", nil},
		{"none", []answer{ok(`{"value":[]}`)}, "", nil},
		{"no id", []answer{ok(`{"value":[{"id":"/subscriptions/a"}]}`)}, "", errUnknown},
		{"a path for an id", []answer{ok(`{"value":[{"id":"/subscriptions/a","subscriptionId":"a/../b"}]}`)}, "", errUnknown},
		{"refused", []answer{refuse(403, "AuthorizationFailed", nil)}, "", ErrDenied},
		{"the second page is gone", []answer{ok(`{"value":[{"id":"/subscriptions/a","subscriptionId":"a"}]` + next + `}`), refuse(404, "NotFound", nil)}, "", errUnknown},
	} {
		got, err := newTestClient(t, &script{answers: tt.answers}, newClock()).Subscriptions(t.Context())
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if tt.bad == errUnknown && !errors.As(err, new(*Unknown)) || tt.bad != errUnknown && !errors.Is(err, tt.bad) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.bad)
		}
	}
}

func TestScopes(t *testing.T) {
	id := func(group, collection, name string) string {
		return fmt.Sprintf(`{"id":"/subscriptions/s1/resourceGroups/%s/providers/Microsoft.MachineLearningServices/%s/%s","name":%q,"location":"westus"}`, group, collection, name, name)
	}
	for _, tt := range []struct {
		name, collection, group string
		answer                  answer
		want, request           string
		bad                     error
	}{
		{"workspaces", Workspaces, "", ok(`{"value":[` + id("a", "workspaces", "x") + `,` + id("b", "Workspaces", "y") + `]}`), "a/x b/y", "GET /subscriptions/s1/providers/Microsoft.MachineLearningServices/workspaces?api-version=2024-10-01-preview", nil},
		{"of a group", Workspaces, "a", ok(`{"value":[]}`), "", "GET /subscriptions/s1/resourceGroups/a/providers/Microsoft.MachineLearningServices/workspaces?api-version=2024-10-01-preview", nil},
		{"registries", Registries, "", ok(`{"value":[` + id("a", "registries", "r") + `]}`), "a/r", "GET /subscriptions/s1/providers/Microsoft.MachineLearningServices/registries?api-version=2022-10-01-preview", nil},
		{"something else", Registries, "", ok(`{"value":[` + id("a", "workspaces", "r") + `]}`), "", "", errUnknown},
		{"a name of nothing", Workspaces, "", ok(`{"value":[` + id("", "workspaces", "r") + `]}`), "", "", errUnknown},
		{"not registered", Workspaces, "", refuse(409, "MissingSubscriptionRegistration", nil), "", "", nil},
		{"refused", Workspaces, "", refuse(403, "AuthorizationFailed", nil), "", "", ErrDenied},
	} {
		s := &script{answers: []answer{tt.answer}}
		got, err := newTestClient(t, s, newClock()).Scopes(t.Context(), tt.collection, "s1", tt.group)
		var names []string
		for _, sc := range got {
			names = append(names, sc.ResourceGroup+"/"+sc.Name())
		}
		if strings.Join(names, " ") != tt.want || tt.request != "" && s.seen[0] != tt.request {
			t.Errorf("%s: got %q by %s", tt.name, names, s.seen[0])
		}
		if tt.bad == errUnknown && !errors.As(err, new(*Unknown)) || tt.bad != errUnknown && !errors.Is(err, tt.bad) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.bad)
		}
	}
}
