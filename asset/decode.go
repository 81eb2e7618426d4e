package asset

import (
	"bytes"
	"encoding/json"
	"slices"
)

// decoder reads a document that is known to be valid JSON: lists of a
// workspace are long, and the tokens of encoding/json cost more than
// everything that is done with them.
type decoder struct {
	data []byte
	at   int
	// What has been read of the objects and lists around d.at: only at their
	// end is it known how much room they need.
	keys  []string
	items []*Value
}

// space skips white space, after which d.at is at a value or a mark.
func (d *decoder) space() {
	for {
		switch d.data[d.at] {
		case ' ', '\t', '\r', '\n':
			d.at++
		default:
			return
		}
	}
}

// value reads the value at d.at and leaves d.at behind it.
func (d *decoder) value() *Value {
	switch d.data[d.at] {
	case '{':
		return d.object()
	case '[':
		return d.array()
	case '"':
		return NewString(d.text())
	case 't':
		d.at += len("true")
		return NewBool(true)
	case 'f':
		d.at += len("false")
		return NewBool(false)
	case 'n':
		d.at += len("null")
		return NewNull()
	}
	start := d.at
	for d.at < len(d.data) && bytes.IndexByte([]byte("+-.eE0123456789"), d.data[d.at]) >= 0 {
		d.at++
	}
	return number(json.Number(d.data[start:d.at]))
}

// next goes over a mark such as a comma and what is blank around it, and
// returns the mark.
func (d *decoder) next() byte {
	d.space()
	mark := d.data[d.at]
	d.at++
	return mark
}

// enter goes over the mark that begins a list or an object; false if there is
// another value, or nothing in it.
func (d *decoder) enter(begin, end byte) bool {
	if d.data[d.at] != begin {
		return false
	}
	d.at++
	d.space()
	return d.data[d.at] != end
}

// raw goes over a value and returns it as it stands there.
func (d *decoder) raw() []byte {
	d.space()
	start, depth := d.at, 0
	for d.at < len(d.data) {
		switch d.data[d.at] {
		case '"':
			d.skipText()
		case '{', '[':
			depth++
			d.at++
		case '}', ']':
			if depth == 0 { // of what the value stands in
				return d.piece(start)
			}
			depth--
			d.at++
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return d.piece(start)
			}
			d.at++
		default:
			d.at++
		}
	}
	return d.piece(start)
}

// piece is what was gone over; nothing can be appended to it in place.
func (d *decoder) piece(start int) []byte { return d.data[start:d.at:d.at] }

// skipText goes over the text at d.at.
func (d *decoder) skipText() {
	for d.at++; d.data[d.at] != '"'; d.at++ {
		if d.data[d.at] == '\\' {
			d.at++
		}
	}
	d.at++
}

func (d *decoder) array() *Value {
	list := NewList()
	if !d.enter('[', ']') {
		d.at++
		return list
	}
	base := len(d.items)
	for {
		d.space()
		item := d.value()
		d.items = append(d.items, item)
		if d.next() == ']' {
			list.own().items = slices.Clone(d.items[base:])
			d.items = d.items[:base]
			return list
		}
	}
}

func (d *decoder) object() *Value {
	m := NewMap()
	if !d.enter('{', '}') {
		d.at++
		return m
	}
	keys, items := len(d.keys), len(d.items)
	var seen map[string]int // of large maps, in which a search would take long
	for {
		d.space()
		key := d.text()
		d.next() // the colon
		d.space()
		item := d.value()
		i := -1
		if seen == nil {
			i = slices.Index(d.keys[keys:], key)
		} else if at, twice := seen[key]; twice {
			i = at
		}
		if i >= 0 { // the last of equal keys counts
			d.items[items+i] = item
		} else {
			d.keys, d.items = append(d.keys, key), append(d.items, item)
			seen = note(seen, d.keys[keys:])
		}
		if d.next() == '}' {
			in := m.own()
			in.keys, in.items = slices.Clone(d.keys[keys:]), slices.Clone(d.items[items:])
			d.keys, d.items = d.keys[:keys], d.items[:items]
			return m
		}
	}
}

// manyKeys is from where on keys are looked up.
const manyKeys = 32

// note keeps the newest key of a large map.
func note(seen map[string]int, keys []string) map[string]int {
	n := len(keys)
	if n < manyKeys {
		return nil
	}
	if seen == nil {
		seen = make(map[string]int, 2*manyKeys)
		for i, k := range keys {
			seen[k] = i
		}
	}
	seen[keys[n-1]] = n - 1
	return seen
}

// text reads the text at d.at.
func (d *decoder) text() string {
	start := d.at + 1
	plain := true
	for d.at = start; d.data[d.at] != '"'; d.at++ {
		switch c := d.data[d.at]; {
		case c == '\\':
			d.at++
			plain = false
		case c >= 0x80:
			plain = false
		}
	}
	d.at++
	if plain {
		return string(d.data[start : d.at-1])
	}
	var s string
	_ = json.Unmarshal(d.data[start-1:d.at], &s) // it is valid
	return s
}
