package sim_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/emulator"
)

// Where a fault strikes.
const (
	service = "service"
	storage = "storage"
	git     = "git"
)

// A fault is one entry of the fault menu in force.
type fault struct {
	Name, Where string
	// On is a part of what is struck: of the method, a space and the path of a
	// request, or of the name of an access to the journal.
	On string
	// Times is how often it strikes.
	Times int
}

// A menu entry says what a fault does to a request. f gets what the service
// answers by calling serve; without that the request has no effect.
type menu struct {
	name string
	// reads and writes say what it strikes.
	reads, writes bool
	// certain says that the client learns that nothing was done.
	certain bool
	do      func(w *world, o *op, r *record, serve func() *answer) *answer
}

// serviceMenu are the faults of the service that one request shows.
var serviceMenu = []menu{
	{"401", true, true, true, status(http.StatusUnauthorized, "InvalidAuthenticationToken")},
	{"403", true, true, true, status(http.StatusForbidden, "AuthorizationFailed")},
	{"409", false, true, true, status(http.StatusConflict, "Conflict")},
	{"412", false, true, true, status(http.StatusPreconditionFailed, "PreconditionFailed")},
	{"429", true, true, true, status(http.StatusTooManyRequests, "TooManyRequests")},
	{"429-after", true, true, true, retryAfter("7")},
	{"429-skewed", true, true, true, skewed},
	{"quota", false, true, true, status(http.StatusBadRequest, "QuotaExceeded")},
	{"500", true, true, false, status(http.StatusInternalServerError, "InternalServerError")},
	{"502", true, true, false, status(http.StatusBadGateway, "BadGateway")},
	{"503", true, true, false, status(http.StatusServiceUnavailable, "ServiceUnavailable")},
	{"500-done", false, true, false, done(status(http.StatusInternalServerError, "InternalServerError"))},
	{"503-done", false, true, false, done(status(http.StatusServiceUnavailable, "ServiceUnavailable"))},
	{"reset", true, true, false, reset},
	{"reset-done", false, true, false, done(reset)},
	{"html", true, true, false, html},
	{"html-done", false, true, false, done(html)},
	{"empty", true, false, false, empty},
	{"empty-done", false, true, false, done(empty)},
	{"type", true, false, false, wrongType},
	{"cut", true, true, false, cut},
	{"slow", true, true, true, slow(5 * time.Second)},
	{"hang", true, true, false, slow(3 * time.Minute)},
	{"next-loop", true, false, false, loop},
	{"next-404", true, false, false, next(func(r *record) string { return base + r.path + "?" + r.query + "&gone=1" })},
	{"page-404", true, false, false, laterPage},
	{"operation-lost", false, true, false, emulated("lro-404")},
	{"operation-fails", false, true, false, emulated("lro-fail=OutOfQuota")},
	{"list-lags", false, true, false, emulated("invisible=40s")},
	{"stuck", true, false, false, stuck},
	{"changing", true, false, true, changing},
}

// storageMenu are the faults of the journal's storage.
var storageMenu = []string{"disk-full", "sync-error"}

// gitMenu are the faults of fetching.
var gitMenu = []string{"timeout", "endless pack", "unknown host key", "a maintenance page", "the branch is gone"}

func menuOf(name string) *menu {
	for i := range serviceMenu {
		if serviceMenu[i].name == name {
			return &serviceMenu[i]
		}
	}
	return nil
}

// struck is the first fault in force that strikes; nil if there is none.
func (w *world) struck(where, what string) *fault {
	for _, f := range w.faults {
		if f.Times <= 0 || f.Where != where || !strings.Contains(what, f.On) {
			continue
		}
		if m := menuOf(f.Name); where == service && (m == nil || !m.strikes(what) || ofBlobs(what) && !slices.Contains(blobFaults, f.Name)) {
			continue
		}
		f.Times--
		return f
	}
	return nil
}

// blobFaults strike requests to blob storage. Its client tries again after a
// time that it throws dice for, unless it is told when to.
var blobFaults = []string{"401", "403", "409", "412", "429-after", "500", "502", "503", "500-done", "503-done", "slow", "hang"}

func ofBlobs(what string) bool {
	_, path, _ := strings.Cut(what, " ")
	return !strings.HasPrefix(path, "/subscriptions/") && strings.HasPrefix(path, "/st")
}

func (m *menu) strikes(what string) bool {
	if strings.HasPrefix(what, http.MethodGet) || strings.HasPrefix(what, http.MethodHead) {
		return m.reads
	}
	return m.writes
}

// answer is the answer to a request under a fault, which may be nil.
func (w *world) answer(f *fault, o *op, r *record, req *http.Request) *answer {
	serve := func() *answer { return w.serve(r, req) }
	if f == nil && w.loops[r.path] && r.method == http.MethodGet {
		f = &fault{Name: "next-loop"}
	}
	if f == nil {
		r.known = true
		return serve()
	}
	m := menuOf(f.Name)
	r.fault, r.known = f.Name, m.certain
	a := m.do(w, o, r, serve)
	if ofBlobs(r.String()) && a.status >= 400 {
		a.header.Set("Retry-After", "2")
	}
	if r.status == 0 && a != nil {
		r.status = a.status
	}
	return a
}

type act = func(w *world, o *op, r *record, serve func() *answer) *answer

// status answers a refusal of the service.
func status(code int, word string) act {
	return func(*world, *op, *record, func() *answer) *answer {
		body, _ := json.Marshal(map[string]any{"error": map[string]string{"code": word, "message": "Injected by the simulation."}})
		return &answer{status: code, header: http.Header{"Content-Type": {"application/json"}, "X-Ms-Response-Type": {"error"}}, body: body}
	}
}

func retryAfter(seconds string) act {
	return func(w *world, o *op, r *record, serve func() *answer) *answer {
		a := status(http.StatusTooManyRequests, "TooManyRequests")(w, o, r, serve)
		a.header.Set("Retry-After", seconds)
		return a
	}
}

// skewed tells when to come again by a clock that is an hour ahead.
func skewed(w *world, o *op, r *record, serve func() *answer) *answer {
	a := status(http.StatusTooManyRequests, "TooManyRequests")(w, o, r, serve)
	theirs := w.now().Add(time.Hour)
	a.header.Set("Date", theirs.UTC().Format(http.TimeFormat))
	a.header.Set("Retry-After", theirs.Add(9*time.Second).UTC().Format(http.TimeFormat))
	return a
}

// done lets the request have its effect first.
func done(then act) act {
	return func(w *world, o *op, r *record, serve func() *answer) *answer {
		serve()
		return then(w, o, r, serve)
	}
}

func reset(*world, *op, *record, func() *answer) *answer { return &answer{reset: true} }

func html(*world, *op, *record, func() *answer) *answer {
	return &answer{status: http.StatusOK, header: http.Header{"Content-Type": {"text/html"}}, body: []byte("<html><body>Maintenance</body></html>")}
}

func empty(*world, *op, *record, func() *answer) *answer {
	return &answer{status: http.StatusOK, header: http.Header{}}
}

func wrongType(_ *world, _ *op, _ *record, serve func() *answer) *answer {
	a := serve()
	a.header = http.Header{"Content-Type": {"text/plain"}}
	a.body = []byte("upstream said: " + strconv.Itoa(a.status))
	return a
}

func cut(_ *world, _ *op, _ *record, serve func() *answer) *answer {
	a := serve()
	a.cut = true
	return a
}

// slow holds the answer back.
func slow(d time.Duration) act {
	return func(_ *world, o *op, _ *record, serve func() *answer) *answer {
		o.late = d
		return serve()
	}
}

// next gives a list a next link; other answers stay as they are.
func next(link func(*record) string) act {
	return func(w *world, _ *op, r *record, serve func() *answer) *answer {
		if strings.Contains(r.query, "gone=1") {
			return status(http.StatusNotFound, "ResourceNotFound")(w, nil, r, serve)
		}
		a := serve()
		var doc map[string]any
		if json.Unmarshal(a.body, &doc) != nil || doc["value"] == nil {
			r.known = true
			return a
		}
		doc["nextLink"] = link(r)
		a.body, _ = json.Marshal(doc)
		if !strings.Contains(link(r), "gone=1") {
			return a
		}
		w.faults = append(w.faults, &fault{Name: "next-404", Where: service, On: "gone=1", Times: 1})
		return a
	}
}

// loop gives a list a next link that leads back to it, from now on.
func loop(w *world, o *op, r *record, serve func() *answer) *answer {
	if collectionPath(r.path) != "" {
		w.loops[r.path] = true
	}
	return next(func(r *record) string { return base + r.path + "?" + r.query })(w, o, r, serve)
}

// laterPage answers 404 for a page that is not the first.
func laterPage(w *world, o *op, r *record, serve func() *answer) *answer {
	if !strings.Contains(r.query, "skip") {
		r.known = true
		return serve()
	}
	return status(http.StatusNotFound, "ResourceNotFound")(w, o, r, serve)
}

// emulated is a fault that the emulator carries out.
func emulated(text string) act {
	return func(w *world, _ *op, r *record, serve func() *answer) *answer {
		f, err := emulator.ParseFault(text)
		if err != nil {
			panic(err)
		}
		w.em.AddFault(f)
		defer w.em.ClearFaults()
		r.known = true
		return serve()
	}
}

// stuck shows an operation as being under way.
func stuck(_ *world, _ *op, r *record, serve func() *answer) *answer {
	a := serve()
	if strings.Contains(r.path, "OperationsStatus") {
		a.body = []byte(`{"status":"InProgress"}`)
	} else {
		r.fault = "" // the answer is the true one
	}
	r.known = true
	return a
}

// changing lets the user change something right after it was read.
func changing(w *world, _ *op, r *record, serve func() *answer) *answer {
	a := serve()
	r.known = true
	w.later = append(w.later, func() { w.edit(w.sched.rng, "describe") })
	return a
}
