package access

import (
	"errors"
	"net/http"
	"slices"
	"time"
)

// Kind says what a principal is.
type Kind string

// The kinds of principals. A Token acts for who made it, but not as them: it
// makes no further tokens.
const (
	Person  Kind = "person"
	Service Kind = "service"
	Token   Kind = "token"
)

// All is the project of a grant for every project.
const All = "*"

// Grant is a role in a project; Project All is every project.
type Grant struct {
	Role    Role   `json:"role"`
	Project string `json:"project"`
}

// Principal is who a request is of. The zero value may do nothing.
type Principal struct {
	// Subject is stable and unique: "user:" or "service:", the name of the issuer,
	// a slash and the id that it gives, or "token:" and the id of the token. Audit
	// rows name it.
	Subject string
	// Name is for people to read; nothing is decided by it.
	Name string
	Kind Kind
	// For is the subject that a token acts for; empty for others. An approver
	// is not the author if neither Subject nor For is.
	For string
	// Has are the entries that the issuer says it has, as texts, for Mint.
	Has    []string
	Grants []Grant
	// Expires is when the credential ends. Who asks Allows later than that, as
	// a stream does, must look at it.
	Expires time.Time
}

// Allows reports whether the principal may do a in the project. Without a name
// of a project nothing is allowed; All asks for a grant of every project.
func (p Principal) Allows(a Action, project string) bool {
	if project == "" || p.Subject == "" {
		return false
	}
	if p.Kind == Token && (a == OwnTokens || a == ManageTokens) {
		return false
	}
	return slices.ContainsFunc(p.Grants, func(g Grant) bool {
		return (g.Project == project || g.Project == All) && g.Role.Does(a)
	})
}

// Roles are the roles of the principal in the project, from the least to the
// most.
func (p Principal) Roles(project string) []Role {
	var out []Role
	for _, r := range Roles() {
		if slices.Contains(p.Grants, Grant{r, project}) || slices.Contains(p.Grants, Grant{r, All}) {
			out = append(out, r)
		}
	}
	return out
}

// Door finds out who a request is of. The errors wrap ErrNoCredential (401, no
// Authorization header), ErrBadCredential (401, its text may be told to who
// asks) or ErrUnavailable (503, nobody can say now). An answer without an error
// is of somebody who is known, who need not have any grant.
type Door interface {
	Who(r *http.Request) (Principal, error)
}

// What a Door answers with.
var (
	ErrNoCredential  = errors.New("no credential was sent: a header Authorization with a bearer token is wanted")
	ErrBadCredential = errors.New("the credential is not taken")
	ErrUnavailable   = errors.New("credentials cannot be checked now")
)
