package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/web"
)

// The environment of commands that ask a daemon.
const (
	serverVar   = "MLSYNC_SERVER"
	tokenVar    = "MLSYNC_TOKEN"
	audienceVar = "MLSYNC_AUDIENCE"
)

// remote is the API of a daemon.
type remote struct {
	base   *url.URL
	client *http.Client
	// bearer is the token; it goes to base alone.
	bearer func(ctx context.Context) (string, error)
	agent  string
}

// far is what a command does with a daemon in place of the folder.
type far func(ctx context.Context, r *remote, args []string) error

// onServer lets a command ask a daemon with --server or MLSYNC_SERVER. knows are
// its flags that say something to a daemon too.
func (a *app) onServer(c *cobra.Command, do far, knows ...string) *cobra.Command {
	near := c.RunE
	c.Flags().StringVar(&a.flags.server, "server", "", "ask the daemon at this https address (default: $"+serverVar+"), with the token in $"+tokenVar)
	c.PreRunE = func(cmd *cobra.Command, _ []string) error {
		r, err := a.remote(cmd, knows)
		if err != nil || r == nil {
			return err
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { // what only a folder needs
			if !slices.Contains(knows, f.Name) {
				delete(f.Annotations, cobra.BashCompOneRequiredFlag)
			}
		})
		return nil
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := a.remote(cmd, knows)
		switch {
		case err != nil:
			return err
		case r != nil:
			return do(cmd.Context(), r, args)
		case near == nil:
			return fmt.Errorf("mlsync %s asks a daemon: give its address with --server or in %s", cmd.Name(), serverVar)
		}
		return near(cmd, args)
	}
	return c
}

// remote is the daemon that a command is to ask; nil if it is to work here.
func (a *app) remote(cmd *cobra.Command, knows []string) (*remote, error) {
	given := cmd.Flags().Changed("server")
	at, _ := a.env(serverVar)
	if given {
		at = a.flags.server
	}
	var here []string
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if cmd.InheritedFlags().Lookup(f.Name) == nil && f.Name != "server" && !slices.Contains(knows, f.Name) && f.Name != "help" {
			here = append(here, "--"+f.Name)
		}
	})
	switch {
	case at == "" && given:
		return nil, errors.New("--server: give the address of the daemon")
	case at == "":
		return nil, nil
	case len(here) > 0 && !given:
		return nil, nil // flags of the folder say that it is meant
	case len(here) > 0:
		return nil, fmt.Errorf("a daemon does not know %s: leave that out, or leave out --server", strings.Join(here, ", "))
	}
	base, err := serverURL(at)
	if err != nil {
		return nil, err
	}
	return &remote{base: base, client: noRedirects(), bearer: a.bearer, agent: "mlsync/" + version}, nil
}

// serverURL is an address to which a token may be sent: https, or http to this
// machine.
func serverURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, fmt.Errorf("the server %s is no address: write it like https://mlsync.example.com", printable(text))
	case u.User != nil:
		return nil, fmt.Errorf("the server must not have a name or password in its address: the token comes from %s", tokenVar)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("the server %s has more than a host and a path", printable(text))
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, fmt.Errorf("the server %s is not reached over https: a token is not sent where others can read it", printable(text))
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("the server %s is no https address", printable(text))
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u, nil
}

// noRedirects is a client that goes where it is told and nowhere else.
func noRedirects() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is documented to be one
	dial := &net.Dialer{Timeout: limit.APITime}
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if host, port, err := net.SplitHostPort(addr); err == nil && host == "localhost" {
			addr = net.JoinHostPort("127.0.0.1", port) // whatever a name server says
		}
		return dial.DialContext(ctx, network, addr)
	}
	t.ResponseHeaderTimeout = 2 * limit.APITime
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// bearer is the token of the environment, or one of Entra for the audience.
func (a *app) bearer(ctx context.Context) (string, error) {
	if token, _ := a.env(tokenVar); token != "" {
		return strings.TrimSpace(token), nil
	}
	audience, _ := a.env(audienceVar)
	if audience == "" {
		return "", fmt.Errorf("no token for the server: set %s to one (mlsync token create), or %s to the audience of the server, such as api://mlsync, to log in with Entra", tokenVar, audienceVar)
	}
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return "", fmt.Errorf("a token for the server: %w", err)
	}
	got, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{strings.TrimSuffix(audience, "/.default") + "/.default"}})
	if err != nil {
		return "", fmt.Errorf("a token for the server: %w", err)
	}
	return got.Token, nil
}

// send asks, and returns an answer that is not a problem. path begins with a
// slash and stands below /api/v1; its segments are escaped.
func (r *remote) send(ctx context.Context, method, path string, query url.Values, body any, header http.Header) (*http.Response, error) {
	var in io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(data)
	}
	address := r.base.String() + strings.TrimSuffix(web.Base, "/") + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, in)
	if err != nil {
		return nil, err
	}
	token, err := r.bearer(ctx)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("User-Agent", r.agent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the server %s: %w", r.base, err)
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }()
	return nil, r.refusal(res)
}

// refusal is what an answer that is not a good one says.
func (r *remote) refusal(res *http.Response) error {
	data, _ := io.ReadAll(io.LimitReader(res.Body, limit.FileBytes)) // what there is of it
	var p web.Problem
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") && json.Unmarshal(data, &p) == nil && p.Status != 0 {
		err := fmt.Errorf("the server says: %s", printable(p.Error()))
		if p.Status >= 500 {
			err = fmt.Errorf("%w (request %s)", err, printable(p.Request))
		}
		switch p.Status {
		case http.StatusUnauthorized:
			err = fmt.Errorf("%w; is %s set, and not expired?", err, tokenVar)
		case http.StatusConflict, http.StatusUnprocessableEntity, http.StatusForbidden:
			return &codeError{exitRefused, err}
		}
		return err
	}
	if to := res.Header.Get("Location"); res.StatusCode/100 == 3 && to != "" {
		return fmt.Errorf("the server %s sends to %s: a token is not sent on; give that address if it is the right one", r.base, printable(cut(to)))
	}
	return fmt.Errorf("%s answers %s, which is not what mlsync answers: is the address right, and the API on?", r.base, printable(res.Status))
}

// get asks for JSON.
func (r *remote) get(ctx context.Context, path string, query url.Values, into any) error {
	return r.do(ctx, http.MethodGet, path, query, nil, into)
}

// do asks, and reads an answer as JSON; into may be nil.
func (r *remote) do(ctx context.Context, method, path string, query url.Values, body, into any) error {
	data, _, err := r.bytes(ctx, method, path, query, body)
	if err != nil || into == nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("what the server %s answers cannot be read: %w", r.base, err)
	}
	return nil
}

func (r *remote) bytes(ctx context.Context, method, path string, query url.Values, body any) ([]byte, http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, 4*limit.APITime)
	defer cancel()
	res, err := r.send(ctx, method, path, query, body, nil)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(res.Body, limit.APIAnswer+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("ask the server %s: %w", r.base, err)
	case len(data) > limit.APIAnswer:
		return nil, nil, fmt.Errorf("the server %s answers more than %d bytes", r.base, limit.APIAnswer)
	}
	return data, res.Header, nil
}

// each reads a list to its end, or until most items were read; 0 is all.
func each[T any](ctx context.Context, r *remote, path string, query url.Values, most int) ([]T, error) {
	q := url.Values{}
	for name, values := range query {
		q[name] = values
	}
	var out []T
	seen := map[string]bool{}
	for {
		q.Set("limit", fmt.Sprint(min(limit.APIPage, cmp.Or(most-len(out), limit.APIPage))))
		if most == 0 {
			q.Set("limit", fmt.Sprint(limit.APIPage))
		}
		var page web.Page[T]
		if err := r.get(ctx, path, q, &page); err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
		if page.Next == "" || most > 0 && len(out) >= most {
			return out, nil
		}
		if seen[page.Next] {
			return nil, fmt.Errorf("the list %s of the server has no end", path)
		}
		seen[page.Next] = true
		q.Set("cursor", page.Next)
	}
}

// targetPath is the path of a target.
func targetPath(t web.Target, more string) string {
	return "/projects/" + url.PathEscape(t.Project) + "/targets/" + url.PathEscape(t.Name) + more
}

// farTargets are the targets of the server, or those that --target names: NAME or
// PROJECT/NAME.
func (a *app) farTargets(ctx context.Context, r *remote) ([]web.Target, error) {
	q := url.Values{}
	project, name, ok := strings.Cut(a.flags.target, "/")
	if !ok {
		project, name = "", a.flags.target
	}
	if project != "" {
		q.Set("project", project)
	}
	if name != "" {
		q.Set("name", globEscape(name))
	}
	all, err := each[web.Target](ctx, r, "/targets", q, 0)
	if err == nil && len(all) == 0 && a.flags.target != "" {
		err = fmt.Errorf("the server knows no target %q that you may read", a.flags.target)
	}
	return all, err
}

// farTarget is the one target that is meant.
func (a *app) farTarget(ctx context.Context, r *remote) (web.Target, error) {
	all, err := a.farTargets(ctx, r)
	if err != nil {
		return web.Target{}, err
	}
	var names []string
	for _, t := range all {
		names = append(names, t.Project+"/"+t.Name)
	}
	switch {
	case len(all) == 0:
		return web.Target{}, errors.New("the server has no target that you may read")
	case len(all) > 1:
		return web.Target{}, fmt.Errorf("the server has %d targets of that name: give one with --target, such as %s", len(all), strings.Join(names[:min(3, len(names))], ", "))
	}
	return all[0], nil
}

func globEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}
