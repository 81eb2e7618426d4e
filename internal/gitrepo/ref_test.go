package gitrepo

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

func TestParseRefRefuses(t *testing.T) {
	for _, in := range []string{
		"-x", "--upload-pack=x", "a/-x", "refs/heads/-x", "refs/heads/", "refs/notes/x", "refs/x", "a b", "a\nb", "a\x00b", "a\x7fb", "a..b", "a//b", "/a", "a/",
		".a", "a/.b", "a.lock", "a/b.lock/c", "a.", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "a@{1}", "@", "a\xff",
		"semver:", "semver:one", "semver:>=1 ||", "semver:>==1", "semver:1.x.3", "tags:", "tags:[v", "tags:-*", "tags:a b", "tags:../*", strings.Repeat("x", 2000),
	} {
		if _, err := ParseRef(in); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: got %v, want it refused", in, err)
		}
	}
}

func adv(refs ...string) *packp.AdvRefs {
	out := packp.NewAdvRefs()
	for _, name := range refs {
		out.References[name] = plumbing.ComputeHash(plumbing.BlobObject, []byte(name))
	}
	return out
}

func TestResolve(t *testing.T) {
	remote := adv("refs/heads/main", "refs/heads/both", "refs/tags/both", "refs/tags/only", "refs/tags/v1.0.0", "refs/tags/v1.2.0",
		"refs/tags/1.2.0", "refs/tags/v1.10.0", "refs/tags/v2.0.0-rc.1", "refs/tags/v2.0.0-rc.10", "refs/tags/v0.3.1", "refs/tags/v0.4.0",
		"refs/tags/v9", "refs/tags/release", "refs/tags/prod-2026-9", "refs/tags/prod-2026-10", "refs/tags/team/1", "refs/heads/v8.0.0", "refs/tags/v1.10.0-beta+5")
	for _, tc := range []struct{ in, want string }{
		{"main", "refs/heads/main"},
		{"both", "refs/heads/both"},
		{"refs/tags/both", "refs/tags/both"},
		{"only", "refs/tags/only"},
		{"refs/heads/only", ""},
		{"none", ""},
		{"semver:*", "refs/tags/v1.10.0"},
		{"semver:1.x", "refs/tags/v1.10.0"},
		{"semver:1", "refs/tags/v1.10.0"},
		{"semver:>=1.0 <1.10", "refs/tags/1.2.0"},
		{"semver:>= 1.0, < 1.10", "refs/tags/1.2.0"},
		{"semver:<=1.2", "refs/tags/1.2.0"},
		{"semver:=1.0.0", "refs/tags/v1.0.0"},
		{"semver:~1.2", "refs/tags/1.2.0"},
		{"semver:^0.3", "refs/tags/v0.3.1"},
		{"semver:^1.0", "refs/tags/v1.10.0"},
		{"semver:>1.10", ""},
		{"semver:>1.2.0", "refs/tags/v1.10.0"},
		{"semver:>=2.0.0-rc.1", "refs/tags/v2.0.0-rc.10"},
		{"semver:<2", "refs/tags/v1.10.0"},
		{"semver:0.4.0 || 0.3.x", "refs/tags/v0.4.0"},
		{"semver:3.x", ""},
		{"tags:v*", "refs/tags/v9"},
		{"tags:v[12].*", "refs/tags/v2.0.0-rc.10"},
		{"tags:1.*", "refs/tags/1.2.0"},
		{"tags:prod-*", "refs/tags/prod-2026-10"},
		{"tags:*e*", "refs/tags/v1.10.0-beta+5"},
		{"tags:team/?", "refs/tags/team/1"},
		{"tags:m*", ""},
	} {
		name, hash, err := ref(t, tc.in).resolve(remote)
		switch {
		case tc.want == "":
			if !errors.Is(faultText(err), ErrNotFound) {
				t.Errorf("%s: got %s, %v, want not found", tc.in, name, err)
			}
		case err != nil || name.String() != tc.want || hash != remote.References[tc.want]:
			t.Errorf("%s: got %s, %v, want %s", tc.in, name, err, tc.want)
		}
	}
}

// The order of the specification, section 11.
func TestVersionOrder(t *testing.T) {
	order := strings.Fields("1.0.0-0 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 1.2.0 1.10.0 2.0.0")
	for i, a := range order {
		for j, b := range order {
			v, _, ok := parseVersion(a)
			w, _, ok2 := parseVersion(b)
			if want := min(1, max(-1, i-j)); !ok || !ok2 || v.compare(w) != want {
				t.Errorf("%s and %s: got %d, want %d", a, b, v.compare(w), want)
			}
		}
	}
}

// What is accepted must be something git accepts too, and survive a round trip.
func FuzzParseRef(f *testing.F) {
	for _, seed := range []string{"main", "HEAD", "refs/tags/v1", "-x", "a..b", "semver:^1.2 || ~0.1", "semver:>=1.0.0-a.1 <2", "feature/x.y", "é"} {
		f.Add(seed)
	}
	git, lookErr := exec.LookPath("git")
	f.Fuzz(func(t *testing.T, in string) {
		r, err := ParseRef(in)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		again, err := ParseRef(r.String())
		if err != nil || again.String() != r.String() {
			t.Fatalf("%q gives %q, then %q, %v", in, r, again, err)
		}
		if r.short == "" || strings.Contains(r.short, "\x00") {
			return
		}
		if lookErr != nil {
			t.Fatalf("install the package git: %v", lookErr)
		}
		if out, err := exec.Command(git, "check-ref-format", "--branch", r.short).CombinedOutput(); err != nil {
			t.Fatalf("git refuses %q: %s", r.short, out)
		}
	})
}

func TestTouches(t *testing.T) {
	for _, tc := range []struct{ ref, yes, no string }{
		{"", "refs/heads/main refs/heads/x", "refs/tags/main refs/pull/1/head main"},
		{"main", "refs/heads/main refs/tags/main", "refs/heads/main2 refs/heads/x/main refs/pull/1/main"},
		{"refs/heads/a/b", "refs/heads/a/b", "refs/tags/a/b refs/heads/b refs/heads/A/b"},
		{"refs/tags/v1", "refs/tags/v1", "refs/heads/v1 refs/tags/v10"},
		{"semver:>=1", "refs/tags/v1 refs/tags/x", "refs/heads/v1"},
		{"0123456789012345678901234567890123456789", "", "refs/heads/main refs/tags/v1"},
	} {
		ref, err := ParseRef(tc.ref)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields(tc.yes) {
			if !ref.Touches(name) {
				t.Errorf("%q is not touched by %s", tc.ref, name)
			}
		}
		for _, name := range strings.Fields(tc.no) {
			if ref.Touches(name) {
				t.Errorf("%q is touched by %s", tc.ref, name)
			}
		}
	}
}
