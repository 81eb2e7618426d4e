package sim_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
)

// edits are what the user does in the workspace, past git.
var edits = []string{"describe", "tag", "delete", "create", "foreign", "disown", "take", "traffic", "archive"}

// edit lets the user change the live workspace.
func (w *world) edit(rng *rand.Rand, how string) {
	var paths []string
	for path := range w.facts.made {
		if !strings.HasPrefix(path, "codes/") && !strings.Contains(path, "nonymous") {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	path := anyOf(rng, paths)
	switch how {
	case "create", "foreign":
		w.userCreates(rng, how == "foreign")
		return
	case "traffic":
		if path = anyOf(rng, under(paths, "onlineEndpoints/", 1)); path == "" {
			return
		}
	case "archive":
		if path = anyOf(rng, append(under(paths, "models/", 3), under(paths, "data/", 3)...)); path == "" {
			return
		}
	}
	doc := w.peek(path)
	if doc == nil || strings.HasPrefix(path, "jobs/") || strings.HasPrefix(path, "environments/") {
		return
	}
	if how == "delete" {
		w.userDeletes(path, doc)
		return
	}
	sent := map[string]any{"properties": doc["properties"]}
	for _, k := range []string{"location", "tags", "identity", "sku", "kind"} {
		if v, ok := doc[k]; ok {
			sent[k] = v
		}
	}
	body, _ := json.Marshal(sent)
	_ = json.Unmarshal(body, &sent) // a copy
	if !change(rng, how, sent) {
		return
	}
	body, _ = json.Marshal(sent)
	status, _ := w.direct(http.MethodPut, path, string(body))
	w.note(&record{kind: edited, asset: path, text: fmt.Sprint(how, " ", path, " ", status), before: doc, after: w.peek(path)})
}

// change changes the body of an asset as the user would.
func change(rng *rand.Rand, how string, sent map[string]any) bool {
	p, _ := sent["properties"].(map[string]any)
	tags, _ := sent["tags"].(map[string]any)
	if t, ok := p["tags"].(map[string]any); ok {
		tags = t
	}
	if tags == nil {
		return false
	}
	switch how {
	case "describe":
		p["description"] = fmt.Sprintf("the user's %d", rng.IntN(1000))
	case "tag":
		tags["user-note"] = fmt.Sprint(rng.IntN(1000))
	case "disown":
		delete(tags, "mlsync-owner")
	case "take":
		tags["mlsync-owner"] = "others/prod"
	case "traffic":
		shares, _ := p["traffic"].(map[string]any)
		names := slices.Sorted(maps.Keys(shares))
		if len(names) == 0 {
			return false
		}
		for _, n := range names {
			shares[n] = 0
		}
		if rng.IntN(3) > 0 {
			shares[names[rng.IntN(len(names))]] = 100
		}
	case "archive":
		p["isArchived"] = true
	}
	return true
}

func (w *world) userDeletes(path string, doc map[string]any) {
	status, _ := w.direct(http.MethodDelete, path, "")
	w.note(&record{kind: edited, asset: path, text: fmt.Sprint("delete ", path, " ", status), before: doc, after: w.peek(path)})
}

// userCreates makes an asset that git may come to name: somebody else's, or
// nobody's.
func (w *world) userCreates(rng *rand.Rand, foreign bool) {
	tags := map[string]string{"user-made": "yes"}
	if foreign {
		tags["mlsync-owner"] = "others/prod"
	}
	text, _ := json.Marshal(tags)
	path, body := "", ""
	switch n := rng.IntN(3); rng.IntN(3) {
	case 0:
		path = fmt.Sprintf("data/data-%d/versions/1", n)
		body = fmt.Sprintf(`{"properties":{"dataType":"uri_folder","dataUri":"azureml://datastores/workspaceblobstore/paths/data-%d/1","description":"by hand","tags":%s}}`, n, text)
	case 1:
		path = fmt.Sprintf("computes/cpu-%d", n%2)
		body = fmt.Sprintf(`{"location":"eastus2","tags":%s,"properties":{"computeType":"AmlCompute","description":"by hand","properties":{"vmSize":"STANDARD_DS2_V2","scaleSettings":{"minNodeCount":0,"maxNodeCount":2}}}}`, text)
	default:
		path = fmt.Sprintf("onlineEndpoints/online-%d", n%2)
		body = fmt.Sprintf(`{"location":"eastus2","tags":%s,"properties":{"authMode":"Key","description":"by hand"}}`, text)
	}
	if w.peek(path) != nil {
		return
	}
	status, _ := w.direct(http.MethodPut, path, body)
	w.note(&record{kind: edited, asset: path, text: fmt.Sprint("create ", path, " ", status), after: w.peek(path)})
}

// under are the paths that begin so and have that many slashes.
func under(paths []string, prefix string, slashes int) []string {
	var out []string
	for _, p := range paths {
		if strings.HasPrefix(p, prefix) && strings.Count(p, "/") == slashes {
			out = append(out, p)
		}
	}
	return out
}
