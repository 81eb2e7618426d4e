package emulator

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// control serves the emulator's own routes:
//
//	GET    /__requests   ?method= &collection= &status= &path=   the log, filtered; path is a glob
//	DELETE /__requests   empty the log
//	GET    /__counters   counts by method, collection and status
//	DELETE /__counters   set them to zero
//	GET    /__faults     the faults in force and how often they have struck
//	POST   /__faults     one fault a line, or {"faults":["…"]}
//	DELETE /__faults     no more faults
//	GET    /__scoring    how many requests each deployment got behind its scoring URI
//	POST   /__scoring    what a deployment answers
//	DELETE /__scoring    forget both
//	POST   /__permissions  what identities may do: [{"actions": […], "notActions": […]}]
//	DELETE /__permissions  everything
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + strings.TrimSuffix(r.URL.Path, "/") {
	case "GET /__requests":
		q := r.URL.Query()
		status, _ := strconv.Atoi(q.Get("status"))
		list := s.requests.list(func(e Request) bool {
			return (q.Get("method") == "" || strings.EqualFold(q.Get("method"), e.Method)) &&
				(q.Get("collection") == "" || strings.EqualFold(q.Get("collection"), e.Collection)) &&
				(status == 0 || status == e.Status) && (q.Get("path") == "" || glob(q.Get("path"), e.Path))
		})
		writeJSON(w, http.StatusOK, map[string]any{"requests": list})
	case "DELETE /__requests":
		s.ClearRequests()
		w.WriteHeader(http.StatusNoContent)
	case "GET /__counters":
		list := s.Counters()
		var total int64
		for _, c := range list {
			total += c.Count
		}
		writeJSON(w, http.StatusOK, map[string]any{"total": total, "counters": list})
	case "DELETE /__counters":
		s.ResetCounters()
		w.WriteHeader(http.StatusNoContent)
	case "GET /__faults":
		writeJSON(w, http.StatusOK, map[string]any{"faults": s.faults.list()})
	case "POST /__faults":
		s.postFaults(w, r)
	case "DELETE /__faults":
		s.faults.clear()
		w.WriteHeader(http.StatusNoContent)
	case "GET /__scoring", "POST /__scoring", "DELETE /__scoring":
		s.controlScoring(w, r)
	case "POST /__permissions", "DELETE /__permissions":
		s.controlPermissions(w, r)
	default:
		writeJSON(w, http.StatusNotFound, map[string]any{"error": "no such route: " + r.Method + " " + r.URL.Path})
	}
}

func (s *Server) postFaults(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": err.Error()})
		return
	}
	lines := strings.Split(string(raw), "\n")
	var asJSON struct {
		Faults []string `json:"faults"`
	}
	if json.Unmarshal(raw, &asJSON) == nil {
		lines = asJSON.Faults
	}
	var faults []Fault
	for _, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		f, err := ParseFault(line)
		if err != nil {
			writeJSON(w, http.StatusBadRequest, map[string]any{"error": err.Error()})
			return
		}
		faults = append(faults, f)
	}
	for _, f := range faults {
		s.AddFault(f)
	}
	writeJSON(w, http.StatusOK, map[string]any{"added": len(faults)})
}
