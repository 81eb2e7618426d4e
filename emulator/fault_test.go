package emulator_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"

	"mlsync.dev/mlsync/emulator"
)

func TestParseFault(t *testing.T) {
	good := map[string]emulator.Fault{
		"status=503,method=PUT,path=*/models/*,times=2": {Status: 503, Method: "PUT", Path: "*/models/*", Times: 2},
		"status=429, retry-after=120":                   {Status: 429, RetryAfter: 120},
		"reset":                                         {Reset: true},
		"html,skip=1":                                   {HTML: true, Skip: 1},
		"truncate,collection=models/versions":           {Truncate: true, Collection: "models/versions"},
		"lro-fail=OutOfQuota,message=none left":         {LROFail: "OutOfQuota", Message: "none left"},
		"after-effect,status=500,code=X":                {After: true, Status: 500, Code: "X"},
		"invisible=2s":                                  {Invisible: 2 * time.Second},
		"claims":                                        {Claims: true},
		"lro-404":                                       {LROMissing: true},
		"delay=10ms":                                    {Delay: 10 * time.Millisecond},
	}
	for text, want := range good {
		if got, err := emulator.ParseFault(text); err != nil || got != want {
			t.Errorf("ParseFault(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "method=PUT", "status=abc", "status=99", "status=", "nonsense", "reset=1", "invisible=2", "times=-1,reset", "retry-after=5"} {
		if got, err := emulator.ParseFault(text); err == nil || !strings.Contains(err.Error(), "fault ") {
			t.Errorf("ParseFault(%q) = %+v, %v; want an error", text, got, err)
		}
	}
}

func (s *service) fault(text string) {
	s.t.Helper()
	if r := s.do("POST", "/__faults", text); r.status != http.StatusOK {
		s.t.Fatalf("fault %q: %d %s", text, r.status, r.text)
	}
}

const envBody = `{"properties":{"image":"i"}}`

func TestFaultAnswers(t *testing.T) {
	s := start(t, emulator.Options{})
	path := wsID + "/environments/e/versions/1"
	s.fault("status=503,method=PUT,path=*/environments/*,times=2,retry-after=120")
	for i, want := range []int{503, 503, 201} {
		r := s.do("PUT", path, envBody)
		if r.status != want {
			t.Errorf("try %d = %d, want %d", i+1, r.status, want)
		}
		if want == 503 && (r.header.Get("Retry-After") != "120" || at(r.body, "error/code") != "ServiceUnavailable") {
			t.Errorf("503 = %v %s", r.header, r.text)
		}
	}
	list := s.ok(200, "GET", "/__faults", "")["faults"].([]any)
	if len(list) != 1 || at(list[0], "hits") != 2.0 {
		t.Errorf("faults = %v", list)
	}
	if r := s.do("DELETE", "/__faults", ""); r.status != http.StatusNoContent {
		t.Errorf("DELETE /__faults = %d", r.status)
	}
	s.fault(`{"faults":["claims,times=1","html,status=502,skip=0,times=1"]}`)
	r := s.do("GET", path, "")
	if r.status != 401 || !strings.Contains(r.header.Get("WWW-Authenticate"), `error="insufficient_claims", claims="`) {
		t.Errorf("claims = %d %v", r.status, r.header)
	}
	if r := s.do("POST", "/__faults", "nonsense"); r.status != http.StatusBadRequest {
		t.Errorf("a bad fault = %d", r.status)
	}
	s.emu.ClearFaults()
	s.emu.AddFault(emulator.Fault{HTML: true, Times: 1})
	if r := s.do("GET", path, ""); r.status != 200 || !strings.HasPrefix(r.text, "<html>") {
		t.Errorf("html = %d %s", r.status, r.text)
	}
}

func TestFaultConnection(t *testing.T) {
	s := start(t, emulator.Options{})
	path := s.url + withVersion(wsID+"/environments/e/versions/1")
	put := func() (*http.Response, error) {
		req, err := http.NewRequest("PUT", path, strings.NewReader(envBody))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer x")
		return http.DefaultClient.Do(req)
	}
	s.fault("reset,times=1")
	if r, err := put(); err == nil {
		r.Body.Close()
		t.Errorf("reset answers %d", r.StatusCode)
	}
	s.fault("truncate,times=1")
	r, err := put()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err == nil || int64(len(raw)) >= r.ContentLength || r.StatusCode != 201 {
		t.Errorf("truncate: %d bytes of %d, err %v", len(raw), r.ContentLength, err)
	}
	s.ok(200, "GET", wsID+"/environments/e/versions/1", "") // it took effect
	s.fault("after-effect,times=1,method=PUT,path=*/e2/*")
	if r := s.do("PUT", wsID+"/environments/e2/versions/1", envBody); r.status != 500 {
		t.Errorf("after-effect = %d, want 500", r.status)
	}
	s.ok(200, "GET", wsID+"/environments/e2/versions/1", "")
	s.fault("reset,after-effect,times=1,method=PUT")
	path = s.url + withVersion(wsID+"/environments/e3/versions/1")
	if r, err := put(); err == nil {
		r.Body.Close()
		t.Errorf("reset after effect answers %d", r.StatusCode)
	}
	s.ok(200, "GET", wsID+"/environments/e3/versions/1", "")
}

func TestFaultInvisible(t *testing.T) {
	clk := newClock()
	s := start(t, emulator.Options{Now: clk.now})
	s.ok(201, "PUT", wsID+"/environments/e/versions/1", envBody)
	s.fault("invisible=2s,method=PUT")
	s.ok(201, "PUT", wsID+"/environments/e/versions/2", envBody)
	count := func() int {
		return len(s.ok(200, "GET", wsID+"/environments/e/versions", "")["value"].([]any))
	}
	if n := count(); n != 1 {
		t.Errorf("%d listed at once, want 1", n)
	}
	s.ok(200, "GET", wsID+"/environments/e/versions/2", "")
	clk.add(2 * time.Second)
	if n := count(); n != 2 {
		t.Errorf("%d listed after two seconds, want 2", n)
	}
}

func TestFaultOperations(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	c := s.clients().NewOnlineEndpointsClient()
	s.fault("lro-fail=OutOfQuota,message=not enough cores,method=PUT,times=1")
	p := must(c.BeginCreateOrUpdate(ctx, group, space, "ep1", endpoint(nil), nil))
	_, err := p.PollUntilDone(context.Background(), nil)
	var re *azcore.ResponseError
	if !errors.As(err, &re) || re.ErrorCode != "OutOfQuota" || !strings.Contains(err.Error(), "not enough cores") {
		t.Errorf("err = %v", err)
	}
	if got := must(c.Get(ctx, group, space, "ep1", nil)); *got.Properties.ProvisioningState != ml.EndpointProvisioningStateFailed {
		t.Errorf("left in state %s, want Failed", *got.Properties.ProvisioningState)
	}
	if got := done(c.BeginCreateOrUpdate(ctx, group, space, "ep1", endpoint(nil), nil)); *got.Properties.ProvisioningState != ml.EndpointProvisioningStateSucceeded {
		t.Errorf("a failed endpoint can be PUT again: %s", *got.Properties.ProvisioningState)
	}
	s.fault("lro-404,method=PUT,times=1")
	p = must(c.BeginCreateOrUpdate(ctx, group, space, "ep2", endpoint(nil), nil))
	_, err = p.PollUntilDone(context.Background(), nil)
	wantStatus(t, err, http.StatusNotFound)
	s.fault("lro-fail=Conflict,method=DELETE,times=1")
	d := must(c.BeginDelete(ctx, group, space, "ep1", nil))
	if _, err = d.PollUntilDone(context.Background(), nil); err == nil {
		t.Error("a failed delete succeeds")
	}
	must(c.Get(ctx, group, space, "ep1", nil))
	comp := s.clients().NewComputeClient()
	s.fault("lro-fail=BadVM,method=PUT,times=1")
	q := must(comp.BeginCreateOrUpdate(ctx, group, space, "cpu", ml.ComputeResource{Location: to.Ptr("eastus2"), Properties: &ml.AmlCompute{
		ComputeType: to.Ptr(ml.ComputeTypeAmlCompute), Properties: &ml.AmlComputeProperties{VMSize: to.Ptr("x")},
	}}, nil))
	if _, err = q.PollUntilDone(context.Background(), nil); err == nil {
		t.Error("a failed compute succeeds")
	}
}

func TestOperationBodies(t *testing.T) {
	clk := newClock()
	s := start(t, emulator.Options{Now: clk.now, LRO: time.Minute})
	r := s.do("PUT", wsID+"/onlineEndpoints/ep1", `{"location":"eastus2","properties":{"authMode":"Key"}}`)
	aao, loc := r.header.Get("Azure-AsyncOperation"), r.header.Get("Location")
	if !strings.HasPrefix(aao, s.url+"/subscriptions/"+subID+"/providers/Microsoft.MachineLearningServices/locations/eastus2/mfeOperationsStatus/oe:") {
		t.Errorf("AAO = %s", aao)
	}
	if !strings.HasPrefix(loc, s.url) || r.header.Get("x-ms-async-operation-timeout") != "PT30M" {
		t.Errorf("headers %v", r.header)
	}
	running := s.do("GET", aao, "")
	if running.header.Get("Retry-After") != "1" || at(running.body, "status") != "Creating" || !strings.Contains(running.text, `"percentComplete":0.0`) || at(running.body, "endTime") != "0001-01-01T00:00:00+00:00" {
		t.Errorf("running = %v %s", running.header, running.text)
	}
	if r := s.do("GET", loc, ""); r.status != 202 {
		t.Errorf("Location while it runs = %d", r.status)
	}
	r = s.do("PUT", wsID+"/schedules/s1", `{"properties":{"trigger":{"triggerType":"Cron","expression":"* * * * *"},"action":{"actionType":"CreateJob","jobDefinition":{}}}}`)
	sched := r.header.Get("Azure-AsyncOperation")
	if got := s.ok(200, "GET", sched, ""); len(got) != 3 || at(got, "status") != "Creating" || !strings.Contains(at(got, "id").(string), "/mfeOperationResults/s:") {
		t.Errorf("schedule status = %v", got)
	}
	r = s.do("PUT", wsID+"/batchEndpoints/be1", `{"location":"eastus2","properties":{}}`)
	batch := r.header.Get("Azure-AsyncOperation")
	r = s.do("PUT", wsID+"/computes/c1", `{"location":"eastus2","properties":{"computeType":"AmlCompute","properties":{"vmSize":"x"}}}`)
	comp := r.header.Get("Azure-AsyncOperation")
	if got := s.do("GET", comp, ""); got.text != `{"status":"InProgress"}` || !strings.Contains(comp, "/computeOperationsStatus/") || !strings.HasSuffix(comp, "&service=new") {
		t.Errorf("compute status %s = %s", comp, got.text)
	}
	clk.add(time.Minute)
	if got := s.ok(200, "GET", aao, ""); at(got, "status") != "Succeeded" || at(got, "percentComplete") != 100.0 || at(got, "endTime") == "0001-01-01T00:00:00+00:00" {
		t.Errorf("done = %v", got)
	}
	if got := s.ok(200, "GET", sched, ""); len(got) != 5 {
		t.Errorf("schedule done = %v", got)
	}
	if got := s.ok(200, "GET", batch, ""); len(got) != 3 || at(got, "status") != "Succeeded" {
		t.Errorf("batch done = %v", got)
	}
	if got := s.do("GET", comp, ""); got.text != `{"percentComplete":100.0,"status":"Succeeded"}` {
		t.Errorf("compute done = %s", got.text)
	}
	if got := s.ok(200, "GET", loc, ""); at(got, "name") != "ep1" {
		t.Errorf("Location when done = %v", got)
	}
	r = s.do("DELETE", wsID+"/onlineEndpoints/ep1", "")
	clk.add(time.Minute)
	if got := s.do("GET", r.header.Get("Location"), ""); got.status != 204 {
		t.Errorf("Location of a delete = %d", got.status)
	}
}

func TestThrottle(t *testing.T) {
	clk := newClock()
	emu, do := inProcess(t, emulator.Options{Now: clk.now, Throttle: true})
	path := wsID + "/environments/e/versions/1"
	for i := range 200 {
		if w := do("PUT", path, envBody); w.Code != 201 {
			t.Fatalf("write %d = %d", i+1, w.Code)
		} else if i == 0 && (w.Header().Get("x-ms-ratelimit-remaining-subscription-writes") != "199" || w.Header().Get("x-ms-ratelimit-remaining-subscription-global-writes") != "2999") {
			t.Errorf("counters %v", w.Header())
		}
	}
	w := do("PUT", path, envBody)
	if w.Code != 429 || w.Header().Get("Retry-After") != "1" || w.Header().Get("x-ms-ratelimit-remaining-subscription-writes") != "0" || !strings.Contains(w.Body.String(), "SubscriptionRequestsThrottled") {
		t.Errorf("write 201 = %d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := do("GET", path, ""); w.Code != 200 || w.Header().Get("x-ms-ratelimit-remaining-subscription-reads") != "249" {
		t.Errorf("reads have their own bucket: %d %v", w.Code, w.Header())
	}
	clk.add(time.Second) // ten tokens come back a second
	ok := 0
	for range 20 {
		if do("PUT", path, envBody).Code == 201 {
			ok++
		}
	}
	if ok != 10 {
		t.Errorf("%d writes after a second, want 10", ok)
	}
	emu.ResetCounters()
	if n := len(emu.Counters()); n != 0 {
		t.Errorf("%d counters after a reset", n)
	}
}

func TestThrottleDeployments(t *testing.T) {
	clk := newClock()
	_, do := inProcess(t, emulator.Options{Now: clk.now, Throttle: true})
	do("PUT", wsID+"/onlineEndpoints/ep1", `{"location":"eastus2","properties":{"authMode":"Key"}}`)
	var last int
	n := 0
	for ; n < 40; n++ {
		w := do("PUT", wsID+"/onlineEndpoints/ep1/deployments/d", `{"location":"eastus2","properties":{}}`)
		if last = w.Code; last == 429 {
			break
		}
	}
	if n != 25 {
		t.Errorf("%d deployment writes before 429 (last %d), want 25", n, last)
	}
}
