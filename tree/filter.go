package tree

import (
	"path"
	"slices"
	"strings"

	"mlsync.dev/mlsync/internal/glob"
)

// Filter says which files of a folder a reading looks into, without reading any.
type Filter struct {
	include, exclude, apart glob.Set
	overlays                []string
	everything              bool // there is no include
	key                     string
}

// Filter is that of a reading with the options.
func (o Options) Filter() *Filter {
	f := &Filter{include: glob.NewSet(o.Include), exclude: glob.NewSet(o.Exclude), apart: glob.NewSet(o.Apart), everything: len(o.Include) == 0}
	for _, dir := range o.Overlays {
		f.overlays = append(f.overlays, path.Clean(dir))
	}
	f.key = strings.Join(o.Include, "\x00") + "\x01" + strings.Join(o.Exclude, "\x00")
	return f
}

// overlaid reports whether a folder is or is in an overlay, and whether it holds
// one.
func (f *Filter) overlaid(dir string) (in, holds bool) {
	for _, o := range f.overlays {
		in = in || dir == o || strings.HasPrefix(dir, o+"/")
		holds = holds || dir == "." || strings.HasPrefix(o, dir+"/")
	}
	return in, holds
}

// None reports whether a reading looks at nothing below the folder.
func (f *Filter) None(dir string) bool {
	if dir == "." {
		return false
	}
	if f.skips(dir) {
		return true
	}
	in, holds := f.overlaid(dir)
	switch {
	case holds:
		return false
	case f.exclude.Any(dir):
		return true
	}
	return !in && !f.everything && !f.include.Any(dir) && !f.include.Below(dir)
}

// skips reports whether a reading does not go into the folder.
func (f *Filter) skips(dir string) bool {
	if strings.HasPrefix(path.Base(dir), ".") {
		return true
	}
	if !f.apart.Any(dir) {
		return false
	}
	in, holds := f.overlaid(dir)
	return !in && !holds
}

// All reports whether a reading may look at every file below the folder.
func (f *Filter) All(dir string) bool {
	in, holds := f.overlaid(dir)
	switch {
	case holds || f.exclude.Below(dir) || f.exclude.Any(dir):
		return false
	case in:
		return true
	case f.apart.Below(dir):
		return false
	}
	return f.everything || f.include.Any(dir)
}

// File reports whether a reading looks into the file, if it goes into its folder.
func (f *Filter) File(name string) bool {
	if !IsYAML(name) || f.exclude.Any(name) {
		return false
	}
	in, _ := f.overlaid(name)
	return in || f.everything || f.include.Any(name)
}

// Names are the names in the folder at which a reading may have to look; all says
// that it may be any.
func (f *Filter) Names(dir string) (names []string, all bool) {
	if in, _ := f.overlaid(dir); in || f.everything || dir != "." && f.include.Any(dir) {
		return nil, true
	}
	if names, all = f.include.Names(dir); all {
		return nil, true
	}
	for _, o := range f.overlays {
		rest := o
		if dir != "." {
			var ok bool
			if rest, ok = strings.CutPrefix(o, dir+"/"); !ok {
				continue
			}
		}
		first, _, _ := strings.Cut(rest, "/")
		names = append(names, first)
	}
	slices.Sort(names)
	return slices.Compact(names), false
}

// Key is equal for filters that say the same of all that is below the folder; ""
// if this one says of it what others may not.
func (f *Filter) Key(dir string) string {
	in, holds := f.overlaid(dir)
	if in || holds || f.apart.Below(dir) || f.apart.Any(dir) {
		return ""
	}
	return f.key
}
