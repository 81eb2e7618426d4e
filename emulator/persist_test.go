package emulator_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"mlsync.dev/mlsync/emulator"
)

// serveEnv makes the test binary an emulator that runs until it is killed.
const serveEnv = "EMULATOR_TEST_DATA"

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveEnv); dir != "" {
		emu := must(emulator.New(emulator.Options{DataDir: dir, LRO: time.Hour, JobStep: time.Hour}))
		if err := emu.Start("127.0.0.1:0", false, ""); err != nil {
			panic(err)
		}
		fmt.Println(emu.URL())
		_, _ = io.ReadAll(os.Stdin) // until the parent goes or kills us
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child starts an emulator in a process of its own.
func child(t *testing.T, dir string) (s *service, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), serveEnv+"="+dir)
	in := must(cmd.StdinPipe())
	out := must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(must(bufio.NewReader(out).ReadString('\n')))
	return &service{t: t, url: url}, func() {
		if err := cmd.Process.Kill(); err != nil { // SIGKILL
			t.Error(err)
		}
		_ = cmd.Wait() // reports the kill
		in.Close()
	}
}

func TestKill(t *testing.T) {
	defer guard(t)
	dir := t.TempDir()
	s, kill := child(t, dir)
	s.ok(201, "PUT", wsID+"/environments/e/versions/1", `{"properties":{"image":"i","tags":{"a":"b"}}}`)
	s.ok(201, "PUT", wsID+"/environments/e/versions/2", envBody)
	s.ok(200, "DELETE", wsID+"/environments/e/versions/1", "")
	s.ok(201, "PUT", wsID+"/datastores/b1", `{"properties":{"datastoreType":"AzureBlob","accountName":"a","containerName":"c","credentials":{"credentialsType":"AccountKey","secrets":{"secretsType":"AccountKey","key":"KEY"}}}}`)
	s.ok(201, "PUT", wsID+"/models/m/versions/1", `{"properties":{"modelUri":"u","isArchived":true}}`)
	s.ok(201, "PUT", wsID+"/components/c/versions/1", `{"properties":{"componentSpec":{"inputs":{"z":{"optional":true},"y":{}}}}}`)
	s.ok(201, "PUT", wsID+"/codes/c/versions/1", `{"properties":{"codeUri":"u","properties":{"hash_sha256":"ab"}}}`)
	s.ok(201, "PUT", wsID+"/jobs/j1", `{"properties":{"jobType":"Command","command":"x"}}`)
	s.ok(200, "GET", regID, "")
	ep := s.do("PUT", wsID+"/onlineEndpoints/ep1", `{"location":"eastus2","properties":{"authMode":"Key"}}`)
	up := s.ok(200, "POST", wsID+"/codes/c/versions/9/startPendingUpload", `{}`)
	c, _ := s.upload("c9")
	content := bytes.Repeat([]byte("0123456789"), 20_000)
	must(c.NewBlockBlobClient("big").Upload(ctx, streaming.NopCloser(bytes.NewReader(content)), nil))
	must(c.NewBlockBlobClient("small").Upload(ctx, streaming.NopCloser(strings.NewReader("tiny")), nil))
	must(c.NewBlockBlobClient("gone").Upload(ctx, streaming.NopCloser(strings.NewReader("x")), nil))
	must(c.NewBlockBlobClient("gone").Delete(ctx, nil))
	kill()

	// The kill tore the last line.
	journal := filepath.Join(dir, "workspaces.jsonl")
	f := must(os.OpenFile(journal, os.O_APPEND|os.O_WRONLY, 0))
	must(f.WriteString(`{"s":"/subscriptions/x","p":"mod`))
	f.Close()

	s, kill = child(t, dir)
	defer kill()
	env := s.ok(200, "GET", wsID+"/environments/e/versions/2", "")
	wantAt(t, env, map[string]string{"properties/image": `"i"`, "properties/properties/azureml.labels": `"latest"`})
	if r := s.do("GET", wsID+"/environments/e/versions/1", ""); r.status != 404 {
		t.Errorf("a deleted version is back: %d", r.status)
	}
	wantAt(t, s.ok(200, "GET", wsID+"/environments/e", ""), map[string]string{"properties/latestVersion": `"2"`, "properties/nextVersion": `"3"`})
	wantAt(t, s.ok(200, "POST", wsID+"/datastores/b1/listSecrets", ""), map[string]string{"key": `"KEY"`})
	if got := s.ok(200, "GET", wsID+"/models/m/versions", "")["value"].([]any); len(got) != 0 {
		t.Errorf("an archived version is listed: %v", got)
	}
	if got := s.do("GET", wsID+"/components/c/versions/1", ""); orderAt([]byte(got.text), "properties/componentSpec/inputs") != "y z" {
		t.Errorf("component %s", got.text)
	}
	if got := s.ok(200, "GET", wsID+"/codes/any/versions?hash=ab", "")["value"].([]any); len(got) != 1 {
		t.Errorf("codes by hash %v", got)
	}
	wantAt(t, s.ok(200, "GET", wsID+"/jobs/j1", ""), map[string]string{"properties/status": `"Starting"`})
	wantAt(t, s.ok(200, "GET", wsID+"/onlineEndpoints/ep1", ""), map[string]string{"properties/provisioningState": `"Creating"`})
	aao := s.url + ep.header.Get("Azure-AsyncOperation")[strings.Index(ep.header.Get("Azure-AsyncOperation"), "/subscriptions"):]
	wantAt(t, s.ok(200, "GET", aao, ""), map[string]string{"status": `"Creating"`})
	again := s.ok(200, "POST", wsID+"/codes/c/versions/9/startPendingUpload", `{}`)
	if again["pendingUploadId"] != up["pendingUploadId"] {
		t.Errorf("another pending upload")
	}
	c, _ = s.upload("c9")
	if got := must(io.ReadAll(must(c.NewBlockBlobClient("big").DownloadStream(ctx, nil)).Body)); !bytes.Equal(got, content) {
		t.Errorf("content of %d bytes", len(got))
	}
	if got := must(io.ReadAll(must(c.NewBlockBlobClient("small").DownloadStream(ctx, nil)).Body)); string(got) != "tiny" {
		t.Errorf("content %q", got)
	}
	if _, err := c.NewBlockBlobClient("gone").GetProperties(ctx, nil); err == nil {
		t.Error("a deleted blob is back")
	}
	must(c.NewBlockBlobClient("new").Upload(ctx, streaming.NopCloser(strings.NewReader("after")), nil))
	if got := must(io.ReadAll(must(c.NewBlockBlobClient("small").DownloadStream(ctx, nil)).Body)); string(got) != "tiny" {
		t.Errorf("content after a new upload %q", got)
	}
}

// TestRestart closes and opens in one process, moves the clock on and sees operations finish.
func TestRestart(t *testing.T) {
	clk := newClock()
	opt := emulator.Options{DataDir: t.TempDir(), Now: clk.now, LRO: time.Minute, JobStep: time.Minute}
	emu, do := inProcess(t, opt)
	do("PUT", wsID+"/onlineEndpoints/ep1", `{"location":"eastus2","properties":{"authMode":"Key"}}`)
	do("PUT", wsID+"/computes/c1", `{"location":"eastus2","properties":{"computeType":"AmlCompute","properties":{"vmSize":"Standard_X"}}}`)
	do("PUT", wsID+"/jobs/j1", `{"properties":{"jobType":"Command","command":"x"}}`)
	do("PUT", wsID+"/models/m/versions/1", `{"properties":{"modelUri":"u"}}`)
	for i := range 3000 { // enough dead lines for a compaction
		if w := do("PUT", wsID+"/models/m/versions/1", fmt.Sprintf(`{"properties":{"modelUri":"u","description":"%d"}}`, i)); w.Code != 200 {
			t.Fatal(w.Code, w.Body)
		}
	}
	if err := emu.Close(); err != nil {
		t.Fatal(err)
	}
	raw := must(os.ReadFile(filepath.Join(opt.DataDir, "workspaces.jsonl")))
	if lines := bytes.Count(raw, []byte("\n")); lines > 50 {
		t.Errorf("%d lines after compaction", lines)
	}
	clk.add(4 * time.Minute)
	emu, do = inProcess(t, opt)
	for path, want := range map[string]string{
		"/onlineEndpoints/ep1": `"provisioningState":"Succeeded"`, "/computes/c1": `"vmSize":"Standard_X"`,
		"/jobs/j1": `"status":"Completed"`, "/models/m/versions/1": `"description":"2999"`,
	} {
		if w := do("GET", wsID+path, ""); w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s = %d %s, want %s", path, w.Code, w.Body, want)
		}
	}
	do("DELETE", wsID, "")
	if err := emu.Close(); err != nil {
		t.Fatal(err)
	}
	opt.NoAutoCreate = true
	emu, do = inProcess(t, opt)
	if w := do("GET", wsID, ""); w.Code != 404 {
		t.Errorf("a deleted workspace is back: %d", w.Code)
	}
	if err := emu.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(opt.DataDir, "workspaces.jsonl"), []byte("{\"s\":\"x\"}\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := emulator.New(opt); err == nil || !strings.Contains(err.Error(), "workspaces.jsonl: line 1") {
		t.Errorf("a damaged journal: %v", err)
	}
}
