package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/resolve"
)

// renderFacts is what a facts file says of a workspace that is not asked. The
// members are those of docs/reference/facts.md; "*" stands for every name.
type renderFacts struct {
	Location          string                       `json:"location"`
	DefaultExperiment string                       `json:"default_experiment_name"`
	DefaultEndpoint   string                       `json:"default_endpoint_name"`
	DefaultDeployment string                       `json:"default_deployment_name"`
	PendingUploadURI  string                       `json:"pending_upload_blob_uri"`
	WorkspaceGUID     string                       `json:"workspace_guid"`
	PackagedModel     renderModel                  `json:"packaged_model"`
	LatestVersion     map[string]map[string]string `json:"latest_version"`
	NextVersion       map[string]map[string]string `json:"next_version"`
	Datastores        map[string]renderDatastore   `json:"datastores"`
	DataType          map[string]string            `json:"data_type"`
	Collected         []string                     `json:"collected"`
	CollectedData     string                       `json:"collected_data_asset"`
}

// renderModel is the model that a package is made of: the command says it, not
// the file.
type renderModel struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type renderDatastore struct {
	AccountName   string `json:"accountName"`
	ContainerName string `json:"containerName"`
	Endpoint      string `json:"endpoint"`
	Protocol      string `json:"protocol"`
}

func readFacts(file string) (*renderFacts, error) {
	f := &renderFacts{}
	if file == "" {
		return f, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, f); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return f, nil
}

// around is what actions need to know.
func (f *renderFacts) around() kind.Around {
	return kind.Around{WorkspaceGUID: f.WorkspaceGUID, Model: asset.ID{Kind: "model", Name: f.PackagedModel.Name, Version: f.PackagedModel.Version}}
}

// Exists implements resolve.Facts: what a file refers to is taken to exist, as
// the reference client takes it.
func (f *renderFacts) Exists(asset.ID) resolve.Status { return resolve.Present }

// Asset implements resolve.Facts: online deployments, of which only what they
// collect is known, and data, of which only the type is.
func (f *renderFacts) Asset(id asset.ID) (*asset.Asset, resolve.Status) {
	a := &asset.Asset{ID: id, Body: asset.NewMap()}
	switch id.Kind {
	case "online-deployment":
		if f.CollectedData == "" {
			return nil, resolve.Unknown
		}
		for _, name := range f.Collected {
			data := strings.NewReplacer("{endpoint}", id.Parent, "{deployment}", id.Name, "{collection}", name).Replace(f.CollectedData)
			one := asset.NewMap().Set("enabled", asset.NewString("true")).Set("data", asset.NewString("azureml:"+data))
			a.Body.SetPath(one, "data_collector", "collections", name)
		}
		return a, resolve.Present
	case "data":
		var ok bool
		if a.Variant, ok = f.DataType[id.Name]; !ok {
			a.Variant, ok = f.DataType["*"]
		}
		if ok {
			return a, resolve.Present
		}
	}
	return nil, resolve.Unknown
}

// Latest implements resolve.Facts.
func (f *renderFacts) Latest(id asset.ID) (string, resolve.Status) {
	return f.version(f.LatestVersion, id)
}

// Versions implements resolve.Facts: nothing exists yet.
func (f *renderFacts) Versions(asset.ID) ([]*asset.Asset, resolve.Status) { return nil, resolve.Absent }

// Next implements resolve.Facts.
func (f *renderFacts) Next(id asset.ID) (string, resolve.Status) { return f.version(f.NextVersion, id) }

func (f *renderFacts) version(table map[string]map[string]string, id asset.ID) (string, resolve.Status) {
	of := table[kind.Of(id.Kind).Collection]
	if v, ok := of[id.Name]; ok {
		return v, resolve.Present
	}
	if v, ok := of["*"]; ok {
		return v, resolve.Present
	}
	return "", resolve.Unknown
}

// Datastore implements resolve.Facts.
func (f *renderFacts) Datastore(name string) (resolve.Datastore, resolve.Status) {
	d, ok := f.Datastores[name]
	if !ok {
		d, ok = f.Datastores["*"]
	}
	if !ok {
		return resolve.Datastore{}, resolve.Unknown
	}
	return resolve.Datastore{Account: d.AccountName, Container: d.ContainerName, Endpoint: d.Endpoint, Protocol: d.Protocol}, resolve.Present
}

// Code implements resolve.Facts.
func (f *renderFacts) Code(string, asset.ID) string { return "" }

// Part implements resolve.Facts: nothing exists yet.
func (f *renderFacts) Part(*asset.Asset, asset.ID) string { return "" }

// codeURI is where the content of a code asset would go.
func (f *renderFacts) codeURI(name, base string, folder bool) string {
	uri := strings.ReplaceAll(f.PendingUploadURI, "{name}", name)
	if !folder {
		return uri + "/"
	}
	return uri + "/" + base
}
