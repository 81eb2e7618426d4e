package sim_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// A looker shows invariants the world as it is.
type looker interface {
	// peek is a live asset; nil if it is not there.
	peek(asset string) map[string]any
	// usedBy is a live asset of ours that refers to the one of the path.
	usedBy(path string) string
	// heldBy is a live asset that was taken from us and refers to the one of
	// the path. Jobs that ran hold nothing.
	heldBy(path string) string
	// archivedName reports whether the name of a version is archived.
	archivedName(path string) bool
	// holdsOthers reports whether an endpoint holds what is not ours, or a
	// deployment is in an endpoint that is not ours.
	holdsOthers(path string) bool
	// noVersion says that no version of a name holds what the item says.
	noVersion(i item) string
	// leak is a place that holds a secret and should not; "" if none does.
	leak() string
}

func (w *world) usedBy(path string) string {
	if seg := strings.Split(path, "/"); seg[0] == "batchEndpoints" && len(seg) == 4 {
		endpoint := strings.Join(seg[:2], "/")
		if text(w.peek(endpoint), "properties", "defaults", "deploymentName") == seg[3] {
			return endpoint // it says so by the name alone
		}
	}
	if w.undecided(path) {
		return path
	}
	if name, ok := strings.CutPrefix(path, "environments/"); ok { // archived with all versions of its name
		name, _, _ = strings.Cut(name, "/")
		for _, k := range slices.Sorted(maps.Keys(w.facts.made)) {
			if k != path && strings.HasPrefix(k, "environments/"+name+"/versions/") && w.named(k) != "" {
				return k
			}
		}
	}
	return w.named(path)
}

func (w *world) heldBy(path string) string {
	full := strings.ToLower(scope.WorkspaceID() + "/" + path)
	for _, k := range slices.Sorted(maps.Keys(w.facts.made)) {
		doc := w.peek(k)
		if k == path || doc == nil || stamped(doc) == ours || isArchived(doc) || strings.HasPrefix(k, "jobs/") {
			continue
		}
		if raw, err := json.Marshal(doc); err == nil && strings.Contains(strings.ToLower(string(raw)), `"`+full+`"`) {
			return k
		}
	}
	return ""
}

// named is a live asset of ours that holds the id of the one of the path.
func (w *world) named(path string) string {
	full := strings.ToLower(scope.WorkspaceID() + "/" + path)
	for _, k := range slices.Sorted(maps.Keys(w.facts.made)) {
		if k == path || strings.HasPrefix(k, path+"/") {
			continue
		}
		if raw, err := json.Marshal(w.peek(k)); err == nil && strings.Contains(strings.ToLower(string(raw)), `"`+full+`"`) {
			return k
		}
	}
	return ""
}

// undecided reports whether a deployment gets live traffic and git does not say
// where it is to go, so that the user has to: together with others that stay,
// or in an endpoint that git no longer has and that stays for what others have
// in it.
func (w *world) undecided(path string) bool {
	seg := strings.Split(path, "/")
	if len(seg) != 4 || seg[0] != "onlineEndpoints" {
		return false
	}
	forest := w.facts.head.forest
	endpoint := strings.Join(seg[:2], "/")
	for _, i := range forest {
		if i.path() == endpoint && len(i.Traffic) > 0 {
			return w.s.Way != nil && w.stuck(endpoint, i.Traffic)
		}
	}
	shares, _ := at(w.peek(endpoint), "properties", "traffic").(map[string]any)
	mirrors, _ := at(w.peek(endpoint), "properties", "mirrorTraffic").(map[string]any)
	share := func(name string) float64 {
		v, _ := shares[name].(float64)
		copied, _ := mirrors[name].(float64)
		return v + copied
	}
	if !forest.has(endpoint) {
		return share(seg[3]) > 0 && w.holdsOthers(endpoint)
	}
	for name := range shares {
		other := endpoint + "/deployments/" + name
		if name != seg[3] && share(name) > 0 && (forest.has(other) || stamped(w.peek(other)) != ours) {
			return share(seg[3]) > 0
		}
	}
	return false
}

// stuck reports whether traffic is to go to what somebody else owns, or to what
// needs that: it waits, and so does what has it.
func (w *world) stuck(endpoint string, traffic map[string]int) bool {
	for _, i := range w.facts.head.forest {
		if path := i.path(); traffic[i.Name] > 0 && path == endpoint+"/deployments/"+i.Name && w.facts.excused(w, w.facts.head.forest, i) {
			return true
		}
	}
	return false
}

func (w *world) holdsOthers(path string) bool {
	if seg := strings.Split(path, "/"); len(seg) == 4 && seg[2] == "deployments" {
		return stamped(w.peek(strings.Join(seg[:2], "/"))) != ours
	}
	if strings.Count(path, "/") != 1 || !strings.Contains(path, "Endpoints/") {
		return false
	}
	list, _ := w.peek(path + "/deployments")["value"].([]any)
	for _, v := range list {
		if doc, _ := v.(map[string]any); stamped(doc) != ours {
			return true
		}
	}
	return false
}

func (w *world) noVersion(i item) string {
	for v := 1; v < 60; v++ {
		doc := w.peek(fmt.Sprintf("environments/%s/versions/%d", i.Name, v))
		if doc == nil {
			return fmt.Sprintf("no version of %s has the image %s", i.Name, i.image())
		}
		if text(doc, "properties", "image") == i.image() {
			return ""
		}
	}
	return ""
}

func (w *world) leak() string {
	for _, p := range w.lives {
		if strings.Contains(p.logged.String(), canaryMark) {
			return "the log"
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if strings.Contains(w.events.String(), canaryMark) {
		return "an event"
	}
	for _, suffix := range []string{"", "-wal"} {
		if data, err := os.ReadFile(w.db + suffix); err == nil && strings.Contains(string(data), canaryMark) {
			return "the journal"
		}
	}
	return ""
}
