package emulator

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// deploymentHeader sends a request to one deployment, whatever the traffic says (documented). That the answer bears it
// as well is inferred.
const deploymentHeader = "azureml-model-deployment"

// maxScore bounds the body of a request to an endpoint (documented: 1.5 MB).
const maxScore = 1_500_000

// scoring is what is set and counted of the deployments behind scoring URIs, by lower-case resource id.
type scoring struct {
	mu     sync.Mutex
	set    map[string]scoreAnswer
	counts map[string]*Scored
	turn   map[string]int // requests that the traffic decided, by endpoint
}

func newScoring() *scoring {
	return &scoring{set: map[string]scoreAnswer{}, counts: map[string]*Scored{}, turn: map[string]int{}}
}

// Scored is how many requests a deployment got: by traffic, by name in the header, and as copies of live ones.
type Scored struct {
	Workspace  string `json:"workspace"`
	Endpoint   string `json:"endpoint"`
	Deployment string `json:"deployment"`
	Live       int    `json:"live"`
	Named      int    `json:"named"`
	Mirrored   int    `json:"mirrored"`
}

// scoreAnswer is what a deployment answers. The zero value echoes who answers.
type scoreAnswer struct {
	Workspace  string          `json:"workspace"` // "" for every one
	Endpoint   string          `json:"endpoint"`
	Deployment string          `json:"deployment"` // "" for all of the endpoint
	Status     int             `json:"status"`     // of the model's container; 0 is 200
	Body       json.RawMessage `json:"body"`
	Delay      string          `json:"delay"`
	delay      time.Duration
}

// scoreTarget says whether a request is for a scoring URI, {endpoint}.{region}.inference.ml.azure.com.
func scoreTarget(r *http.Request) (endpoint, region string, ok bool) {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	name, found := strings.CutSuffix(strings.ToLower(host), ".inference.ml.azure.com")
	if !found {
		return "", "", false
	}
	endpoint, region, ok = strings.Cut(name, ".")
	return endpoint, region, ok
}

// score answers as the front of an online endpoint does: it looks at the key, chooses a deployment by the header or by
// the traffic, and passes on what the model's container says.
func (s *Server) score(w http.ResponseWriter, r *http.Request, endpoint, region string) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxScore+1))
	if err != nil {
		return // the client went away
	}
	w.Header().Set("x-ms-request-id", guidOf(r.Host+s.opt.Now().String()))
	refuse := func(status int, message string) {
		http.Error(w, `{"error":{"code":`+strconv.Quote(http.StatusText(status))+`,"message":`+strconv.Quote(message)+`}}`, status)
	}
	switch {
	case r.URL.Path != "/score":
		refuse(http.StatusNotFound, "there is no such route")
		return
	case len(body) > maxScore:
		refuse(http.StatusRequestEntityTooLarge, "the request is larger than 1.5 MB")
		return
	}
	found, allowed := s.scored(endpoint, region, r.Header.Get("Authorization"))
	switch {
	case found == nil:
		refuse(http.StatusNotFound, "there is no such endpoint")
		return
	case !allowed:
		refuse(http.StatusUnauthorized, "the key or token is missing, expired or not that of the endpoint")
		return
	}
	one, mirror := s.scoring.choose(found, r.Header.Get(deploymentHeader))
	if one == "" {
		refuse(http.StatusNotFound, "the endpoint has no valid deployment with positive weight")
		return
	}
	if mirror != "" {
		s.scoring.count(found, mirror, func(n *Scored) { n.Mirrored++ })
	}
	s.answerScore(w, r, found, one)
}

// answerScore answers as the container of a deployment does. What is not 200 becomes 424 (documented).
func (s *Server) answerScore(w http.ResponseWriter, r *http.Request, e *scoredEndpoint, deployment string) {
	a := s.scoring.answer(e, deployment)
	if !s.wait(r.Context(), a.delay) {
		return
	}
	out := []byte(a.Body)
	if len(out) == 0 {
		out = encode(obj{"endpoint": e.name, "deployment": deployment})
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set(deploymentHeader, deployment)
	status := http.StatusOK
	if a.Status != 0 && a.Status != http.StatusOK {
		status = http.StatusFailedDependency
		h.Set("ms-azureml-model-error-statuscode", strconv.Itoa(a.Status))
		h.Set("ms-azureml-model-error-reason", "model_error")
	}
	w.WriteHeader(status)
	_, _ = w.Write(out) // a client that went away has its own error
}

// scoredEndpoint is what routing wants to know of an endpoint.
type scoredEndpoint struct {
	id, workspace, name string
	traffic, mirror     map[string]int
	valid               []string // deployments that can answer, in order
}

// scored finds the endpoint of a host. Names are unique in a region of the service; here several workspaces may have
// one, and the key says whose is meant.
func (s *Server) scored(endpoint, region, auth string) (found *scoredEndpoint, allowed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opt.Now()
	s.settle(now)
	for _, sc := range s.store.order {
		c := sc.coll("onlineEndpoints")
		if c == nil || c.get(endpoint) == nil {
			continue
		}
		r := c.get(endpoint)
		doc := s.document(r)
		if !strings.EqualFold(str(doc, "location"), region) {
			continue
		}
		e := &scoredEndpoint{id: strings.ToLower(r.id()), workspace: sc.name, name: r.name, traffic: shares(sub(doc, "properties"), "traffic"), mirror: shares(sub(doc, "properties"), "mirrorTraffic")}
		for _, d := range r.children.byName {
			if str(sub(s.document(d), "properties"), "provisioningState") == "Succeeded" {
				e.valid = append(e.valid, d.name)
			}
		}
		slices.Sort(e.valid)
		if keyOpens(r, str(sub(doc, "properties"), "authMode"), auth, now) {
			return e, true
		}
		found = e
	}
	return found, false
}

func shares(props obj, key string) map[string]int {
	out := map[string]int{}
	for name, v := range sub(props, key) {
		if n, ok := number(v); ok && n > 0 {
			out[strings.ToLower(name)] = int(n)
		}
	}
	return out
}

// keyOpens reports whether a key or token is good for the endpoint.
func keyOpens(r *resource, mode, auth string, now time.Time) bool {
	key, ok := strings.CutPrefix(auth, "Bearer ")
	if !ok || key == "" {
		return false
	}
	if mode == "Key" || mode == "" {
		return key == str(r.secret, "primaryKey") || key == str(r.secret, "secondaryKey")
	}
	part := strings.Split(key, ".")
	if len(part) != 3 {
		return false
	}
	raw, err := base64.RawURLEncoding.DecodeString(part[1])
	var claims struct {
		Aud string
		Exp int64
	}
	if err != nil || json.Unmarshal(raw, &claims) != nil || claims.Exp <= now.Unix() {
		return false
	}
	return strings.TrimSuffix(claims.Aud, "/") == "https://ml.azure.com"
}

// choose is the deployment that answers, "" for none, and the one that gets a copy. Each hundred requests are shared
// out as the traffic says, to the last one.
func (sc *scoring) choose(e *scoredEndpoint, named string) (one, mirror string) {
	if named != "" {
		i := slices.IndexFunc(e.valid, func(d string) bool { return strings.EqualFold(d, named) })
		if i < 0 {
			return "", ""
		}
		sc.count(e, e.valid[i], func(n *Scored) { n.Named++ })
		return e.valid[i], ""
	}
	sc.mu.Lock()
	at := sc.turn[e.id] * 37 % 100 // every number below 100 once in a hundred turns
	sc.turn[e.id]++
	sc.mu.Unlock()
	sum := 0
	for _, d := range e.valid {
		if sum += e.traffic[strings.ToLower(d)]; at < sum && one == "" {
			one = d
		}
	}
	if one == "" {
		return "", ""
	}
	for _, d := range e.valid {
		if share := e.mirror[strings.ToLower(d)]; at < share {
			mirror = d
		}
	}
	sc.count(e, one, func(n *Scored) { n.Live++ })
	return one, mirror
}

func (sc *scoring) count(e *scoredEndpoint, deployment string, add func(*Scored)) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	key := e.id + "/" + strings.ToLower(deployment)
	if sc.counts[key] == nil {
		sc.counts[key] = &Scored{Workspace: e.workspace, Endpoint: e.name, Deployment: deployment}
	}
	add(sc.counts[key])
}

// answer is what was set for a deployment: for itself, else for its endpoint.
func (sc *scoring) answer(e *scoredEndpoint, deployment string) scoreAnswer {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	for _, ws := range []string{e.workspace, ""} {
		for _, d := range []string{deployment, ""} {
			if a, ok := sc.set[scoreKey(ws, e.name, d)]; ok {
				return a
			}
		}
	}
	return scoreAnswer{}
}

func scoreKey(workspace, endpoint, deployment string) string {
	return strings.ToLower(workspace + "\x00" + endpoint + "\x00" + deployment)
}

// controlScoring serves /__scoring.
func (s *Server) controlScoring(w http.ResponseWriter, r *http.Request) {
	sc := s.scoring
	switch r.Method {
	case http.MethodGet:
		writeJSON(w, http.StatusOK, map[string]any{"scored": s.Scored()})
	case http.MethodDelete:
		sc.mu.Lock()
		clear(sc.set)
		clear(sc.counts)
		clear(sc.turn)
		sc.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	case http.MethodPost:
		var a scoreAnswer
		dec := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
		dec.DisallowUnknownFields()
		err := dec.Decode(&a)
		if err == nil && a.Delay != "" {
			a.delay, err = time.ParseDuration(a.Delay)
		}
		if err != nil || a.Endpoint == "" {
			writeJSON(w, http.StatusBadRequest, map[string]any{"error": "want JSON with endpoint, and workspace, deployment, status, body, delay as needed"})
			return
		}
		sc.mu.Lock()
		sc.set[scoreKey(a.Workspace, a.Endpoint, a.Deployment)] = a
		sc.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	default:
		writeJSON(w, http.StatusMethodNotAllowed, map[string]any{"error": "GET, POST or DELETE"})
	}
}

// Scored says how many requests each deployment got, in the order of names.
func (s *Server) Scored() []Scored {
	s.scoring.mu.Lock()
	defer s.scoring.mu.Unlock()
	out := []Scored{}
	for _, n := range s.scoring.counts {
		out = append(out, *n)
	}
	slices.SortFunc(out, func(a, b Scored) int {
		return strings.Compare(scoreKey(a.Workspace, a.Endpoint, a.Deployment), scoreKey(b.Workspace, b.Endpoint, b.Deployment))
	})
	return out
}
