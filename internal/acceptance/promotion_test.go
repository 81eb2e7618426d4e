package acceptance_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
)

// promoting is a repository with the targets dev and prod in one service.
type promoting struct {
	*world
	repo *repository
}

func newPromoting(t *testing.T, opt emulator.Options) *promoting {
	p := &promoting{world: newWorld(t, opt)}
	const target = "  %s:\n    subscription: %s\n    resource_group: %s\n    workspace: %s\n    endpoint: %s\n"
	p.write("mlsync.yaml", "owner: acceptance\ntargets:\n"+
		fmt.Sprintf(target, "dev", subscription, group, space, p.service)+"    include: [assets/**]\n"+
		fmt.Sprintf(target, "prod", subscription, group, "prod", p.service)+"    include: [none/**]\n    overlay: prod\n    from: dev\n")
	p.repo = p.repository()
	return p
}

// chat writes an endpoint with a model, code and an environment into dev.
func (p *promoting) chat() {
	const schema = "$schema: https://azuremlschemas.azureedge.net/latest/"
	p.write("assets/m/weights.bin", strings.Repeat("0.1 0.2 0.3\n", 1000))
	p.write("assets/m.yml", schema+"model.schema.json\nname: m\nversion: 1\ntype: custom_model\npath: ./m\n")
	p.write("assets/e.yml", schema+"environment.schema.json\nname: e\nversion: 1\nimage: mcr.microsoft.com/azureml/minimal\n")
	p.write("assets/src/score.py", "def run(x): return x\n")
	p.write("assets/endpoint.yml", endpointFile("{blue: 100}"))
	p.write("assets/blue.yml", deploymentFile("blue", "m:1")+"environment: azureml:e:1\ncode_configuration: {code: ./src, scoring_script: score.py}\n")
}

// sent are the writes to prod and its storage since a moment, in their order.
func (p *promoting) sent(from int) []string {
	p.t.Helper()
	account := p.account("prod")
	var out []string
	for _, r := range p.em.Requests()[from:] {
		_, resource, ok := strings.Cut(r.Path, "/workspaces/prod/")
		switch {
		case r.Status/100 != 2 || r.Method == http.MethodGet || r.Method == http.MethodHead:
		case ok && r.Method != http.MethodPost:
			out = append(out, r.Method+" "+resource)
		case strings.HasPrefix(r.Path, "/"+account+"/"):
			out = append(out, "blob")
		}
	}
	return slices.Compact(out)
}

// account is the storage account of a workspace.
func (p *promoting) account(workspace string) string {
	p.t.Helper()
	at := strings.Replace(workspaceID, "/"+space, "/"+workspace, 1)
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.em.URL()+at+"/datastores/workspaceblobstore?api-version=2024-04-01", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(p.do(req)), `"accountName":"`)
	name, _, _ := strings.Cut(rest, `"`)
	if name == "" {
		p.t.Fatal("the workspace has no storage")
	}
	return name
}

// J10: the closure of an endpoint goes to the next workspace: bytes, then what
// names them, then what is deployed of that. Then nothing is left to do, and
// twice is once.
func TestPromotionOfAnEndpoint(t *testing.T) {
	t.Parallel()
	p := newPromoting(t, emulator.Options{LRO: 2 * time.Millisecond})
	p.chat()
	p.apply("--target", "dev")
	p.want(exitDone, "release", "create", "r1", "online-endpoint/chat", "--from", "dev")
	from := len(p.em.Requests())
	p.must(p.journal, "promote", "r1", "--to", "prod")
	if got := p.sent(from); len(got) > 0 {
		t.Errorf("promotion wrote to the workspace: %v", got)
	}
	pinned := filepath.Join(p.dir, "prod", "online-endpoints", "chat", "deployments", "blue.yml")
	data, err := os.ReadFile(pinned)
	if err != nil || !strings.Contains(string(data), "model: azureml:m:1\n") || !strings.Contains(string(data), "environment: azureml:e:1\n") {
		t.Fatalf("%v: %s", err, data)
	}
	// A size of prod's own.
	if err := os.WriteFile(pinned, []byte(strings.Replace(string(data), "instance_count: 1", "instance_count: 4", 1)), 0o600); err != nil {
		t.Fatal(err)
	}

	// Bytes that do not arrive: neither a model nor a deployment.
	p.fault("method=PUT,path=/" + p.account("prod") + "/*,status=403")
	p.want(exitFailed, "apply", "--target", "prod")
	if p.prod("models/m/versions/1") || p.prod("onlineEndpoints/chat/deployments/blue") {
		t.Error("something is there whose bytes are not")
	}
	p.em.ClearFaults()

	from = len(p.em.Requests())
	p.apply("--target", "prod")
	sent := p.sent(from)
	blob, code, model := slices.Index(sent, "blob"), indexOf(sent, "PUT codes/"), slices.Index(sent, "PUT models/m/versions/1")
	deployed := slices.Index(sent, "PUT onlineEndpoints/chat/deployments/blue")
	if blob < 0 || blob > model || blob > code || model < 0 || code < 0 || deployed < model || deployed < code {
		t.Errorf("it was sent in this order: %v", sent)
	}
	p.settled("--target", "prod", "--full")
	p.want(exitDone, "release", "verify", "r1", "--target", "prod")
	from = len(p.em.Requests())
	if r := p.must(p.journal, "promote", "r1", "--to", "prod"); !strings.Contains(r.out, "nothing to do") {
		t.Error(r)
	}
	p.apply("--target", "prod")
	if got := p.sent(from); len(got) > 0 {
		t.Errorf("twice is not once: %v", got)
	}

	// Another model: sizes stay, and only what is new is copied.
	p.write("assets/m2/weights.bin", "0.4\n")
	p.write("assets/m2.yml", "$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json\nname: m\nversion: 2\ntype: custom_model\npath: ./m2\n")
	p.edit("assets/blue.yml", "azureml:m:1", "azureml:m:2")
	p.apply("--target", "dev")
	p.must(p.journal, "promote", "online-endpoint/chat", "--to", "prod", "--name", "r2")
	from = len(p.em.Requests())
	p.apply("--target", "prod")
	if sent := p.sent(from); indexOf(sent, "PUT codes/") >= 0 || slices.Index(sent, "PUT models/m/versions/2") < 0 {
		t.Errorf("sent %v", sent)
	}
	if data, err := os.ReadFile(pinned); err != nil || !strings.Contains(string(data), "instance_count: 4") {
		t.Errorf("%v: %s", err, data)
	}
	p.settled("--target", "prod", "--full")
	p.want(exitDone, "release", "verify", "r2", "--target", "prod")
}

// indexOf is the first of the texts that begins so.
func indexOf(list []string, begin string) int {
	return slices.IndexFunc(list, func(s string) bool { return strings.HasPrefix(s, begin) })
}

// Promotions that come faster than the target takes them queue: the daemon takes
// the newest, and what others promoted meanwhile is not lost.
func TestPromotionsQueue(t *testing.T) {
	t.Parallel()
	p := newPromoting(t, emulator.Options{LRO: 100 * time.Millisecond})
	p.chat()
	for _, name := range []string{"a", "b"} {
		p.write("assets/"+name+".yml", dataFile(name))
	}
	p.repo.push("begin")
	p.apply("--target", "dev")
	releases := []string{}
	for i := range 4 {
		if i > 0 {
			p.edit("assets/endpoint.yml", "auth_mode: key", fmt.Sprintf("auth_mode: key\ntags: {round: \"%d\"}", i))
			p.apply("--target", "dev")
		}
		releases = append(releases, fmt.Sprintf("r%d", i))
		p.want(exitDone, "release", "create", releases[i], "online-endpoint/chat", "--from", "dev")
		if i > 0 {
			p.edit("assets/endpoint.yml", fmt.Sprintf("\ntags: {round: \"%d\"}", i), "")
		}
	}
	p.want(exitDone, "release", "create", "a", "data/a:1", "--from", "dev")
	p.want(exitDone, "release", "create", "b", "data/b:1", "--from", "dev")
	p.repo.push("releases")
	d := p.daemon("--repository", "file://"+p.repo.bare, "--data", t.TempDir(), "--poll", "20ms", "--targets", "prod")
	// Two people at a time, and one who is quick.
	var all sync.WaitGroup
	for _, list := range [][]string{releases, {"a"}, {"b"}} {
		all.Go(func() {
			for _, name := range list {
				if r := p.raw("promote", name, "--to", "prod", "--branch", "main", "--state", filepath.Join(p.env["HOME"], name+".db")); r.code != exitDone {
					t.Error(r)
				}
			}
		})
	}
	all.Wait()
	until(t, "all is there", func() bool {
		return p.prod("data/a/versions/1") && p.prod("data/b/versions/1") && p.round() == "3"
	})
	p.repo.git(p.dir, "pull", "-q", "origin", "main")
	head := p.repo.git(p.dir, "rev-parse", "HEAD")
	until(t, "the daemon has ended with the newest commit", func() bool {
		lines := d.lines("done")
		return len(lines) > 0 && lines[len(lines)-1]["commit"] == head
	})
	p.settled("--target", "prod", "--full")
	p.want(exitDone, "release", "verify", "r3", "--target", "prod")
	for _, name := range []string{"a", "b"} {
		p.want(exitDone, "release", "verify", name, "--target", "prod")
	}
	for _, step := range d.lines("failed") {
		t.Errorf("failed: %v", step)
	}
}

// round is a tag of the endpoint of prod.
func (p *promoting) round() string {
	at := strings.Replace(workspaceID, "/"+space, "/prod", 1)
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.em.URL()+at+"/onlineEndpoints/chat?api-version=2024-04-01", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(p.do(req)), `"round":"`)
	round, _, _ := strings.Cut(rest, `"`)
	return round
}
