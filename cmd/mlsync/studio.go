package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// studio speaks to an emulator as somebody does who is not mlsync: a person in
// the studio, or the program of a job.
type studio struct{ url string }

// refusal is an answer that is none of success.
type refusal struct {
	status int
	text   string
}

// Error says what was refused.
func (r *refusal) Error() string { return r.text }

// call sends a request and reads the answer.
func (s studio) call(ctx context.Context, method, path string, body []byte, header ...string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer emulator")
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(res.Body)
	_ = res.Body.Close() // it was read
	if err == nil && res.StatusCode/100 != 2 {
		err = &refusal{res.StatusCode, fmt.Sprintf("%s %s: %s: %s", method, path, res.Status, data)}
	}
	return data, err
}

// get is the body of a resource.
func (s studio) get(ctx context.Context, id string) (*asset.Value, error) {
	data, err := s.call(ctx, http.MethodGet, id+"?api-version=2024-04-01", nil)
	if err != nil {
		return nil, err
	}
	return asset.ParseJSON(data)
}

// put writes a resource.
func (s studio) put(ctx context.Context, id string, body *asset.Value) error {
	data, err := body.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = s.call(ctx, http.MethodPut, id+"?api-version=2024-04-01", data)
	return err
}

// leave writes a file of a job to where the jobs of a workspace leave theirs.
func (s studio) leave(ctx context.Context, workspace, job, name string, content []byte) error {
	store, err := s.get(ctx, workspace+"/datastores/workspaceartifactstore")
	if err != nil {
		return err
	}
	p := store.Get("properties")
	path := strings.Join([]string{"", p.Get("accountName").Str(), p.Get("containerName").Str(), "ExperimentRun", "dcid." + job, name}, "/")
	_, err = s.call(ctx, http.MethodPut, path, content, "x-ms-blob-type", "BlockBlob", "Content-Type", "application/octet-stream")
	return err
}

// note sets tags of a job, as mlflow does for its program.
func (s studio) note(ctx context.Context, job string, tags map[string]string) error {
	body, err := s.get(ctx, job)
	if err != nil {
		return err
	}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		body.SetPath(asset.NewString(tags[k]), "properties", "tags", k)
	}
	return s.put(ctx, job, body)
}

// answer says what the program behind a deployment answers from now on.
func (s studio) answer(ctx context.Context, to map[string]any) error {
	data, err := json.Marshal(to)
	if err != nil {
		return err
	}
	_, err = s.call(ctx, http.MethodPost, "/__scoring", data)
	return err
}
