package emulator

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Fault says what goes wrong, for which requests and how often. The zero Fault strikes nothing; ParseFault makes one
// from its text form.
type Fault struct {
	// What is struck. Method empty means any; Path is a glob over the whole path, * matching any characters, empty
	// meaning any; Collection is a name as the log shows it, such as models/versions, blobs, lro or login.
	Method, Path, Collection string
	// Skip lets the first requests pass; Times is how many are struck after them, 0 meaning all.
	Skip, Times int

	Status     int           // answer this status instead of serving
	Code       string        // error code in its body
	Message    string        // message in its body
	RetryAfter int           // seconds in Retry-After
	Delay      time.Duration // wait before anything else
	Reset      bool          // cut the connection instead of an answer
	Truncate   bool          // cut it in the middle of the answer's body
	HTML       bool          // answer a page of HTML, as a proxy does
	After      bool          // serve the request first: the write took effect, the client does not learn it
	Claims     bool          // 401 with a claims challenge
	LROFail    string        // the operation that the request starts ends Failed with this code
	LROMissing bool          // the status URL of the operation answers 404
	Invisible  time.Duration // what is created is not listed for this long
}

// ParseFault reads a fault: words and key=value pairs with commas between them. The grammar:
//
//	method=PUT path=*/models/* collection=models/versions     what is struck
//	skip=N times=N                                            when
//	status=503 code=C message=M retry-after=120 html          a status instead of an answer
//	reset | truncate                                          the connection is cut
//	after-effect                                              with status (500 when absent) or reset: after the write took effect
//	claims                                                    401 with a claims challenge
//	delay=2s                                                  slow
//	lro-fail=OutOfQuota | lro-404                             the long-running operation fails, or cannot be polled
//	invisible=2s                                              created, but not listed for a while
func ParseFault(text string) (Fault, error) {
	var f Fault
	var acts bool
	for _, word := range strings.Split(strings.TrimSpace(text), ",") {
		key, value, has := strings.Cut(strings.TrimSpace(word), "=")
		act, err := f.set(key, value, has)
		if err != nil {
			return Fault{}, fmt.Errorf("fault %q: %w", text, err)
		}
		acts = acts || act
	}
	if !acts {
		return Fault{}, fmt.Errorf("fault %q: says nothing that goes wrong; use status=N, reset, truncate, html, after-effect, claims, delay=D, lro-fail=CODE, lro-404 or invisible=D", text)
	}
	return f, nil
}

func (f *Fault) set(key, value string, has bool) (act bool, err error) {
	flags := map[string]*bool{"reset": &f.Reset, "truncate": &f.Truncate, "html": &f.HTML, "after-effect": &f.After, "claims": &f.Claims, "lro-404": &f.LROMissing}
	if p, ok := flags[key]; ok {
		if has {
			return false, fmt.Errorf("%s takes no value", key)
		}
		*p = true
		return true, nil
	}
	texts := map[string]*string{"method": &f.Method, "path": &f.Path, "collection": &f.Collection, "code": &f.Code, "message": &f.Message, "lro-fail": &f.LROFail}
	ints := map[string]*int{"status": &f.Status, "times": &f.Times, "skip": &f.Skip, "retry-after": &f.RetryAfter}
	times := map[string]*time.Duration{"delay": &f.Delay, "invisible": &f.Invisible}
	switch {
	case texts[key] != nil:
		*texts[key] = value
	case ints[key] != nil:
		if *ints[key], err = strconv.Atoi(value); err == nil && *ints[key] < 0 {
			err = fmt.Errorf("must not be negative")
		}
	case times[key] != nil:
		*times[key], err = time.ParseDuration(value)
	default:
		return false, fmt.Errorf("unknown word %q", key)
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", key, err)
	}
	if value == "" {
		return false, fmt.Errorf("%s needs a value", key)
	}
	if key == "status" && (f.Status < 200 || f.Status > 599) {
		return false, fmt.Errorf("status %d is no answer", f.Status)
	}
	return key == "status" || key == "delay" || key == "invisible" || key == "lro-fail", nil
}

// glob matches * against any characters; letter case does not count.
func glob(pattern, text string) bool {
	parts := strings.Split(strings.ToLower(pattern), "*")
	text = strings.ToLower(text)
	if len(parts) == 1 {
		return parts[0] == text
	}
	text, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(text, p)
		if i < 0 {
			return false
		}
		text = text[i+len(p):]
	}
	return strings.HasSuffix(text, parts[len(parts)-1])
}

type activeFault struct {
	Fault
	seen, hits int
}

// A FaultState is a fault in force and how often it has struck.
type FaultState struct {
	Fault Fault `json:"fault"`
	Hits  int   `json:"hits"`
}

type faultSet struct {
	mu     sync.Mutex
	faults []*activeFault
}

func newFaultSet(faults []Fault) *faultSet {
	s := &faultSet{}
	for _, f := range faults {
		s.faults = append(s.faults, &activeFault{Fault: f})
	}
	return s
}

// AddFault puts a fault in force.
func (s *Server) AddFault(f Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.faults = append(s.faults.faults, &activeFault{Fault: f})
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() { s.faults.clear() }

func (s *faultSet) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (s *faultSet) list() []FaultState {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []FaultState{}
	for _, f := range s.faults {
		out = append(out, FaultState{f.Fault, f.hits})
	}
	return out
}

// A modifier is the sum of the faults that strike one request.
type modifier struct {
	delay, invisible             time.Duration
	status, retryAfter           int
	code, message, lroFail       string
	reset, truncate, html, after bool
	claims, lroMissing           bool
}

// match collects the faults that strike r and counts them.
func (s *faultSet) match(r *http.Request, collection string) *modifier {
	m := &modifier{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Method != "" && !strings.EqualFold(f.Method, r.Method) || f.Path != "" && !glob(f.Path, r.URL.Path) ||
			f.Collection != "" && !strings.EqualFold(f.Collection, collection) {
			continue
		}
		if f.seen++; f.seen <= f.Skip || f.Times > 0 && f.hits >= f.Times {
			continue
		}
		f.hits++
		m.add(f.Fault)
	}
	return m
}

func (m *modifier) add(f Fault) {
	m.delay += f.Delay
	m.invisible = max(m.invisible, f.Invisible)
	if f.Status != 0 {
		m.status, m.code, m.message = f.Status, f.Code, f.Message
	}
	m.retryAfter = max(m.retryAfter, f.RetryAfter)
	if f.LROFail != "" {
		m.lroFail = f.LROFail
		m.message = f.Message
	}
	m.reset = m.reset || f.Reset
	m.truncate = m.truncate || f.Truncate
	m.html = m.html || f.HTML
	m.after = m.after || f.After
	m.claims = m.claims || f.Claims
	m.lroMissing = m.lroMissing || f.LROMissing
}
