package emulator

import "sort"

// index keeps resources in the order of their creation. Adding at the end and removing cost O(log n); a page costs
// O(page) and does not look at what precedes it.
type index struct {
	items []*resource // ascending seq; nil resource fields are never stored, removed entries are tombstones
	dead  int
}

func (x *index) find(seq uint64) int {
	return sort.Search(len(x.items), func(i int) bool { return x.items[i].seq >= seq })
}

func (x *index) add(r *resource) {
	if n := len(x.items); n == 0 || x.items[n-1].seq < r.seq {
		x.items = append(x.items, r)
		return
	}
	i := x.find(r.seq) // only a restored or reloaded resource comes here
	if i < len(x.items) && x.items[i].seq == r.seq {
		if x.items[i] != r {
			x.dead--
			x.items[i] = r
		}
		return
	}
	x.items = append(x.items, nil)
	copy(x.items[i+1:], x.items[i:])
	x.items[i] = r
}

func (x *index) remove(r *resource) {
	i := x.find(r.seq)
	if i == len(x.items) || x.items[i] != r {
		return
	}
	x.items[i] = &resource{seq: r.seq, gone: true}
	x.dead++
	for n := len(x.items); n > 0 && x.items[n-1].gone; n-- {
		x.items[n-1] = nil
		x.items = x.items[:n-1]
		x.dead--
	}
	if x.dead > 32 && x.dead > len(x.items)/2 {
		live := x.items[:0]
		for _, it := range x.items {
			if !it.gone {
				live = append(live, it)
			}
		}
		clear(x.items[len(live):])
		x.items, x.dead = live, 0
	}
}

func (x *index) len() int { return len(x.items) - x.dead }

// last is the most recently created resource, or nil.
func (x *index) last() *resource {
	for i := len(x.items) - 1; i >= 0; i-- {
		if !x.items[i].gone {
			return x.items[i]
		}
	}
	return nil
}

// page returns up to n resources that pass keep, starting after the one with seq from (0: at the start). more says
// that at least one further resource passes. visited counts the entries looked at.
func (x *index) page(from uint64, descending bool, n int, keep func(*resource) bool) (out []*resource, more bool, visited int) {
	i, step := 0, 1
	if descending {
		i, step = len(x.items)-1, -1
	}
	if from != 0 {
		i = x.find(from)
		if descending {
			i--
		} else if i < len(x.items) && x.items[i].seq == from {
			i++
		}
	}
	for ; i >= 0 && i < len(x.items); i += step {
		visited++
		if x.items[i].gone || !keep(x.items[i]) {
			continue
		}
		if len(out) == n {
			return out, true, visited
		}
		out = append(out, x.items[i])
	}
	return out, false, visited
}
