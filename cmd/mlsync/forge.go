package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/forge"
	"mlsync.dev/mlsync/internal/gitrepo"
)

// forge is the service with the pull requests of the configured repository.
// origin is the address that the operator chose without the configuration: of
// the remote that the working tree was cloned from, or of the command line. It
// is the repository as well if the configuration names none.
func (a *app) forge(ctx context.Context, r config.Repository, origin string) (*forge.Forge, error) {
	remote := cmp.Or(r.URL, origin)
	if remote == "" {
		return nil, fmt.Errorf("pull requests: there is no repository: set repository.url in %s, or work in a clone", config.File)
	}
	o := forge.Options{API: r.Forge.API, UserAgent: "mlsync/" + version}
	switch r.Forge.Provider {
	case "auto":
		found, err := forge.Probe(ctx, remote, o)
		if err != nil {
			return nil, fmt.Errorf("pull requests: %w: set repository.forge.provider in %s", err, config.File)
		}
		o.Provider = found
	default:
		o.Provider = forge.Provider(r.Forge.Provider)
	}
	// Without a token first: only then it is known where one would go.
	f, err := forge.Of(remote, o)
	if err != nil {
		return nil, fmt.Errorf("pull requests: %w (repository.forge.provider in %s)", err, config.File)
	}
	if err := a.mayHaveToken(f.Host(), origin); err != nil {
		return nil, err
	}
	if o.Token, err = a.forgeToken(r, f); err != nil {
		return nil, err
	}
	return forge.Of(remote, o)
}

// mayHaveToken refuses a host that only a file names, as trusted does.
func (a *app) mayHaveToken(host, origin string) error {
	more, _ := a.env(trustedHosts)
	u := url.URL{Host: host}
	own := ""
	if addr, err := gitrepo.ParseAddress(origin); err == nil {
		own = strings.ToLower(addr.Host)
	}
	if forge.Official(host) || loopback(u.Hostname()) || own != "" && u.Hostname() == own || slices.Contains(strings.Split(strings.ToLower(more), ","), host) {
		return nil
	}
	return fmt.Errorf("pull requests: the token would go to %s, which is not where this was cloned from: if that is right, set %s=%s", printable(host), trustedHosts, printable(host))
}

// forgeToken is the token of the variable that the configuration names; else
// of one that the service's own tools read; else that of git.
func (a *app) forgeToken(r config.Repository, f *forge.Forge) (gitrepo.Secret, error) {
	if name := r.Forge.TokenEnv; name != "" {
		if token, _ := a.env(name); token != "" {
			return gitrepo.Secret(token), nil
		}
		return "", fmt.Errorf("pull requests: %s is not set; %s names it in repository.forge.token_env", name, config.File)
	}
	names := tokenNames(f.Repo().Provider, forge.Official(f.Host()))
	if r.Auth.TokenEnv != "" {
		names = append(names, r.Auth.TokenEnv)
	}
	for _, name := range names {
		if token, _ := a.env(name); token != "" {
			return gitrepo.Secret(token), nil
		}
	}
	return "", fmt.Errorf("pull requests: there is no token for %s: set %s, or name another variable in repository.forge.token_env of %s", f.Host(), names[0], config.File)
}

// tokenNames are the variables that hold a token, the first is told.
// GitHub's own servers have names of their own, so that a token for github.com
// goes to no other: https://cli.github.com/manual/gh_help_environment
func tokenNames(p forge.Provider, official bool) []string {
	switch p {
	case forge.GitHub:
		if !official {
			return []string{"GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"}
		}
		return []string{"GH_TOKEN", "GITHUB_TOKEN"}
	case forge.GitLab:
		return []string{"GITLAB_TOKEN"}
	case forge.Azure:
		return []string{"AZURE_DEVOPS_EXT_PAT", "SYSTEM_ACCESSTOKEN"}
	case forge.Gitea, forge.Other, forge.Bitbucket, forge.BitbucketServer:
	}
	return []string{"GITEA_TOKEN", "FORGEJO_TOKEN"}
}
