package plan

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
)

const (
	hashA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hashB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func at(hash string) string {
	return `'path':'azureml://datastores/workspaceblobstore/paths/LocalUpload/` + hash + `/model'`
}

// copied is a plan that brings a model from another workspace.
func copied(t testing.TB) *Plan {
	w := newWorld(t)
	w.want("model/taxi:3#custom_model", at(hashA))
	w.in.Copies = map[asset.ID]Copy{mustID("model/taxi:3"): {Files: 1, Bytes: 3_200_000, From: "dev"}}
	return Make(w.in)
}

func TestCopyIsShown(t *testing.T) {
	p := copied(t)
	var b strings.Builder
	if err := Human(&b, p, Style{}); err != nil || !strings.Contains(b.String(), "new, 1 file, 3.2 MB to copy from dev") {
		t.Errorf("got\n%s(%v)", b.String(), err)
	}
	text, err := p.EncodeJSON("1")
	if err != nil || !strings.Contains(strings.Join(strings.Fields(string(text)), ""), `"copy":{"files":1,"bytes":3200000,"from":"dev"}`) {
		t.Errorf("got\n%s(%v)", text, err)
	}
	// What is there already is not copied.
	w := newWorld(t)
	w.want("model/taxi:3#custom_model", at(hashA))
	w.owned("model/taxi:3#custom_model", at(hashA), at(hashA))
	w.in.Copies = map[asset.ID]Copy{mustID("model/taxi:3"): {Files: 1, Bytes: 3_200_000, From: "dev"}}
	for _, s := range Make(w.in).Steps {
		if s.Copy != (Copy{}) {
			t.Errorf("%s copies %+v", s.Key, s.Copy)
		}
	}
}

// A version that exists with other content is refused with both digests.
func TestVersionExistsShowsDigests(t *testing.T) {
	w := newWorld(t)
	w.want("model/taxi:3#custom_model", at(hashA))
	w.owned("model/taxi:3#custom_model", at(hashB), at(hashB))
	w.want("model/other:1#custom_model", at(hashA))
	w.live("model/other:1#custom_model", `'path':'azureml://datastores/workspaceblobstore/paths/azureml/job/model'`)
	w.want("model/stamped:1#custom_model", `'path':'azureml://x/1'`)
	w.live("model/stamped:1#custom_model", `'path':'azureml://x/2'`).Stamps = map[string]string{"content": "00112233"}
	p := Make(w.in)
	wants := map[string]string{
		"model/taxi:3":    "git has sha256:" + hashA + ", the workspace sha256:" + hashB,
		"model/other:1":   "git has " + w.in.content(w.in.Want.Get(mustID("model/other:1"))) + ", the workspace " + w.in.content(w.in.Live.Assets.Get(mustID("model/other:1"))),
		"model/stamped:1": "git has " + w.in.content(w.in.Want.Get(mustID("model/stamped:1"))) + ", the workspace 00112233",
	}
	for _, s := range p.Steps {
		want := wants[s.Key.String()]
		if s.Code != VersionExists || want == "" || !strings.Contains(s.Blocked, want) {
			t.Errorf("%s: %s %q, want %q", s.Key, s.Code, s.Blocked, want)
		}
		delete(wants, s.Key.String())
	}
	if len(wants) > 0 || len(p.Problems.Errors()) != 3 || !strings.Contains(p.Problems.Sorted()[0].Text, "git has ") {
		t.Errorf("left %v, problems %v", wants, p.Problems)
	}
}
