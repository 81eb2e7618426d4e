package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/problem"
)

// read reads the query and the body of a request, and takes nothing that the
// route does not name.
func (s *Server) read(c *call) error {
	if err := readQuery(c); err != nil {
		return err
	}
	if c.route.body == nil {
		return noBody(c)
	}
	data, err := readBody(c)
	if err != nil {
		return err
	}
	into := reflect.New(reflect.TypeOf(c.route.body).Elem())
	if len(data) > 0 || !c.route.optional {
		if err := decode(data, into); err != nil {
			return err
		}
	}
	c.body = into.Interface()
	return nil
}

func noBody(c *call) error {
	n, err := io.ReadFull(http.MaxBytesReader(c.w, c.r.Body, limit.APIBody), make([]byte, 1))
	if n > 0 {
		return badRequest("it takes no body")
	}
	if !errors.Is(err, io.EOF) {
		return badRequest("the request was cut off")
	}
	return nil
}

func readBody(c *call) ([]byte, error) {
	if e := c.r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, Refuse(http.StatusUnsupportedMediaType, "unsupported_media_type", "compressed bodies are not taken")
	}
	data, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, limit.APIBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, Refuse(http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("the body has more than %d bytes", limit.APIBody))
	case err != nil:
		return nil, badRequest("the body was cut off")
	case len(data) == 0 && c.route.optional:
		return nil, nil
	}
	media, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		return nil, Refuse(http.StatusUnsupportedMediaType, "unsupported_media_type", "send application/json")
	}
	return data, nil
}

// decode reads JSON strictly: each member known, in its spelling, once; nothing
// behind it; texts that are texts. All that is wrong is said at once.
func decode(data []byte, into reflect.Value) error {
	if !utf8.Valid(data) {
		return badRequest("the body is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v := &reader{dec: dec}
	v.value("", into.Type().Elem(), "", 0)
	if v.err == nil {
		if _, err := dec.Token(); !errors.Is(err, io.EOF) {
			v.err = errors.New("there is more behind the end")
		}
	}
	if v.err != nil {
		return badRequest("the body is not the JSON that is wanted: " + v.err.Error())
	}
	if len(v.bad) > 0 {
		return badRequest("the body has mistakes", v.bad...)
	}
	if err := json.Unmarshal(data, into.Interface()); err != nil {
		return badRequest("the body is not the JSON that is wanted", typeError(err))
	}
	return nil
}

func typeError(err error) FieldError {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return FieldError{wrong.Field, fmt.Sprintf("it is a %s, and want %s", wrong.Value, typeWord(wrong.Type))}
	}
	return FieldError{"", "a time is written as 2026-11-26T21:00:00Z"} // the one type that reads itself
}

func typeWord(t reflect.Type) string {
	words := map[reflect.Kind]string{reflect.String: "a string", reflect.Bool: "true or false", reflect.Slice: "a list", reflect.Struct: "a map", reflect.Map: "a map"}
	return cmp.Or(words[t.Kind()], "a number")
}

// reader walks through JSON along a type.
type reader struct {
	dec *json.Decoder
	bad []FieldError
	err error
}

func (v *reader) wrong(field, format string, args ...any) {
	if len(v.bad) < limit.APIList {
		v.bad = append(v.bad, FieldError{field, fmt.Sprintf(format, args...)})
	}
}

func (v *reader) token() json.Token {
	t, err := v.dec.Token()
	if err != nil {
		v.err = errors.New("it is cut off, or no JSON")
	}
	return t
}

func (v *reader) value(field string, t reflect.Type, words string, depth int) {
	if depth > limit.APIDepth {
		v.err = errors.New("maps and lists are too deep within each other")
		return
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch tok := v.token().(type) {
	case json.Delim:
		if want := map[json.Delim]reflect.Kind{'{': reflect.Struct, '[': reflect.Slice}[tok]; t != nil && t.Kind() != want {
			v.wrong(field, "it is a map or a list, and not %s", typeWord(t))
			t = nil
		}
		if tok == '{' {
			v.object(field, t, depth)
		} else {
			v.list(field, t, depth)
		}
	case string:
		v.text(field, tok, words)
	case nil:
		if v.err == nil {
			v.wrong(field, "it is null: leave it out, or give a value")
		}
	}
}

func (v *reader) object(field string, t reflect.Type, depth int) {
	known := map[string]reflect.StructField{}
	if t != nil && t.Kind() == reflect.Struct {
		for _, f := range fieldsOf(t) {
			known[f.name] = f.StructField
		}
	}
	seen := map[string]bool{}
	for v.err == nil && v.dec.More() {
		name, _ := v.token().(string)
		at := strings.TrimPrefix(field+"."+name, ".")
		f, ok := known[name]
		switch {
		case seen[name]:
			v.wrong(at, "it is there twice")
		case !ok && t != nil:
			v.wrong(at, "%s", strings.TrimSuffix("it is not known; "+problem.DidYouMean(name, keys(known)), "; "))
		}
		seen[name] = true
		v.value(at, f.Type, f.Tag.Get("enum"), depth+1)
	}
	if v.err == nil {
		v.token()
	}
	for name, f := range known {
		if f.Tag.Get("need") != "" && !seen[name] {
			v.wrong(strings.TrimPrefix(field+"."+name, "."), "it is missing")
		}
	}
}

func (v *reader) list(field string, t reflect.Type, depth int) {
	var of reflect.Type
	if t != nil && t.Kind() == reflect.Slice {
		of = t.Elem()
	}
	n := 0
	for ; v.err == nil && v.dec.More(); n++ {
		if n == limit.APIList {
			v.err = fmt.Errorf("a list has more than %d entries", limit.APIList)
			return
		}
		v.value(field+"["+strconv.Itoa(n)+"]", of, "", depth+1)
	}
	if v.err == nil {
		v.token()
	}
	if n == 0 && t != nil {
		v.wrong(field, "it is empty")
	}
}

// text takes one of the words, if there are any, or what people can read on one line.
func (v *reader) text(field, s, words string) {
	switch known := strings.Split(words, ","); {
	case words != "" && !slices.Contains(known, s):
		v.wrong(field, "%s", strings.TrimSuffix("it is none of "+strings.Join(known, ", ")+"; "+problem.DidYouMean(s, known), "; "))
	case len(s) > limit.APIText:
		v.wrong(field, "it has more than %d bytes", limit.APIText)
	case !plain(s):
		v.wrong(field, "it holds letters that cannot be seen")
	}
}

// plain reports whether a text shows what it is: no control and no direction.
func plain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) || r == utf8.RuneError
	})
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// readQuery reads the query along the table.
func readQuery(c *call) error {
	if len(c.r.URL.RawQuery) > limit.APIQuery {
		return Refuse(http.StatusRequestURITooLong, "too_large", fmt.Sprintf("the query has more than %d bytes", limit.APIQuery))
	}
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return badRequest("the query cannot be read")
	}
	c.query = map[string]string{}
	known := map[string]param{}
	for _, p := range c.route.query {
		known[p.name] = p
	}
	var bad []FieldError
	for _, name := range keys(values) {
		p, ok := known[name]
		why := ""
		if !ok {
			why = strings.TrimSuffix("it is not known; "+problem.DidYouMean(name, keys(known)), "; ")
		} else if len(values[name]) > 1 {
			why = "it is there twice"
		} else {
			why = p.check(values[name][0])
		}
		if why != "" {
			bad = append(bad, FieldError{cut(name), why})
			continue
		}
		c.query[name] = values[name][0]
	}
	for _, p := range c.route.query {
		if p.of == "needed" && c.query[p.name] == "" && len(bad) == 0 {
			bad = append(bad, FieldError{p.name, "it is missing"})
		}
	}
	if len(bad) > 0 {
		return badRequest("the query has mistakes", bad...)
	}
	return nil
}

func cut(s string) string { return s[:min(len(s), 100)] }

// check says what is wrong with a value; "" if nothing is.
func (p param) check(v string) string {
	switch p.of {
	case "number":
		if n, err := strconv.Atoi(v); err != nil || n < 1 || n > limit.APIPage {
			return fmt.Sprintf("it is no number from 1 to %d", limit.APIPage)
		}
	case "time":
		if _, err := time.Parse(time.RFC3339, v); err != nil {
			return "a time is written as 2026-11-26T21:00:00Z"
		}
	case "text", "glob", "needed":
		if !utf8.ValidString(v) || !plain(v) {
			return "it holds letters that cannot be seen"
		}
	default:
		if words := strings.Split(p.of, ","); !slices.Contains(words, v) {
			return strings.TrimSuffix("it is none of "+strings.Join(words, ", ")+"; "+problem.DidYouMean(v, words), "; ")
		}
	}
	return ""
}
