package config

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/glob"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/problem"
)

// Projects is the file of projects: what the operator of a daemon lets each
// repository do, and who may do what in it. It stands outside the repositories.
type Projects struct {
	File   string
	Access Access
	// Projects are in the order of the file.
	Projects []Project
}

// Access says whose tokens are taken. Without issuers there is no API.
type Access struct {
	Issuers []Issuer
	// TokenLife is the longest life of a token of mlsync.
	TokenLife time.Duration
	// Members have their role in every project.
	Members []Member
}

// Issuer is an OpenID Connect issuer by the name that members call it. Tenant is
// for Entra; URL for all others, and for an Entra that is elsewhere.
type Issuer struct {
	Pos                         problem.Pos
	Name, Tenant, URL, Audience string
}

// Member is somebody at an issuer. Sort is user, group, app_role or service.
type Member struct {
	Pos                    problem.Pos
	Sort, ID, Issuer, Role string
}

// Project is what one repository may do. What is not listed is refused.
type Project struct {
	Name string
	Pos  problem.Pos

	Repository Repository
	// Owner is that of the configuration; "" makes it of the address.
	Owner string
	// Workspaces are globs of resource ids; Kinds are kinds, or "*".
	Workspaces, Kinds []string
	Targets           []ProjectTarget
	// Approvers and Members are the members; those of Approvers are approvers.
	Members  []Member
	Secrets  Secrets
	Webhooks []Webhook
}

// ProjectTarget says who speaks to Azure for a target, or for all others if its
// name is "*".
type ProjectTarget struct {
	Name                   string
	Pos                    problem.Pos
	Identity, ReadIdentity Identity
}

// Target is what the project says of a target, nil if it does not list it.
func (p *Project) Target(name string) *ProjectTarget {
	for _, want := range []string{name, "*"} {
		if i := slices.IndexFunc(p.Targets, func(t ProjectTarget) bool { return t.Name == want }); i >= 0 {
			return &p.Targets[i]
		}
	}
	return nil
}

// AllowsWorkspace reports whether the project may have to do with the workspace
// or registry of a resource id.
func (p *Project) AllowsWorkspace(id string) bool {
	id = strings.ToLower(id)
	return slices.ContainsFunc(p.Workspaces, func(g string) bool {
		return glob.Path(strings.ToLower(g), id) && strings.Count(g, "/") == strings.Count(id, "/")
	})
}

// AllowsKind reports whether the project may have assets of a kind.
func (p *Project) AllowsKind(kind string) bool {
	return slices.Contains(p.Kinds, kind) || slices.Contains(p.Kinds, "*")
}

// roles are the words of package access, which this one must not know.
func roles() []string { return []string{"viewer", "operator", "approver", "admin"} }

// tokenLife is the longest life of a token if the file says nothing.
const tokenLife = 90 * day

var (
	projectOK = regexp.MustCompile(`\A[a-z][a-z0-9-]{0,39}\z`)
	tenantOK  = regexp.MustCompile(`(?i)\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\z`)
	armGlob   = regexp.MustCompile(`(?i)\A/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.MachineLearningServices/(workspaces|registries)/[^/]+\z`)
)

// ReadProjects reads the document of a file of projects, with all problems at
// once. The Projects are never nil; with errors they are for looking at.
// Projects may name the given kinds; any if none are given.
func ReadProjects(doc *asset.Value, kinds ...string) (*Projects, problem.List) {
	p := &Projects{File: doc.Pos().File, Access: Access{TokenLife: tokenLife}}
	d := &decoder{}
	d.object(doc, projectsFields(p, kinds))
	if len(p.Projects) == 0 {
		d.badf(doc, "add projects:", "there are no projects")
	}
	d.sharedJournals(p)
	known := make([]string, 0, len(p.Access.Issuers))
	for _, i := range p.Access.Issuers {
		known = append(known, i.Name)
	}
	d.members(p.Access.Members, known)
	for i := range p.Projects {
		d.members(p.Projects[i].Members, known)
	}
	return p, d.bad.Sorted()
}

func projectsFields(p *Projects, kinds []string) []field {
	project := schemaOf(projectFields(&Project{}, nil))
	project["required"] = []string{"repository", "workspaces", "kinds", "targets"}
	return []field{
		object("access", "Whose tokens are taken, for the API. Without issuers there is none.", []field{
			entries("issuers", "OpenID Connect issuers, by a name of your choice.", schemaOf(issuerFields(&Issuer{})), func(d *decoder, name string, v *asset.Value) {
				i := Issuer{Pos: v.Pos(), Name: name}
				if !nameOK.MatchString(name) {
					d.badf(v, "use letters, digits, dots, dashes and underscores", "%q cannot be the name of an issuer", name)
				}
				d.object(v, issuerFields(&i))
				switch {
				case i.Tenant == "" && i.URL == "":
					d.badf(v, "add tenant: with the id of an Entra tenant, or url: with the address of another issuer", "tenant or url must be given")
				case i.Audience == "":
					d.badf(v, "add audience: with what tokens for mlsync are for; an issuer gives tokens to many", "audience is missing")
				}
				p.Access.Issuers = append(p.Access.Issuers, i)
			}),
			duration("token_life", "The longest that a token of mlsync may live; 2160h if not given.", &p.Access.TokenLife, time.Hour, limit.AccessLife),
			membersField("members", "Who has a role in every project.", "", &p.Access.Members),
		}),
		entries("projects", "What each repository may do, by a name of your choice.", project, func(d *decoder, name string, v *asset.Value) {
			q := Project{Name: name, Pos: v.Pos(), Repository: Repository{Poll: time.Minute}}
			if !projectOK.MatchString(name) {
				d.badf(v, "use small letters, digits and dashes, 40 at most", "%q cannot be the name of a project", name)
			}
			d.object(v, projectFields(&q, kinds))
			d.project(v, &q)
			p.Projects = append(p.Projects, q)
		}),
	}
}

func issuerFields(i *Issuer) []field {
	return []field{
		checked("tenant", "The id of an Entra tenant: its tokens of version 2.0 are taken.", &i.Tenant, func(s string) string {
			if !tenantOK.MatchString(s) {
				return "it is not the id of a tenant; tokens of common and organizations are of anybody"
			}
			return ""
		}),
		checked("url", "The address of another issuer; with tenant, that of Entra in another cloud.", &i.URL, badURL),
		text("audience", "What tokens are for: the client id or the application id URI of the registration.", &i.Audience),
	}
}

func projectFields(p *Project, kinds []string) []field {
	c := &Config{Secrets: Secrets{Providers: map[string]Provider{}, Names: map[string]SecretName{}}}
	secrets, hooks := secretsField(c), webhooksField(c)
	setSecrets, setHooks := secrets.set, hooks.set
	secrets.doc = "Where the values of ${{ secret.NAME }} come from. The repository says nothing of it."
	secrets.set = func(d *decoder, v *asset.Value) {
		setSecrets(d, v)
		d.secretNames(v, &c.Secrets)
		p.Secrets = c.Secrets
	}
	hooks.doc = "Services that tell the daemon of pushes, at POST /webhook/NAME/PROJECT."
	hooks.set = func(d *decoder, v *asset.Value) { setHooks(d, v); p.Webhooks = c.Webhooks }
	target := schemaOf(projectTargetFields(&ProjectTarget{}))
	target["required"] = []string{"identity", "read_identity"}
	return []field{
		object("repository", "Where the files come from.", repositoryFields(&p.Repository)),
		text("owner", "The name of this installation on the assets it owns; made of the repository's address if not given.", &p.Owner),
		texts("workspaces", "Globs of the resource ids of workspaces and registries that the repository may name.", &p.Workspaces, badArmGlob),
		texts("kinds", "Kinds of assets that the repository may hold; \"*\" for all.", &p.Kinds, func(s string) string {
			if s != "*" && len(kinds) > 0 && !slices.Contains(kinds, s) {
				return "there is no such kind: " + cmp.Or(problem.DidYouMean(s, kinds), "one of "+strings.Join(kinds, ", "))
			}
			return ""
		}),
		entries("targets", "Who speaks to Azure for the targets of the repository, by their names; \"*\" for all others.", target, func(d *decoder, name string, v *asset.Value) {
			t := ProjectTarget{Name: name, Pos: v.Pos()}
			if name != "*" && !nameOK.MatchString(name) {
				d.badf(v, "", "%q cannot be the name of a target", name)
			}
			d.object(v, projectTargetFields(&t))
			d.projectTarget(v, &t)
			p.Targets = append(p.Targets, t)
		}),
		membersField("members", "Who has a role in the project.", "", &p.Members),
		membersField("approvers", "Who may approve in it.", "approver", &p.Members),
		secrets, hooks,
	}
}

func projectTargetFields(t *ProjectTarget) []field {
	return []field{
		object("identity", "Who writes; it is used within an apply alone.", identityFields(&t.Identity)),
		object("read_identity", "Who reads, for plans, drift and previews; not the one who writes.", identityFields(&t.ReadIdentity)),
	}
}

func badArmGlob(s string) string {
	if len(s) > limit.Pattern {
		return badGlob(s)
	}
	if !armGlob.MatchString(s) || strings.Contains(s, "**") {
		return "it is not the resource id of a workspace or registry, with * and ? in its names"
	}
	return glob.Bad(strings.TrimPrefix(s, "/"))
}

// membersField is a list of members; role is theirs, "" lets each say its own.
func membersField(key, doc, role string, to *[]Member) field {
	schema := map[string]any{"type": "array", "items": schemaOf(memberFields(&Member{}, role == ""))}
	return field{key, doc, schema, func(d *decoder, v *asset.Value) {
		if v.Type() != asset.List {
			d.badf(v, "begin each with a dash, such as - user: …", "want a list of members, not %s", describe(v))
			return
		}
		if !d.fits(v) {
			return
		}
		for _, item := range v.Items() {
			m := Member{Pos: item.Pos(), Role: role}
			d.object(item, memberFields(&m, role == ""))
			count := 0
			for _, sort := range memberSorts {
				if id := item.Get(sort); id.Type() == asset.String && id.Str() != "" {
					m.Sort, m.ID = sort, id.Str()
					count++
				}
			}
			switch {
			case count != 1:
				d.badf(item, "write one of "+strings.Join(memberSorts, ", "), "a member is one user, group, app_role or service")
			case m.Role == "":
				d.badf(item, "add role: "+strings.Join(roles(), ", "), "role is missing")
			}
			*to = append(*to, m)
		}
	}}
}

// memberSorts are the keys of which a member has one.
var memberSorts = []string{"user", "group", "app_role", "service"}

func memberFields(m *Member, role bool) []field {
	fields := []field{
		text("user", "The object id of a person (oid); the subject (sub) at an issuer that is not Entra.", new(string)),
		text("group", "The object id of a group, as the claim groups names it.", new(string)),
		text("app_role", "An app role, as the claim roles names it.", new(string)),
		text("service", "The application id of a service (appid); the subject at an issuer that is not Entra.", new(string)),
		text("issuer", "The name of the issuer; the only one if not given.", &m.Issuer),
	}
	if role {
		fields = append(fields, word("role", "What it may do.", &m.Role, roles()...))
	}
	return fields
}

// members says which issuer each is of.
func (d *decoder) members(list []Member, issuers []string) {
	for i := range list {
		m := &list[i]
		switch {
		case m.Issuer == "" && len(issuers) == 1:
			m.Issuer = issuers[0]
		case len(issuers) == 0:
			d.bad.Hintf(m.Pos, "config", "add access: issuers:", "nobody can prove to be a member, as there are no issuers")
		case m.Issuer == "":
			d.bad.Hintf(m.Pos, "config", "add issuer: "+strings.Join(issuers, ", "), "there are several issuers")
		case !slices.Contains(issuers, m.Issuer):
			d.bad.Hintf(m.Pos, "config", cmp.Or(problem.DidYouMean(m.Issuer, issuers), "one of "+strings.Join(issuers, ", ")), "there is no issuer %q", m.Issuer)
		}
	}
}

// project checks that nothing is left to a default.
func (d *decoder) project(v *asset.Value, p *Project) {
	empty := func(key string) bool {
		x := v.Get(key)
		return x.IsNull() || (x.Type() == asset.List || x.Type() == asset.Map) && x.Len() == 0
	}
	for _, f := range []struct {
		missing   bool
		key, hint string
	}{
		{p.Repository.URL == "", "repository.url", "add it"},
		{empty("workspaces"), "workspaces", "list the resource ids, with * for a part of a name"},
		{empty("kinds"), "kinds", "list them, or \"*\" for all"},
		{empty("targets"), "targets", "list them with identity and read_identity"},
	} {
		if f.missing {
			d.badf(v, f.hint, "%s is missing, and what is not listed is refused", f.key)
		}
	}
}

// projectTarget refuses a target of which one identity does everything.
func (d *decoder) projectTarget(v *asset.Value, t *ProjectTarget) {
	switch {
	case t.Identity.Type == "" || t.ReadIdentity.Type == "":
		d.badf(v, "add identity: {type: …} and read_identity: {type: …}", "identity and read_identity must be given")
	case t.Identity == t.ReadIdentity:
		d.badf(v, "let a second identity, with the role Reader, make the plans", "who reads must not be who writes")
	}
}

// secretNames checks that names have a provider.
func (d *decoder) secretNames(v *asset.Value, s *Secrets) {
	var known []string
	for name := range s.Providers {
		known = append(known, name)
	}
	slices.Sort(known)
	if s.Default == "" && len(known) == 1 {
		s.Default = known[0]
	}
	if _, ok := s.Providers[s.Default]; s.Default != "" && !ok {
		d.badf(v, problem.DidYouMean(s.Default, known), "default: there is no provider %q", s.Default)
	}
	for name, n := range s.Names {
		n.Provider = cmp.Or(n.Provider, s.Default)
		if _, ok := s.Providers[n.Provider]; !ok {
			d.badf(v, problem.DidYouMean(n.Provider, known), "names.%s: there is no provider %q", name, n.Provider)
		}
		s.Names[name] = n
	}
}

// sharedJournals refuses two projects that are one installation: each would take
// the assets of the other for its own.
func (d *decoder) sharedJournals(p *Projects) {
	seen := map[string]string{}
	for i := range p.Projects {
		q := &p.Projects[i]
		if q.Repository.URL == "" {
			continue
		}
		name := q.Installation()
		if other := seen[name]; other != "" {
			d.bad.Hintf(q.Pos, "config", "give each an owner: of its own", "projects.%s and projects.%s have the same owner %s", other, q.Name, name)
		}
		seen[name] = q.Name
	}
}

// Installation is the name of the installation that the project is.
func (p *Project) Installation() string {
	c := Config{Owner: p.Owner, Repository: p.Repository}
	return c.Installation()
}

// ProjectsSchema is the JSON Schema (draft 2020-12) of the file.
func ProjectsSchema() map[string]any {
	s := schemaOf(projectsFields(&Projects{}, nil))
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "projects.yaml"
	s["description"] = "What the operator of a daemon lets repositories do, and who may do what."
	return s
}
