// Package examples holds the example trees, for the demonstration.
package examples

import "embed"

// Files are the trees, one folder each: minimal, promotion, seed and team.
//
//go:embed all:minimal all:promotion all:seed all:team
var Files embed.FS
