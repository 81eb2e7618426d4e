package emulator_test

import (
	"fmt"
	"strings"
	"testing"

	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"

	"mlsync.dev/mlsync/emulator"
)

// pages follows the next links from a path and returns the names of the items, and how many pages there were.
func (s *service) pages(path string) (names []string, n int) {
	s.t.Helper()
	for n = 0; path != "" && n < 20; n++ {
		got := s.ok(200, "GET", path, "")
		for _, v := range got["value"].([]any) {
			id, _ := v.(map[string]any)["id"].(string)
			names = append(names, id[strings.LastIndex(id, "/")+1:])
		}
		path, _ = got["nextLink"].(string)
	}
	return names, n
}

func TestListsOfWorkspacesAndRegistries(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{PageSize: 2})
	const other = "99999999-2222-3333-4444-555555555555"
	under := func(sub, rg string) string {
		return "/subscriptions/" + sub + "/resourceGroups/" + rg + "/providers/Microsoft.MachineLearningServices"
	}
	for i := range 5 {
		s.ok(200, "GET", under(subID, "rg1")+fmt.Sprintf("/workspaces/w%d", i), "")
	}
	s.ok(200, "GET", under(subID, "rg2")+"/workspaces/far", "")
	s.ok(200, "GET", under(subID, "rg2")+"/registries/shared", "")
	s.ok(200, "GET", under(other, "rg1")+"/workspaces/away", "")
	s.ok(202, "PUT", under(subID, "rg2")+"/workspaces/hub", `{"location":"westus","kind":"Hub","properties":{}}`)
	below := "/subscriptions/" + subID + "/providers/Microsoft.MachineLearningServices"
	for _, tt := range []struct {
		path, want string
		pages      int
	}{
		{"/subscriptions?api-version=2022-12-01", subID + " " + other, 1},
		{below + "/workspaces", "w0 w1 w2 w3 w4 far hub", 4},
		{below + "/workspaces?kind=hub", "hub", 1},
		{strings.ToUpper(below) + "/workspaces?kind=Default", "w0 w1 w2 w3 w4 far", 3},
		{under(subID, "RG2") + "/workspaces", "far hub", 1},
		{below + "/registries", "shared", 1},
		{under(subID, "rg1") + "/registries", "", 1},
		{"/subscriptions/" + other + "/providers/Microsoft.MachineLearningServices/workspaces", "away", 1},
	} {
		got, n := s.pages(tt.path)
		if strings.Join(got, " ") != tt.want || n != tt.pages {
			t.Errorf("%s: got %v in %d pages, want %s in %d", tt.path, got, n, tt.want, tt.pages)
		}
	}

	// What goes away between two pages moves nothing.
	first := s.ok(200, "GET", below+"/workspaces", "")
	s.do("DELETE", under(subID, "rg1")+"/workspaces/w1", "")
	if rest, _ := s.pages(first["nextLink"].(string)); strings.Join(rest, " ") != "w2 w3 w4 far hub" {
		t.Errorf("the rest is %v", rest)
	}
	for path, status := range map[string]int{
		below + "/workspaces?$skip=%2B%2B": 400, below + "/unheard": 404, "/subscriptions/" + subID + "/providers/Microsoft.Other/workspaces": 404,
	} {
		if r := s.do("GET", path, ""); r.status != status {
			t.Errorf("%s = %d, want %d", path, r.status, status)
		}
	}
	if r := s.do("DELETE", below+"/workspaces", ""); r.status != 405 {
		t.Errorf("DELETE of a list = %d", r.status)
	}

	f := s.clients()
	if l, n := all(f.NewWorkspacesClient().NewListBySubscriptionPager(nil), func(p ml.WorkspacesClientListBySubscriptionResponse) []*ml.Workspace { return p.Value }); len(l) != 6 || n != 3 {
		t.Errorf("the SDK sees %d workspaces in %d pages", len(l), n)
	}
	if l, _ := all(f.NewRegistriesClient().NewListBySubscriptionPager(nil), func(p ml.RegistriesClientListBySubscriptionResponse) []*ml.Registry { return p.Value }); len(l) != 1 {
		t.Errorf("the SDK sees %d registries", len(l))
	}
}

func TestListOfSubscriptions(t *testing.T) {
	s := start(t, emulator.Options{PageSize: 2})
	for i := range 5 {
		s.ok(200, "GET", fmt.Sprintf("/subscriptions/s%d", i), "")
	}
	got := s.ok(200, "GET", "/subscriptions?api-version=2022-12-01", "")
	if at(got, "count/value") != 5.0 || len(got["value"].([]any)) != 2 {
		t.Errorf("%v", got)
	}
	if one := got["value"].([]any)[0]; at(one, "state") != "Enabled" || at(one, "subscriptionId") != "s0" || at(one, "authorizationSource") != "RoleBased" {
		t.Errorf("%v", one)
	}
	if names, n := s.pages("/subscriptions?api-version=2022-12-01"); strings.Join(names, " ") != "s0 s1 s2 s3 s4" || n != 3 {
		t.Errorf("%v in %d pages", names, n)
	}
}
