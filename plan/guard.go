package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
)

// guard bounds what is removed without an approval.
func (m *maker) guard() {
	var gone []*Step
	h := sha256.New()
	_, _ = fmt.Fprintln(h, m.Target.Name, m.Source.Commit, m.Source.Tree)
	for _, s := range m.all() {
		if s.removes() {
			gone = append(gone, s)
			_, _ = fmt.Fprintln(h, s.Key, s.Action)
		}
	}
	if len(gone) > m.Guard.limit(len(m.Owned)) {
		need := "prune:" + hex.EncodeToString(h.Sum(nil))[:12]
		for _, s := range gone {
			s.Needs = need
		}
	}
	m.holdClears()
}

// holdClears keeps traffic on while a removal that it was taken off for is
// not going to happen.
func (m *maker) holdClears() {
	for _, s := range m.all() {
		if s.Key.Part != Clear {
			continue
		}
		for _, user := range m.all() {
			if why := m.stands(user); why != "" && slices.Contains(user.Requires, s.Key) {
				s.stop(WaitsFor, "traffic stays on: "+user.Key.String()+" "+why)
			}
		}
	}
}

func (m *maker) allowed(need string) bool { return slices.Contains(m.Options.Allow, need) }

// fingerprint is the digest of all that was read of the live side.
func (m *maker) fingerprint() string {
	h := sha256.New()
	for _, a := range m.liveAll {
		_, _ = fmt.Fprintln(h, a.ID, diff.Digest(a), a.Stamps["owner"], m.Live.Archived[a.ID])
	}
	for _, id := range sortedIDs(m.Live.Known) {
		if a := m.live(id); a != nil && m.Live.Assets.Get(id) == nil {
			_, _ = fmt.Fprintln(h, id, diff.Digest(a), m.Owner, false)
		}
	}
	for _, id := range sortedIDs(m.Live.Unknown) {
		_, _ = fmt.Fprintln(h, id, "unknown")
	}
	for _, id := range sortedIDs(m.versions) {
		_, _ = fmt.Fprintln(h, id, m.versions[id])
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

func sortedIDs[V any](set map[asset.ID]V) []asset.ID {
	out := make([]asset.ID, 0, len(set))
	for id := range set {
		out = append(out, id)
	}
	slices.SortFunc(out, asset.ID.Compare)
	return out
}
