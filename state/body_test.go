package state

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
)

// FuzzBody holds the quick reader against the plain one.
func FuzzBody(f *testing.F) {
	for _, text := range []string{
		`{"a":1,"b":[true,false,null,-0,0.5,1e3,-1.5E-2,"x"],"c":{"d":{}},"e":[]}`, `"a\"b\\\u00e9\n\ud83d\ude00"`, `"é\ud800"`,
		`123456789012345678`, `1234567890123456789012`, `9007199254740993`, `-1`, `01`, `-`, `1.`, `1e`, `1.5.5`, `.5`, `+1`, ` 1`, `1 `, `{"a" :1}`, `{"a":1,}`, `[1,]`, `[1 ,2]`,
		`{"a":1,"a":2}`, `tru`, `nul`, `truex`, `"`, `"\`, `"\q"`, "\"a\tb\"", "\"a\xffb\"", ``, `{`, `[`, `{"a"`, `{"a":`, `{a:1}`, `1e400`, `-0.0`, `NaN`,
		strings.Repeat("[", 101) + strings.Repeat("]", 101), strings.Repeat("[", 100) + strings.Repeat("]", 100),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseBody(text)
		want, wantErr := asset.ParseJSON([]byte(text))
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("error: got %v, want %v", err, wantErr)
		}
		if err != nil {
			return
		}
		a, _ := got.MarshalJSON()
		b, _ := want.MarshalJSON()
		if string(a) != string(b) || got.Type() != want.Type() || !got.Equal(want) {
			t.Fatalf("got %s, want %s", a, b)
		}
	})
}
