package config_test

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/tree"
)

// Whatever stands in a file of projects, it is read or refused with a place, and
// what was refused allows nothing by a default.
func FuzzReadProjects(f *testing.F) {
	f.Add(twoProjects)
	f.Add("projects: {a: {kinds: '*'}}")
	f.Add("access: {members: [{user: 1}]}\nprojects: []")
	f.Fuzz(func(t *testing.T, text string) {
		docs, bad := tree.Parse([]byte(text), "projects.yaml", tree.ParseOptions{})
		if len(docs) == 0 {
			return
		}
		p, more := config.ReadProjects(docs[0], "environment", "model")
		if bad.Append(more); len(bad.Errors()) > 0 {
			return
		}
		for i := range p.Projects {
			q := &p.Projects[i]
			if q.Repository.URL == "" || len(q.Workspaces) == 0 || len(q.Kinds) == 0 || len(q.Targets) == 0 {
				t.Fatalf("%q is taken: %+v", text, q)
			}
			for _, m := range append(q.Members, p.Access.Members...) {
				if m.ID == "" || m.Issuer == "" || !strings.Contains(" viewer operator approver admin ", " "+m.Role+" ") {
					t.Fatalf("%q is taken: %+v", text, m)
				}
			}
			for _, at := range q.Targets {
				if at.Identity == at.ReadIdentity || at.Identity.Type == "" || at.ReadIdentity.Type == "" {
					t.Fatalf("%q is taken: %+v", text, at)
				}
			}
		}
	})
}
