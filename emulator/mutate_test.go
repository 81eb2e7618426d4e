package emulator_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
)

// TestMutations sends every body of testdata/wire again with each of its values replaced by values of other types.
// Whatever comes, the emulator answers below 500 and does not panic, and a write that it took can be read, listed and
// settled.
func TestMutations(t *testing.T) {
	files := must(filepath.Glob("testdata/wire/*.json"))
	sent := 0
	for _, file := range files {
		var sc script
		raw := strings.ReplaceAll(string(must(os.ReadFile(file))), "{WS}", wsID)
		if err := json.Unmarshal([]byte(raw), &sc); err != nil {
			t.Fatal(err)
		}
		clk := newClock()
		_, do := inProcess(t, emulator.Options{Now: clk.now, LRO: time.Minute, JobStep: time.Minute})
		for _, st := range sc.Steps {
			method, path, _ := strings.Cut(st.Do, " ")
			if len(st.Body) == 0 || method == "GET" || strings.Contains(path, " ") {
				continue
			}
			var body any
			if err := json.Unmarshal(st.Body, &body); err != nil {
				t.Fatal(err)
			}
			for _, mutant := range mutants(body) {
				clk.add(2 * time.Minute) // what runs is over
				text := string(must(json.Marshal(mutant)))
				w := do(method, path, text)
				if sent++; w.Code >= 500 || w.Code < 200 {
					t.Fatalf("%s %s = %d\n%s\n%s", method, path, w.Code, text, w.Body)
				}
				clk.add(2 * time.Minute)
				bare, _, _ := strings.Cut(path, "?")
				if method == "PUT" && w.Code < 300 {
					if g := do("GET", bare, ""); g.Code != 200 && !strings.Contains(path, "azureml_anonymous") {
						t.Fatalf("GET after %s = %d\n%s", text, g.Code, g.Body)
					}
				}
				if l := do("GET", bare[:strings.LastIndex(bare, "/")], ""); l.Code >= 500 {
					t.Fatalf("list after %s = %d", text, l.Code)
				}
			}
		}
	}
	if sent < 2000 {
		t.Errorf("only %d bodies were sent", sent)
	}
}

// mutants are the body with one value replaced, for every value and every replacement.
func mutants(body any) (out []any) {
	var walk func(v any, put func(any) any)
	walk = func(v any, put func(any) any) {
		for _, other := range []any{nil, "text", 7.0, true, []any{1.0}, map[string]any{"x": "y"}} {
			out = append(out, put(other))
		}
		switch x := v.(type) {
		case map[string]any:
			for k := range x {
				walk(x[k], func(e any) any {
					c := map[string]any{}
					for kk, vv := range x {
						c[kk] = vv
					}
					c[k] = e
					return put(c)
				})
			}
		case []any:
			for i := range x {
				walk(x[i], func(e any) any {
					c := append([]any(nil), x...)
					c[i] = e
					return put(c)
				})
			}
		}
	}
	walk(body, func(e any) any { return e })
	return out
}
