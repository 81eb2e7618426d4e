package access

import "slices"

// Sort is what an entry of a project is about.
type Sort string

// The sorts. A user and a service are one principal; a group and an app role are
// what the issuer says that a principal has.
const (
	User       Sort = "user"
	Group      Sort = "group"
	AppRole    Sort = "app_role"
	ServiceApp Sort = "service"
)

// Entry names somebody at an issuer.
type Entry struct {
	Sort   Sort
	Issuer string // its name
	ID     string
}

func (e Entry) String() string { return string(e.Sort) + ":" + e.Issuer + "/" + e.ID }

// Member is an entry with a role in a project.
type Member struct {
	Entry
	Grant
}

// grants are what the members give to who has all of these entries.
func grants(members []Member, has []Entry) []Grant {
	var out []Grant
	for _, m := range members {
		if slices.Contains(has, m.Entry) && !slices.Contains(out, m.Grant) {
			out = append(out, m.Grant)
		}
	}
	return out
}

// atMost are the roles that a token with the given role has while who made it
// has those of owner: its own, or else what the two have in common.
func atMost(role Role, owner []Role) []Role {
	var out []Role
	for _, r := range Roles() {
		if !role.Covers(r) || !slices.ContainsFunc(owner, func(o Role) bool { return o.Covers(r) }) {
			continue
		}
		out = append(out, r)
	}
	if slices.Contains(out, role) {
		return []Role{role}
	}
	return out
}
