package emulator_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"

	"mlsync.dev/mlsync/emulator"
)

const (
	subID = "11111111-2222-3333-4444-555555555555"
	group = "rg1"
	space = "ws1"
	wsID  = "/subscriptions/" + subID + "/resourceGroups/" + group + "/providers/Microsoft.MachineLearningServices/workspaces/" + space
	regID = "/subscriptions/" + subID + "/resourceGroups/" + group + "/providers/Microsoft.MachineLearningServices/registries/reg1"
)

// clock is a time that only moves when a test says so: by add, or by a step each time it is read.
type clock struct {
	mu   sync.Mutex
	t    time.Time
	step time.Duration
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 26, 19, 14, 47, 480057700, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(c.step)
	return c.t
}

// each sets the step.
func (c *clock) each(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.step = d
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// service is an emulator under test, served over plain http.
type service struct {
	t   *testing.T
	emu *emulator.Server
	url string
}

func start(t *testing.T, opt emulator.Options) *service {
	t.Helper()
	emu, err := emulator.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := emu.Start("127.0.0.1:0", false, ""); err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, emu: emu, url: emu.URL()}
	t.Cleanup(func() {
		if err := emu.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return s
}

// inProcess serves requests without a socket, for tests that make very many of them.
func inProcess(t *testing.T, opt emulator.Options) (*emulator.Server, func(method, path, body string) *httptest.ResponseRecorder) {
	t.Helper()
	emu, err := emulator.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	h := emu.Handler()
	return emu, func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://emulator"+withVersion(path), strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer test")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
}

func withVersion(path string) string {
	if strings.Contains(path, "api-version=") || strings.HasPrefix(path, "/__") {
		return path
	}
	if strings.Contains(path, "?") {
		return path + "&api-version=2024-04-01"
	}
	return path + "?api-version=2024-04-01"
}

type reply struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

// do sends one request; path may be absolute.
func (s *service) do(method, path, body string, headers ...string) reply {
	s.t.Helper()
	url := path
	if strings.HasPrefix(path, "/") {
		url = s.url + withVersion(path)
	}
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer test")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	out := reply{status: resp.StatusCode, header: resp.Header, text: string(raw)}
	_ = json.Unmarshal(raw, &out.body) // not every answer is JSON
	return out
}

// ok is do for a request that must succeed with one status.
func (s *service) ok(want int, method, path, body string) map[string]any {
	s.t.Helper()
	r := s.do(method, path, body)
	if r.status != want {
		s.t.Fatalf("%s %s = %d, want %d\n%s", method, path, r.status, want, r.text)
	}
	return r.body
}

// at follows a path of keys through JSON.
func at(v any, path string) any {
	for _, k := range strings.Split(path, "/") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

// wantAt compares values in an answer; the wanted ones are JSON text.
func wantAt(t *testing.T, body map[string]any, want map[string]string) {
	t.Helper()
	for path, text := range want {
		var w any
		if err := json.Unmarshal([]byte(text), &w); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := at(body, path); !reflect.DeepEqual(got, w) {
			g, _ := json.Marshal(got)
			t.Errorf("%s = %s, want %s", path, g, text)
		}
	}
}

type fakeCredential struct{}

func (fakeCredential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "test", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// clients is the official Go SDK pointed at the emulator, as its users would.
func (s *service) clients() *ml.ClientFactory {
	s.t.Helper()
	f, err := ml.NewClientFactory(subID, fakeCredential{}, s.armOptions())
	if err != nil {
		s.t.Fatal(err)
	}
	return f
}

func (s *service) armOptions() *arm.ClientOptions {
	return &arm.ClientOptions{DisableRPRegistration: true, ClientOptions: policy.ClientOptions{
		InsecureAllowCredentialWithHTTP: true,
		Retry:                           policy.RetryOptions{RetryDelay: time.Millisecond, MaxRetryDelay: 5 * time.Millisecond},
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: s.url, Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: s.url, Audience: "https://management.azure.com"},
		}},
	}}
}

// must is for calls of the SDK that must succeed.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// done waits for an operation of the SDK.
func done[T any](p *runtime.Poller[T], err error) T {
	return must(must(p, err).PollUntilDone(context.Background(), &runtime.PollUntilDoneOptions{Frequency: time.Second}))
}

// all collects the pages of a list.
func all[T, E any](p *runtime.Pager[T], items func(T) []E) (out []E, pages int) {
	for p.More() {
		page := must(p.NextPage(context.Background()))
		out = append(out, items(page)...)
		pages++
	}
	return out, pages
}

// guard turns a panic of must into a failure of the test that called it.
func guard(t *testing.T) {
	if r := recover(); r != nil {
		if err, ok := r.(error); ok {
			t.Fatalf("%v", err)
		}
		panic(r)
	}
}
