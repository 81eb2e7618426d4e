package chaos

import (
	"net/http"
	"strconv"
)

// Fault is what happens to a request.
type Fault string

// The faults. Those with After strike once the request had its effect.
const (
	None       Fault = ""
	Busy       Fault = "429"
	BusyFor    Fault = "429 with Retry-After"
	Refused    Fault = "5xx"
	Cut        Fault = "reset"
	Page       Fault = "a page of HTML"
	Slow       Fault = "slow"
	AfterError Fault = "5xx after the effect"
	AfterCut   Fault = "reset after the effect"
	AfterPage  Fault = "a page of HTML after the effect"
	AfterTorn  Fault = "a torn answer"
	AfterEmpty Fault = "an empty answer"
)

// menu is what is picked from.
var menu = []Fault{Busy, BusyFor, Refused, Cut, Page, Slow, AfterError, AfterCut, AfterPage, AfterTorn, AfterEmpty}

// statuses are those of Refused.
var statuses = []int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// instead answers in place of the target; false if the request goes on.
func (f Fault) instead(w http.ResponseWriter, dice float64) bool {
	switch f {
	case Busy:
		w.WriteHeader(http.StatusTooManyRequests)
	case BusyFor:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	case Refused:
		w.WriteHeader(statuses[int(dice*float64(len(statuses)))])
	case Cut:
		panic(http.ErrAbortHandler)
	case Page:
		page(w)
	default:
		return false
	}
	return true
}

// answer gives the target's answer to the client, or what is left of it.
func (f Fault) answer(w http.ResponseWriter, resp *http.Response, body []byte) {
	switch f {
	case AfterError:
		w.WriteHeader(http.StatusBadGateway)
		return
	case AfterCut:
		panic(http.ErrAbortHandler)
	case AfterPage:
		page(w)
		return
	default:
	}
	for k, vs := range resp.Header {
		w.Header()[k] = vs
	}
	switch f {
	case AfterTorn:
		w.Header().Set("Content-Length", strconv.Itoa(len(body)+1)) // more than will come
		w.WriteHeader(resp.StatusCode)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush() // the connection is cut either way
		panic(http.ErrAbortHandler)
	case AfterEmpty:
		w.Header().Del("Content-Length")
		w.WriteHeader(resp.StatusCode)
		return
	default:
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(body)
}

func page(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	_, _ = w.Write([]byte("<html><body>The page is down for maintenance.</body></html>"))
}
