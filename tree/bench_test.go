package tree

import (
	"fmt"
	"testing"
	"testing/fstest"
)

// bigTree is n environments in files of a usual size.
func bigTree(n int) fstest.MapFS {
	m := fstest.MapFS{}
	for i := range n {
		m[fmt.Sprintf("environments/team-%02d/env-%05d.yml", i%50, i)] = &fstest.MapFile{Data: fmt.Appendf(nil, `$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
name: env-%05d
version: %d
description: The environment that team %d trains in.  # a comment
tags:
  team: team-%d
  cost: "12"
image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:%d
conda_file:
  name: env
  channels: [conda-forge]
  dependencies:
    - python=3.10
    - pip:
        - numpy==1.26.0
        - scikit-learn==1.4
`, i, i%7+1, i%50, i%50, i)}
	}
	return m
}

func BenchmarkRead10000(b *testing.B) {
	fsys := bigTree(10_000)
	b.ReportAllocs()
	for b.Loop() {
		tr, bad := Read(fsys, Options{})
		if len(bad) > 0 || len(tr.Assets) != 10_000 {
			b.Fatal(len(tr.Assets), bad)
		}
	}
}
