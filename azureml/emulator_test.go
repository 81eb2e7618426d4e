package azureml_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/emulator"
)

// serve starts an emulator and returns a client of it.
func serve(t *testing.T, opt emulator.Options, change ...func(*azureml.Options)) *azureml.Client {
	t.Helper()
	emu, err := emulator.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = emu.Close() })
	srv := httptest.NewServer(emu.Handler())
	t.Cleanup(srv.Close)
	o := azureml.Options{Endpoint: srv.URL, StorageEndpoint: srv.URL, Insecure: true, Credential: "static", Token: "t"}
	for _, f := range change {
		f(&o)
	}
	c, err := azureml.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func version(t *testing.T, path string) string {
	t.Helper()
	v, err := azureml.APIVersion(path)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const image = `{"properties":{"image":"mcr.microsoft.com/azureml/base:1"}}`

func TestManyWritesAndPages(t *testing.T) {
	c := serve(t, emulator.Options{PageSize: 7})
	var g errgroup.Group
	g.SetLimit(10)
	path := wsID + "/environments/env"
	for i := range 500 {
		g.Go(func() error {
			_, err := c.Put(t.Context(), fmt.Sprintf("%s/versions/%d", path, i), version(t, path), json.RawMessage(image))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for item, err := range c.List(t.Context(), path+"/versions", version(t, path)) {
		if err != nil {
			t.Fatal(err)
		}
		var v struct{ Name string }
		if err := json.Unmarshal(item, &v); err != nil {
			t.Fatal(err)
		}
		names = append(names, v.Name)
	}
	slices.Sort(names)
	if n := len(slices.Compact(names)); n != 500 {
		t.Errorf("listed %d versions, want 500", n)
	}
	n := c.Counters()
	if n.Writes != 500 || n.Reads != (500+6)/7 || n.Retries != 0 {
		t.Errorf("got %+v", n)
	}
}

func TestLongRunning(t *testing.T) {
	c := serve(t, emulator.Options{})
	path := wsID + "/onlineEndpoints/ep-one"
	v := version(t, path)
	res, err := c.Put(t.Context(), path, v, json.RawMessage(`{"location":"eastus2","properties":{"authMode":"Key"}}`))
	if err != nil || res.Operation == nil {
		t.Fatalf("got %+v (%v)", res, err)
	}
	var back azureml.Operation // as the journal gives it to another process
	b, err := json.Marshal(res.Operation)
	if err != nil || json.Unmarshal(b, &back) != nil {
		t.Fatal(err)
	}
	body, err := c.Wait(t.Context(), back, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Properties struct{ ProvisioningState, ScoringURI string }
	}
	if err := json.Unmarshal(body, &got); err != nil || got.Properties.ProvisioningState != "Succeeded" || got.Properties.ScoringURI == "" {
		t.Errorf("got %s", body)
	}
	res, err = c.Delete(t.Context(), path, v)
	if err != nil || res.Operation == nil {
		t.Fatalf("got %+v (%v)", res, err)
	}
	if _, err := c.Wait(t.Context(), *res.Operation, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), path, v); !errors.Is(err, azureml.ErrNotFound) {
		t.Errorf("got %v, want %v", err, azureml.ErrNotFound)
	}
}

func TestAbsent(t *testing.T) {
	c := serve(t, emulator.Options{})
	for _, p := range []string{
		"environments/none", "environments/none/versions/1", "models/none/versions/1", "components/none", "data/none",
		"computes/none", "connections/none", "datastores/none", "onlineEndpoints/none", "batchEndpoints/none", "jobs/none", "schedules/none",
	} {
		path := wsID + "/" + p
		if _, err := c.Get(t.Context(), path, version(t, path)); !errors.Is(err, azureml.ErrNotFound) {
			t.Errorf("%s: got %v, want %v", p, err, azureml.ErrNotFound)
		}
	}
	c = serve(t, emulator.Options{NoAutoCreate: true})
	path := wsID + "/environments/none"
	if _, err := c.Get(t.Context(), path, version(t, path)); !errors.Is(err, azureml.ErrNoScope) || errors.Is(err, azureml.ErrNotFound) {
		t.Errorf("got %v, want %v", err, azureml.ErrNoScope)
	}
}

func TestOverTLS(t *testing.T) {
	emu, err := emulator.New(emulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = emu.Close() })
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := emu.Start("127.0.0.1:0", true, ca); err != nil {
		t.Fatal(err)
	}
	get := func(ca string) error {
		c, err := azureml.New(azureml.Options{Endpoint: emu.URL(), CAFile: ca, Credential: "static", Token: "t", Tries: 1})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Get(t.Context(), wsID, version(t, wsID))
		return err
	}
	if err := get(ca); err != nil {
		t.Error(err)
	}
	if err := get(""); err == nil {
		t.Error("a certificate of nobody was trusted")
	}
}
