package diff

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// rows has a field of every class and type that comparison treats in a way of its own.
var rows = []kind.Field{
	{YAML: "description", REST: "d", As: kind.Str{}},
	{YAML: "count", REST: "c", As: kind.Int{}, Service: asset.NewInt(1)},
	{YAML: "size", REST: "s", As: kind.Fold{}, Change: kind.Replace},
	{YAML: "image", REST: "i", As: kind.Str{}, Change: kind.NewVersion},
	{YAML: "note", REST: "n", As: kind.Str{}, Change: kind.Once},
	{YAML: "owner", REST: "o", As: kind.Str{}, ReadOnly: true},
	{YAML: "need", REST: "x", As: kind.Str{}, Required: true},
	{YAML: "tags", REST: "t", As: kind.Map{Of: kind.Text{}, Owned: true, Nulls: true}},
	{YAML: "properties", REST: "p", As: kind.Map{Of: kind.Text{}, Owned: true}, Change: kind.Append},
	{YAML: "env", REST: "e", As: kind.Map{Of: kind.Text{}, Drop: func(k string) bool { return k == "SERVER" }}},
	{YAML: "traffic", REST: "r", As: kind.Map{Of: kind.Int{}}, Late: true},
	{YAML: "key", REST: "k", As: kind.Str{}, Secret: true},
	{YAML: "probe", REST: "q", As: kind.Obj(
		kind.Field{YAML: "path", REST: "p", As: kind.Str{}, Required: true},
		kind.Field{YAML: "period", REST: "d", As: kind.Int{}, Service: asset.NewInt(10)},
		kind.Field{YAML: "zone", REST: "z", As: kind.Str{}, Change: kind.Replace},
	)},
	{YAML: "flat", As: kind.Obj(kind.Field{YAML: "a", REST: "a", As: kind.Str{}})},
	{YAML: "route", REST: "u", Change: kind.NewVersion, As: kind.Obj(kind.Field{YAML: "port", REST: "p", As: kind.Int{}})},
	{YAML: "items", REST: "l", As: kind.List{Of: kind.Obj(
		kind.Field{YAML: "a", REST: "a", As: kind.Fold{}}, kind.Field{YAML: "b", REST: "b", As: kind.Int{}, Service: asset.NewInt(7)})}},
	{YAML: "either", REST: "y", As: kind.Pick{Name: "text or map", Of: func(v *asset.Value) kind.Type {
		if v.Type() == asset.Map {
			return kind.Obj(kind.Field{YAML: "x", REST: "x", As: kind.Fold{}})
		}
		return kind.Str{}
	}}},
	{YAML: "silent", As: kind.Str{}},
	{YAML: "open", REST: "w", As: kind.Object{Open: true, Fields: []kind.Field{{YAML: "known", REST: "k", As: kind.Str{}}}}},
}

func body(t *testing.T, text string) *asset.Value {
	t.Helper()
	if text == "-" {
		return nil
	}
	v, err := asset.ParseJSON([]byte("{" + strings.ReplaceAll(text, "'", `"`) + "}"))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func compareRows(o Options, want, live, last *asset.Value) []Change {
	c := comparer{Options: o, hasLast: last != nil}
	c.rows(rows, node{want: want, live: live, last: last})
	return c.out
}

// show is one line a change: path old>new reason, with what is remarkable.
func show(changes []Change) string {
	var out []string
	for _, c := range changes {
		s := fmt.Sprintf("%s %s>%s %s", c.Dotted(), text(c.Live), text(c.Want), c.Reason)
		if c.Class != kind.InPlace {
			s += " [" + c.Class.String() + "]"
		}
		for _, flag := range []struct {
			on   bool
			name string
		}{{c.Late, "late"}, {c.Secret, "secret"}, {c.Diverged, "diverged"}, {c.Ignored != "", "ignored: " + c.Ignored}} {
			if flag.on {
				s += " " + flag.name
			}
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func text(v *asset.Value) string {
	if v == nil {
		return "-"
	}
	return strings.ReplaceAll(string(v.Canonical()), `"`, "")
}

func TestCompare(t *testing.T) {
	tests := []struct{ name, want, live, last, out string }{
		{"equal", `'count':2`, `'count':2`, `'count':2`, ""},
		{"fields that git does not mention are not owned", `'count':2`, `'count':2,'description':'x'`, `'count':2`, ""},
		{"git changed", `'count':3`, `'count':2`, `'count':2`, "count 2>3 git"},
		{"live changed", `'count':2`, `'count':5`, `'count':2`, "count 5>2 drift"},
		{"both changed", `'count':3`, `'count':5`, `'count':2`, "count 5>3 git diverged"},
		{"both changed alike", `'count':5`, `'count':5`, `'count':2`, ""},
		{"nobody knows", `'count':3`, `'count':5`, `-`, "count 5>3 adopt"},
		{"newly mentioned", `'count':3`, `'count':5`, ``, "count 5>3 git"},
		{"deleted live", `'description':'x'`, ``, `'description':'x'`, "description ->x drift"},
		{"the type says what is equal", `'size':'STANDARD_A'`, `'size':'Standard_a'`, `-`, ""},
		{"class", `'size':'b','image':'j'`, `'size':'a','image':'i'`, `'size':'a','image':'i'`, "size a>b git [replace]; image i>j git [new version]"},
		{"at creation only", `'note':'b'`, `'note':'a'`, `'note':'a'`, "note a>b git [at creation] ignored: it is said at creation only"},
		{"never sent", `'silent':'b'`, ``, `'silent':'a'`, ""},
		{"read only", `'owner':'b'`, `'owner':'a'`, `'owner':'b'`, ""},
		{"what the service fills in need not be answered", `'count':1`, ``, `-`, ""},
		{"empty is absent", `'description':'','env':{},'items':[]`, ``, `'description':''`, ""},

		{"released, reset", ``, `'count':4`, `'count':4`, "count 4>1 default"},
		{"released, already so", ``, `'count':1`, `'count':1`, ""},
		{"released, removed", ``, `'description':'x'`, `'description':'x'`, "description x>- default"},
		{"released, live not ours", ``, `'count':5`, `'count':4`, "count 5>1 default ignored: released: it was changed outside git since"},
		{"released, gone", ``, ``, `'description':'x'`, ""},
		{"released, never ours", ``, `'count':4`, ``, ""},
		{"released, replace", ``, `'size':'a'`, `'size':'a'`, "size a>- default [replace] ignored: released: it cannot be reset without a replacement"},
		{"released, required", ``, `'need':'a'`, `'need':'a'`, "need a>- default ignored: released: the service needs a value"},
		{"released, immutable", ``, `'route':{'port':1}`, `'route':{'port':1}`, "route {port:1}>- default [new version]"},
		{"released, object", ``, `'probe':{'path':'/','period':10}`, `'probe':{'path':'/'}`, "probe {path:/,period:10}>- default"},
		{"released, object without place", ``, `'flat':{'a':'x'}`, `'flat':{'a':'x'}`, "flat.a x>- default"},
		{"released, late", ``, `'traffic':{'blue':100}`, `'traffic':{'blue':100}`, "traffic {blue:100}>- default late"},

		{"owned keys", `'tags':{'a':'2'}`, `'tags':{'a':'1','x':'y'}`, `'tags':{'a':'1'}`, "tags.a 1>2 git"},
		{"owned key removed", `'tags':{'a':'1'}`, `'tags':{'a':'1','b':'2'}`, `'tags':{'a':'1','b':'2'}`, "tags.b 2>- default"},
		{"all owned keys removed", ``, `'tags':{'b':'2','x':'y'}`, `'tags':{'b':'2'}`, "tags.b 2>- default"},
		{"owned key removed, changed since", ``, `'tags':{'b':'3'}`, `'tags':{'b':'2'}`, "tags.b 3>- default ignored: released: it was changed outside git since"},
		{"a tag without value", `'tags':{'a':null}`, `'tags':{'a':''}`, `-`, ""},

		{"append", `'properties':{'a':'1','b':'2'}`, `'properties':{'a':'1'}`, `'properties':{'a':'1'}`, "properties.b ->2 git [append only]"},
		{"append, changed", `'properties':{'a':'2'}`, `'properties':{'a':'1'}`, `'properties':{'a':'1'}`, "properties.a 1>2 git [append only] ignored: entries can be added, not changed or removed"},
		{"append, removed", ``, `'properties':{'a':'1'}`, `'properties':{'a':'1'}`, "properties.a 1>- default [append only] ignored: entries can be added, not changed or removed"},

		{"map: added, changed, removed", `'env':{'a':'2','n':'1'}`, `'env':{'a':'1','b':'1'}`, `'env':{'a':'1','b':'1'}`, "env.a 1>2 git; env.n ->1 git; env.b 1>- git"},
		{"map: key of somebody else", `'env':{'a':'1'}`, `'env':{'a':'1','x':'1'}`, `'env':{'a':'1'}`, "env.x 1>- drift"},
		{"map: key of nobody knows", `'env':{'a':'1'}`, `'env':{'a':'1','x':'1'}`, `-`, "env.x 1>- adopt"},
		{"map: key of the service", `'env':{'a':'1'}`, `'env':{'a':'1','SERVER':'1'}`, `'env':{'a':'1'}`, ""},
		{"map: removed key that changed", `'env':{'a':'1'}`, `'env':{'a':'1','b':'2'}`, `'env':{'a':'1','b':'1'}`, "env.b 2>- git diverged"},
		{"late", `'traffic':{'green':100}`, `'traffic':{'blue':100}`, `'traffic':{'blue':100}`, "traffic.green ->100 git late; traffic.blue 100>- git late"},

		{"no traffic is as good as none", `'traffic':{'blue':100,'red':0}`, `'traffic':{'blue':100,'green':0}`, `'traffic':{'blue':100}`, ""},
		{"object row by row", `'probe':{'path':'/b','zone':'2'}`, `'probe':{'path':'/a','period':30,'zone':'1'}`, `'probe':{'path':'/a','zone':'1'}`, "probe.path /a>/b git; probe.zone 1>2 git [replace]"},
		{"object absent live", `'probe':{'path':'/'}`, ``, `-`, "probe.path ->/ adopt"},
		{"inner rows inherit the class", `'route':{'port':2}`, `'route':{'port':1}`, `'route':{'port':1}`, "route.port 1>2 git [new version]"},
		{"object of another sort", `'probe':{'path':'/'}`, `'probe':'x'`, `-`, "probe x>{path:/} adopt"},
		{"open object", `'open':{'known':'b','x':[2],'y':1}`, `'open':{'known':'a','x':[1],'y':1,'z':9}`, `'open':{'known':'a','x':[1],'y':1,'g':1}`, "open.known a>b git; open.x [1]>[2] git"},
		{"list as a whole", `'items':[{'a':'x'}]`, `'items':[{'a':'y'}]`, `'items':[{'a':'y'}]`, "items [{a:y}]>[{a:x}] git"},
		{"list items own what they mention", `'items':[{'a':'X'}]`, `'items':[{'a':'x','b':9}]`, `'items':[{'a':'x'}]`, ""},
		{"list items drop what was ours", `'items':[{'a':'x'}]`, `'items':[{'a':'x','b':9}]`, `'items':[{'a':'x','b':9}]`, "items [{a:x,b:9}]>[{a:x}] git"},
		{"list length", `'items':[{'a':'x'}]`, `'items':[{'a':'x'},{'a':'y'}]`, `'items':[{'a':'x'}]`, "items [{a:x},{a:y}]>[{a:x}] drift"},
		{"pick, one form", `'either':'a'`, `'either':'b'`, `'either':'b'`, "either b>a git"},
		{"pick, other form", `'either':{'x':'A'}`, `'either':{'x':'a'}`, `-`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := show(compareRows(Options{}, body(t, tt.want), body(t, tt.live), body(t, tt.last))); got != tt.out {
				t.Errorf("\n got %s\nwant %s", got, tt.out)
			}
		})
	}
}

func TestIgnore(t *testing.T) {
	want, live := body(t, `'tags':{'owner':'a','o.p':'1'},'env':{'A':'1'},'count':2`), body(t, `'tags':{'owner':'b','o.p':'2'},'env':{'A':'2'},'count':1`)
	tests := []struct {
		patterns []string
		ignored  []string
	}{
		{nil, nil},
		{[]string{"tags.owner"}, []string{"tags.owner"}},
		{[]string{"tags"}, []string{"tags.owner", "tags.o.p"}},
		{[]string{"tags.o.p"}, []string{"tags.o.p"}},
		{[]string{"*.A"}, []string{"env.A"}},
		{[]string{"**.p"}, []string{"tags.o.p"}},
		{[]string{"**"}, []string{"count", "tags.owner", "tags.o.p", "env.A"}},
		{[]string{"tag", "tags.own", "[", ""}, nil},
	}
	for _, tt := range tests {
		var got []string
		for _, c := range compareRows(Options{Ignore: tt.patterns}, want, live, nil) {
			if c.Ignored != "" {
				got = append(got, c.Dotted())
			}
		}
		if !slices.Equal(got, tt.ignored) {
			t.Errorf("%q: got %q, want %q", tt.patterns, got, tt.ignored)
		}
	}
}

func TestEffective(t *testing.T) {
	want, live := body(t, `'tags':{'a':'1','b':'1'},'count':2,'description':'x'`), body(t, `'tags':{'a':'2'},'count':1,'description':'y'`)
	changes := compareRows(Options{Ignore: []string{"tags", "description"}}, want, live, nil)
	got := Effective(want, changes)
	if w := body(t, `'tags':{'a':'2'},'count':2,'description':'y'`); !got.Equal(w) {
		t.Errorf("got %s, want %s", got.Canonical(), w.Canonical())
	}
	if !want.Equal(body(t, `'tags':{'a':'1','b':'1'},'count':2,'description':'x'`)) {
		t.Error("want was changed")
	}
}

func TestSecrets(t *testing.T) {
	type prints = map[string]string
	ref := `'${{ secret.A }}'`
	tests := []struct {
		name, want, live, last string
		wants, lasts           prints
		out                    string
	}{
		{"same value", `'key':` + ref, ``, `'key':` + ref, prints{"key": "1"}, prints{"key": "1"}, ""},
		{"other name, same value", `'key':'${{ secret.B }}'`, ``, `'key':` + ref, prints{"key": "1"}, prints{"key": "1"}, ""},
		{"there is one, not read back", `'key':` + ref, `'key':'${{ secret.key }}'`, `'key':` + ref, prints{"key": "1"}, prints{"key": "1"}, ""},
		{"rotated", `'key':` + ref, ``, `'key':` + ref, prints{"key": "2"}, prints{"key": "1"}, "key ->- git secret"},
		{"new", `'key':` + ref, ``, ``, prints{"key": "2"}, nil, "key ->- git secret"},
		{"nobody knows", `'key':` + ref, ``, `-`, prints{"key": "2"}, nil, "key ->- adopt secret ignored: secrets are not read back: it can be compared once it has been applied"},
		{"released", ``, ``, `'key':` + ref, nil, prints{"key": "1"}, "key ->- default secret ignored: released: a secret cannot be reset"},
		{"in a plain field, live value not shown", `'env':{'K':` + ref + `}`, `'env':{'K':'s3cret'}`, `'env':{'K':` + ref + `}`, prints{"env.K": "2"}, prints{"env.K": "1"}, "env.K ->- git secret"},
		{"in a plain field, drifted", `'env':{'K':` + ref + `}`, `'env':{'K':'other'}`, `'env':{'K':` + ref + `}`, prints{"env.K": "#S3CRET"}, prints{"env.K": "#S3CRET"}, "env.K ->- drift secret"},
		{"in a plain field, equal", `'env':{'K':` + ref + `}`, `'env':{'K':'s3cret'}`, `-`, prints{"env.K": "#S3CRET"}, nil, ""},
		{"in a plain field, absent live", `'env':{'K':` + ref + `}`, ``, `-`, prints{"env.K": "#S3CRET"}, nil, "env.K ->- adopt secret"},
		{"no longer secret", `'env':{'K':'plain'}`, `'env':{'K':'s3cret'}`, `'env':{'K':` + ref + `}`, nil, prints{"env.K": "1"}, "env.K ->- git secret"},
		{"in a list", `'items':[{'a':` + ref + `}]`, `'items':[{'a':'s3cret'}]`, `'items':[{'a':` + ref + `}]`, prints{"items.0.a": "#S3CRET"}, prints{"items.0.a": "#S3CRET"}, ""},
		{"in a list, something else changed", `'items':[{'a':` + ref + `,'b':1}]`, `'items':[{'a':'s3cret','b':2}]`, `'items':[{'a':` + ref + `,'b':2}]`, prints{"items.0.a": "#S3CRET"}, prints{"items.0.a": "#S3CRET"}, "items ->- git secret"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := Options{WantSecrets: tt.wants, LastSecrets: tt.lasts, Fingerprint: func(s string) string { return "#" + strings.ToUpper(s) }}
			got := compareRows(o, body(t, tt.want), body(t, tt.live), body(t, tt.last))
			if s := show(got); s != tt.out {
				t.Errorf("\n got %s\nwant %s", s, tt.out)
			}
			if strings.Contains(fmt.Sprintf("%+v", got), "s3cret") {
				t.Errorf("a secret is in the changes: %+v", got)
			}
		})
	}
}

func TestVariantChanged(t *testing.T) {
	e := &asset.Asset{ID: asset.ID{Kind: "environment", Name: "e", Version: "1"}, Body: asset.NewMap()}
	other := *e
	other.Variant = "other"
	if got := show(Compare(e, &other, nil)); got != "type other> adopt [new version]" {
		t.Errorf("got %s", got)
	}
}
