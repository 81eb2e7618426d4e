package gitrepo

import (
	"bytes"
	"slices"
	"strings"

	"mlsync.dev/mlsync/internal/limit"
)

// linesOf are the lines of a text, each with its end; false if it is none, as
// git decides, or has too many.
func linesOf(data []byte) ([]string, bool) {
	const looked = 8000
	if bytes.IndexByte(data[:min(len(data), looked)], 0) >= 0 {
		return nil, false
	}
	lines := strings.SplitAfter(string(data), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines, len(lines) <= limit.MergeLines
}

// mergeLines does the changes of both sides to from. Lines that are there once
// in all three texts, in the same order, are where they are; of what stands
// between two of them only one side may have changed something, or both the
// same, however the lines in it are matched. false if both changed something
// there: it is coarser than what git finds, never finer.
func mergeLines(from, ours, theirs []string) ([]string, bool) {
	var out []string
	at := [3]int{}
	for _, pin := range append(pins(from, ours, theirs), [3]int{len(from), len(ours), len(theirs)}) {
		f, o, t := from[at[0]:pin[0]], ours[at[1]:pin[1]], theirs[at[2]:pin[2]]
		switch {
		case slices.Equal(o, t), slices.Equal(f, t):
			out = append(out, o...)
		case slices.Equal(f, o):
			out = append(out, t...)
		default:
			return nil, false
		}
		if pin[0] < len(from) {
			out = append(out, from[pin[0]])
		}
		at = [3]int{pin[0] + 1, pin[1] + 1, pin[2] + 1}
	}
	return out, true
}

// pins are the places of lines that are there once in each of three texts, in
// an order that all have.
func pins(texts ...[]string) [][3]int {
	type places struct{ count, at [3]int }
	all := map[string]*places{}
	for n, text := range texts {
		for i, l := range text {
			if all[l] == nil {
				all[l] = &places{}
			}
			all[l].count[n]++
			all[l].at[n] = i
		}
	}
	var out [][3]int
	for _, l := range texts[0] {
		if p := all[l]; p.count == [3]int{1, 1, 1} {
			out = append(out, p.at)
		}
	}
	return rising(rising(out, 1), 2)
}

// rising is the longest part of a list in which the nth number rises.
func rising(list [][3]int, n int) [][3]int {
	// Patience: piles by their last number, and back along the piles.
	var piles []int
	back := make([]int, len(list))
	for i, p := range list {
		k, _ := slices.BinarySearchFunc(piles, p[n], func(pile, at int) int { return list[pile][n] - at })
		back[i] = -1
		if k > 0 {
			back[i] = piles[k-1]
		}
		if k == len(piles) {
			piles = append(piles, i)
		} else {
			piles[k] = i
		}
	}
	var out [][3]int
	if len(piles) > 0 {
		for i := piles[len(piles)-1]; i >= 0; i = back[i] {
			out = append(out, list[i])
		}
	}
	slices.Reverse(out)
	return out
}
