package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// scaleRoutes are the routes of which the answers are timed.
func scaleRoutes() []string {
	const api, one = "/api/v1", "/api/v1/projects/bench/targets/t0001"
	return []string{
		"/readyz", api + "/projects", api + "/targets", api + "/targets?health=in_sync", one, one + "/plan", one + "/history?asset=data/d-00000", api + "/runs", api + "/runs?target=t0001",
		api + "/assets", api + "/assets?kind=model", api + "/drift", api + "/inbox", api + "/events", api + "/approvals",
	}
}

// scaleProjects is the operator's file; nobody asks the issuer, because the
// bench has a token of mlsync.
const scaleProjects = `access:
  issuers:
    none: {url: "https://login.example.com", audience: mlsync}
projects:
  bench:
    repository: {url: %q, branch: main}
    owner: bench
    workspaces: [/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-bench/providers/Microsoft.MachineLearningServices/workspaces/*]
    kinds: ["*"]
    targets:
      "*":
        identity: {type: managed_identity, client_id: writer}
        read_identity: {type: managed_identity, client_id: reader}
    members:
      - {user: bench, role: viewer}
    webhooks:
      hmac: {secret_env: HOOK}
`

// mint makes the token of the bench.
func (s *scaled) mint() error {
	args := []string{"token", "create", "bench", "--projects", filepath.Join(s.b.dir, "projects.yaml"), "--data", s.data, "--member", "user:bench", "--role", "viewer", "--json"}
	if s.b.Database != "" {
		args = append(args, "--database", s.b.Database)
	}
	cmd := exec.CommandContext(s.b.ctx, s.b.Binary, args...)
	cmd.Env = s.b.environment()
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("mlsync %s: %w", strings.Join(args, " "), err)
	}
	var made struct{ Secret, Token string }
	if err := json.Unmarshal(out, &made); err != nil {
		return err
	}
	s.token = cmp.Or(made.Secret, made.Token)
	return nil
}

// routes times answers.
func (s *scaled) routes() error {
	const times = 60 // of one token: more in a moment are refused
	for _, route := range scaleRoutes() {
		if err := s.mint(); err != nil {
			return err
		}
		var took []float64
		for range times {
			began := time.Now()
			body, err := s.get(s.b.ctx, route)
			if err != nil {
				return fmt.Errorf("%s: %w\n%s", route, err, body)
			}
			took = append(took, time.Since(began).Seconds())
		}
		slices.Sort(took)
		s.b.hold(s.name(), route+", 95 in 100", took[times*95/100], "s", scaleRoute)
	}
	return nil
}

func (s *scaled) get(ctx context.Context, route string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+route, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	return body, err
}
