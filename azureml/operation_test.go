package azureml

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

const opURL = "https://management.azure.com/subscriptions/s1/providers/x/mfeOperationsStatus/oe:1?api-version=v&t=1&s=sig"

func TestOperationOf(t *testing.T) {
	aao := map[string]string{"Azure-AsyncOperation": opURL, "Location": "https://management.azure.com/self"}
	tests := []struct {
		name   string
		method string
		answer answer
		want   string // method url location, "" for none
	}{
		{"201 with status address", "PUT", answer{status: 201, body: `{"properties":{"provisioningState":"Updating"}}`, header: aao}, "PUT " + opURL + " "},
		{"201 with only the address of the resource", "PUT", answer{status: 201, body: `{}`, header: map[string]string{"Location": "https://management.azure.com/self"}}, ""},
		{"200 still provisioning", "PUT", ok(`{"properties":{"provisioningState":"Creating"}}`), "PUT  "},
		{"200 failed", "PUT", ok(`{"properties":{"provisioningState":"Failed"}}`), "PUT  "},
		{"200 done", "PUT", ok(`{"properties":{"provisioningState":"Succeeded"}}`), ""},
		{"200 without state", "PUT", ok(`{"properties":{}}`), ""},
		{"200 patch", "PATCH", ok(`{"properties":{"provisioningState":"Updating"}}`), "PATCH  "},
		{"202 location", "PUT", answer{status: 202, body: "null", header: map[string]string{"Location": "https://management.azure.com/loc"}}, "PUT  https://management.azure.com/loc"},
		{"202 nothing", "PUT", answer{status: 202}, "PUT  "},
		{"delete 202", "DELETE", answer{status: 202, body: "null", header: aao}, "DELETE " + opURL + " "},
		{"delete 204", "DELETE", answer{status: 204}, ""},
		{"delete 200 empty", "DELETE", answer{status: 200}, ""},
		{"action 202 with address", "POST", answer{status: 202, header: aao}, "POST " + opURL + " "},
		{"action 202 without", "POST", answer{status: 202}, ""},
		{"address of another host", "PUT", answer{status: 201, body: `{}`, header: map[string]string{"Azure-AsyncOperation": "https://evil.example.com/x"}}, "PUT  "},
	}
	for _, tt := range tests {
		c := newTestClient(t, &script{answers: []answer{tt.answer}}, newClock())
		var res Result
		var err error
		switch tt.method {
		case "PUT":
			res, err = c.Put(t.Context(), ws+"/onlineEndpoints/e", "v", []byte(`{}`))
		case "PATCH":
			res, err = c.Patch(t.Context(), ws+"/onlineEndpoints/e", "v", []byte(`{}`))
		case "DELETE":
			res, err = c.Delete(t.Context(), ws+"/onlineEndpoints/e", "v")
		case "POST":
			res, err = c.Post(t.Context(), ws+"/computes/c/stop", "v", nil)
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got := ""
		if o := res.Operation; o != nil {
			got = o.Method + " " + o.URL + " " + o.Location
			var back Operation
			b, err := json.Marshal(o)
			if err != nil || json.Unmarshal(b, &back) != nil || back != *o {
				t.Errorf("%s: does not survive the journal: %s", tt.name, b)
			}
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestWait(t *testing.T) {
	st := func(s string) answer { return ok(`{"status":"` + s + `"}`) }
	res := func(s string) answer { return ok(`{"id":"r","properties":{"provisioningState":"` + s + `"}}`) }
	gone := refuse(404, "NotFound", nil)
	fail := ok(`{"status":"Failed","error":{"code":"OutOfQuota","message":"not enough","details":[{"code":"D","message":"cores"}]}}`)
	accepted := answer{status: 202}
	tests := []struct {
		name    string
		op      Operation
		answers []answer
		told    string
		n       int
		code    string // of *OperationFailed
		body    bool
		err     error
	}{
		{"any word is running", Operation{Method: "PUT", URL: opURL}, []answer{st("Updating"), st("Creating"), st("Whatever"), st("succeeded"), res("Succeeded")}, "Updating Creating Whatever succeeded Succeeded", 5, "", true, nil},
		{"resource lags behind", Operation{Method: "PUT", URL: opURL}, []answer{st("Succeeded"), res("Updating"), res("Succeeded")}, "Succeeded Updating Succeeded", 3, "", true, nil},
		{"resource without state", Operation{Method: "PUT", URL: opURL}, []answer{st("Succeeded"), ok(`{"id":"r"}`)}, "Succeeded", 2, "", true, nil},
		{"failed", Operation{Method: "PUT", URL: opURL}, []answer{st("Creating"), fail}, "Creating Failed", 2, "OutOfQuota", false, nil},
		{"canceled", Operation{Method: "PUT", URL: opURL}, []answer{st("Canceled")}, "Canceled", 1, "", false, nil},
		{"failed although it succeeded", Operation{Method: "PUT", URL: opURL}, []answer{st("Succeeded"), ok(`{"properties":{"provisioningState":"Failed","provisioningErrors":[{"error":{"code":"ClusterCoreQuotaReached","message":"m"}}]}}`)}, "Succeeded Failed", 2, "ClusterCoreQuotaReached", true, nil},
		{"status lost", Operation{Method: "PUT", URL: opURL}, []answer{st("Creating"), gone, res("Creating"), res("Succeeded")}, "Creating Creating Succeeded", 4, "", true, nil},
		{"status lost behind a proxy", Operation{Method: "PUT", URL: opURL}, []answer{{status: 404}, res("Succeeded")}, "Succeeded", 2, "", true, nil},
		{"no status address", Operation{Method: "PUT"}, []answer{res("Creating"), res("Succeeded")}, "Creating Succeeded", 2, "", true, nil},
		{"not to be seen yet", Operation{Method: "PUT"}, []answer{gone, gone, res("Succeeded")}, "Succeeded", 3, "", true, nil},
		{"never to be seen", Operation{Method: "PUT"}, []answer{gone}, "", 4, "", false, ErrNotFound},
		{"location", Operation{Method: "PUT", Location: opURL}, []answer{accepted, accepted, {status: 200}, res("Succeeded")}, "InProgress InProgress Succeeded Succeeded", 4, "", true, nil},
		{"location lost", Operation{Method: "PUT", Location: opURL}, []answer{gone, res("Succeeded")}, "Succeeded", 2, "", true, nil},
		{"delete", Operation{Method: "DELETE", URL: opURL}, []answer{st("Deleting"), st("Succeeded")}, "Deleting Succeeded", 2, "", false, nil},
		{"delete, status lost", Operation{Method: "DELETE", URL: opURL}, []answer{gone, res("Deleting"), gone}, "Deleting", 3, "", false, nil},
		{"delete, never gone", Operation{Method: "DELETE"}, []answer{res("Succeeded")}, strings.TrimSpace(strings.Repeat("Succeeded ", 11)), 11, "", true, errUnknown},
		{"action", Operation{Method: "POST", URL: opURL}, []answer{st("InProgress"), st("Succeeded")}, "InProgress Succeeded", 2, "", false, nil},
		{"action lost", Operation{Method: "POST", URL: opURL}, []answer{gone}, "", 1, "", false, errUnknown},
		{"no word", Operation{Method: "PUT", URL: opURL}, []answer{ok(`{}`)}, "", 1, "", false, errUnknown},
		{"foreign address in the journal", Operation{Method: "PUT", URL: "https://evil.example.com/"}, []answer{res("Succeeded")}, "", 0, "", false, ErrForeignURL},
		{"foreign location in the journal", Operation{Method: "PUT", Location: "http://management.azure.com/"}, []answer{res("Succeeded")}, "", 0, "", false, ErrForeignURL},
		{"denied", Operation{Method: "PUT", URL: opURL}, []answer{refuse(403, "AuthorizationFailed", nil)}, "", 1, "", false, ErrDenied},
	}
	for _, tt := range tests {
		s := &script{answers: tt.answers}
		c := newTestClient(t, s, newClock())
		tt.op.ResourcePath, tt.op.APIVersion = ws+"/onlineEndpoints/e", "v"
		var told []string
		body, err := c.Wait(t.Context(), tt.op, func(s string) { told = append(told, s) })
		if got := strings.Join(told, " "); got != tt.told || s.n() != tt.n {
			t.Errorf("%s: told %q in %d requests, want %q in %d", tt.name, got, s.n(), tt.told, tt.n)
		}
		if (body != nil) != tt.body {
			t.Errorf("%s: got body %s", tt.name, body)
		}
		var f *OperationFailed
		switch failed := errors.As(err, &f); {
		case failed:
			if f.Code != tt.code || tt.err != nil || f.Path != tt.op.ResourcePath {
				t.Errorf("%s: got %v", tt.name, err)
			}
		case tt.code != "":
			t.Errorf("%s: got %v, want failure %s", tt.name, err, tt.code)
		case tt.err == errUnknown:
			if !errors.As(err, new(*Unknown)) {
				t.Errorf("%s: got %v, want unknown", tt.name, err)
			}
		case !errors.Is(err, tt.err):
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.err)
		}
	}
}

func TestFailureText(t *testing.T) {
	e := &OperationFailed{Status: "Failed", Code: "OutOfQuota", Message: "not enough", Details: []Detail{{"D", "cores"}}, Path: "/p"}
	if got, want := e.Error(), "/p: operation failed: OutOfQuota: not enough; D: cores"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPollIntervals(t *testing.T) {
	wait := func(answers ...answer) []time.Duration {
		clock := newClock()
		c := newTestClient(t, &script{answers: answers}, clock)
		if _, err := c.Wait(t.Context(), Operation{Method: "DELETE", URL: opURL, ResourcePath: ws + "/x/y"}, nil); err != nil {
			t.Fatal(err)
		}
		return clock.sleeps
	}
	running := ok(`{"status":"Running"}`)
	asked := answer{status: 200, body: running.body, header: map[string]string{"Retry-After": "45"}}
	at0 := answer{status: 200, body: running.body, header: map[string]string{"Retry-After": "0"}}
	done := ok(`{"status":"Succeeded"}`)
	if got := wait(done); len(got) != 0 {
		t.Errorf("the first poll waited %v", got)
	}
	if got := wait(asked, at0, done); len(got) != 2 || got[0] != 45*time.Second || got[1] != minPoll {
		t.Errorf("got %v, want 45s and %v", got, minPoll)
	}
	many := make([]answer, 12, 13)
	for i := range many {
		many[i] = running
	}
	got := wait(append(many, done)...)
	if got[0] != time.Second || got[1] != 1500*time.Millisecond || got[11] != 30*time.Second {
		t.Errorf("got %v, want 1s, 1.5s … 30s", got)
	}
}
