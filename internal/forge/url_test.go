package forge

import (
	"errors"
	"strings"
	"testing"
	"unicode"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		in       string
		hint     Provider
		provider Provider
		want     string
	}{
		{"https://github.com/Team/Repo.git", "", GitHub, "github.com/Team/Repo"},
		{"https://github.com/team/repo", "", GitHub, "github.com/team/repo"},
		{"https://github.com/team/repo/", "", GitHub, "github.com/team/repo"},
		{"https://github.com//team//repo.git/", "", GitHub, "github.com/team/repo"},
		{"https://x-access-token:secret@github.com/team/repo.git", "", GitHub, "github.com/team/repo"},
		{"https://GitHub.com/team/repo.js", "", GitHub, "github.com/team/repo.js"},
		{"https://www.github.com/team/repo", "", GitHub, "github.com/team/repo"},
		{"http://github.com/team/repo", "", GitHub, "github.com/team/repo"},
		{"git@github.com:team/repo.git", "", GitHub, "github.com/team/repo"},
		{"git@github.com:/team/repo.git", "", GitHub, "github.com/team/repo"},
		{"github.com:team/repo", "", GitHub, "github.com/team/repo"},
		{"ssh://git@github.com/team/repo.git", "", GitHub, "github.com/team/repo"},
		{"ssh://git@ssh.github.com:443/team/repo.git", "", GitHub, "github.com/team/repo"},
		{"org-123@github.com:team/repo.git", "", GitHub, "github.com/team/repo"},
		{"https://octo.ghe.com/team/repo", "", GitHub, "octo.ghe.com/team/repo"},
		{"git@git.contoso.example:team/repo.git", GitHub, GitHub, "git.contoso.example/team/repo"},
		{"https://github.com/team/repo", GitLab, GitHub, "github.com/team/repo"},

		{"https://gitlab.com/group/repo.git", "", GitLab, "gitlab.com/group/repo"},
		{"https://gitlab.com/group/sub/deep/repo.git", "", GitLab, "gitlab.com/group/sub/deep/repo"},
		{"git@gitlab.com:group/sub/repo.git", "", GitLab, "gitlab.com/group/sub/repo"},
		{"ssh://git@altssh.gitlab.com:443/group/repo.git", "", GitLab, "gitlab.com/group/repo"},
		{"https://oauth2:secret@gitlab.contoso.example:8443/group/repo.git", GitLab, GitLab, "gitlab.contoso.example/group/repo"},
		{"ssh://git@gitlab.contoso.example:2222/group/sub/repo.git", GitLab, GitLab, "gitlab.contoso.example/group/sub/repo"},

		{"https://dev.azure.com/org/project/_git/repo", "", Azure, "dev.azure.com/org/project/repo"},
		{"https://org@dev.azure.com/org/My%20Project/_git/My%20Repo", "", Azure, "dev.azure.com/org/My Project/My Repo"},
		{"https://dev.azure.com/org/_git/repo", "", Azure, "dev.azure.com/org/repo/repo"},
		{"https://dev.azure.com/org/project/_git/_full/repo", "", Azure, "dev.azure.com/org/project/repo"},
		{"git@ssh.dev.azure.com:v3/org/project/repo", "", Azure, "dev.azure.com/org/project/repo"},
		{"git@ssh.dev.azure.com:v3/org/My%20Project/repo", "", Azure, "dev.azure.com/org/My Project/repo"},
		{"ssh://git@ssh.dev.azure.com/v3/org/My%20Project/repo", "", Azure, "dev.azure.com/org/My Project/repo"},
		{"https://org.visualstudio.com/project/_git/repo", "", Azure, "dev.azure.com/org/project/repo"},
		{"https://org.visualstudio.com/DefaultCollection/project/_git/repo", "", Azure, "dev.azure.com/org/project/repo"},
		{"https://org.visualstudio.com/_git/repo", "", Azure, "dev.azure.com/org/repo/repo"},
		{"https://org.visualstudio.com/DefaultCollection/_git/repo", "", Azure, "dev.azure.com/org/repo/repo"},
		{"org@vs-ssh.visualstudio.com:v3/org/project/repo", "", Azure, "dev.azure.com/org/project/repo"},
		{"ssh://org@vs-ssh.visualstudio.com:22/DefaultCollection/project/_ssh/repo", "", Azure, "dev.azure.com/org/project/repo"},
		{"ssh://org@vs-ssh.visualstudio.com:22/project/_ssh/repo", "", Azure, "dev.azure.com/org/project/repo"},
		{"ssh://org@org.visualstudio.com:22/project/_git/repo", "", Azure, "dev.azure.com/org/project/repo"},
		{"https://tfs.contoso.example/tfs/DefaultCollection/project/_git/repo", Azure, Azure, "tfs.contoso.example/tfs/DefaultCollection/project/repo"},
		{"https://tfs.contoso.example/tfs/DefaultCollection/_git/repo", Azure, Azure, "tfs.contoso.example/tfs/DefaultCollection/repo/repo"},
		{"https://devops.contoso.example/Collection/project/_git/repo.git", Azure, Azure, "devops.contoso.example/Collection/project/repo.git"},
		{"ssh://tfs.contoso.example:22/tfs/DefaultCollection/project/_git/repo", Azure, Azure, "tfs.contoso.example/tfs/DefaultCollection/project/repo"},

		{"https://codeberg.org/team/repo.git", "", Gitea, "codeberg.org/team/repo"},
		{"git@codeberg.org:team/repo.git", "", Gitea, "codeberg.org/team/repo"},
		{"https://git.contoso.example/git/team/repo.git", Gitea, Gitea, "git.contoso.example/git/team/repo"},
		{"ssh://gitea@git.contoso.example:3022/team/repo.git", Gitea, Gitea, "git.contoso.example/team/repo"},

		{"https://ann@bitbucket.org/Team/repo.git", "", Bitbucket, "bitbucket.org/Team/repo"},
		{"git@bitbucket.org:team/repo.git", "", Bitbucket, "bitbucket.org/team/repo"},
		{"ssh://git@altssh.bitbucket.org:443/team/repo.git", "", Bitbucket, "bitbucket.org/team/repo"},
		{"https://bitbucket.org/team/repo", BitbucketServer, Bitbucket, "bitbucket.org/team/repo"},
		{"https://git.contoso.example/scm/PRJ/repo.git", BitbucketServer, BitbucketServer, "git.contoso.example/PRJ/repo"},
		{"https://ann@git.contoso.example:7990/bitbucket/scm/prj/repo.git", BitbucketServer, BitbucketServer, "git.contoso.example/prj/repo"},
		{"ssh://git@git.contoso.example:7999/prj/repo.git", BitbucketServer, BitbucketServer, "git.contoso.example/prj/repo"},
		{"ssh://git@git.contoso.example:7999/~ann/repo.git", BitbucketServer, BitbucketServer, "git.contoso.example/~ann/repo"},
		{"https://git.contoso.example/projects/PRJ/repos/repo/browse", BitbucketServer, BitbucketServer, "git.contoso.example/PRJ/repo"},
		{"https://git.contoso.example/folder/projects/PRJ/repos/repo", BitbucketServer, BitbucketServer, "git.contoso.example/PRJ/repo"},
		{"https://git.contoso.example/users/ann/repos/repo/browse", BitbucketServer, BitbucketServer, "git.contoso.example/~ann/repo"},
		{"https://git.contoso.example/scm/scm/repo.git", BitbucketServer, BitbucketServer, "git.contoso.example/scm/repo"},
		{"git@git.contoso.example:Team/Repo.git", "", Other, "git.contoso.example/Team/Repo"},
		{"https://[::1]:3000/team/repo", Gitea, Gitea, "::1/team/repo"},
	} {
		got, err := Parse(tc.in, tc.hint)
		if err != nil || got.Provider != tc.provider || got.String() != tc.want {
			t.Errorf("%s: got %q %s, %v, want %q %s", tc.in, got.Provider, got, err, tc.provider, tc.want)
		}
		key := tc.want
		if tc.provider != Other {
			key = strings.ToLower(key)
		}
		if got.Key() != key {
			t.Errorf("%s: got the key %s, want %s", tc.in, got.Key(), key)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", "/srv/repo.git", "file:///srv/repo.git", "ext::sh -c x", "-oProxyCommand=x", "git@github.com:", "ftp://github.com/a/b",
		"https://github.com/team", "https://github.com/team/repo/tree/main", "https://github.com/team/..", "https://github.com/../x", "https://github.com/a/.git",
		"https://github.com/%2e%2e/x", "https://github.com/a\\b/c", "https://gitlab.com/repo", "https://codeberg.org/repo",
		"https://dev.azure.com/org/project/repo", "https://dev.azure.com/_git/repo", "https://dev.azure.com/a/b/c/_git/repo", "https://dev.azure.com/org/project/_git/repo/x",
		"git@ssh.dev.azure.com:v3/org/project", "git@ssh.dev.azure.com:v3/org/%2e%2e/repo", "git@ssh.dev.azure.com:v3/org/a%2fb/repo", "git@ssh.dev.azure.com:v3/org/%zz/repo",
		"git@ssh.dev.azure.com:v3/org/a%00/repo", "ssh://vs-ssh.visualstudio.com:22/project/_ssh/repo", "https://a.b.visualstudio.com/project/_git/repo",
		"https://bitbucket.org/repo", "https://bitbucket.org/a/b/src/main",
		"https://github.com/a/b?x=1", "https://github.com/a/b#x",
	} {
		if got, err := Parse(in, ""); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: got %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"https://git.example/PRJ/repo", "https://git.example/scm/repo", "ssh://git@git.example:7999/scm/PRJ/repo.git", "https://git.example/groups/x/repos/y", "https://git.example/projects/x/repos/y/z"} {
		if got, err := Parse(in, BitbucketServer); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: got %v, %v", in, got, err)
		}
	}
	if _, err := Parse("https://ann:"+"hush@github.com/x", ""); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("the error quotes the url: %v", err)
	}
}

// Where requests go, and under which names.
func TestEndpoint(t *testing.T) {
	for _, tc := range []struct {
		remote   string
		provider Provider
		api      string
		want     string
	}{
		{"git@github.com:team/repo.git", "", "", "https://api.github.com/repos/team/repo"},
		{"https://octo.ghe.com/team/repo", "", "", "https://api.octo.ghe.com/repos/team/repo"},
		{"https://git.example/team/repo", GitHub, "", "https://git.example/api/v3/repos/team/repo"},
		{"ssh://git@git.example:2222/team/repo", GitHub, "", "https://git.example/api/v3/repos/team/repo"},
		{"https://git.example:8443/team/repo", GitLab, "", "https://git.example:8443/api/v4/projects/team%2Frepo"},
		{"https://git.example/gitlab/team/repo", GitLab, "https://git.example/gitlab/api/v4/", "https://git.example/gitlab/api/v4/projects/team%2Frepo"},
		{"https://git.example/gitlab/team/repo", GitLab, "https://git.example/api/v4", "https://git.example/api/v4/projects/gitlab%2Fteam%2Frepo"},
		{"git@git.example:a b/c?d.git", GitLab, "", "https://git.example/api/v4/projects/a%20b%2Fc%3Fd"},
		{"https://git.example/git/team/repo", Gitea, "https://git.example/git/api/v1", "https://git.example/git/api/v1/repos/team/repo"},
		{"http://127.0.0.1:3000/team/repo", Gitea, "", "http://127.0.0.1:3000/api/v1/repos/team/repo"},
		{"https://[::1]:3000/team/repo", Gitea, "", "https://[::1]:3000/api/v1/repos/team/repo"},
		{"git@ssh.dev.azure.com:v3/org/My%20Project/repo", "", "", "https://dev.azure.com/org/My%20Project/_apis/git/repositories/repo"},
		{"https://org.visualstudio.com/project/_git/repo", "", "", "https://dev.azure.com/org/project/_apis/git/repositories/repo"},
		{"https://tfs.example/tfs/Coll/project/_git/repo", Azure, "", "https://tfs.example/tfs/Coll/project/_apis/git/repositories/repo"},
		{"ssh://tfs.example:22/tfs/Coll/project/_git/repo", Azure, "https://web.example/tfs", "https://web.example/tfs/Coll/project/_apis/git/repositories/repo"},
	} {
		f, err := Of(tc.remote, Options{Provider: tc.provider, API: tc.api, Token: token})
		if err != nil {
			t.Errorf("%s: %v", tc.remote, err)
			continue
		}
		if host, _, _ := strings.Cut(strings.SplitN(tc.want, "//", 2)[1], "/"); f.Host() != host {
			t.Errorf("%s: got the host %s", tc.remote, f.Host())
		}
		if got := f.client.base + at(f); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.remote, got, tc.want)
		}
	}
}

func TestOfficial(t *testing.T) {
	for host, want := range map[string]bool{
		"api.github.com": true, "GitLab.com": true, "dev.azure.com": true, "org.visualstudio.com": true, "api.octo.ghe.com": true, "codeberg.org": true,
		"": false, "api.github.com.evil.example": false, "evilgithub.com": false, "github.com:8443": false, "ghe.com": false, "xghe.com": false, "visualstudio.com": false, "evilvisualstudio.com": false, "api.github.com@evil.example": false,
	} {
		if got := Official(host); got != want {
			t.Errorf("%s: got %v", host, got)
		}
	}
}

// at is the path below the API that all requests begin with.
func at(f *Forge) string {
	switch a := f.api.(type) {
	case *github:
		return a.at
	case *gitea:
		return a.at
	case *gitlab:
		return a.at
	case *azure:
		return a.at
	}
	return ""
}

func TestOfRefuses(t *testing.T) {
	for _, tc := range []struct {
		remote string
		o      Options
		kind   error
	}{
		{"https://git.example/team/repo", Options{}, ErrUnknown},
		{"https://bitbucket.org/team/repo", Options{}, ErrUnknown},
		{"https://git.example/team/repo", Options{Provider: "svn"}, ErrUnknown},
		{"http://git.example/team/repo", Options{Provider: Gitea, Token: token}, ErrInvalid},
		{"https://git.example/team/repo", Options{Provider: Gitea, Token: token, API: "http://git.example/api/v1"}, ErrInvalid},
		{"https://git.example/team/repo", Options{Provider: Gitea, Token: token, API: "https://u:p@git.example/api/v1"}, ErrInvalid},
		{"https://git.example/team/repo", Options{Provider: Gitea, Token: token, API: "git.example/api/v1"}, ErrInvalid},
		{"https://git.example/team/repo", Options{Provider: Gitea, Token: token, API: "ftp://git.example"}, ErrInvalid},
		{"https://git.example/team/repo", Options{Provider: Gitea, Token: token, API: "https://git.example/api?x=1"}, ErrInvalid},
		{"https://git.example/git/team/repo", Options{Provider: Gitea}, ErrInvalid},
		{"https://git.example/team/repo", Options{Provider: Gitea, Token: "a\nb"}, ErrInvalid},
	} {
		if _, err := Of(tc.remote, tc.o); !errors.Is(err, tc.kind) || strings.Contains(err.Error(), token) {
			t.Errorf("%s %+v: got %v", tc.remote, tc.o, err)
		}
	}
	if _, err := Of("http://git.example/team/repo", Options{Provider: Gitea}); err != nil {
		t.Errorf("without a token: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"https://github.com/a/b.git", "git@gitlab.com:a/b/c", "git@ssh.dev.azure.com:v3/o/p%20q/r", "https://o.visualstudio.com/DefaultCollection/p/_git/r",
		"ssh://o@vs-ssh.visualstudio.com:22/p/_ssh/r", "https://x:y@h:1/a/../b", "https://h/tfs/c/_git/r", "h:a/b",
	} {
		f.Add(s, "azure")
		f.Add(s, "gitea")
	}
	f.Fuzz(func(t *testing.T, raw, hint string) {
		r, err := Parse(raw, Provider(hint))
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("got %v", err)
			}
			return
		}
		if r.Host == "" || r.Host != strings.ToLower(r.Host) || strings.ContainsFunc(r.Key(), unicode.IsControl) {
			t.Fatalf("got %+v", r)
		}
		for part := range strings.SplitSeq(r.Path, "/") {
			if part == "" || part == "." || part == ".." {
				t.Fatalf("got %+v", r)
			}
		}
		// What is sent stays below the API, whatever the names.
		fo, err := Of(raw, Options{Provider: Provider(hint)})
		if err != nil {
			return
		}
		req, err := fo.client.request(t.Context(), call{method: "GET", path: at(fo)})
		if err != nil || req.URL.User != nil || req.URL.RawQuery != "" || req.URL.Fragment != "" || !strings.HasPrefix(req.URL.String(), fo.client.base+"/") || strings.Contains(req.URL.Path, "/../") {
			t.Fatalf("got %v, %v", req, err)
		}
		// One address more of the same has the same key.
		if r.Provider == GitHub || r.Provider == GitLab || r.Provider == Gitea {
			again, err := Parse("https://"+authority(r.Host, "")+"/"+escape(strings.Split(r.Path, "/")...), Provider(hint))
			if err == nil && again.Key() != r.Key() && !strings.HasSuffix(r.Path, ".git") {
				t.Fatalf("%q: %s is not %s", raw, again.Key(), r.Key())
			}
		}
	})
}
