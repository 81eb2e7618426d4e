package sim_test

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing/fstest"
	"time"
)

const schemas = "https://azuremlschemas.azureedge.net/latest/"

// files are the files of a forest.
func (f forest) files() map[string]string {
	out := map[string]string{"README.md": "# Assets\n"}
	for _, k := range f.keys() {
		i := f[k]
		name := strings.NewReplacer(" ", "-", "/", "-").Replace(k)
		out[i.Folder+"/"+name+".yml"] = f.text(i)
		switch i.Kind {
		case "model":
			out[fmt.Sprintf("content/%s-%d/weights.bin", i.Name, i.Version)] = strings.Repeat(fmt.Sprint(i.Name, i.Version), 40)
		case "command-job":
			out[fmt.Sprintf("content/%s/main.py", i.Name)] = fmt.Sprintf("print(%d)\n", i.Large)
		}
	}
	return out
}

// text is the file of an item.
func (f forest) text(i item) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	schema := map[string]string{
		"datastore": "azureBlob", "compute": "amlCompute", "environment": "environment", "auto-environment": "environment", "data": "data", "model": "model",
		"component": "commandComponent", "command-job": "commandJob", "pipeline-job": "pipelineJob", "online-endpoint": "managedOnlineEndpoint",
		"online-deployment": "managedOnlineDeployment", "batch-endpoint": "batchEndpoint", "batch-deployment": "modelBatchDeployment",
	}[i.Kind]
	line("$schema: %s%s.schema.json", schemas, schema)
	if !strings.HasSuffix(i.Kind, "-job") {
		line("name: %s", i.Name)
	}
	if i.Version > 0 {
		line("version: %q", fmt.Sprint(i.Version))
	}
	if !i.Mute && i.Kind != "auto-environment" && i.Kind != "environment" {
		line("description: %s", i.description())
	}
	f.body(i, line)
	return b.String()
}

// description is what the item's description says.
func (i item) description() string { return fmt.Sprintf("revision %d", i.Rev) }

// image is the image of an environment.
func (i item) image() string {
	if i.Version == 0 {
		return fmt.Sprintf("example.com/%s:%d", i.Name, i.Rev)
	}
	return fmt.Sprintf("example.com/%s:v%d", i.Name, i.Version)
}

func (i item) size() string { return fmt.Sprintf("STANDARD_DS%d_V2", 1+i.Large%2) }

// body is the part of the file that differs by kind.
func (f forest) body(i item, line func(string, ...any)) {
	ref := func(kind string) string {
		for _, k := range i.Uses {
			if u := f[k]; u.Kind == kind && u.Version > 0 {
				return fmt.Sprintf("azureml:%s:%d", u.Name, u.Version)
			} else if u.Kind == kind {
				return "azureml:" + u.Name
			}
		}
		return ""
	}
	up := strings.Repeat("../", 1+strings.Count(i.Folder, "/"))
	switch i.Kind {
	case "datastore":
		line("type: azure_blob\naccount_name: acct%d\ncontainer_name: box\ncredentials: {account_key: \"${{ secret.KEY_%s }}\"}", i.Large, strings.ToUpper(i.Name))
	case "compute":
		line("type: amlcompute\nsize: %s\nmax_instances: %d", i.size(), 1+i.Rev)
	case "environment", "auto-environment":
		line("image: %s", i.image())
	case "data":
		line("type: uri_folder\npath: azureml://datastores/workspaceblobstore/paths/%s/%d", i.Name, i.Version)
	case "model":
		line("type: custom_model\npath: %scontent/%s-%d", up, i.Name, i.Version)
	case "component":
		line("type: command\ncommand: echo %s %d\nenvironment: {image: \"example.com/inline:%d\"}", i.Name, i.Version, i.Version)
	case "command-job":
		line("type: command\ndisplay_name: %s\ncommand: python main.py %d\ncode: %scontent/%s\nenvironment: %s\ncompute: %s", i.Name, i.Rev, up, i.Name, ref("environment"), ref("compute"))
	case "pipeline-job":
		line("type: pipeline\ndisplay_name: %s\nsettings: {default_compute: %s}\njobs:\n  one: {type: command, component: %s}", i.Name, ref("compute"), ref("component"))
	case "online-endpoint":
		line("auth_mode: key")
		if len(i.Traffic) > 0 {
			line("traffic: {%s}", shares(i.Traffic))
		}
	case "online-deployment":
		line("endpoint_name: %s\nmodel: %s\nenvironment: %s\ninstance_type: Standard_DS3_v2\ninstance_count: %d", i.Parent, ref("model"), ref("environment"), i.Rev)
		line("code_configuration: {code: %scontent/scoring, scoring_script: score.py}", up)
	case "batch-endpoint":
		line("auth_mode: aad_token")
		for name := range i.Traffic {
			line("defaults: {deployment_name: %s}", name)
		}
	case "batch-deployment":
		line("type: model\nendpoint_name: %s\nmodel: %s\nenvironment: %s\ncompute: %s\nsettings: {mini_batch_size: %d}", i.Parent, ref("model"), ref("environment"), ref("compute"), 1+i.Rev)
		line("code_configuration: {code: %scontent/scoring, scoring_script: score.py}", up)
	}
}

func shares(traffic map[string]int) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(traffic)) {
		out = append(out, fmt.Sprintf("%s: %d", name, traffic[name]))
	}
	return strings.Join(out, ", ")
}

// fs is the tree of a commit as the program reads it.
func (c *commit) fs() fs.FS {
	out := fstest.MapFS{}
	put := func(name, text string) {
		out[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644, ModTime: time.Unix(1, 0)}
	}
	for name, text := range c.forest.files() {
		put(name, text)
	}
	put("content/scoring/score.py", "def run(x): return x\n")
	if c.broken {
		put("assets/broken.yml", "$schema: "+schemas+"model.schema.json\nname: [\n")
	}
	if c.unread != "" {
		return unreadable{out, c.unread}
	}
	return out
}

// unreadable is a tree of which one folder cannot be read.
type unreadable struct {
	fstest.MapFS
	folder string
}

func (u unreadable) Open(name string) (fs.File, error) {
	if name == u.folder || strings.HasPrefix(name, u.folder+"/") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return u.MapFS.Open(name)
}

func (u unreadable) ReadFile(name string) ([]byte, error) {
	if name == u.folder || strings.HasPrefix(name, u.folder+"/") {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrPermission}
	}
	return u.MapFS.ReadFile(name)
}

func (u unreadable) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == u.folder {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrPermission}
	}
	return u.MapFS.ReadDir(name)
}
