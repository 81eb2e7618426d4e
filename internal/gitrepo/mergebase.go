package gitrepo

import (
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

// parted finds where the histories of two commits parted: the common ancestors
// that no other common ancestor comes after. At most so many commits of each
// history are looked at.
func (s *store) parted(a, b plumbing.Hash, most int) ([]plumbing.Hash, error) {
	left, err := s.ancestors(a, most, nil)
	if err != nil {
		return nil, err
	}
	// Back from b, and no further than the first that both have.
	var common []plumbing.Hash
	if _, err := s.ancestors(b, most, func(h plumbing.Hash) bool {
		if left[h] {
			common = append(common, h)
		}
		return left[h]
	}); err != nil {
		return nil, err
	}
	var out []plumbing.Hash
	for _, c := range common {
		older := false
		for _, other := range common {
			if other == c {
				continue
			}
			below, err := s.ancestors(other, most, nil)
			if err != nil {
				return nil, err
			}
			older = older || below[c]
		}
		if !older {
			out = append(out, c)
		}
	}
	return out, nil
}

// ancestors are a commit and all before it, without those behind one at which
// stop says so.
func (s *store) ancestors(h plumbing.Hash, most int, stop func(plumbing.Hash) bool) (map[plumbing.Hash]bool, error) {
	seen := map[plumbing.Hash]bool{h: true}
	for next := []plumbing.Hash{h}; len(next) > 0; next = next[1:] {
		if stop != nil && stop(next[0]) {
			continue
		}
		c, err := s.commit(next[0])
		if errors.Is(err, errMissing) {
			return nil, faultOf(ErrNotFound, fmt.Sprintf("the history ends before %s", next[0]))
		}
		if err != nil {
			return nil, err
		}
		for _, p := range c.ParentHashes {
			if !seen[p] {
				seen[p] = true
				next = append(next, p)
			}
		}
		if len(seen) > most {
			return nil, faultOf(ErrTooLarge, fmt.Sprintf("the history has more than %d commits", most))
		}
	}
	return seen, nil
}
