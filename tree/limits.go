package tree

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
}

func (l Limits) orDefaults() Limits {
	for _, d := range []struct {
		at    *int
		value int
	}{
		{&l.Files, 10_000},
		{&l.Bytes, 1 << 20},
		{&l.Depth, 64},
		{&l.Aliased, 10_000},
		{&l.Entries, 10_000},
		{&l.Documents, 1_000},
	} {
		if *d.at <= 0 {
			*d.at = d.value
		}
	}
	return l
}
