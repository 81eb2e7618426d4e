package gitrepo

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode"
)

func TestParseURL(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want location
		text string
	}{
		{"https://git.example/team/repo.git/", location{scheme: "https", host: "git.example", path: "/team/repo.git"}, "https://git.example/team/repo.git"},
		{"https://me:pw@git.example:8443/r", location{scheme: "https", host: "git.example", port: "8443", user: "me", pass: "pw", path: "/r"}, "https://git.example:8443/r"},
		{"https://token@git.example/r", location{scheme: "https", host: "git.example", user: "token", path: "/r"}, "https://git.example/r"},
		{"HTTPS://git.example/r", location{scheme: "https", host: "git.example", path: "/r"}, "https://git.example/r"},
		{"https://[::1]:8443/r", location{scheme: "https", host: "::1", port: "8443", path: "/r"}, "https://[::1]:8443/r"},
		{"https://[::1]/r", location{scheme: "https", host: "::1", path: "/r"}, "https://[::1]/r"},
		{"git@git.example:team/r.git", location{scheme: "ssh", host: "git.example", user: "git", path: "team/r.git"}, "ssh://git@git.example/team/r.git"},
		{"ssh://git@git.example:2222/team/r", location{scheme: "ssh", host: "git.example", port: "2222", user: "git", path: "/team/r"}, "ssh://git@git.example:2222/team/r"},
		{"ssh://git.example/~ann/r", location{scheme: "ssh", host: "git.example", path: "~ann/r"}, "ssh://git.example/~ann/r"},
		{"file:///srv/r.git", location{scheme: "file", path: "/srv/r.git"}, "file:///srv/r.git"},
		{"file://localhost/srv/a%20b", location{scheme: "file", path: "/srv/a b"}, "file:///srv/a%20b"},
		{"/srv/r.git", location{scheme: "file", path: "/srv/r.git"}, "file:///srv/r.git"},
	} {
		got, err := parseURL(tc.in)
		if err != nil || got != tc.want {
			t.Errorf("%s: got %#v, %v, want %#v", tc.in, got, err, tc.want)
		}
		if got.String() != tc.text {
			t.Errorf("%s: got text %s, want %s", tc.in, got, tc.text)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for in, want := range map[string]Address{
		"https://me:pw@Git.example:8443/a%20b.git/": {Scheme: "https", Host: "Git.example", Port: "8443", Path: "/a b.git"},
		"https://token@git.example/r":               {Scheme: "https", Host: "git.example", Path: "/r"},
		"ann@git.example:team/a%20b":                {Scheme: "ssh", Host: "git.example", User: "ann", Path: "team/a%20b"},
		"ssh://ann@[::1]:2222/r":                    {Scheme: "ssh", Host: "::1", Port: "2222", User: "ann", Path: "/r"},
		"/srv/r":                                    {Scheme: "file", Path: "/srv/r"},
	} {
		if got, err := ParseAddress(in); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", in, got, err)
		}
	}
	if _, err := ParseAddress("ann:" + "hush@h:r"); !errors.Is(err, ErrInvalid) || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
}

func TestParseURLRefuses(t *testing.T) {
	for _, in := range []string{
		"", "-", "--upload-pack=touch x", "-oProxyCommand=x", "ext::sh -c touch% x", "fd::17/foo", "transport::https://h/x",
		"ssh://-oProxyCommand=x/r", "ssh://-x@h/r", "-x@h:r", "git@-h:r", "git@h:-r", "https:///r", "https://h", "https://h/",
		"https://h/r?service=x", "https://h/r#x", "https://h:0/r", "https://h:99999/r", "https://h/a%0ab", "https://h/a%00b",
		"https://h/\x07", "ftp://h/r", "git://h/r", "javascript://h/r", "file://h/r", "[::1]:r", "ann:hush@h/r", "h^x:r", "https://[fe80::1%25en0]/r", "https://u:p%0a@h/r", ":r", "h$(x):r",
		"https://h/" + strings.Repeat("x", 5000), "https://h/\xff",
	} {
		_, err := parseURL(in)
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: got %v, want it refused", in, err)
		}
	}
	if err := CheckURL("https://ann:" + "hush@h:x/r"); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("the error quotes the url: %v", err)
	}
	if got := RedactURL("https://ann:hush@h/r"); got != "https://h/r" {
		t.Errorf("got %s", got)
	}
	if got := RedactURL("https://ann:hush@h:x/r"); got != "(invalid url)" {
		t.Errorf("got %s", got)
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	c := Credential{Username: testUser, Password: testPass, Bearer: testPass}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", c.Password, "credential", c)
	for _, text := range []string{
		fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %q %x %s", c, c, c, c, c, c.Password), string(asJSON), log.String(),
	} {
		noSecret(t, text)
	}
}

// A token is often given as the name, without a password.
func TestSecretsOfALoneName(t *testing.T) {
	loc, err := parseURL("https://tok%2Fen@h/r")
	if err != nil {
		t.Fatal(err)
	}
	secrets := loc.credential().secrets()
	for _, text := range []string{"tok/en", "tok%2Fen", "Basic dG9rL2VuOg=="} {
		if got := redact("at "+text+" x", secrets); strings.Contains(got, strings.TrimPrefix(text, "Basic ")) {
			t.Errorf("got %s", got)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{"https://u:p@h:1/r", "git@h:r", "ssh://h/~u/r", "file:///r", "ext::x", "-x", "[::1]:r", "ann:hush@h/r", "h^x:r", "https://[fe80::1%25en0]/r", "https://[::1%25en0]/r"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		loc, err := parseURL(in)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		for _, part := range []string{loc.host, loc.user, loc.path} {
			if strings.HasPrefix(part, "-") || strings.ContainsFunc(part, unicode.IsControl) {
				t.Fatalf("%q gives %#v", in, loc)
			}
		}
		if loc.scheme != "file" && loc.host == "" {
			t.Fatalf("%q gives no host", in)
		}
		if pass := string(loc.pass); len(pass) > 8 && !strings.Contains(loc.path+loc.host+loc.user, pass) && strings.Contains(loc.String(), pass) {
			t.Fatalf("%q shows its password: %s", in, loc)
		}
		if len(loc.String()) > 4096 {
			return // escaped it is longer than what is taken
		}
		again, err := parseURL(loc.String())
		if err != nil {
			t.Fatalf("%q gives %s, which is refused: %v", in, loc, err)
		}
		if again.String() != loc.String() {
			t.Fatalf("%q gives %s, then %s", in, loc, again)
		}
	})
}
