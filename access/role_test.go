package access

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The whole table, as people read it.
func TestTable(t *testing.T) {
	var got strings.Builder
	for _, a := range Actions() {
		fmt.Fprintf(&got, "%s:", a)
		for _, r := range Roles() {
			if r.Does(a) {
				fmt.Fprintf(&got, " %s", r)
			}
		}
		got.WriteByte('\n')
	}
	want := `read: viewer operator approver admin
read-audit: approver admin
sync: operator admin
hold: operator admin
abort: operator admin
put-off: operator admin
adopt: operator admin
disown: operator admin
promote: operator admin
approve: approver admin
own-tokens: viewer operator approver admin
manage-tokens: admin
`
	if got.String() != want {
		t.Errorf("got\n%s", &got)
	}
	if len(mayDo) != len(Actions()) {
		t.Errorf("the table has %d actions, Actions %d", len(mayDo), len(Actions()))
	}
}

func TestCovers(t *testing.T) {
	for r, want := range map[Role][]Role{
		Viewer: {Viewer}, Operator: {Viewer, Operator}, Approver: {Viewer, Approver}, Admin: Roles(), "owner": nil, "": nil,
	} {
		var got []Role
		for _, other := range append(Roles(), "", "owner") {
			if r.Covers(other) {
				got = append(got, other)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q covers %v, want %v", r, got, want)
		}
	}
}

// Every action x role x project: what is not granted is refused.
func TestAttackZ01Matrix(t *testing.T) {
	projects := []string{"vision", "vision-2", "fraud", All, "", "VISION", "vision "}
	for _, granted := range []string{"vision", All, "", "visio*"} {
		for _, role := range append(Roles(), "", "owner", "Admin") {
			p := Principal{Subject: "user:1", Kind: Person, Grants: []Grant{{role, granted}}}
			for _, a := range append(Actions(), "", "delete", "Read", "*") {
				for _, project := range projects {
					want := role.Does(a) && project != "" && (granted == All || granted == project)
					if got := p.Allows(a, project); got != want {
						t.Errorf("%q on %q: %q on %q: got %v", role, granted, a, project, got)
					}
				}
			}
		}
	}
	for _, a := range Actions() {
		for _, project := range projects {
			if (Principal{}).Allows(a, project) || (Principal{Subject: "user:1"}).Allows(a, project) || (Principal{Grants: []Grant{{Admin, All}}}).Allows(a, project) {
				t.Errorf("nobody may %s on %q", a, project)
			}
		}
	}
}

// A token makes no further tokens, whatever it was given.
func TestAttackZ02TokenMakesNoToken(t *testing.T) {
	p := Principal{Subject: "token:vision-x", Kind: Token, Grants: []Grant{{Admin, All}}}
	for _, a := range Actions() {
		if got, want := p.Allows(a, "vision"), a != OwnTokens && a != ManageTokens; got != want {
			t.Errorf("%s: got %v", a, got)
		}
	}
}

func TestRolesOfPrincipal(t *testing.T) {
	p := Principal{Grants: []Grant{{Approver, All}, {Operator, "vision"}, {Admin, "fraud"}}}
	if got := p.Roles("vision"); !slices.Equal(got, []Role{Operator, Approver}) {
		t.Error(got)
	}
}
