package sim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/plan"
)

// facts are what follows from the records so far. The invariants judge a
// record by the facts before it. Nothing here asks the program what it thinks.
type facts struct {
	gen       int64 // of the newest run
	pub       int   // of the newest commit that a run was begun for
	held      bool
	prune     bool // what git no longer has is removed
	calm      bool // nothing fails any more
	silent    bool // nothing has changed since everything was applied
	passes    map[int]*passFacts
	intents   map[int64]*intentFacts
	owned     map[string]bool // assets that the journal owns, by their id
	missing   map[string]int  // looks in a row at which git did not have an owned asset
	made      map[string]bool // assets that we made and that were not deleted since, by path
	doubtful  map[string]int  // creations whose end the process of the number does not know
	jobs      map[string]string
	sent      map[string]string // the description that we wrote last, by path
	touched   time.Duration     // when the user or a process that died did something last
	deaths    int               // in the middle of a pass
	swaps     int
	head      *commit
	writes    int                 // requests that wrote
	allowed   map[string]bool     // approvals that were ever given
	folders   map[string]string   // where the file of a job was
	moved     map[string]bool     // jobs whose file is elsewhere by now: it may hold another run
	files     map[string]string   // where the journal thinks that owned assets are
	given     map[string][]string // what was approved, by plan
	wasEdited map[string]bool     // assets that the user has changed
	removed   map[string]bool     // assets that the user has deleted
	released  map[string]bool     // assets whose stamp the user has changed
	routes    map[string]*routeFacts
	adopted   map[string]bool // assets that were taken over, by path: their drift is reported
	// accepted are the assets that the service agreed to make for us, by path,
	// as the journal knows, and that nobody else has touched since.
	accepted map[string]bool
}

// passFacts are the facts of the pass that a process makes.
type passFacts struct {
	commit   *commit
	allow    []string
	begun    bool
	requests int
	// lists are the collections that were asked for: true if every page came.
	lists map[string]bool
	pages map[string]bool   // collections of which a page is still to come
	seen  map[string]bool   // assets that were read
	owner map[string]string // who owned them when they were read last
	raced map[string]bool   // assets that the user changed after they were read
	gone  map[string]bool   // assets that its run takes away
	// passed and failed are the deployments that passed their checks or not.
	passed, failed map[string]bool
	// undisturbed says that nobody else has changed anything since.
	undisturbed bool
}

type intentFacts struct {
	gen    int64
	p      int
	id     string
	action string
	open   bool
}

func newFacts() *facts {
	return &facts{
		passes: map[int]*passFacts{}, intents: map[int64]*intentFacts{}, owned: map[string]bool{}, missing: map[string]int{}, made: map[string]bool{},
		doubtful: map[string]int{}, jobs: map[string]string{}, sent: map[string]string{}, allowed: map[string]bool{}, adopted: map[string]bool{}, accepted: map[string]bool{}, released: map[string]bool{}, removed: map[string]bool{}, given: map[string][]string{}, files: map[string]string{}, wasEdited: map[string]bool{}, routes: map[string]*routeFacts{}, folders: map[string]string{}, moved: map[string]bool{},
	}
}

func (f *facts) pass(p int) *passFacts {
	if f.passes[p] == nil {
		f.passes[p] = &passFacts{lists: map[string]bool{}, pages: map[string]bool{}, seen: map[string]bool{}, owner: map[string]string{}, raced: map[string]bool{}, gone: map[string]bool{}, passed: map[string]bool{}, failed: map[string]bool{}, undisturbed: true}
	}
	return f.passes[p]
}

// learn takes a record in.
func (f *facts) learn(r *record) {
	f.learnRoute(r)
	switch r.kind {
	case published:
		f.head = r.commit
	case fetched:
		if r.err == nil {
			old := f.pass(r.p)
			delete(f.passes, r.p)
			f.pass(r.p).requests = old.requests
			f.pass(r.p).commit = r.commit
			// What the user, or a process that died, has begun may still go on.
			f.pass(r.p).undisturbed = f.touched == 0 || r.at > f.touched+time.Minute
		}
	case approvals:
		f.pass(r.p).allow = r.allow
		for _, a := range r.allow {
			f.allowed[a] = true
		}
	case passEnded, died:
		if r.kind == died {
			f.touched = r.at
			if r.text != "" {
				f.deaths++
			}
		}
		delete(f.passes, r.p)
		for path, p := range f.doubtful {
			if p == r.p && r.kind == died {
				delete(f.doubtful, path) // its next life reads everything again
			}
		}
	case granted:
		f.given[r.text] = append(f.given[r.text], r.allow...)
	case edited:
		f.disturb(-1)
		f.wasEdited[r.asset], f.touched = true, r.at
		delete(f.accepted, r.asset)
		for _, pass := range f.passes {
			pass.raced[r.asset] = true
		}
		if r.before != nil && r.after == nil {
			delete(f.made, r.asset)
			f.removed[r.asset] = true
		}
		if stamped(r.before) != stamped(r.after) {
			f.released[r.asset] = true
		}
	case heldUp:
		f.held = r.text == "hold"
	case swapped:
		f.swaps++
		clear(f.accepted)
		f.owned, f.missing, f.intents, f.gen = map[string]bool{}, map[string]int{}, map[int64]*intentFacts{}, 0
	case journalled:
		f.learnJournal(r)
	case requested:
		f.learnRequest(r)
	case prepared, settledRec, checkedRec:
	}
}

// disturb notes that somebody changed the workspace.
func (f *facts) disturb(by int) {
	for p, pass := range f.passes {
		if p != by {
			pass.undisturbed = false
		}
	}
}

func (f *facts) learnJournal(r *record) {
	if !r.effect {
		return
	}
	switch r.call {
	case "begin":
		f.gen = r.gen
		f.pass(r.p).begun = true
		f.pass(r.p).gone = map[string]bool{} // the guard counts by plan
		if c := f.pass(r.p).commit; c != nil {
			f.pub = max(f.pub, c.pub)
		}
	case "intend":
		f.intents[r.intent] = &intentFacts{gen: r.gen, p: r.p, id: r.key.ID.String(), action: string(r.action), open: true}
	case "operation":
		if in := f.intents[r.intent]; in != nil && in.action == string(plan.Create) {
			f.accepted[pathOf(in.id)] = true
		}
	case "finish":
		for _, e := range r.ends {
			// A run that was overtaken between its intent and its request cannot
			// be stopped: its intent counts for it although another run ends it.
			if in := f.intents[e.Intent]; in != nil && in.gen == r.gen {
				in.open = false
			}
			id := e.Outcome.Key.ID.String()
			if e.Outcome.Action == plan.Adopt && e.Outcome.State == plan.Done {
				f.adopted[pathOf(id)] = true
			}
			if e.Own != nil {
				f.owned[id], f.files[id] = true, e.Own.File
			}
			if e.Forget {
				delete(f.owned, id)
				delete(f.missing, id)
			}
		}
	case "own":
		for _, o := range r.owned {
			f.owned[o.ID.String()], f.files[o.ID.String()] = true, o.File
		}
	case "observe":
		c := f.pass(r.p).commit
		for id := range f.owned {
			f.follow(id, c)
			if c != nil && c.forest.has(pathOf(id)) {
				f.missing[id] = 0
			} else {
				f.missing[id]++
			}
		}
	}
}

// follow notes where the file of a job is.
func (f *facts) follow(id string, c *commit) {
	name, ok := strings.CutPrefix(id, "job/")
	if !ok || c == nil {
		return
	}
	for _, i := range c.forest {
		if !strings.HasSuffix(i.Kind, "-job") || !strings.HasPrefix(name, i.Name+"-") {
			continue
		}
		if f.folders[id] == "" {
			f.folders[id] = i.Folder
		}
		f.moved[id] = f.moved[id] || f.folders[id] != i.Folder
	}
}

func (f *facts) learnRequest(r *record) {
	pass := f.pass(r.p)
	pass.requests++
	if r.method == http.MethodGet {
		f.learnRead(pass, r)
		return
	}
	if !r.writes() {
		return
	}
	f.writes++
	if r.effect {
		f.disturb(r.p)
	}
	created := r.before == nil && r.method == http.MethodPut
	switch {
	case created && !r.known && r.fault != "":
		f.doubtful[r.asset] = r.p
	case r.known:
		delete(f.doubtful, r.asset)
	}
	if !r.effect || r.status >= 300 {
		return
	}
	switch {
	case r.method == http.MethodDelete || archives(r):
		pass.gone[r.asset] = true
		delete(f.made, r.asset)
		delete(f.accepted, r.asset)
	case created:
		f.made[r.asset] = true
		delete(f.removed, r.asset)
		delete(f.adopted, r.asset)
	}
	if r.method == http.MethodPut {
		var sent map[string]any
		if json.Unmarshal(r.body, &sent) == nil {
			f.sent[r.asset] = text(sent, "properties", "description")
		}
	}
	if strings.HasPrefix(r.asset, "jobs/") && created {
		f.jobs[jobKey(r.body)] = r.asset
	}
}

// learnRead notes what a pass has read, and what it could not.
func (f *facts) learnRead(pass *passFacts, r *record) {
	clean := r.status == http.StatusOK && len(r.answer) > 0 && (r.fault == "" || r.known)
	if r.asset != "" {
		if clean {
			var doc map[string]any
			pass.seen[r.asset] = json.Unmarshal(r.answer, &doc) == nil
			pass.owner[r.asset] = stamped(doc)
			delete(pass.raced, r.asset)
		}
		if clean || r.status == http.StatusNotFound {
			delete(f.doubtful, r.asset)
		}
	}
	coll := collectionPath(r.path)
	if coll == "" {
		return
	}
	if !clean { // what is gone holds nothing
		pass.lists[coll] = r.status == http.StatusNotFound && r.fault == "" && strings.Contains(coll, "/")
		return
	}
	var page struct {
		Value    []map[string]any
		NextLink string
	}
	if json.Unmarshal(r.answer, &page) != nil {
		pass.lists[coll] = false
		return
	}
	for _, v := range page.Value {
		path := coll + "/" + text(v, "name")
		pass.seen[path], pass.owner[path] = true, stamped(v)
		delete(pass.raced, path)
	}
	pass.lists[coll] = page.NextLink == ""
}

// collectionPath is the collection that a path is, below the workspace; "" if
// it is none.
func collectionPath(path string) string {
	rest, ok := strings.CutPrefix(path, scope.WorkspaceID()+"/")
	if n := strings.Count(rest, "/"); !ok || n != 0 && n != 2 {
		return ""
	}
	return rest
}

// archives reports whether a request archives an asset.
func archives(r *record) bool {
	var sent map[string]any
	return r.method == http.MethodPut && r.before != nil && !isArchived(r.before) && json.Unmarshal(r.body, &sent) == nil && isArchived(sent)
}

// jobKey is what makes two jobs the same: all that is sent but the name of it.
func jobKey(body []byte) string { return digest(body) }

// collections are the REST collections of the kinds.
var collections = map[string]string{
	"datastore": "datastores", "compute": "computes", "environment": "environments", "data": "data", "model": "models", "component": "components",
	"job": "jobs", "online-endpoint": "onlineEndpoints", "batch-endpoint": "batchEndpoints", "code": "codes",
}

// pathOf is the path of an asset by its id: model/m:1, online-deployment/e/blue.
func pathOf(id string) string {
	kind, rest, _ := strings.Cut(id, "/")
	switch kind {
	case "online-deployment", "batch-deployment":
		endpoint, name, _ := strings.Cut(rest, "/")
		return collections[strings.Replace(kind, "deployment", "endpoint", 1)] + "/" + endpoint + "/deployments/" + name
	}
	name, version, ok := strings.Cut(rest, ":")
	if ok {
		return collections[kind] + "/" + name + "/versions/" + version
	}
	return collections[kind] + "/" + name
}

// has reports whether git has the asset of the path. Of kinds whose version or
// name the program gives, every version of a name that git has counts.
func (f forest) has(path string) bool {
	seg := strings.Split(path, "/")
	for _, k := range f.keys() {
		i := f[k]
		p := i.path()
		switch {
		case p == path:
			return true
		case i.Kind == "auto-environment" && seg[0] == "environments" && seg[1] == i.Name:
			return true
		case strings.HasSuffix(i.Kind, "-job") && seg[0] == "jobs" && strings.HasPrefix(seg[1], i.Name+"-"):
			return true
		case i.Version > 0 && len(seg) == 2 && strings.HasPrefix(p, path+"/"): // the name of it
			return true
		}
	}
	return false
}

// path is where the asset of an item is, "" if the program gives the last part.
func (i item) path() string {
	switch i.Kind {
	case "auto-environment", "command-job", "pipeline-job":
		return ""
	case "online-deployment":
		return "onlineEndpoints/" + i.Parent + "/deployments/" + i.Name
	case "batch-deployment":
		return "batchEndpoints/" + i.Parent + "/deployments/" + i.Name
	}
	if i.Version > 0 {
		return fmt.Sprintf("%s/%s/versions/%d", collections[i.Kind], i.Name, i.Version)
	}
	return collections[i.Kind] + "/" + i.Name
}

// costly are the collections whose assets are never deleted without an approval.
var costly = []string{"datastores", "computes", "onlineEndpoints", "batchEndpoints", "online-deployment", "batch-deployment"}

// isCostly reports whether the deletion of the asset needs an approval.
func isCostly(path string) bool { return slices.Contains(costly, strings.Split(path, "/")[0]) }
