package forge

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"mlsync.dev/mlsync/internal/limit"
)

// Probe asks a host which service it is, without the token: its answers tell
// even where it wants one. The error is ErrUnknown if none of them does, which
// is so as well if the host cannot be reached.
func Probe(ctx context.Context, remote string, o Options) (Provider, error) {
	repo, err := Parse(remote, Other)
	if err != nil {
		return Other, err
	}
	if repo.Provider != Other {
		return repo.Provider, nil
	}
	origin := repo.web
	if origin == "" {
		origin = "https://" + repo.Host
	}
	o.Token = ""
	c, err := newClient(origin, o)
	if err != nil {
		return Other, err
	}
	for _, sign := range signs() {
		if c.shows(ctx, sign) {
			return sign.provider, nil
		}
	}
	return Other, fmt.Errorf("%s: %w: it answers as none of github, gitlab, azure and gitea at the root of https", repo.Host, ErrUnknown)
}

// sign is what a service is known by: a header of its answers or a key of
// their JSON, whatever the status.
type sign struct {
	provider          Provider
	path, header, key string
}

func signs() []sign {
	return []sign{
		// https://docs.github.com/en/enterprise-server/rest/meta/meta
		{provider: GitHub, path: "/api/v3/meta", header: "X-GitHub-Request-Id"},
		// https://docs.gitlab.com/api/version/; the header is on all answers of its API.
		{provider: GitLab, path: "/api/v4/version", header: "X-Gitlab-Meta"},
		// https://learn.microsoft.com/azure/devops/integrate/how-to/call-rest-api
		{provider: Azure, path: "/_apis/connectionData", header: "X-TFS-ProcessId"},
		// https://docs.gitea.com/api/ (getVersion), which asks for no token.
		{provider: Gitea, path: "/api/v1/version", key: "version"},
	}
}

// shows asks once; no answer is no sign.
func (c *client) shows(ctx context.Context, s sign) bool {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := c.request(ctx, call{method: http.MethodGet, path: s.path})
	if err != nil {
		return false
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	if s.key == "" {
		return answer.Header.Get(s.header) != ""
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, limit.ForgeMessage))
	var said map[string]any
	return err == nil && json.Unmarshal(data, &said) == nil && said[s.key] != nil
}
