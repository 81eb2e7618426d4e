package tree

import "mlsync.dev/mlsync/internal/limit"

// Limits bound what one tree may make mlsync do. Zero values mean the
// defaults.
type Limits struct {
	// Files is the number of YAML files that are looked at: 10 000.
	Files int
	// Bytes is the size of one file: 1 MiB.
	Bytes int
	// Depth is how deep maps and lists may nest: 64.
	Depth int
	// Aliased is the number of nodes of one file that stand there because
	// of aliases: 10 000.
	Aliased int
	// Entries is the number of entries of one map: 10 000.
	Entries int
	// Documents is the number of documents of one file: 1 000.
	Documents int
	// Total is the size of all files together: 128 MiB.
	Total int
	// Names is the number of files and folders of any sort that are passed on
	// the way: 1 000 000. A commit of a few kilobytes can hold more than could
	// be passed in a lifetime, when the same folder stands in it many times.
	Names int
}

func (l Limits) orDefaults() Limits {
	for _, d := range []struct {
		at    *int
		value int
	}{
		{&l.Files, limit.TreeFiles},
		{&l.Bytes, limit.FileBytes},
		{&l.Depth, limit.Depth},
		{&l.Aliased, limit.Aliased},
		{&l.Entries, limit.Entries},
		{&l.Documents, limit.Documents},
		{&l.Total, limit.TreeBytes},
		{&l.Names, limit.TreeNames},
	} {
		if *d.at <= 0 {
			*d.at = d.value
		}
	}
	return l
}
