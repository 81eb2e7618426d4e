package asset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func documents() []string {
	large := []string{}
	for i := range 100 {
		large = append(large, fmt.Sprintf("%q: %d", fmt.Sprint("k", i%90), i))
	}
	return []string{
		`null`, ` true `, `false`, `0`, `-1`, `1.5`, `1e3`, `-0.0`, `9223372036854775807`, `-9223372036854775808`, `123456789012345678901234567890`,
		`""`, `"a"`, `"a\"b\\"`, `"\u00e9\ud83d\ude00\n"`, `"é"`, "\"\xff\"", `"\ud800"`,
		`[]`, `[ ]`, `[1, [2, [] ], {"a": null}]`, `{}`, `{ }`, `{"a":1,"b":{"c":[true,false]},"a":2}`, "\t{ \"a\" :\r\n [ 1 , 2 ] } \n",
		`{` + strings.Join(large, ",") + `}`,
	}
}

func TestParseJSONReadsWhatEncodingJSONReads(t *testing.T) {
	for _, doc := range documents() {
		v, err := ParseJSON([]byte(doc))
		if err != nil {
			t.Errorf("%s: %v", doc, err)
			continue
		}
		var want any
		dec := json.NewDecoder(strings.NewReader(doc))
		dec.UseNumber()
		if err := dec.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if got := v.Any(); !reflect.DeepEqual(got, FromAny(want).Any()) {
			t.Errorf("%s: got %#v, want %#v", doc, got, want)
		}
	}
}

// What is cut out of a document is what encoding/json cuts out of it.
func TestMembersAndElements(t *testing.T) {
	same := func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }
	for _, doc := range documents() {
		var object map[string]json.RawMessage
		var list []json.RawMessage
		_, _ = json.Unmarshal([]byte(doc), &object), json.Unmarshal([]byte(doc), &list) // leave nil what is something else
		gotObject, gotList := map[string]json.RawMessage{}, []json.RawMessage{}
		for k, raw := range Members([]byte(doc)) {
			gotObject[k] = raw
		}
		for raw := range Elements([]byte(doc)) {
			gotList = append(gotList, raw)
		}
		if !maps.EqualFunc(gotObject, object, same) {
			t.Errorf("%s: members %s, want %s", doc, gotObject, object)
		}
		if !slices.EqualFunc(gotList, list, same) {
			t.Errorf("%s: elements %s, want %s", doc, gotList, list)
		}
	}
	for range Members([]byte(`{"a":1,"b":2}`)) {
		break
	}
	for range Elements([]byte(`[1,2]`)) {
		break
	}
}

func TestParseJSONKeepsTheOrderOfKeys(t *testing.T) {
	v, err := ParseJSON([]byte(`{"b":1,"a":2,"c":3,"b":4}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%v %s", v.Keys(), v.appendJSON(nil, false)), `[b a c] {"b":4,"a":2,"c":3}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParseJSONRefuses(t *testing.T) {
	for _, doc := range []string{``, ` `, `{`, `[1,]`, `{"a"}`, `{"a":}`, `01`, `1 2`, `"a`, `nul`, "\"\n\"", `'a'`} {
		if v, err := ParseJSON([]byte(doc)); err == nil {
			t.Errorf("%q: got %s", doc, v.Canonical())
		}
	}
}

func FuzzParseJSON(f *testing.F) {
	for _, doc := range documents() {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := ParseJSON(data)
		if (err == nil) != json.Valid(data) {
			t.Fatalf("%q: %v", data, err)
		}
		if err != nil {
			return
		}
		again, err := ParseJSON(v.Canonical())
		if err != nil || !again.Equal(v) {
			t.Fatalf("%q: got %s, again %s, %v", data, v.Canonical(), again.Canonical(), err)
		}
	})
}

func BenchmarkParseJSON(b *testing.B) {
	data := []byte(`{"id":"/subscriptions/s/resourceGroups/g/providers/p/workspaces/w/data/d/versions/1","name":"1","type":"t","properties":{"description":"x","tags":{"a":"1","b":"2"},"isAnonymous":false,"isArchived":false,"dataType":"uri_folder","dataUri":"azureml://datastores/d/paths/x/"},"systemData":{"createdAt":"2024-01-01T00:00:00Z","createdBy":"x"}}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := ParseJSON(data); err != nil {
			b.Fatal(err)
		}
	}
}
