package sim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/plan"
)

// An invariant is one promise of trust.md. It is asked about every record,
// with the facts before it, and says what is wrong; "" if nothing is.
type invariant struct {
	name  string
	check func(f *facts, r *record) string
}

var invariants = []invariant{
	{"I1 no unknown delete", noUnknownDelete},
	{"I2 no orphan", noOrphan},
	{"I3 no double", noDouble},
	{"I4 single writer", singleWriter},
	{"I5 newest wins", newestWins},
	{"I6 un-owned is unchanged", unownedUnchanged},
	{"I7 idle is silent", idleSilent},
	{"I8 secrets stay secret", secretsHidden},
	{"I9 status is honest", honestStatus},
	{"I10 bounded", bounded},
	{"I11 traffic", traffic},
	{"I11 traffic in steps", inSteps},
}

// noUnknownDelete (I1): an asset is deleted or archived only if, in the same
// run, the tree was read completely and does not have it, the list of its kind
// was read to the end and it was read itself, the journal and the stamp say
// that it is ours, git was without it at two looks in a row, its kind may be
// removed, and guard and approvals let it pass. What git wants otherwise is
// replaced only where the rules or an approval allow it.
func noUnknownDelete(f *facts, r *record) string {
	if r.kind == approvals {
		for _, a := range r.allow {
			if !slices.Contains(f.given[r.text], a) {
				return "takes " + a + " for approved, which was not for this plan"
			}
		}
	}
	if !r.writes() || r.method != http.MethodDelete && !archives(r) || r.before == nil {
		return ""
	}
	pass, id := f.pass(r.p), idOf(r.asset)
	seg := strings.Split(r.asset, "/")
	owner := stamped(r.before)
	if was, ok := pass.owner[r.asset]; ok {
		owner = was // nobody can know what happened since the last look
	}
	switch {
	case pass.commit == nil || !pass.begun:
		return "deleted outside a run"
	case owner != "" && owner != ours:
		return "deleted what belongs to " + owner
	case owner == "" && len(seg) != 2:
		return "deleted what bears no stamp"
	case pass.commit.forest.has(r.asset) && seg[0] == "computes" && r.method == http.MethodDelete:
		return "" // replaced: the rules of the simulation allow it
	case pass.commit.forest.has(r.asset) && !f.moved[id]:
		return "deleted what git has"
	case !f.prune:
		return "deleted although prune is off"
	case f.history(pass.commit.forest, r.asset):
		return "deleted what a later version in its file has followed"
	case pass.commit.uses(r.world.usedBy(r.asset)):
		return "deleted what git's " + r.world.usedBy(r.asset) + " refers to"
	case pass.unraced(r.world.heldBy(r.asset)):
		return "deleted what " + r.world.heldBy(r.asset) + ", which is not ours any more, refers to"
	case !pass.commit.complete():
		return "deleted although the tree could not be read completely"
	case seg[0] == "components":
		return "deleted what the rules say stays"
	case len(seg) != 2 || seg[0] == "jobs" || len(seg) == 2 && !versioned(seg[0]):
		if !f.owned[id] {
			return "deleted what the journal does not own"
		}
		if f.missing[id]+1 < 2 && !f.moved[id] {
			return "deleted at the first look at which git was without it"
		}
	}
	if why := f.unseen(pass, r.asset); why != "" {
		return why
	}
	wholesale := slices.ContainsFunc(pass.allow, func(a string) bool { return strings.HasPrefix(a, "prune:") })
	if isCostly(r.asset) && !wholesale && !slices.Contains(pass.allow, "delete:"+id) {
		return "deleted " + id + " without an approval"
	}
	if limit := max(5, len(f.owned)/10); len(pass.gone) >= limit && !pass.gone[r.asset] && !wholesale {
		return fmt.Sprintf("deleted more than %d assets without an approval", limit)
	}
	return ""
}

// unraced reports whether the pass has read an asset as it is, "" being none.
func (p *passFacts) unraced(asset string) bool {
	return asset != "" && p.seen[asset] && !p.raced[asset] && p.owner[asset] != ours
}

// history reports whether an asset is a version of a name of which git has a
// later one in the same file.
func (f *facts) history(forest forest, asset string) bool {
	name, version, ok := strings.Cut(asset, "/versions/")
	n, err := strconv.Atoi(version)
	if !ok || err != nil {
		return false
	}
	for _, i := range forest {
		if i.Version > n && strings.HasPrefix(i.path(), name+"/versions/") && path.Dir(f.files[idOf(asset)]) == i.Folder {
			return true
		}
	}
	return false
}

// uses reports whether git has the asset of a path, "" being none.
func (c *commit) uses(path string) bool {
	return path != "" && !strings.HasPrefix(path, "jobs/") && c.forest.has(path)
}

func versioned(collection string) bool {
	return slices.Contains([]string{"environments", "data", "models", "components", "codes"}, collection)
}

// unseen says why a pass may not delete an asset for want of having read it.
func (f *facts) unseen(pass *passFacts, asset string) string {
	seg := strings.Split(asset, "/")
	if done, asked := pass.lists[seg[0]]; asked && !done {
		return "deleted although the list of " + seg[0] + " was not read to the end"
	}
	if len(seg) == 4 && seg[2] == "deployments" {
		if done, asked := pass.lists[strings.Join(seg[:3], "/")]; asked && !done {
			return "deleted although the list of " + strings.Join(seg[:3], "/") + " was not read to the end"
		}
	}
	if !pass.seen[asset] {
		return "deleted what was not read"
	}
	return ""
}

// noOrphan (I2): every asset that we make is in the journal from before the
// call, and what the service agreed to make for us is ours; once everything is applied, what is ours and live is what git wants.
func noOrphan(f *facts, r *record) string {
	if r.kind == settledRec {
		return orphans(f, r)
	}
	if r.kind == journalled && r.call == "finish" {
		for _, e := range r.ends {
			if path := pathOf(e.Outcome.Key.ID.String()); e.Outcome.Action == plan.Adopt && e.Outcome.State == plan.Done && f.accepted[path] {
				return "takes " + path + " over as somebody else's, and made it"
			}
		}
	}
	if !r.writes() || r.method != http.MethodPut || strings.HasPrefix(r.asset, "codes/") {
		return ""
	}
	if !f.intended(r) {
		return "wrote " + r.asset + " without an intent in the journal"
	}
	return ""
}

// intended reports whether the process of a request has an open intent for it.
func (f *facts) intended(r *record) bool {
	for _, in := range f.intents {
		if in.open && in.p == r.p && samePath(pathOf(in.id), r.asset) {
			return true
		}
	}
	return false
}

// samePath reports whether an asset is the one of an intent: itself, the name
// that its versions share or, for inline assets, the version that the service
// chose.
func samePath(intent, asset string) bool {
	if intent == asset || strings.HasPrefix(intent, asset+"/versions/") {
		return true
	}
	a, b := strings.Split(intent, "/"), strings.Split(asset, "/")
	return len(a) == 4 && len(b) == 4 && a[0] == b[0] && a[1] == b[1] && strings.Contains(strings.ToLower(a[1]), "anonymous")
}

// orphans says what is ours and live and not in git, and what git wants and is
// not there, once everything is applied.
func orphans(f *facts, r *record) string {
	forest := f.head.forest
	for path := range f.made {
		if !f.prune || forest.has(path) || !forest.removable(path) {
			continue
		}
		doc := r.world.peek(path)
		if doc == nil || isArchived(doc) || stamped(doc) != ours || r.world.archivedName(path) || r.world.usedBy(path) != "" || r.world.holdsOthers(path) {
			continue
		}
		if f.swaps > 0 && strings.Contains(path, "/versions/") {
			continue // what a lost journal knew of older versions is lost with it
		}
		return "left over: " + path
	}
	for _, k := range forest.keys() {
		i := forest[k]
		path := i.path()
		if path == "" || f.excused(r.world, forest, i) {
			continue
		}
		doc := r.world.peek(path)
		if doc == nil {
			return "git wants " + path + ", and it is not there"
		}
		if stamped(doc) != ours && f.made[path] && !f.released[path] {
			return path + " lost its stamp"
		}
	}
	return ""
}

// excused reports whether an item cannot be as git says, as somebody else owns
// its asset or one that it needs, or the rules want its drift to be reported only.
func (f *facts) excused(w looker, forest forest, i item) bool {
	if path := i.path(); path != "" {
		if owner := stamped(w.peek(path)); owner != "" && owner != ours {
			return true
		}
		for name := range i.Traffic { // waits for its deployments
			if d, ok := forest[strings.Replace(i.Kind, "endpoint", "deployment", 1)+" "+i.Name+"/"+name]; ok && f.excusedBy(w, forest, d.Uses) {
				return true
			}
		}
		if (i.Kind == "data" || f.adopted[path]) && f.removed[path] { // drift that is only reported
			return true
		}
	}
	needs := slices.Clone(i.Uses)
	if i.Parent != "" {
		needs = append(needs, parentKey(i))
	}
	return f.excusedBy(w, forest, needs)
}

// excusedBy reports whether one of the items of the keys is excused.
func (f *facts) excusedBy(w looker, forest forest, keys []string) bool {
	return slices.ContainsFunc(keys, func(k string) bool {
		n, ok := forest[k]
		return ok && f.excused(w, forest, n)
	})
}

// removable reports whether the assets of a path are taken away once git no
// longer has them.
func (f forest) removable(path string) bool {
	seg := strings.Split(path, "/")
	switch seg[0] {
	case "codes", "components", "jobs":
		return false
	case "models", "data", "environments":
		if strings.Contains(strings.ToLower(seg[1]), "anonymous") {
			return false
		}
		for _, i := range f { // while a file holds a later version, the others are history
			kind := strings.TrimPrefix(i.Kind, "auto-")
			if collections[kind] == seg[0] && i.Name == seg[1] {
				return false
			}
		}
	}
	return true
}

// noDouble (I3): a creation whose end is not known is read back before it is
// tried again, a job is submitted once, and an automatic version is not made
// twice.
func noDouble(f *facts, r *record) string {
	if !r.writes() || r.method != http.MethodPut {
		return ""
	}
	if p, ok := f.doubtful[r.asset]; ok && p == r.p {
		return "sent the creation of " + r.asset + " again without a look at what became of it"
	}
	if strings.HasPrefix(r.asset, "jobs/") {
		if r.before != nil && !sendsArchived(r) {
			return "submitted a job that has run"
		}
		if old := f.jobs[jobKey(r.body)]; r.before == nil && old != "" && old != r.asset {
			return "submitted the job of " + old + " again as " + r.asset
		}
	}
	return ""
}

// singleWriter (I4): nothing is noted by a run that a newer one has overtaken,
// and no request goes out without an intent of a run that was the newest when
// it was noted.
func singleWriter(f *facts, r *record) string {
	if r.kind == journalled && r.effect && r.call == "intend" && r.gen != f.gen {
		return fmt.Sprintf("run %d notes an intent, and run %d has begun", r.gen, f.gen)
	}
	if r.kind == journalled && r.effect && (r.call == "finish" || r.call == "own") && r.gen != f.gen {
		return fmt.Sprintf("run %d notes outcomes, and run %d has begun", r.gen, f.gen)
	}
	if r.writes() && !strings.HasPrefix(r.asset, "codes/") && r.gen == 0 {
		return "wrote " + r.asset + " outside a run"
	}
	return ""
}

// newestWins (I5): no run begins for a commit that is older than that of an
// earlier run, and once faults have ended the newest commit is reached.
func newestWins(f *facts, r *record) string {
	if r.kind == journalled && r.call == "begin" && r.effect {
		if c := f.pass(r.p).commit; c != nil && c.pub < f.pub {
			return fmt.Sprintf("a run begins for publication %d after one for publication %d", c.pub, f.pub)
		}
	}
	if r.kind == passEnded && r.plan != nil && f.pass(r.p).commit != nil && f.pass(r.p).commit.complete() && f.calm {
		if bad := r.plan.Problems.Errors(); len(bad) > 0 {
			return "a tree without mistakes has problems: " + bad[0].Text
		}
		for _, o := range r.run.Outcomes {
			// An endpoint takes one change at a time; the next run tries again.
			busy := strings.Contains(o.Err, "provisioning state") || strings.Contains(o.Err, "operation on it goes on")
			if o.State == plan.Failed && o.Action != "" && !busy {
				return "nothing fails any more, and " + o.Key.String() + " did: " + o.Err
			}
		}
	}
	if r.kind != settledRec {
		return ""
	}
	if r.err != nil {
		return "the newest commit was not reached: " + r.err.Error()
	}
	for _, k := range f.head.forest.keys() {
		if i := f.head.forest[k]; f.excused(r.world, f.head.forest, i) {
			continue
		} else if why := f.differs(r.world, i); why != "" {
			return "not as the newest commit says: " + why
		}
	}
	return ""
}

// differs says how a live asset differs from its item; "" if it does not, as
// far as the file says and the rules want it.
func (f *facts) differs(w looker, i item) string {
	if i.Kind == "auto-environment" {
		return w.noVersion(i)
	}
	path := i.path()
	if path == "" {
		return ""
	}
	doc := w.peek(path)
	if doc == nil {
		return path + " is not there"
	}
	if !f.made[path] || f.adopted[path] || i.Kind == "data" || stamped(doc) != ours { // adopted, or reported only
		return ""
	}
	got := text(doc, "properties", "description")
	if i.Kind == "component" {
		got = text(doc, "properties", "componentSpec", "description")
	}
	if !i.Mute && i.Kind != "environment" && got != i.description() {
		return fmt.Sprintf("%s is described as %q and not %q", path, got, i.description())
	}
	if state := text(doc, "properties", "provisioningState"); strings.EqualFold(state, "Failed") {
		return path + " has failed"
	}
	switch i.Kind {
	case "compute":
		if got := text(doc, "properties", "properties", "vmSize"); !strings.EqualFold(got, i.size()) {
			return path + " has the size " + got
		}
	case "online-endpoint":
		for name := range i.Traffic {
			if owner := stamped(w.peek(path + "/deployments/" + name)); owner != "" && owner != ours {
				return "" // what somebody else owns gets no traffic from us
			}
		}
		for name, share := range i.Traffic {
			if got, _ := at(doc, "properties", "traffic", name).(float64); int(got) != share {
				return fmt.Sprintf("%s sends %v%% to %s and not %d%%", path, got, name, share)
			}
		}
	}
	return ""
}

// unownedUnchanged (I6): what nobody asked us to manage stays as it is, byte
// for byte: assets that git does not have and we do not own, and of the others
// the fields and tags that git does not mention. Drift that is only reported
// is not written over.
func unownedUnchanged(f *facts, r *record) string {
	if !r.writes() || r.before == nil || strings.HasPrefix(r.asset, "codes/") {
		return ""
	}
	c := f.pass(r.p).commit
	if c == nil {
		return ""
	}
	inGit := c.forest.has(r.asset)
	if owner := f.pass(r.p).owner[r.asset]; owner != "" && owner != ours {
		return "wrote " + r.asset + ", which belongs to " + owner
	}
	if !inGit && stamped(r.before) == "" && !f.owned[idOf(r.asset)] && len(strings.Split(r.asset, "/")) != 2 {
		return "wrote " + r.asset + ", which is nobody's"
	}
	if r.method != http.MethodPut || !r.effect || r.status >= 300 || r.after == nil || f.pass(r.p).raced[r.asset] {
		return ""
	}
	for name, old := range tagsOf(r.before) {
		if !strings.HasPrefix(name, "mlsync-") && tagsOf(r.after)[name] != old {
			return fmt.Sprintf("took the tag %s off %s", name, r.asset)
		}
	}
	was, is := text(r.before, "properties", "description"), text(r.after, "properties", "description")
	for _, k := range c.forest.keys() {
		i := c.forest[k]
		if i.path() != r.asset || was == is {
			continue
		}
		switch {
		case i.Mute:
			// A field that git gave up may go back to the service's own value.
			if was != "" && !strings.HasPrefix(was, "revision ") {
				return fmt.Sprintf("changed the description of %s, which git does not mention, from %q to %q", r.asset, was, is)
			}
		case i.Kind == "data" && f.sent[r.asset] == i.description() && was != f.sent[r.asset]:
			return "wrote over the drift of " + r.asset + ", which is only to be reported"
		}
	}
	return ""
}

// idleSilent (I7): once everything is applied, another run writes nothing and
// notes no intent.
func idleSilent(f *facts, r *record) string {
	switch {
	case !f.silent:
	case r.kind == requested && r.method != http.MethodGet && r.method != http.MethodHead:
		return "wrote " + r.String() + " with nothing to do"
	case r.kind == journalled && r.call == "intend":
		return "intends " + r.key.String() + " with nothing to do"
	}
	return ""
}

// secretsHidden (I8): a secret is in the body of the request that needs it,
// and nowhere else.
func secretsHidden(_ *facts, r *record) string {
	found := func(s string) bool { return strings.Contains(s, canaryMark) }
	switch r.kind {
	case requested:
		if found(r.path) || found(r.query) || found(string(r.body)) && !strings.HasPrefix(r.asset, "datastores/") {
			return "a secret is in " + r.String()
		}
	case journalled:
		for _, e := range r.ends {
			if found(e.Outcome.Err) {
				return "a secret is in the outcome of " + e.Outcome.Key.String()
			}
			if e.Own != nil {
				if body, err := e.Own.Body.MarshalJSON(); err == nil && found(string(body)) {
					return "a secret is in what the journal keeps of " + e.Own.ID.String()
				}
			}
		}
		if found(r.run.Err) {
			return "a secret is in the end of a run"
		}
	case prepared:
		if text, err := json.Marshal(r.plan); err == nil && found(string(text)) {
			return "a secret is in a plan"
		}
	case passEnded:
		if r.err != nil && found(r.err.Error()) {
			return "a secret is in an error"
		}
	case settledRec:
		if where := r.world.leak(); where != "" {
			return "a secret is in " + where
		}
	default:
	}
	return ""
}

// honestStatus (I9): a run that says that all is well has read everything, and
// the workspace is as its commit says; nothing is begun while the target is on
// hold.
func honestStatus(f *facts, r *record) string {
	if r.kind == journalled && r.call == "intend" && r.effect && f.held {
		return "begins " + r.key.String() + " while the target is on hold"
	}
	if r.kind != passEnded || !claims(r) {
		return ""
	}
	pass := f.pass(r.p)
	for coll, done := range pass.lists {
		if !done && r.plan.Complete() && !strings.HasPrefix(coll, "codes/") {
			return "in sync, and the list of " + coll + " was not read to the end"
		}
	}
	if pass.commit == nil || !pass.commit.complete() {
		return "in sync with a tree that could not be read"
	}
	for _, k := range pass.commit.forest.keys() {
		i := pass.commit.forest[k]
		if !pass.undisturbed || f.excused(r.world, pass.commit.forest, i) {
			break
		}
		if why := f.differs(r.world, i); why != "" && (r.task != "sync" || !f.wasEdited[i.path()]) {
			return "in sync, and " + why
		}
	}
	return ""
}

// claims reports whether the end of a pass says that all is well.
func claims(r *record) bool {
	if r.err != nil || r.plan == nil || r.run.State != plan.Done || len(r.plan.Refusals())+len(r.plan.Blocked()) > 0 || r.plan.Unfinished() || !r.plan.Complete() {
		return false
	}
	return !slices.ContainsFunc(r.run.Outcomes, func(o plan.Outcome) bool { return o.State != plan.Done })
}

// The bounds of one pass: of a tree of at most some forty assets.
const (
	mostRequests = 6000
	longestPass  = deadline + 2*time.Minute
)

// bounded (I10): a pass ends within its deadline and asks no more than it has
// reason to. That no goroutine stays behind is checked by the bubble itself.
func bounded(f *facts, r *record) string {
	pass := f.pass(r.p)
	if r.kind == requested && pass.requests > mostRequests {
		return fmt.Sprintf("one process has sent %d requests", pass.requests)
	}
	return ""
}

// traffic (I11): live traffic sums to 0 or 100 and never names a deployment
// that is absent or failed, neither in what we send nor in what is live.
func traffic(f *facts, r *record) string {
	if r.kind != requested || !r.writes() || !strings.HasPrefix(r.asset, "onlineEndpoints/") {
		return ""
	}
	if r.method == http.MethodPut && strings.Count(r.asset, "/") == 1 {
		var sent map[string]any
		if json.Unmarshal(r.body, &sent) == nil {
			if why := routes(f, r, sent); why != "" {
				return "sends traffic of " + r.asset + " " + why
			}
		}
	}
	endpoint := strings.Join(strings.Split(r.asset, "/")[:2], "/")
	if doc := r.world.peek(endpoint); doc != nil {
		if why := routes(f, r, doc); why != "" {
			return "live traffic of " + endpoint + " goes " + why
		}
	}
	return ""
}

// routes says what is wrong with the traffic of an endpoint.
func routes(f *facts, r *record, doc map[string]any) string {
	sum := 0.0
	shares, _ := at(doc, "properties", "traffic").(map[string]any)
	endpoint := strings.Join(strings.Split(r.asset, "/")[:2], "/")
	for name, v := range shares {
		share, _ := v.(float64)
		sum += share
		if share == 0 {
			continue
		}
		d := r.world.peek(endpoint + "/deployments/" + name)
		if d == nil && f.pass(r.p).raced[endpoint+"/deployments/"+name] && r.status >= 400 {
			continue // somebody took it away after it was read, and the service refused
		}
		if d == nil {
			return "to " + name + ", which is not there"
		}
		if state := text(d, "properties", "provisioningState"); strings.EqualFold(state, "Failed") && sentBy(r, endpoint, name) {
			return "to " + name + ", which failed"
		}
	}
	if sum != 0 && sum != 100 {
		return fmt.Sprintf("in shares that sum to %v", sum)
	}
	return ""
}

func sentBy(r *record, endpoint, name string) bool {
	var sent map[string]any
	return r.asset == endpoint && r.effect && json.Unmarshal(r.body, &sent) == nil && trafficIn(sent)[name] > 0
}

// idOf is the id of an asset by its path: the inverse of pathOf.
func idOf(path string) string {
	seg := strings.Split(path, "/")
	for kind, coll := range collections {
		if coll != seg[0] {
			continue
		}
		switch {
		case len(seg) == 2:
			return kind + "/" + seg[1]
		case seg[2] == "versions":
			return kind + "/" + seg[1] + ":" + seg[3]
		default:
			return strings.Replace(kind, "endpoint", "deployment", 1) + "/" + seg[1] + "/" + seg[3]
		}
	}
	return path
}

// sendsArchived reports whether a body says that its asset is archived.
func sendsArchived(r *record) bool {
	var sent map[string]any
	return json.Unmarshal(r.body, &sent) == nil && isArchived(sent)
}
