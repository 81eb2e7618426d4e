package kind

import (
	"strings"

	"gopkg.in/yaml.v3"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/yaml11"
)

// maxAliased is how many values aliases of one document may stand for.
const maxAliased = 100_000

// ParseDocument reads YAML 1.1 or JSON text as PyYAML's safe_load does, for
// documents that the service gives back as text. A text that is no document
// is that text.
func ParseDocument(text string) *asset.Value {
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil || len(n.Content) == 0 {
		return asset.NewString(text)
	}
	r := documentReader{left: maxAliased}
	v := r.value(n.Content[0])
	if r.bad {
		return asset.NewString(text)
	}
	return v
}

type documentReader struct {
	left  int
	depth int
	bad   bool
}

func (r *documentReader) value(n *yaml.Node) *asset.Value {
	if r.left--; r.left < 0 || r.depth > 200 {
		r.bad = true
	}
	if r.bad {
		return asset.NewNull()
	}
	r.depth++
	defer func() { r.depth-- }()
	switch n.Kind {
	case yaml.AliasNode:
		return r.value(n.Alias)
	case yaml.SequenceNode:
		list := asset.NewList()
		for _, item := range n.Content {
			list.Append(r.value(item))
		}
		return list
	case yaml.MappingNode:
		m := asset.NewMap()
		for i := 0; i+1 < len(n.Content); i += 2 {
			r.entry(m, n.Content[i], n.Content[i+1])
		}
		return m
	}
	return r.scalar(n)
}

func (r *documentReader) entry(m *asset.Value, key, item *yaml.Node) {
	if key.Kind == yaml.ScalarNode && key.Tag == "!!merge" {
		for item.Kind == yaml.AliasNode {
			item = item.Alias
		}
		parts := []*yaml.Node{item}
		if item.Kind == yaml.SequenceNode {
			parts = item.Content
		}
		for _, part := range parts {
			for k, v := range r.value(part).Entries() {
				if !m.Has(k) {
					m.Set(k, v)
				}
			}
		}
		return
	}
	k := r.value(key)
	if !k.IsScalar() && !k.IsNull() {
		r.bad = true
		return
	}
	text := k.Text()
	if k.IsNull() {
		text = "null"
	}
	m.Set(text, r.value(item))
}

func (r *documentReader) scalar(n *yaml.Node) *asset.Value {
	quoted := n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	var v *asset.Value
	var err error
	switch {
	case n.Style&yaml.TaggedStyle != 0 && strings.HasPrefix(n.Tag, "!!"):
		v, err = yaml11.Tagged(n.Tag, n.Value)
	case quoted:
		return asset.NewString(n.Value)
	default:
		v, err = yaml11.Plain(n.Value)
	}
	if err != nil {
		return asset.NewString(n.Value)
	}
	return v
}
