package sim_test

import (
	"crypto/sha1" // what git names commits by
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// A commit is one state of the tree.
type commit struct {
	hash   string
	forest forest
	broken bool   // one file cannot be parsed
	unread string // this folder cannot be read
	// pub counts publications: which commit is the newest is what the branch
	// says, not which was made last.
	pub int
}

// complete reports whether the whole tree can be read.
func (c *commit) complete() bool {
	for _, i := range c.forest {
		if c.unread != "" && strings.HasPrefix(i.Folder, c.unread) {
			return false
		}
	}
	return !c.broken
}

// A repo is a branch with its history.
type repo struct {
	history []*commit // all commits that the branch ever showed, in order
	pub     int
	fault   string // why fetching fails, "" if it does not
	times   int
}

func (r *repo) head() *commit {
	if len(r.history) == 0 {
		return nil
	}
	return r.history[len(r.history)-1]
}

var errGit = errors.New("the repository could not be read")

// fetch is the newest commit.
func (r *repo) fetch() (*commit, error) {
	if r.times > 0 {
		r.times--
		return nil, fmt.Errorf("%w: %s", errGit, r.fault)
	}
	if r.head() == nil {
		return nil, fmt.Errorf("%w: it is empty", errGit)
	}
	return r.head(), nil
}

// push publishes a commit.
func (r *repo) push(c commit) *commit {
	r.pub++
	c.pub = r.pub
	h := sha1.New()
	files := c.forest.files()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintln(h, name, files[name])
	}
	fmt.Fprintln(h, c.broken, c.unread, c.pub)
	c.hash = hex.EncodeToString(h.Sum(nil))
	r.history = append(r.history, &c)
	return &c
}

// change makes the next commit out of the newest one; of is the kind that grows.
func (r *repo) change(rng *rand.Rand, how, of string) *commit {
	c := commit{forest: forest{}}
	if h := r.head(); h != nil {
		c = *h
		c.forest = h.forest.clone()
	}
	f := c.forest
	switch how {
	case "add":
		for range 1 + rng.IntN(3) {
			f.grow(rng, random(rng))
		}
	case "grow":
		f.grow(rng, of)
	case "change":
		if k := anyOf(rng, f.keys()); k != "" {
			f.alter(rng, k)
		}
	case "remove":
		if k := anyOf(rng, f.keys()); k != "" {
			f.drop(k)
		}
	case "move":
		if k := anyOf(rng, f.keys()); k != "" {
			i := f[k]
			i.Folder = []string{"assets", "moved", "deep/er"}[rng.IntN(3)]
			f[k] = i
		}
	case "rename":
		if k := anyOf(rng, f.keys()); k != "" {
			kind := f[k].Kind
			f.drop(k)
			f.grow(rng, kind)
		}
	case "swap":
		f.swap(rng)
	case "traffic":
		if k := anyOf(rng, append(f.of("online-endpoint"), f.of("batch-endpoint")...)); k != "" {
			f.route(rng, k)
		}
	case "break":
		c.broken = true
	case "hide":
		c.unread = []string{"assets", "moved", "deep"}[rng.IntN(3)]
	case "mend":
		c.broken, c.unread = false, ""
	case "empty":
		c.forest = forest{}
	case "revert", "force":
		if len(r.history) > 0 {
			old := r.history[rng.IntN(len(r.history))]
			c = *old
			c.forest = old.forest.clone()
		}
		if how == "force" && rng.IntN(3) == 0 { // an unrelated history
			c = commit{forest: forest{}}
			c.forest.grow(rng, random(rng))
		}
	}
	return r.push(c)
}

// alter changes one item in a way that its kind allows.
func (f forest) alter(rng *rand.Rand, key string) {
	i := f[key]
	r := ruleFor(i.Kind)
	switch {
	case r.versioned && rng.IntN(2) == 0:
		i.Version++
	case i.Kind == "compute" && rng.IntN(4) == 0:
		i.Large++
	case i.Kind == "online-endpoint" || i.Kind == "batch-endpoint":
		f.route(rng, key)
		i.Traffic = f[key].Traffic
		if rng.IntN(3) == 0 {
			i.Rev++
		}
	default:
		i.Rev++
	}
	f[key] = i
}

func anyOf(rng *rand.Rand, keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	return keys[rng.IntN(len(keys))]
}
