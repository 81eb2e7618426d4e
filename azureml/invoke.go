package azureml

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
)

// Call is a request to an online endpoint.
type Call struct {
	Endpoint string
	// Deployment is to answer whatever the traffic says; "" lets the traffic
	// decide.
	Deployment string
	// Body is JSON.
	Body []byte
}

// Scored is the answer of an online endpoint.
type Scored struct {
	Status int
	Body   []byte
	// Deployment answered, "" if the service does not say.
	Deployment string
}

// inference is what the hosts of scoring URIs end in, by the host of the
// service's own tokens.
const inference = ".inference."

// Invoke sends a request to an online endpoint and returns what it answers,
// whatever the status. The key or token of the endpoint is asked of Resource
// Manager and goes to hosts of Azure and those of Options.Trusted only; it is
// in no log and no error. Nothing is sent twice.
func (w *Workspace) Invoke(ctx context.Context, call Call) (Scored, error) {
	out, err := w.invoke(ctx, call)
	if err != nil {
		return out, fmt.Errorf("invoke online-endpoint/%s: %w", call.Endpoint, err)
	}
	return out, nil
}

func (w *Workspace) invoke(ctx context.Context, call Call) (Scored, error) {
	path := w.scope.ARM(asset.ID{Kind: "online-endpoint", Name: call.Endpoint})
	raw, err := w.client.Get(ctx, path, mustVersion(path))
	if err != nil {
		return Scored{}, err
	}
	var e struct {
		Properties struct{ ScoringURI, AuthMode string }
	}
	if err := json.Unmarshal(raw, &e); err != nil || e.Properties.ScoringURI == "" {
		return Scored{}, errors.New("the service names no address to send requests to: the endpoint is not ready")
	}
	req, err := w.client.scoring(ctx, e.Properties.ScoringURI, call)
	if err != nil {
		return Scored{}, err
	}
	secret, err := w.client.endpointSecret(ctx, path, e.Properties.AuthMode)
	if err != nil {
		return Scored{}, err
	}
	req.Header.Set("Authorization", "Bearer "+secret.Reveal())
	return w.client.sendScore(req)
}

// scoring is the request, without its key.
func (c *Client) scoring(ctx context.Context, address string, call Call) (*http.Request, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, errors.New("the address that the service names cannot be read")
	}
	host := u.Host
	own := strings.TrimPrefix(strings.TrimSuffix(c.o.mlScope, "/.default"), "https://")
	switch {
	case loopback(c.o.endpoint.Hostname()):
		// An emulator stands for all hosts of the service.
		u.Scheme, u.Host = c.o.endpoint.Scheme, c.o.endpoint.Host
	case slices.Contains(c.o.Trusted, host):
	case u.Scheme != "https" || !strings.HasSuffix(strings.ToLower(u.Hostname()), inference+own):
		return nil, fmt.Errorf("its key would go to %s://%s, which is no host of Azure", u.Scheme, host)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(call.Body))
	if err != nil {
		return nil, err
	}
	req.Host = host
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", c.o.UserAgent)
	if call.Deployment != "" {
		req.Header.Set("azureml-model-deployment", call.Deployment)
	}
	return req, nil
}

// endpointSecret is what an endpoint lets in: its key, a token of its own, or
// one of the identity.
func (c *Client) endpointSecret(ctx context.Context, path, mode string) (asset.Secret, error) {
	var keys struct{ PrimaryKey, AccessToken string }
	action := "/listKeys"
	switch {
	case strings.EqualFold(mode, "aadtoken"):
		if c.cred == nil {
			return asset.Secret{}, errors.New("the endpoint wants a token, and there is no credential")
		}
		t, err := c.cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{c.o.mlScope}})
		return asset.NewSecret(t.Token), err
	case strings.EqualFold(mode, "amltoken"):
		action = "/token"
	}
	res, err := c.Post(ctx, path+action, mustVersion(path), nil)
	if err != nil {
		return asset.Secret{}, err
	}
	if json.Unmarshal(res.Body, &keys) != nil || keys.PrimaryKey+keys.AccessToken == "" {
		return asset.Secret{}, errors.New("the service gives no key of the endpoint")
	}
	return asset.NewSecret(keys.PrimaryKey + keys.AccessToken), nil
}

func (c *Client) sendScore(req *http.Request) (Scored, error) {
	start := c.o.Clock.Now()
	resp, err := c.o.Transport.Do(req)
	if err != nil {
		return Scored{}, scrub(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	c.o.Logger.DebugContext(req.Context(), "scoring request", "host", req.Host, "status", resp.StatusCode, "took", c.o.Clock.Now().Sub(start).String())
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit.ProbeAnswer+1))
	if err != nil {
		return Scored{}, scrub(err)
	}
	if len(body) > limit.ProbeAnswer {
		return Scored{}, fmt.Errorf("the answer has more than %d bytes", limit.ProbeAnswer)
	}
	return Scored{Status: resp.StatusCode, Body: body, Deployment: resp.Header.Get("azureml-model-deployment")}, nil
}
