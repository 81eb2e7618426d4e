package azureml

import (
	"maps"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// What was read so far, as others ask for it.

// Set is a copy of the assets read so far, those that nobody wrote included.
func (l *Live) Set() *asset.Set {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.set.Clone()
}

// Asset is one asset read so far, or nil.
func (l *Live) Asset(id asset.ID) *asset.Asset {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.set.Get(id)
}

// Container is what is known of a name, and whether it exists.
func (l *Live) Container(id asset.ID) (Container, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.containers[id.Container()]
	return c, ok
}

// Archived reports whether an asset that was read by itself is archived; lists
// leave out those that are.
func (l *Live) Archived(id asset.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.archived[id]
}

// Leaving reports whether an asset read so far is being deleted: it is there,
// and will not be.
func (l *Live) Leaving(id asset.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.set.Get(id)
	return a != nil && provisioningOf(a.Raw) == "deleting"
}

// Broken reports whether the last operation on an asset read so far failed, so
// that it is there and does not work.
func (l *Live) Broken(id asset.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken[id]
}

// Foreign are the assets that lists showed in a form that no file can say.
func (l *Live) Foreign() []asset.ID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.SortedFunc(maps.Keys(l.foreign), asset.ID.Compare)
}

// Ready reports whether an asset read so far works and nothing is being done
// to it.
func (l *Live) Ready(id asset.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.set.Get(id)
	return a != nil && !l.broken[id] && !running(provisioningOf(a.Raw))
}

// Containers are the names read so far.
func (l *Live) Containers() []asset.ID {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]asset.ID, 0, len(l.containers))
	for id := range l.containers {
		out = append(out, id)
	}
	return out
}

// Problem is why the kind, or the part of it that holds id, could not be
// read; nil if it was read completely, or was never asked for.
func (l *Live) Problem(id asset.ID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.gets[id]; err != nil {
		return err
	}
	if err := l.foreign[id]; err != nil {
		return err
	}
	for _, key := range listKeys(id) {
		if err := l.lists[key]; err != nil {
			return err
		}
	}
	return nil
}

// Absent reports whether the service said that the asset is not there: by
// itself, or by leaving it out of a list that was read to the end.
func (l *Live) Absent(id asset.ID) bool {
	if l.Asset(id) != nil {
		return false
	}
	l.mu.Lock()
	gone, other := l.absent[id], l.foreign[id] != nil
	_, named := l.containers[id.Container()]
	l.mu.Unlock()
	if other {
		return false
	}
	t := kind.Of(id.Kind)
	if gone || t.Single() {
		return gone
	}
	if t.Parent != "" && l.Absent(asset.ID{Kind: t.Parent, Name: id.Parent}) {
		return true // with what would contain it
	}
	if id.Version == "" {
		return l.Complete(id) && !named
	}
	// A name that is absent has no versions; those of an existing name must
	// have been read. Archived versions are not in the list, so only the
	// service's own answer makes a single version absent.
	return l.Complete(id.Container()) && !named
}

// Complete reports whether the lists that would hold id were read completely.
func (l *Live) Complete(id asset.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range listKeys(id) {
		if err, ok := l.lists[key]; !ok || err != nil {
			return false
		}
	}
	return true
}

// Failures are the reads that failed, by kind.
func (l *Live) Failures() map[asset.Kind]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[asset.Kind]string{}
	for key, err := range l.lists {
		if err != nil {
			k, _, _ := strings.Cut(key, " ")
			out[asset.Kind(k)] = err.Error()
		}
	}
	for id, err := range l.gets {
		if err != nil {
			out[id.Kind] = err.Error()
		}
	}
	return out
}
