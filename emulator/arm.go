package emulator

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// maxBody bounds the body of an ARM request, as ARM itself does (4 MiB).
const maxBody = 4 << 20

// arm serves the resource manager.
func (s *Server) arm(w http.ResponseWriter, r *http.Request, m *modifier) {
	c := &call{srv: s, req: r, now: s.opt.Now(), base: baseOf(r), who: principalOf(r.Header.Get("Authorization")), fault: m}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return // the client went away
	}
	c.raw = raw
	h := w.Header()
	a := c.serve(h)
	c.common(h, a)
	if a.body != nil {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that went away has its own error
}

// serve runs the checks of the resource manager and hands on to the provider.
func (c *call) serve(h http.Header) answer {
	s := c.srv
	path := normalPath(c.req.URL)
	seg := strings.Split(strings.Trim(path, "/"), "/")
	sub := "none"
	if len(seg) > 1 && strings.EqualFold(seg[0], "subscriptions") {
		sub = strings.ToLower(seg[1])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { c.served = c.region() }()
	c.correlation = strings.ReplaceAll(s.store.freshGUID("correlation"), "-", "")
	if bad := c.authorised(); bad != nil {
		return bad.answer(c)
	}
	if wait, ok := s.throttle.take(h, c.req, sub, c.who.key, s.opt.Throttle, c.now); !ok {
		f := armError(http.StatusTooManyRequests, "SubscriptionRequestsThrottled",
			fmt.Sprintf("Number of requests for subscription '%s' exceeded the limit. Please try again after '%d' seconds.", sub, wait))
		return f.answer(c).with("Retry-After", strconv.Itoa(wait))
	}
	if bad := c.apiVersion(seg); bad != nil {
		return bad.answer(c)
	}
	if len(c.raw) > maxBody {
		return armError(http.StatusRequestEntityTooLarge, "RequestContentTooLarge", "The request content size exceeds the maximum size of 4 MB.").answer(c)
	}
	s.settle(c.now)
	a := c.dispatch(seg)
	if err := s.store.log.failure(); err != nil { // what could not be kept was not done
		return armError(http.StatusInternalServerError, "InternalServerError", "The emulator could not write its data folder: "+err.Error()).answer(c)
	}
	return a
}

// normalPath strips the prefix of the registry data plane and decodes the rest.
func normalPath(u *url.URL) string {
	if i := strings.Index(strings.ToLower(u.Path), "/mferp/managementfrontend/"); i >= 0 {
		return u.Path[i+len("/mferp/managementfrontend"):]
	}
	return u.Path
}

func (c *call) authorised() *refusal {
	auth := c.req.Header.Get("Authorization")
	if c.srv.opt.NoAuth || strings.HasPrefix(auth, "Bearer ") && len(auth) > len("Bearer ") {
		return nil
	}
	message := "Authentication failed. The 'Authorization' header is missing."
	if auth != "" {
		message = "Authentication failed. The 'Authorization' header is provided in an invalid format."
	}
	f := armError(http.StatusUnauthorized, "AuthenticationFailed", message)
	f.header = http.Header{"WWW-Authenticate": {`Bearer authorization_uri="` + c.base + "/" + defaultTenant +
		`", error="invalid_token", error_description="The authentication failed because of missing 'Authorization' header."`}}
	return f
}

var apiPattern = regexp.MustCompile(`^20\d\d-\d\d-\d\d(-[a-zA-Z]+)?$`)

func (c *call) apiVersion(seg []string) *refusal {
	c.api = c.query("api-version")
	switch {
	case c.api == "" && strings.EqualFold(seg[0], "registrymanagement"):
		c.api = "2021-10-01-dataplanepreview"
	case c.api == "":
		return armError(http.StatusBadRequest, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests.")
	case !apiPattern.MatchString(c.api):
		return armError(http.StatusBadRequest, "InvalidApiVersionParameter", "The api-version '"+c.api+"' is invalid. The supported versions are '2022-01-01' and later.")
	case len(seg) > 6 && strings.EqualFold(seg[5], provider) && c.api < "2022-01-01" && !strings.HasSuffix(c.api, "dataplanepreview"):
		return armError(http.StatusBadRequest, "NoRegisteredProviderFound", "No registered resource provider found for location '"+c.srv.opt.Location+
			"' and API version '"+c.api+"' for type '"+seg[min(6, len(seg)-1)]+"'.")
	}
	return nil
}

// dispatch follows the segments of the path.
func (c *call) dispatch(seg []string) answer {
	lower := func(i int) string {
		if i < len(seg) {
			return strings.ToLower(seg[i])
		}
		return ""
	}
	switch {
	case lower(0) == "registrymanagement":
		return c.discovery(seg)
	case lower(0) != "subscriptions":
		return c.tenantScope(seg)
	case len(seg) <= 2 || lower(2) == "locations":
		return c.subscription(seg)
	case lower(2) == "providers" && strings.EqualFold(lower(3), provider) && lower(4) == "locations":
		return c.location(seg)
	case lower(2) == "providers":
		return c.subscriptionProvider(seg)
	case lower(2) == "resourcegroups" && len(seg) <= 4:
		return c.resourceGroup(seg)
	case lower(2) == "resourcegroups" && lower(4) == "providers" && strings.EqualFold(lower(5), provider):
		return c.groupProvider(seg)
	}
	return armError(http.StatusNotFound, "InvalidResourceType", "The resource type could not be found in the namespace for api version '"+c.api+"'.").answer(c)
}

// groupProvider serves /subscriptions/S/resourceGroups/G/providers/Microsoft.MachineLearningServices/….
func (c *call) groupProvider(seg []string) answer {
	kind := ""
	if len(seg) > 6 {
		kind = map[string]string{"workspaces": "workspaces", "registries": "registries"}[strings.ToLower(seg[6])]
	}
	if kind == "" {
		return armError(http.StatusNotFound, "InvalidResourceType", "The resource type could not be found in the namespace '"+provider+"' for api version '"+c.api+"'.").answer(c)
	}
	if bad := c.knownGroup(seg[1], seg[3]); bad != nil {
		return bad.answer(c)
	}
	if len(seg) == 11 && strings.EqualFold(strings.Join(seg[8:], "/"), "providers/Microsoft.Authorization/permissions") {
		return c.listPermissions()
	}
	if bad := c.forbidden(seg); bad != nil {
		return bad.answer(c)
	}
	if len(seg) == 7 {
		return c.listScopes(kind, seg[1], seg[3])
	}
	if len(seg) == 8 {
		return c.scopeItself(kind, seg[1], seg[3], seg[7])
	}
	s, bad := c.findScope(kind, seg[1], seg[3], seg[7])
	if bad != nil {
		return bad.answer(c)
	}
	c.scope = s
	return c.within(seg[8:])
}

// within serves the path below a workspace or registry.
func (c *call) within(seg []string) answer {
	c.coll = c.scope.coll(seg[0])
	if c.coll == nil {
		return c.scopeAction(seg)
	}
	if len(seg) == 1 {
		return c.list()
	}
	c.names, c.name = []string{seg[1]}, seg[1]
	c.prev = c.coll.get(seg[1])
	if len(seg) == 2 {
		return c.verb()
	}
	child := c.coll.def.child
	if child == nil || !strings.EqualFold(child.collection, seg[2]) {
		return c.below(seg[2:])
	}
	return c.childPath(child, seg)
}

// childPath serves versions and deployments.
func (c *call) childPath(child *definition, seg []string) answer {
	parent := c.prev
	if parent == nil {
		create := c.req.Method == http.MethodPut || c.req.Method == http.MethodPost
		if len(seg) == 3 && c.listsWithoutParent() {
			c.prev = nil
			return c.list()
		}
		if !create || !c.coll.def.container {
			return c.coll.def.missing(c).answer(c)
		}
		// The container comes with its first version; it is stored when the version is.
		parent = &resource{name: seg[1], coll: c.coll}
		parent.children = newCollection(child, c.scope, parent)
	}
	c.coll = parent.children
	c.name, c.prev = "", nil
	if len(seg) == 3 {
		return c.list()
	}
	c.names, c.name = append(c.names, seg[3]), seg[3]
	c.prev = c.coll.get(seg[3])
	if len(seg) == 4 {
		return c.verb()
	}
	return c.below(seg[4:])
}

// listsWithoutParent: codes are found by hash under any name.
func (c *call) listsWithoutParent() bool {
	return c.req.Method == http.MethodGet && c.coll.def.collection == "codes" && c.query("hash") != ""
}

// below serves actions and reads under a resource.
func (c *call) below(seg []string) answer {
	name := strings.ToLower(strings.Join(seg, "/"))
	table := c.def().actions
	if c.req.Method == http.MethodGet {
		table = c.def().reads
	}
	act := table[name]
	if act == nil {
		return armError(http.StatusNotFound, "InvalidResourceType", "The resource type '"+name+"' could not be found in the namespace '"+provider+"' for api version '"+c.api+"'.").answer(c)
	}
	if c.prev == nil && name != "startpendingupload" {
		return c.def().missing(c).answer(c)
	}
	if c.prev != nil {
		c.load()
	}
	if len(c.raw) > 0 {
		sent, err := decodeObject(c.raw)
		if err != nil {
			return armError(http.StatusBadRequest, "InvalidRequestContent", "The request content was invalid and could not be deserialized: '"+err.Error()+"'.").answer(c)
		}
		c.sent = sent
	}
	return act(c)
}

// load decodes the stored document of prev.
func (c *call) load() { c.old = c.srv.document(c.prev) }
