package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// share is how many of a hundred assets are of a kind. It is the mix of team
// repositories: what is registered outweighs what runs.
type share struct {
	count int
	write func(n int, changed bool) (path, text string)
}

func shares() []share {
	return []share{
		{20, environmentFile},
		{32, dataFile},
		{22, modelFile},
		{2, computeFile},
		{4, datastoreFile},
		{1, endpointFile},
		{1, deploymentFile},
		{18, jobFile},
	}
}

// endpoints is how many endpoints a tree of n assets has: each one's traffic
// is a write of its own, after its deployment.
func endpoints(n int) int { return n / 100 }

// writeTree writes a tree of n assets, a multiple of 100, to dir. Changed
// differs in one field of every asset. The same arguments give the same bytes.
func writeTree(dir string, n int, changed bool) error {
	if n%100 != 0 {
		return fmt.Errorf("%d assets: want a multiple of 100", n)
	}
	const config = `owner: bench
limits: {files: 40000}
targets:
  bench:
    subscription: 00000000-0000-0000-0000-000000000001
    resource_group: rg-bench
    workspace: mlw-bench
    concurrency: 10
`
	if err := writeFile(filepath.Join(dir, "mlsync.yaml"), config); err != nil {
		return err
	}
	for c := range condaFiles {
		if err := writeFile(filepath.Join(dir, condaPath(c)), condaText(c)); err != nil {
			return err
		}
	}
	for _, s := range shares() {
		for i := range n / 100 * s.count {
			path, text := s.write(i, changed)
			if err := writeFile(filepath.Join(dir, path), text); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// pick is one of two texts.
func pick(changed bool, before, after string) string {
	if changed {
		return after
	}
	return before
}

func team(i int) string { return fmt.Sprintf("team-%02d", i%50) }

const condaFiles = 10

func condaPath(c int) string { return fmt.Sprintf("environments/conda/conda-%d.yml", c) }

func condaText(c int) string {
	return fmt.Sprintf(`name: train
channels: [conda-forge]
dependencies:
  - python=3.10
  - pip=23.3
  - pip:
      - numpy==1.26.%d
      - pandas==2.1.4
      - scikit-learn==1.4.0
      - mlflow==2.10.0
      - azureml-mlflow==1.54.0
`, c)
}

// environmentFile is an environment; a change of its image is a new version,
// as a team would make it.
func environmentFile(i int, changed bool) (path, text string) {
	version := pick(changed, "1", "2")
	conda := fmt.Sprintf("conda_file: ../conda/conda-%d.yml", i%condaFiles)
	if i%4 == 3 { // inline
		conda = `conda_file:
  name: inline
  channels: [conda-forge]
  dependencies:
    - python=3.11
    - pip:
        - torch==2.2.0`
	}
	return fmt.Sprintf("environments/%s/env-%05d.yml", team(i), i), fmt.Sprintf(`$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
name: env-%05d
version: "%s"
description: The environment that %s trains in.  # kept by hand
tags: {team: %s, cost: "12"}
image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:2023%s%02d
%s
`, i, version, team(i), team(i), version, i%28+1, conda)
}

func dataFile(i int, changed bool) (path, text string) {
	types := []string{"uri_folder", "uri_file", "mltable"}
	t := types[i%len(types)]
	at := fmt.Sprintf("raw/%s/%05d/", team(i), i)
	if t == "uri_file" {
		at += "part.csv"
	}
	return fmt.Sprintf("data/%s/data-%05d.yml", team(i), i), fmt.Sprintf(`$schema: https://azuremlschemas.azureedge.net/latest/data.schema.json
name: data-%05d
version: "1"
type: %s
description: Observations of %s, cleaned.
tags:
  team: %s
  quality: %s
path: azureml://datastores/workspaceblobstore/paths/%s
`, i, t, team(i), team(i), pick(changed, "silver", "gold"), at)
}

func modelFile(i int, changed bool) (path, text string) {
	t := []string{"mlflow_model", "custom_model"}[i%2]
	return fmt.Sprintf("models/%s/model-%05d.yml", team(i), i), fmt.Sprintf(`$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json
name: model-%05d
version: "1"
type: %s
description: %s
tags: {team: %s, stage: production}
properties: {accuracy: "0.%d"}
path: azureml://datastores/workspaceblobstore/paths/models/%05d/
`, i, t, pick(changed, "Predicts demand.", "Predicts demand of the next day."), team(i), 80+i%20, i)
}

func computeFile(i int, changed bool) (path, text string) {
	return fmt.Sprintf("compute/cpu-%05d.yml", i), fmt.Sprintf(`$schema: https://azuremlschemas.azureedge.net/latest/amlCompute.schema.json
name: cpu-%05d
type: amlcompute
size: Standard_DS3_v2
min_instances: 0
max_instances: %s
idle_time_before_scale_down: 300
`, i, pick(changed, "4", "8"))
}

func datastoreFile(i int, changed bool) (path, text string) {
	return fmt.Sprintf("datastores/store_%05d.yml", i), fmt.Sprintf(`$schema: https://azuremlschemas.azureedge.net/latest/azureBlob.schema.json
name: store_%05d
type: azure_blob
description: %s
account_name: contoso%04d
container_name: features
`, i, pick(changed, "Features.", "Features, old and new."), i%10_000)
}

func endpointFile(i int, changed bool) (path, text string) {
	return fmt.Sprintf("online-endpoints/ep-%05d/endpoint.yml", i), fmt.Sprintf(`$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: ep-%05d
description: %s
auth_mode: key
tags: {team: %s}
traffic: {blue: 100}
`, i, pick(changed, "Answers the shop.", "Answers the shop and the app."), team(i))
}

func deploymentFile(i int, changed bool) (path, text string) {
	return fmt.Sprintf("online-endpoints/ep-%05d/deployments/blue.yml", i), fmt.Sprintf(`$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: blue
endpoint_name: ep-%05d
model: azureml:model-%05d:1
instance_type: Standard_DS3_v2
instance_count: %s
environment_variables: {WORKERS: "4"}
`, i, i*2, pick(changed, "1", "2")) // an even model is an MLflow model, which needs no code
}

// jobFile is a command job; a change of its command is another run.
func jobFile(i int, changed bool) (path, text string) {
	return fmt.Sprintf("jobs/%s/train-%05d.yml", team(i), i), fmt.Sprintf(`$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
display_name: train-%05d
experiment_name: %s
command: >-
  python -m train --data ${{inputs.data}} --rate ${{inputs.rate}} --epochs %s
environment: azureml:env-%05d:1
compute: azureml:cpu-%05d
inputs:
  data:
    type: uri_folder
    path: azureml:data-%05d:1
  rate: 0.0%d
tags: {team: %s}
`, i, team(i), pick(changed, "10", "20"), i, i%2, i/3*3, i%9+1, team(i))
}

// writeCode writes a job and a code folder of the size in files of a
// megabyte, whose content no two have in common.
func writeCode(dir string, size int64) error {
	const job = `$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
display_name: train
command: python train.py
code: ./src
environment: azureml:train:1
compute: azureml:cpu
`
	const compute = `$schema: https://azuremlschemas.azureedge.net/latest/amlCompute.schema.json
name: cpu
type: amlcompute
size: Standard_DS3_v2
`
	const environment = `$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
name: train
version: "1"
image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:20240101
`
	const config = `owner: bench
targets:
  bench: {subscription: 00000000-0000-0000-0000-000000000001, resource_group: rg-bench, workspace: mlw-bench}
`
	for path, text := range map[string]string{"mlsync.yaml": config, "job.yml": job, "cpu.yml": compute, "train.yml": environment} {
		if err := writeFile(filepath.Join(dir, path), text); err != nil {
			return err
		}
	}
	const piece = 1 << 20
	random := rand.NewChaCha8([32]byte{1})
	for n := int64(0); n*piece < size; n++ {
		path := filepath.Join(dir, "src", fmt.Sprintf("pkg%02d", n%10), fmt.Sprintf("data%04d.bin", n))
		if err := writeRandom(path, random, min(piece, size-n*piece)); err != nil {
			return err
		}
	}
	return nil
}

func writeRandom(path string, random *rand.ChaCha8, size int64) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 64<<10)
	var chunk [4096]byte
	for size > 0 {
		part := chunk[:min(size, int64(len(chunk)))]
		if _, err := random.Read(part); err != nil {
			return err
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
		size -= int64(len(part))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
