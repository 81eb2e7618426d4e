package web_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"mlsync.dev/mlsync/web"
)

// document is the OpenAPI document as clients get it.
func document(t *testing.T) map[string]any {
	t.Helper()
	data, err := json.Marshal(web.Document("test"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return doc.(map[string]any)
}

// The document is one of OpenAPI 3.1: testdata/openapi-3.1.json is written from
// the specification, and its schemas are ones of draft 2020-12.
func TestDocumentIsOpenAPI(t *testing.T) {
	data, err := os.ReadFile("testdata/openapi-3.1.json")
	if err != nil {
		t.Fatal(err)
	}
	meta, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi.json", meta); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	doc := document(t)
	if err := s.Validate(doc); err != nil {
		t.Error(err)
	}
	names := map[string]bool{}
	for _, op := range operations(t) {
		if names[op.name] {
			t.Errorf("two operations are called %s", op.name)
		}
		names[op.name] = true
	}
	// A mistake is found.
	broken := maps.Clone(doc)
	broken["paths"] = map[string]any{"/x": map[string]any{"get": map[string]any{"responses": map[string]any{"abc": map[string]any{}}}}}
	if s.Validate(broken) == nil {
		t.Error("a status abc is taken")
	}
}

// answers validate what the server says with its own document. Members that are
// not in it are mistakes, here.
var answers = sync.OnceValue(func() map[string]any {
	data, _ := json.Marshal(web.Document("test")) // it is tested elsewhere
	doc, _ := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	for _, s := range doc.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any) {
		s.(map[string]any)["additionalProperties"] = false
	}
	return doc.(map[string]any)
})

var compiled sync.Map

func schemaAt(t *testing.T, pointer string) *jsonschema.Schema {
	t.Helper()
	if s, ok := compiled.Load(pointer); ok {
		return s.(*jsonschema.Schema)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("https://mlsync.test/api.json", answers()); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("https://mlsync.test/api.json#" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	compiled.Store(pointer, s)
	return s
}

var escape = strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")

// validate holds an answer to the document: the status is named, and the body
// is as its schema says.
func validate(t *testing.T, method, url string, got reply) {
	t.Helper()
	url, _, _ = strings.Cut(url, "?")
	path := ""
	for p := range answers()["paths"].(map[string]any) {
		if regexp.MustCompile("^" + regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(p, "[^/]+") + "$").MatchString(url) {
			path = p
		}
	}
	if method == http.MethodHead {
		return
	}
	item, _ := answers()["paths"].(map[string]any)[path].(map[string]any)
	op, ok := item[strings.ToLower(method)].(map[string]any)
	media, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	pointer := "/components/schemas/Problem"
	if ok {
		status := strconv.Itoa(got.status)
		r, named := op["responses"].(map[string]any)[status].(map[string]any)
		if !named {
			t.Errorf("%s %s answers %s, which the document does not name: %s", method, url, status, got.body)
			return
		}
		content, has := r["content"].(map[string]any)
		if !has {
			if got.body != "" {
				t.Errorf("%s %s answers %q, and nothing is named", method, url, got.body)
			}
			return
		}
		if content[media] == nil {
			t.Errorf("%s %s answers as %s, which is not named", method, url, media)
			return
		}
		pointer = "/paths/" + escape.Replace(path) + "/" + strings.ToLower(method) + "/responses/" + status + "/content/" + escape.Replace(media) + "/schema"
	}
	if !strings.HasSuffix(media, "json") {
		return
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(got.body))
	if err != nil {
		t.Errorf("%s %s: %v in %q", method, url, err, got.body)
		return
	}
	if err := schemaAt(t, pointer).Validate(v); err != nil {
		t.Errorf("%s %s: %v", method, url, err)
	}
}
