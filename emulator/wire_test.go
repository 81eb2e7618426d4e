package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
)

// A step is one request of testdata/wire and what the service answers. {WS} stands for the id of the workspace. In want,
// "*" matches any value that is not null, and a key "..." lets an object have further keys.
type step struct {
	Do      string            `json:"do"`
	Advance string            `json:"advance"`
	Body    json.RawMessage   `json:"body"`
	Status  int               `json:"status"`
	Header  map[string]string `json:"header"` // "*" wants any value, "" wants none
	Text    *string           `json:"text"`
	Want    any               `json:"want"`
	Order   map[string]string `json:"order"` // text of keys, in order, of the object at a path
}

type script struct {
	EnvChange string `json:"envChange"`
	PageSize  int    `json:"pageSize"`
	Steps     []step `json:"steps"`
}

// TestWire sends the bodies of testdata/wire and compares what comes back, field by field.
func TestWire(t *testing.T) {
	files, err := filepath.Glob("testdata/wire/*.json")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d files, err %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var sc script
			if err := json.Unmarshal([]byte(strings.ReplaceAll(string(raw), "{WS}", wsID)), &sc); err != nil {
				t.Fatal(err)
			}
			clk := newClock()
			_, do := inProcess(t, emulator.Options{Now: clk.now, LRO: time.Minute, JobStep: -1, EnvChange: sc.EnvChange, PageSize: sc.PageSize})
			for i, st := range sc.Steps {
				if st.Advance != "" {
					d, err := time.ParseDuration(st.Advance)
					if err != nil {
						t.Fatal(err)
					}
					clk.add(d)
				}
				if st.Do == "" {
					continue
				}
				method, path, _ := strings.Cut(st.Do, " ")
				r := do(method, strings.ReplaceAll(path, " ", "%20"), string(st.Body))
				at := fmt.Sprintf("step %d: %s", i+1, st.Do)
				if r.Code != st.Status {
					t.Fatalf("%s = %d, want %d\n%s", at, r.Code, st.Status, r.Body)
				}
				st.compare(t, at, r.Header(), r.Body.Bytes())
			}
		})
	}
}

func (st step) compare(t *testing.T, at string, h http.Header, raw []byte) {
	t.Helper()
	for k, want := range st.Header {
		if got := h.Get(k); got != want && (want != "*" || got == "") {
			t.Errorf("%s: header %s = %q, want %q", at, k, got, want)
		}
	}
	if st.Text != nil && string(raw) != *st.Text {
		t.Errorf("%s: body = %q, want %q", at, raw, *st.Text)
	}
	if st.Want == nil {
		return
	}
	var got any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatalf("%s: %v\n%s", at, err, raw)
	}
	for _, diff := range mismatches("", st.Want, got) {
		t.Errorf("%s: %s", at, diff)
	}
	for path, keys := range st.Order {
		if have := orderAt(raw, path); have != keys {
			t.Errorf("%s: order of %s = %s, want %s", at, path, have, keys)
		}
	}
}

// mismatches lists where got is not what want says.
func mismatches(path string, want, got any) []string {
	if want == "*" {
		if got == nil {
			return []string{path + " is null"}
		}
		return nil
	}
	w, isMap := want.(map[string]any)
	g, gotMap := got.(map[string]any)
	if isMap && gotMap {
		var out []string
		for k, v := range w {
			if k == "..." {
				continue
			}
			e, ok := g[k]
			if !ok {
				out = append(out, path+"/"+k+" is absent")
				continue
			}
			out = append(out, mismatches(path+"/"+k, v, e)...)
		}
		for k, v := range g {
			if _, ok := w[k]; !ok && w["..."] == nil {
				out = append(out, fmt.Sprintf("%s/%s = %s was not expected", path, k, text(v)))
			}
		}
		sort.Strings(out)
		return out
	}
	wl, ok1 := want.([]any)
	gl, ok2 := got.([]any)
	if ok1 && ok2 && len(wl) == len(gl) {
		var out []string
		for i := range wl {
			out = append(out, mismatches(fmt.Sprintf("%s/%d", path, i), wl[i], gl[i])...)
		}
		return out
	}
	if !reflect.DeepEqual(want, got) {
		return []string{fmt.Sprintf("%s = %s, want %s", path, text(got), text(want))}
	}
	return nil
}

func text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

// orderAt lists the keys of the object at a path in the order of the text.
func orderAt(raw []byte, path string) string {
	for _, k := range strings.Split(path, "/") {
		var o map[string]json.RawMessage
		if json.Unmarshal(raw, &o) != nil {
			return ""
		}
		raw = o[k]
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	if _, err := dec.Token(); err != nil {
		return ""
	}
	var keys []string
	for dec.More() {
		k, err := dec.Token()
		var skip json.RawMessage
		if err != nil || dec.Decode(&skip) != nil {
			return ""
		}
		keys = append(keys, k.(string))
	}
	return strings.Join(keys, " ")
}
