package state

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"mlsync.dev/mlsync/asset"
)

// parseBody reads the JSON of a body. Ten thousand bodies are read at the
// start of each plan, so what the journal itself writes is read without
// encoding/json, which takes ten times as long; everything unusual is left to
// asset.ParseJSON, with the same result.
func parseBody(text string) (*asset.Value, error) {
	s := scanner{text: text}
	if v, ok := s.value(); ok && s.at == len(text) {
		return v, nil
	}
	return asset.ParseJSON([]byte(text))
}

// scanner reads JSON without white space. Its methods return false for
// anything they do not know, valid or not.
type scanner struct {
	text  string
	at    int
	depth int
}

// maxDepth leaves deeper nesting to encoding/json, which has its own limit.
const maxDepth = 100

// next is the byte at hand; 0 at the end.
func (s *scanner) next() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// skip goes past word if it is at hand.
func (s *scanner) skip(word string) bool {
	if strings.HasPrefix(s.text[s.at:], word) {
		s.at += len(word)
		return true
	}
	return false
}

func (s *scanner) value() (*asset.Value, bool) {
	switch s.next() {
	case '{':
		return s.nested(s.object)
	case '[':
		return s.nested(s.list)
	case '"':
		text, ok := s.str()
		return asset.NewString(text), ok
	case 't':
		return asset.NewBool(true), s.skip("true")
	case 'f':
		return asset.NewBool(false), s.skip("false")
	case 'n':
		return asset.NewNull(), s.skip("null")
	}
	return s.number()
}

func (s *scanner) nested(read func() (*asset.Value, bool)) (*asset.Value, bool) {
	s.at++
	s.depth++
	defer func() { s.depth-- }()
	if s.depth > maxDepth {
		return nil, false
	}
	return read()
}

func (s *scanner) object() (*asset.Value, bool) {
	m := asset.NewMap()
	if s.skip("}") {
		return m, true
	}
	for {
		if s.next() != '"' {
			return nil, false
		}
		key, ok := s.str()
		if !ok || !s.skip(":") {
			return nil, false
		}
		item, ok := s.value()
		if !ok {
			return nil, false
		}
		m.Set(key, item)
		if !s.skip(",") {
			return m, s.skip("}")
		}
	}
}

func (s *scanner) list() (*asset.Value, bool) {
	l := asset.NewList()
	if s.skip("]") {
		return l, true
	}
	for {
		item, ok := s.value()
		if !ok {
			return nil, false
		}
		l.Append(item)
		if !s.skip(",") {
			return l, s.skip("]")
		}
	}
}

// str reads a string; its escapes are left to encoding/json.
func (s *scanner) str() (string, bool) {
	begin, escaped := s.at, false
	for i := begin + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			return "", false
		case c == '"':
			s.at = i + 1
			if text := s.text[begin+1 : i]; !escaped {
				return text, utf8.ValidString(text)
			}
			var out string
			err := json.Unmarshal([]byte(s.text[begin:s.at]), &out)
			return out, err == nil
		}
	}
	return "", false
}

// number reads whole numbers of at most 18 digits.
func (s *scanner) number() (*asset.Value, bool) {
	begin := s.at
	s.skip("-")
	first := s.at
	for c := s.next(); c >= '0' && c <= '9'; c = s.next() {
		s.at++
	}
	digits := s.text[first:s.at]
	if digits == "" || len(digits) > 18 || digits[0] == '0' && digits != "0" {
		return nil, false
	}
	if c := s.next(); c == '.' || c == 'e' || c == 'E' {
		return s.float(begin)
	}
	n, err := strconv.ParseInt(s.text[begin:s.at], 10, 64)
	return asset.NewInt(n), err == nil
}

// float reads on from the whole part of a number that began at begin.
func (s *scanner) float(begin int) (*asset.Value, bool) {
	for strings.IndexByte("0123456789.eE+-", s.next()) >= 0 && s.at < len(s.text) {
		s.at++
	}
	text := s.text[begin:s.at]
	if !json.Valid([]byte(text)) {
		return nil, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return asset.NewFloat(f), err == nil
}
