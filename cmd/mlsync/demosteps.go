package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/azureml"
)

// initBare makes an empty bare repository whose default branch is main.
func initBare(dir string) error {
	_, err := git.PlainInitWithOptions(dir, &git.PlainInitOptions{Bare: true, InitOptions: git.InitOptions{DefaultBranch: plumbing.Main}})
	return err
}

// firstSync lets a daemon apply the first commit.
func (d *demo) firstSync(ctx context.Context) error {
	d.title("What the first push will do")
	if err := d.mlsync(exitDone, "plan"); err != nil {
		return err
	}
	d.title("A daemon follows the repository and applies the commit, in the order of dependencies")
	if err := d.startDaemon(ctx, ""); err != nil {
		return err
	}
	if err := d.until(ctx, "the first commit is applied", func() bool { return d.applied(ctx) }); err != nil {
		return err
	}
	if err := d.mlsync(exitDone, "history", "--limit", "3"); err != nil {
		return err
	}
	return d.mlsync(exitDone, "plan", "--exit-code")
}

// pushChange changes a conda file and pushes it.
func (d *demo) pushChange(ctx context.Context) error {
	d.title("A change: one line of a conda file")
	name := examplesChange.file
	old, err := os.ReadFile(d.path("ml-assets", filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	data, err := replaceOnce(old, examplesChange.from, examplesChange.to)
	if err != nil {
		return err
	}
	if err := os.WriteFile(d.path("ml-assets", filepath.FromSlash(name)), data, 0o644); err != nil {
		return err
	}
	if err := d.mlsync(exitPending, "plan", "--exit-code"); err != nil {
		return err
	}
	if err := d.push(ctx, "train: "+examplesChange.to, map[string][]byte{name: data}); err != nil {
		return err
	}
	if err := d.until(ctx, "the change is applied", func() bool { return d.applied(ctx) }); err != nil {
		return err
	}
	if err := d.mlsync(exitDone, "history", "--limit", "2"); err != nil {
		return err
	}
	return d.mlsync(exitDone, "plan", "--exit-code")
}

// driftAway stops the daemon and changes a deployment as somebody would in
// the studio.
func (d *demo) driftAway(ctx context.Context) error {
	d.title("Somebody scales a deployment in the studio, behind git's back")
	if err := d.stopDaemon(); err != nil {
		return err
	}
	if err := d.scale(ctx, 7); err != nil {
		return err
	}
	return d.mlsync(exitPending, "drift")
}

// correct starts the daemon again, which finds the drift and corrects it.
func (d *demo) correct(ctx context.Context) error {
	d.title("The daemon is back, finds the drift and corrects it")
	if err := d.startDaemon(ctx, "@every 2s"); err != nil {
		return err
	}
	if err := d.until(ctx, "the drift is corrected", func() bool { n, err := d.capacity(ctx); return err == nil && n != 7 }); err != nil {
		return err
	}
	if err := d.until(ctx, "the run is noted", func() bool { return d.applied(ctx) }); err != nil {
		return err
	}
	if err := d.stopDaemon(); err != nil {
		return err
	}
	if err := d.mlsync(exitDone, "drift"); err != nil {
		return err
	}
	return d.mlsync(exitDone, "history", "--limit", "3")
}

// export writes the workspace as files, whose plan is empty.
func (d *demo) export(context.Context) error {
	d.title("The workspace comes back as files, and their plan is empty")
	out := d.path("exported")
	if err := d.mlsync(exitDone, "export", "--out", out); err != nil {
		return err
	}
	d.printf("$ cd exported && mlsync plan --exit-code\n")
	std := d.streams
	std.err = d.streams.out
	args := []string{"-C", out, "plan", "--exit-code", "--no-prune", "-t", "dev"}
	if code := runWith(args, std, d.demoEnv); code != exitDone {
		return fmt.Errorf("the plan of the export: exit code %d, want 0", code)
	}
	return nil
}

// examplesChange is the change that the demo makes to examples/team.
var examplesChange = struct{ file, from, to string }{"environments/conda.yml", "scikit-learn=1.5.2", "scikit-learn=1.6.1"}

// examplesDeployment is the deployment of examples/team that the demo scales.
func examplesDeployment() asset.ID {
	return asset.ID{Kind: "online-deployment", Parent: "taxi-fares", Name: "blue"}
}

// demoEnv gives every secret a value, as an environment would.
func (d *demo) demoEnv(name string) (string, bool) {
	switch {
	case strings.HasPrefix(name, "MLSYNC_SECRET_"):
		return "not-a-real-key", true
	case name == "XDG_STATE_HOME":
		return d.path("state"), true
	}
	return d.env(name)
}

// studio is a client that speaks as a user with a name.
func (d *demo) studio() (*azureml.Client, string, error) {
	cfg, bad, err := (&app{env: d.env, flags: globalFlags{dir: d.path("ml-assets"), config: "mlsync.yaml"}}).readConfig()
	if err = errors.Join(err, bad.Err()); err != nil {
		return nil, "", err
	}
	t := targetOf(cfg, "dev")
	if t == nil {
		return nil, "", errors.New("the example has no target dev")
	}
	claims, err := json.Marshal(map[string]string{"name": "Ana", "upn": "ana@contoso.com"})
	if err != nil {
		return nil, "", err
	}
	b64 := base64.RawURLEncoding
	token := b64.EncodeToString([]byte(`{"alg":"none"}`)) + "." + b64.EncodeToString(claims) + "." + b64.EncodeToString([]byte("none"))
	c, err := azureml.New(azureml.Options{Endpoint: d.url, Insecure: true, Credential: "static", Token: token})
	return c, scopeOf(t).ARM(examplesDeployment()), err
}

// onlineAPI is the version of the API that the studio stands for.
const onlineAPI = "2023-04-01-preview"

func (d *demo) capacity(ctx context.Context) (int64, error) {
	c, path, err := d.studio()
	if err != nil {
		return 0, err
	}
	raw, err := c.Get(ctx, path, onlineAPI)
	if err != nil {
		return 0, err
	}
	body, err := asset.ParseJSON(raw)
	if err != nil {
		return 0, err
	}
	n, _ := body.GetPath("sku", "capacity").Int64()
	return n, nil
}

// scale changes the number of instances of the deployment.
func (d *demo) scale(ctx context.Context, n int64) error {
	c, path, err := d.studio()
	if err != nil {
		return err
	}
	raw, err := c.Get(ctx, path, onlineAPI)
	if err != nil {
		return err
	}
	body, err := asset.ParseJSON(raw)
	if err != nil {
		return err
	}
	body.SetPath(asset.NewInt(n), "sku", "capacity")
	data, err := body.MarshalJSON()
	if err != nil {
		return err
	}
	res, err := c.Put(ctx, path, onlineAPI, data)
	if err == nil && res.Operation != nil {
		_, err = c.Wait(ctx, *res.Operation, nil)
	}
	return err
}

// replaceOnce replaces the one place where from stands in data.
func replaceOnce(data []byte, from, to string) ([]byte, error) {
	if n := bytes.Count(data, []byte(from)); n != 1 {
		return nil, fmt.Errorf("%q stands %d times in the file, want once", from, n)
	}
	return bytes.Replace(data, []byte(from), []byte(to), 1), nil
}
