package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/access"
	"mlsync.dev/mlsync/internal/limit"
)

// Server answers to requests below /api/v1.
type Server struct {
	o       Options
	routes  []route
	mux     *http.ServeMux
	rate    *rates // of principals
	guesses *rates // of addresses with wrong credentials
	places  chan struct{}
	streams *streams
}

// New makes a server.
func New(o Options) *Server {
	s := &Server{
		o: o, routes: table(), mux: http.NewServeMux(), places: make(chan struct{}, limit.APIAtOnce),
		rate:    newRates(limit.APIBurst, limit.APIRate, o.Now),
		guesses: newRates(limit.APIGuesses, limit.APIGuesses/60.0, o.Now),
	}
	s.streams = newStreams()
	byPath := map[string]map[string]*route{}
	for i := range s.routes {
		r := &s.routes[i]
		if byPath[r.path] == nil {
			byPath[r.path] = map[string]*route{}
		}
		byPath[r.path][r.method] = r
	}
	for p, methods := range byPath {
		s.mux.Handle(p, resource(methods))
	}
	return s
}

// resource is what stands at one path: the routes by method. It is only found
// by the mux, and never serves.
type resource map[string]*route

func (resource) ServeHTTP(http.ResponseWriter, *http.Request) {
	panic("web: a resource does not serve")
}

// allowed are its methods, for the header Allow.
func (m resource) allowed() string {
	var out []string
	for name := range m {
		out = append(out, name)
		if name == http.MethodGet {
			out = append(out, http.MethodHead)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// StreamOperation is how Told names a stream of events.
const StreamOperation = "streamEvents"

// Base is the path below which a Server answers.
const Base = base + "/"

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := s.o.Now()
	c := &call{w: w, r: r, ctx: r.Context(), request: rand.Text(), now: started}
	seen := &watched{ResponseWriter: w}
	c.w = seen
	guard(w.Header(), c.request)
	conn := http.NewResponseController(w)
	_ = conn.SetWriteDeadline(started.Add(2 * limit.APITime)) // a connection that takes none is one of a test
	defer func() {
		_ = conn.SetWriteDeadline(time.Time{})
		name := "none"
		if c.route != nil {
			name = c.route.name
		}
		if name != "none" && isStream(c) {
			name = StreamOperation
		}
		if fault := recover(); fault != nil {
			if fault == http.ErrAbortHandler { //nolint:errorlint // it is that value
				panic(fault)
			}
			s.o.Failed(c.request, fmt.Errorf("panic: %v\n%s", fault, debug.Stack()))
			if seen.status == 0 {
				p, _ := problemOf(errors.New("panic"))
				p.Request = c.request
				p.write(seen)
			}
		}
		s.o.Told(name, seen.status, s.o.Now().Sub(started))
	}()
	if err := s.answer(c); err != nil {
		s.refuse(c, err)
	}
}

// guard sets what each answer says to browsers and caches: nothing of it may
// be run, framed, guessed at or kept by others. No other origin may read it:
// there is no header of CORS.
func guard(h http.Header, request string) {
	h.Set("X-Request-Id", request)
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Strict-Transport-Security", "max-age=31536000")
	h.Set("Vary", "Authorization, Accept")
}

// answer does all of it, the cheapest first.
func (s *Server) answer(c *call) error {
	if err := s.enter(c); err != nil {
		return err
	}
	if err := s.find(c); err != nil {
		return err
	}
	if err := s.permit(c); err != nil {
		_ = s.note(c, err) // it is refused anyway
		return err
	}
	if isStream(c) {
		return s.stream(c)
	}
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	default:
		p := Refuse(http.StatusServiceUnavailable, "busy", "too many requests are being answered: try again in a moment")
		p.retry = 1
		return p
	}
	ctx, cancel := context.WithTimeout(c.ctx, limit.APITime)
	defer cancel()
	c.ctx = ctx
	if err := s.read(c); err != nil {
		_ = s.note(c, err) // it is refused anyway
		return err
	}
	got, err := c.route.handle(s, c)
	if noted := s.note(c, err); err == nil && noted != nil {
		err = noted
	}
	if err != nil {
		return err
	}
	return c.reply(got)
}

// enter finds out who asks, and whether too often.
func (s *Server) enter(c *call) error {
	from := address(c.r)
	slow := func(wait int) error {
		p := Refuse(http.StatusTooManyRequests, "too_many_requests", "too many requests: wait as long as Retry-After says")
		p.retry = wait
		return p
	}
	who, err := s.o.Door.Who(c.r)
	switch {
	case errors.Is(err, access.ErrNoCredential):
		c.w.Header().Set("WWW-Authenticate", `Bearer realm="mlsync"`)
		return Refuse(http.StatusUnauthorized, "no_credential", err.Error())
	case errors.Is(err, access.ErrBadCredential):
		// A good credential is taken from there all the same: behind a proxy all
		// clients have one address.
		if ok, wait := s.guesses.take(from); !ok {
			return slow(wait)
		}
		c.w.Header().Set("WWW-Authenticate", `Bearer realm="mlsync", error="invalid_token"`)
		return Refuse(http.StatusUnauthorized, "bad_credential", err.Error())
	case errors.Is(err, access.ErrUnavailable):
		s.o.Failed(c.request, err)
		p := Refuse(http.StatusServiceUnavailable, "unavailable", access.ErrUnavailable.Error())
		p.retry = 5
		return p
	case err != nil:
		return err
	case who.Subject == "":
		return errors.New("the door let nobody in")
	}
	c.who = who
	c.ctx = context.WithValue(c.ctx, fromKey{}, from)
	if ok, wait := s.rate.take(who.Subject); !ok {
		return slow(wait)
	}
	return nil
}

type fromKey struct{}

// From is whence the request comes that a Book is asked for: an address.
func From(ctx context.Context) string {
	from, _ := ctx.Value(fromKey{}).(string)
	return from
}

// address is whence a request comes, as far as one host can choose it.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, _ := a.Prefix(64) // of 128
		return p.String()
	}
	return a.String()
}

// find finds the route of the request.
func (s *Server) find(c *call) error {
	r := c.r
	if path.Clean(r.URL.Path) != r.URL.Path {
		return hidden()
	}
	// The method is looked at here, so that the mux redirects nobody.
	handler, pattern := s.mux.Handler(r)
	methods, ok := handler.(resource)
	if !ok || pattern == "" {
		return hidden()
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if c.route = methods[method]; c.route == nil {
		c.w.Header().Set("Allow", methods.allowed())
		return Refuse(http.StatusMethodNotAllowed, "method_not_allowed", "it takes "+methods.allowed())
	}
	setPathValues(r, pattern)
	return nil
}

// setPathValues reads the segments of the path that the pattern names. The mux
// has matched them, and sets them only for what it serves itself.
func setPathValues(r *http.Request, pattern string) {
	have := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	for i, part := range strings.Split(strings.TrimPrefix(pattern, "/"), "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok && i < len(have) {
			r.SetPathValue(strings.TrimSuffix(name, "}"), unescape(have[i]))
		}
	}
}

// permit decides whether the principal may do what the route does, and where.
func (s *Server) permit(c *call) error {
	all := s.o.Projects()
	switch c.route.reach {
	case anyone:
		return nil
	case listed:
		for _, p := range all {
			if c.who.Allows(c.route.action, p.Name) {
				c.projects = append(c.projects, p)
			}
		}
		if len(c.projects) == 0 {
			return forbidden(c, "any project")
		}
		return nil
	case within, ofTarget:
	}
	name := c.r.PathValue("project")
	i := slices.IndexFunc(all, func(p Project) bool { return p.Name == name })
	if i < 0 || !c.who.Allows(access.Read, name) {
		return hidden()
	}
	c.project = all[i]
	if c.route.reach == ofTarget {
		c.target = c.r.PathValue("target")
	}
	if !c.who.Allows(c.route.action, name) {
		return forbidden(c, "the project "+name)
	}
	if c.route.reach == ofTarget {
		if _, ok := slices.BinarySearch(c.project.Targets, c.target); !ok {
			return hidden()
		}
	}
	return nil
}

func forbidden(c *call, where string) error {
	return Refuse(http.StatusForbidden, "forbidden", fmt.Sprintf("you may not %s in %s: ask an admin for a role that does", strings.ReplaceAll(string(c.route.action), "-", " "), where))
}

// note writes down what nobody else does: what was denied, and what was to be
// done and failed. Who reads in vain is noted if he may not read at all.
func (s *Server) note(c *call, err error) error {
	p, _ := problemOf(err)
	if c.project.Book == nil || err == nil && !c.route.unnoted || err != nil && !c.route.writes() && p.Status != http.StatusForbidden {
		return nil
	}
	e := Entry{Action: c.route.name, Target: c.target, Outcome: "done", Detail: c.detail()}
	switch {
	case err == nil:
	case p.Status == http.StatusForbidden || p.Status == http.StatusNotFound:
		e.Outcome = "denied"
	default:
		e.Outcome, e.Detail = "failed", strings.TrimPrefix(e.Detail+": "+p.Error(), ": ")
	}
	noted := c.project.Book.Record(c.ctx, c.who, e)
	if noted != nil {
		s.o.Failed(c.request, fmt.Errorf("audit: %w", noted))
	}
	return noted
}

// refuse answers with what err says.
func (s *Server) refuse(c *call, err error) {
	p, within := problemOf(err)
	p.Request = c.request
	switch {
	case errors.Is(err, context.Canceled) && c.r.Context().Err() != nil:
		p = Refuse(499, "gone", "") // nobody reads it
	case errors.Is(err, context.DeadlineExceeded):
		p = Refuse(http.StatusServiceUnavailable, "slow", "it took too long: ask for less, or try again")
		p.Request, p.retry = c.request, 5
		s.o.Failed(c.request, err)
	case within:
		s.o.Failed(c.request, err)
	}
	if c.r.ContentLength != 0 && c.body == nil {
		c.w.Header().Set("Connection", "close") // its body was not read
	}
	p.write(c.w)
}

// watched remembers what was answered.
type watched struct {
	http.ResponseWriter
	status int
}

func (w *watched) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets a ResponseController find the connection.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }
