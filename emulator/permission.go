package emulator

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// Permission is what one assignment of a role allows. Everybody has the same.
type Permission struct {
	Actions        []string `json:"actions"`
	NotActions     []string `json:"notActions"`
	DataActions    []string `json:"dataActions"`
	NotDataActions []string `json:"notDataActions"`
}

// SetPermissions says what identities may do from now on; none is everything.
func (s *Server) SetPermissions(p ...Permission) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.permissions = p
}

// controlPermissions serves the emulator's own route: POST takes a list of permissions, DELETE allows everything again.
func (s *Server) controlPermissions(w http.ResponseWriter, r *http.Request) {
	var p []Permission
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&p); err != nil {
			writeJSON(w, http.StatusBadRequest, map[string]any{"error": err.Error()})
			return
		}
	}
	s.SetPermissions(p...)
	w.WriteHeader(http.StatusNoContent)
}

// listPermissions serves Permissions - List For Resource (spec: Microsoft.Authorization 2022-04-01): the roles of the
// caller on the resource, each as its lists of patterns, none of them null.
func (c *call) listPermissions() answer {
	if c.req.Method != http.MethodGet {
		return armError(http.StatusMethodNotAllowed, "MethodNotAllowed", "The HTTP method '"+c.req.Method+"' is not supported at scope.").answer(c)
	}
	have := c.srv.permissions
	if len(have) == 0 {
		have = []Permission{{Actions: []string{"*"}}}
	}
	list := []Permission{}
	for _, p := range have {
		for _, l := range []*[]string{&p.Actions, &p.NotActions, &p.DataActions, &p.NotDataActions} {
			if *l == nil {
				*l = []string{}
			}
		}
		list = append(list, p)
	}
	return jsonAnswer(http.StatusOK, map[string]any{"value": list})
}

// forbidden refuses what the permissions do not allow, in the words of the resource manager (documented: Troubleshoot
// Azure RBAC, AuthorizationFailed). The action is the type of the resource and what the method does to it.
func (c *call) forbidden(seg []string) *refusal {
	if len(c.srv.permissions) == 0 {
		return nil
	}
	action := actionOf(c.req.Method, seg[5:])
	for _, p := range c.srv.permissions {
		if allows(p.Actions, action) && !allows(p.NotActions, action) {
			return nil
		}
	}
	return armError(http.StatusForbidden, "AuthorizationFailed", "The client '"+c.who.name+"' with object id '"+c.who.objectID+
		"' does not have authorization to perform action '"+action+"' over scope '/"+strings.Join(seg, "/")+
		"' or the scope is invalid. If access was recently granted, please refresh your credentials.")
}

// actionOf is the action of a request on provider/type/name/type/name….
func actionOf(method string, seg []string) string {
	types := []string{provider}
	for i := 1; i < len(seg); i += 2 {
		types = append(types, seg[i])
	}
	verb := map[string]string{http.MethodPut: "write", http.MethodPatch: "write", http.MethodDelete: "delete", http.MethodPost: "action"}[method]
	if verb == "" {
		verb = "read"
	}
	return strings.Join(append(types, verb), "/")
}

// allows matches patterns in which * stands for any text.
func allows(patterns []string, action string) bool {
	for _, p := range patterns {
		if wild(strings.ToLower(p), strings.ToLower(action)) {
			return true
		}
	}
	return false
}

func wild(pattern, text string) bool {
	if pattern == "" {
		return text == ""
	}
	if pattern[0] == '*' {
		for i := 0; i <= len(text); i++ {
			if wild(pattern[1:], text[i:]) {
				return true
			}
		}
		return false
	}
	return text != "" && text[0] == pattern[0] && wild(pattern[1:], text[1:])
}
