package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/internal/yaml11"
)

// ParseOptions say how strictly a file is read.
type ParseOptions struct {
	Limits Limits
	// LastWins reads files as the reference client does where mlsync is
	// stricter: the last of two equal keys counts, and keys may be numbers.
	LastWins bool
	// PlainKeys takes the keys of maps for texts as they stand, so that on is
	// a key. It is for files that only mlsync reads.
	PlainKeys bool
}

// Parse reads the documents of a YAML file, empty ones left out, each value
// with its place. A value that is a block map or list has the place of its
// key. With an error among the problems the documents are what could be read.
func Parse(data []byte, file string, opts ParseOptions) ([]*asset.Value, problem.List) {
	nodes, bad := parseNodes(data, file, opts)
	p := &parser{file: file, opts: opts, lim: opts.Limits.orDefaults(), bad: bad}
	var docs []*asset.Value
	for _, n := range nodes {
		if p.tooMany {
			break // it was said; what follows may cost as much again
		}
		v := p.value(n.Content[0], nil, 1)
		if v != nil && v.Type() != asset.Null {
			docs = append(docs, v)
		}
	}
	p.explainTemplates(data)
	return docs, p.bad
}

// parseNodes reads the documents as nodes.
func parseNodes(data []byte, file string, opts ParseOptions) (docs []*yaml.Node, bad problem.List) {
	lim := opts.Limits.orDefaults()
	if len(data) > lim.Bytes {
		bad.Hintf(problem.Pos{File: file}, "too_large", "split it, or exclude it in mlsync.yaml", "the file has %d bytes, more than the limit of %d", len(data), lim.Bytes)
		return nil, bad
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if checkText(data, file, &bad); len(bad) > 0 {
		return nil, bad
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for len(docs) < lim.Documents {
		var n yaml.Node
		err := decodeNode(dec, &n)
		if errors.Is(err, io.EOF) {
			return docs, bad
		}
		if err != nil {
			syntaxProblem(data, file, err, &bad)
			return docs, bad
		}
		if len(n.Content) == 1 {
			docs = append(docs, &n)
		}
	}
	bad.Hintf(problem.Pos{File: file}, "too_large", "split it", "the file has more than %d documents", lim.Documents)
	return docs, bad
}

// decodeNode turns a panic of the YAML library on hostile input into an error.
func decodeNode(dec *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	return dec.Decode(n)
}

type parser struct {
	file    string
	opts    ParseOptions
	lim     Limits
	bad     problem.List
	aliased int          // nodes so far that stand there because of aliases
	inside  []*yaml.Node // anchors of the aliases that are being followed
	tooMany bool
}

func (p *parser) pos(n *yaml.Node) problem.Pos {
	return problem.Pos{File: p.file, Line: n.Line, Col: n.Column}
}

// value makes a Value of a node; key is the node of its key, if it has one.
func (p *parser) value(n, key *yaml.Node, depth int) *asset.Value {
	pos := p.pos(n)
	if key != nil && (n.Line == 0 || n.Kind == yaml.ScalarNode && n.Value == "" && n.Style == 0 ||
		n.Kind != yaml.ScalarNode && n.Kind != yaml.AliasNode && n.Style&yaml.FlowStyle == 0) {
		pos = p.pos(key)
	}
	if depth > p.lim.Depth && n.Kind != yaml.ScalarNode {
		p.bad.Addf(pos, "too_deep", "maps and lists are nested more than %d deep", p.lim.Depth)
		return nil
	}
	if len(p.inside) > 0 {
		if p.aliased++; p.aliased > p.lim.Aliased {
			if !p.tooMany {
				p.bad.Hintf(pos, "too_large", "write the values out, or split the file", "aliases of this file stand for more than %d values", p.lim.Aliased)
			}
			p.tooMany = true
			return nil
		}
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return p.scalar(n, pos)
	case yaml.AliasNode:
		return p.alias(n, pos, depth)
	case yaml.SequenceNode:
		return p.list(n, pos, depth)
	}
	return p.mapping(n, pos, depth)
}

func (p *parser) alias(n *yaml.Node, pos problem.Pos, depth int) *asset.Value {
	if slices.Contains(p.inside, n.Alias) {
		p.bad.Addf(pos, "bad_alias", "*%s contains itself", n.Value)
		return nil
	}
	p.inside = append(p.inside, n.Alias)
	v := p.value(n.Alias, nil, depth)
	p.inside = p.inside[:len(p.inside)-1]
	return v
}

func (p *parser) scalar(n *yaml.Node, pos problem.Pos) *asset.Value {
	var v *asset.Value
	var err error
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		if v, err = yaml11.Tagged(n.Tag, n.Value); err != nil {
			p.bad.Hintf(pos, "bad_tag", "remove the tag", "%s", err)
			return nil
		}
	case n.Style&^yaml.FlowStyle != 0:
		v = asset.NewString(n.Value)
	default:
		if v, err = yaml11.Plain(n.Value); err != nil {
			p.bad.Hintf(pos, "bad_scalar", "put it in quotes", "%s", err)
			return nil
		}
	}
	return v.At(pos)
}

func (p *parser) list(n *yaml.Node, pos problem.Pos, depth int) *asset.Value {
	if n.Style&yaml.TaggedStyle != 0 && n.Tag != "!!seq" {
		p.badTag(n, pos)
		return nil
	}
	list := asset.NewList().At(pos)
	for _, item := range n.Content {
		v := p.value(item, nil, depth+1)
		if p.tooMany = p.tooMany || p.full(p.pos(item)); p.tooMany {
			return nil
		}
		if v == nil {
			v = asset.NewNull().At(p.pos(item))
		}
		list.Append(v)
	}
	return list
}

func (p *parser) badTag(n *yaml.Node, pos problem.Pos) {
	p.bad.Hintf(pos, "bad_tag", "remove the tag", "the tag %s is not known", n.Tag)
}

func (p *parser) mapping(n *yaml.Node, pos problem.Pos, depth int) *asset.Value {
	if n.Style&yaml.TaggedStyle != 0 && n.Tag != "!!map" {
		p.badTag(n, pos)
		return nil
	}
	if len(n.Content)/2 > p.lim.Entries {
		p.bad.Addf(pos, "too_large", "a map has %d entries, more than the limit of %d", len(n.Content)/2, p.lim.Entries)
		return nil
	}
	m := asset.NewMap().At(pos)
	for i := 0; i < len(n.Content); i += 2 {
		if isMerge(n.Content[i]) {
			p.merge(m, n.Content[i+1], depth)
		}
	}
	seen := make(map[string]problem.Pos, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		if p.tooMany = p.tooMany || p.full(p.pos(n.Content[i])); p.tooMany {
			return nil
		}
		if !isMerge(n.Content[i]) {
			p.entry(m, n.Content[i], n.Content[i+1], seen, depth)
		}
	}
	return m
}

func (p *parser) entry(m *asset.Value, keyNode, item *yaml.Node, seen map[string]problem.Pos, depth int) {
	key, ok := p.key(keyNode)
	v := p.value(item, keyNode, depth+1)
	if !ok || p.tooMany {
		return
	}
	if v == nil {
		v = asset.NewNull().At(p.pos(keyNode))
	}
	if first, twice := seen[key]; twice && !p.opts.LastWins {
		p.bad.Hintf(p.pos(keyNode), "duplicate_key", "keep one of them", "%q is there twice: first in line %d", key, first.Line)
	}
	seen[key] = p.pos(keyNode)
	m.Set(key, v)
}

// full reports whether there are so many problems that the rest of the file is
// not looked at, and says so.
func (p *parser) full(pos problem.Pos) bool {
	if len(p.bad) < limit.Problems {
		return false
	}
	p.bad.Addf(pos, "too_large", "%d problems: the rest of the file is not looked at", len(p.bad))
	return true
}

func isMerge(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "<<" && n.Tag == "!!merge"
}

// merge puts the entries of a map, or of several of which the first is
// strongest, into m.
func (p *parser) merge(m *asset.Value, n *yaml.Node, depth int) {
	v := p.value(n, nil, depth+1)
	parts := []*asset.Value{v}
	if v.Type() == asset.List {
		parts = v.Items()
	}
	for _, part := range slices.Backward(parts) {
		if part.Type() != asset.Map {
			if !p.tooMany {
				p.bad.Addf(p.pos(n), "bad_merge", "<<: wants a map or a list of maps, not %s", aType(part))
			}
			return
		}
		for k, item := range part.Entries() {
			m.Set(k, item)
		}
	}
}

// key is the text of a key.
func (p *parser) key(n *yaml.Node) (string, bool) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.ScalarNode {
		p.bad.Addf(p.pos(n), "bad_key", "a key must be a text, not a map or list")
		return "", false
	}
	if n.Value == "=" && n.Style == 0 || p.opts.PlainKeys && n.Style&yaml.TaggedStyle == 0 {
		return n.Value, true
	}
	v := p.scalar(n, p.pos(n))
	if v == nil {
		return "", false
	}
	if v.Type() != asset.String && !p.opts.LastWins {
		p.bad.Hintf(p.pos(n), "bad_key", "put it in quotes: "+strconv.Quote(n.Value), "the key %s is %s in YAML 1.1, not a text", n.Value, aType(v))
		return n.Value, true
	}
	if v.IsNull() {
		return "None", true
	}
	return v.Text(), true
}

// aType is the sort of a value with its article.
func aType(v *asset.Value) string {
	switch v.Type() {
	case asset.Null:
		return "empty"
	case asset.Bool:
		return "a boolean"
	case asset.Int:
		return "a whole number"
	}
	return "a " + v.Type().String()
}
