package forge

import (
	"fmt"
	"strings"

	"mlsync.dev/mlsync/internal/gitrepo"
)

// Repo is the repository that a remote's URL means, however it is written.
type Repo struct {
	Provider Provider
	// Host is the one of the web pages, in lower case and without a port:
	// dev.azure.com for everything of Azure DevOps in the cloud.
	Host string
	// Path is as written, decoded: owner/name, group/subgroup/name on GitLab,
	// organization/project/name on Azure DevOps, where a server has
	// collection/project/name with the folder that it is served from, if any,
	// in front: tfs/collection/project/name. On a server of Bitbucket it is
	// project/name, without the folder that the web pages are served from.
	Path string

	// web is the origin of https and http addresses, scheme and port included.
	web string
}

// Key is the same for all addresses of one repository and differs between
// repositories: host/path in lower case, as these services take names.
// Services that are not known may tell cases apart, and so does their key.
func (r Repo) Key() string {
	if r.Provider == Other {
		return r.Host + "/" + r.Path
	}
	return r.Host + "/" + strings.ToLower(r.Path)
}

// String is host/path.
func (r Repo) String() string { return r.Host + "/" + r.Path }

// invalid never quotes what was given: it may hold a credential.
func invalid(why string) error { return fmt.Errorf("repository url: %w: %s", ErrInvalid, why) }

// Parse reads any address of a repository: https, ssh and the older forms of
// each service. hint says what a host is that no service has in its cloud; it
// is not asked for others. Without one the Provider of such a host is Other.
// The error is ErrInvalid and does not quote raw.
func Parse(raw string, hint Provider) (Repo, error) {
	a, err := gitrepo.ParseAddress(raw)
	if err != nil {
		return Repo{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if a.Scheme == "file" {
		return Repo{}, invalid("it is a folder of this machine, not a service")
	}
	host := strings.TrimSuffix(strings.ToLower(a.Host), ".")
	if host == "" {
		return Repo{}, invalid("it has no host")
	}
	provider, host := cloud(host)
	if provider == Other {
		provider = hint
	}
	r := Repo{Provider: provider, Host: host}
	if a.Scheme != "ssh" {
		r.web = a.Scheme + "://" + authority(host, a.Port)
	}
	parts, err := split(a)
	if err != nil {
		return Repo{}, err
	}
	if provider == BitbucketServer {
		if parts, err = bitbucketParts(a, parts); err != nil {
			return Repo{}, err
		}
	}
	if provider == Azure {
		parts, err = azureParts(a, host, parts)
		if err != nil {
			return Repo{}, err
		}
		if host != azureCloud && isAzureCloud(host) {
			r.Host, r.web = azureCloud, "https://"+azureCloud
		}
	}
	if err := count(provider, parts); err != nil {
		return Repo{}, err
	}
	r.Path = strings.Join(parts, "/")
	return r, nil
}

func authority(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" {
		host += ":" + port
	}
	return host
}

// cloud tells the services that everybody knows by their hosts. The others are
// where ssh is answered on port 443:
// https://docs.github.com/en/authentication/troubleshooting-ssh/using-ssh-over-the-https-port
// https://docs.gitlab.com/user/ssh/ (altssh.gitlab.com),
// https://support.atlassian.com/bitbucket-cloud/docs/configure-ssh-and-two-step-verification/ (altssh.bitbucket.org).
// GHE.com is GitHub Enterprise Cloud with data residency:
// https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency/about-github-enterprise-cloud-with-data-residency
func cloud(host string) (Provider, string) {
	switch host {
	case "github.com", "www.github.com", "ssh.github.com":
		return GitHub, "github.com"
	case "gitlab.com", "www.gitlab.com", "altssh.gitlab.com":
		return GitLab, "gitlab.com"
	case "bitbucket.org", "www.bitbucket.org", "altssh.bitbucket.org":
		return Bitbucket, "bitbucket.org"
	case "codeberg.org", "gitea.com":
		return Gitea, host
	}
	switch {
	case isAzureCloud(host):
		return Azure, host
	case strings.HasSuffix(host, ".ghe.com"):
		return GitHub, host
	}
	return Other, host
}

// Official says whether a host, with its port if it has one, is of a service
// in its own cloud: one that everybody may send a token of that service to.
func Official(host string) bool {
	if host == "api.github.com" {
		return true
	}
	provider, _ := cloud(strings.ToLower(host))
	return provider != Other
}

// split gives the names of the path, in which ".." has no place.
func split(a gitrepo.Address) ([]string, error) {
	var parts []string
	for part := range strings.SplitSeq(a.Path, "/") {
		switch {
		case part == "":
			continue
		case part == "." || part == ".." || strings.Contains(part, `\`):
			return nil, invalid("its path holds . or .. or \\")
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return nil, invalid("it has no path")
	}
	return parts, nil
}

// count holds a path against the names that the service has, and takes .git
// off its end, where every service but Azure DevOps allows it.
func count(p Provider, parts []string) error {
	last := len(parts) - 1
	if p != Azure {
		parts[last] = strings.TrimSuffix(parts[last], ".git")
	}
	for _, part := range parts {
		if part == "" || part == "." || part == ".." {
			return invalid("it names no repository")
		}
	}
	switch {
	case p == GitHub && len(parts) != 2:
		return invalid("want OWNER/REPOSITORY on GitHub")
	case p == GitLab && len(parts) < 2:
		return invalid("want GROUP/PROJECT on GitLab")
	case p == Bitbucket && len(parts) != 2:
		return invalid("want WORKSPACE/REPOSITORY on Bitbucket")
	case p == Gitea && len(parts) < 2:
		return invalid("want OWNER/REPOSITORY on Gitea")
	}
	return nil
}
