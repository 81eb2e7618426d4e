package kind

import (
	"slices"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
)

// inner are the types inside a type, and its rows.
func inner(t Type) (types []Type, rows []Field) {
	switch t := t.(type) {
	case Object:
		return nil, t.Fields
	case subnet:
		return nil, t.Fields
	case Shorthand:
		return nil, t.Fields
	case snaked:
		return nil, t.Fields
	case bound:
		return []Type{t.Of}, nil
	case steps:
		return []Type{t.Of}, nil
	case jsonList:
		return []Type{t.Of}, nil
	case specConf:
		return []Type{t.Of}, nil
	case Map:
		return []Type{t.Of}, nil
	case flavorType:
		return []Type{t.Of}, nil
	case List:
		return []Type{t.Of}, nil
	case Pick:
		return t.All, nil
	case Wrap:
		return []Type{t.Of}, nil
	case KeyedList:
		return []Type{t.Of}, nil
	case credentials:
		for _, s := range t.sorts {
			types = append(types, s.obj)
		}
	}
	return types, nil
}

// eachRow visits all rows of a variant, with their dotted paths.
func eachRow(v *Variant, visit func(path string, f *Field)) {
	var walk func(path string, t Type)
	rows := func(path string, list []Field) {
		for i := range list {
			p := strings.TrimPrefix(path+"."+list[i].YAML, ".")
			visit(p, &list[i])
			walk(p, list[i].As)
		}
	}
	walk = func(path string, t Type) {
		types, list := inner(t)
		rows(path, list)
		for _, in := range types {
			walk(path, in)
		}
	}
	rows("", v.all)
}

func TestTables(t *testing.T) {
	plurals, collections := map[string]bool{}, map[string]bool{}
	for _, table := range All() {
		name := string(table.Kind)
		if table.Doc == "" || table.Plural == "" || table.Collection == "" || table.Remove == "" || len(table.Variants) == 0 {
			t.Errorf("%s: the table says too little", name)
		}
		if plurals[table.Plural] || collections[string(table.Parent)+table.Collection] {
			t.Errorf("%s: folder or collection is another kind's", name)
		}
		plurals[table.Plural], collections[string(table.Parent)+table.Collection] = true, true
		if table.Parent != "" && (Of(table.Parent) == nil || table.ParentKey == "") {
			t.Errorf("%s: the parent %s is no kind", name, table.Parent)
		}
		variants := map[string]bool{}
		for _, v := range table.Variants {
			if variants[v.Name] {
				t.Errorf("%s: two variants %q", name, v.Name)
			}
			variants[v.Name] = true
			checkRows(t, name+"/"+v.Name, v)
		}
	}
}

func checkRows(t *testing.T, name string, v *Variant) {
	heads := append(v.heads(), "$schema", "version")
	for _, list := range rowLists(v) {
		keys, paths := map[string]bool{}, map[string]string{}
		for i := range list {
			f := &list[i]
			if keys[f.YAML] {
				t.Errorf("%s: the key %s has two rows", name, f.YAML)
			}
			keys[f.YAML] = true
			if f.REST != "" && !f.ReadOnly {
				if other, twice := paths[f.REST]; twice && !overlays(list, other, f.YAML) {
					t.Errorf("%s: %s and %s are both %s", name, other, f.YAML, f.REST)
				}
				paths[f.REST] = f.YAML
			}
		}
	}
	for _, f := range v.all {
		if f.YAML != "type" && slices.Contains(heads, f.YAML) {
			t.Errorf("%s: %s is said by the id", name, f.YAML)
		}
	}
	eachRow(v, func(path string, f *Field) {
		if f.Doc == "" || f.As == nil || f.As.Describe() == "" {
			t.Errorf("%s: %s: no type or no words for the docs", name, path)
		}
		if f.Secret && f.ReadOnly || f.Required && f.ReadOnly {
			t.Errorf("%s: %s: cannot be both", name, path)
		}
		switch as := f.As.(type) {
		case Ref:
			if Of(as.To) == nil {
				t.Errorf("%s: %s refers to %q, which is no kind", name, path, as.To)
			}
		case Local:
			if as.Asset != "" && Of(as.Asset) == nil {
				t.Errorf("%s: %s refers to %q, which is no kind", name, path, as.Asset)
			}
		}
	})
}

// overlays reports whether one of two rows is an Object that shares the REST
// object with the other.
func overlays(rows []Field, a, b string) bool {
	for _, key := range []string{a, b} {
		if _, ok := fieldOf(rows, key).As.(Object); ok {
			return true
		}
	}
	return false
}

// rowLists are the lists of rows of which each is one map in a file.
func rowLists(v *Variant) [][]Field {
	lists := [][]Field{v.all}
	eachRow(v, func(_ string, f *Field) {
		var add func(t Type)
		add = func(t Type) {
			types, rows := inner(t)
			if rows != nil {
				lists = append(lists, rows)
			}
			for _, in := range types {
				add(in)
			}
		}
		add(f.As)
	})
	return lists
}

// TestEveryRowIsUsed fails for rows that no file of testdata uses: their
// meaning would be tested nowhere.
func TestEveryRowIsUsed(t *testing.T) {
	used := map[string]map[string]bool{}
	for _, a := range restAssets(t) {
		v := VariantOf(a)
		name := string(a.ID.Kind) + "/" + a.Variant
		if used[name] == nil {
			used[name] = map[string]bool{}
		}
		markRows(used[name], "", Object{Fields: v.all}, a.Body)
	}
	for _, table := range []*Table{environment, data, model, datastore, compute} {
		for _, v := range table.Variants {
			own := used[string(table.Kind)+"/"+v.Name]
			eachRow(v, func(path string, f *Field) {
				if f.ReadOnly || own[path] || sharedRow(used, table, path) || unwritten[path] {
					return
				}
				t.Errorf("%s/%s: no file of testdata uses %s", table.Kind, v.Name, path)
			})
		}
	}
}

// unwritten rows are read and not kept, or hold secrets that only clusters of
// elsewhere have.
var unwritten = map[string]bool{
	"location": true, "resource_id": true, "idle_time_before_shutdown": true, "auto_delete_setting": true,
	"properties.relay_connection_string": true, "properties.service_bus_connection_string": true, "intellectual_property": true,
	"datastore": true,
}

// sharedRow reports whether another variant of the kind uses a row that all have.
func sharedRow(used map[string]map[string]bool, table *Table, path string) bool {
	top, _, _ := strings.Cut(path, ".")
	if fieldOf(table.Fields, top) == nil && top != "credentials" && top != "identity" {
		return false
	}
	for _, v := range table.Variants {
		if used[string(table.Kind)+"/"+v.Name][path] {
			return true
		}
	}
	return false
}

func markRows(used map[string]bool, path string, p Parent, body *asset.Value) {
	p.Children(body, func(c Child) {
		at := path
		if c.Field != nil {
			at = strings.TrimPrefix(path+"."+c.Key, ".")
			used[at] = true
		}
		switch in := c.Type.(type) {
		case KeyedList:
			for _, item := range c.Value.Items() {
				markRows(used, at, in.Of, item)
			}
		case Parent:
			markRows(used, at, in, c.Value)
		}
	})
}

func TestSchemasAreOfOneKind(t *testing.T) {
	owner := map[string]asset.Kind{}
	for _, table := range All() {
		for _, v := range table.Variants {
			for _, s := range v.Schemas {
				if k, ok := owner[strings.ToLower(s)]; ok && k != table.Kind {
					t.Errorf("the schema %s is of %s and %s", s, k, table.Kind)
				}
				owner[strings.ToLower(s)] = table.Kind
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ kind, text, want string }{
		{"environment", "name: e\n", "needs an image or a build"},
		{"environment", "name: e\nimage: i\nbuild: {path: .}\n", "exclude each other"},
		{"environment", "name: e\nimage: i\nimagee: x\n", `did you mean "image"?`},
		{"environment", "name: e\nimage: i\ntype: x\n", `unknown field "type"`},
		{"environment", "name: e\nimage: i\nversion: [1]\n", "a version is a text"},
		{"environment", "name: e\nimage: 5\n", "image: want a text"},
		{"environment", "name: e\nimage: i\ninference_config: {liveness_route: {port: 1}}\n", "inference_config.liveness_route.path: is missing"},
		{"data", "name: d\ntype: uri_fil\npath: x\n", `did you mean "uri_file"?`},
		{"data", "name: d\n", "path: is missing"},
		{"model", "name: m\ntype: keras\npath: x\n", "is not a type of model"},
		{"datastore", "name: d\naccount_name: a\ncontainer_name: c\n", "type is missing"},
		{"datastore", "name: d\ntype: azure_blob\ncontainer_name: c\n", "account_name: is missing"},
		{"datastore", "name: d\ntype: azure_blob\naccount_name: a\ncontainer_name: c\ncredentials: {account_key: plain}\n", "credentials.account_key: a secret must not stand in a file"},
		{"datastore", "name: d\ntype: azure_blob\naccount_name: a\ncontainer_name: c\ncredentials: {client_secret: x}\n", "no credentials of this datastore"},
		{"datastore", "name: d\ntype: azure_file\naccount_name: a\nfile_share_name: c\ncredentials: {type: x, sas_token: '${{ secret.S }}'}\n", `unknown field "type"`},
		{"compute", "name: c\ntype: aks\n", "is not a type of compute"},
		{"compute", "name: c\n", "type is missing"},
		{"compute", "name: c\ntype: amlcompute\nnetwork_settings: {vnet_name: v}\n", "needs a subnet"},
		{"compute", "name: c\ntype: amlcompute\nidentity: {type: mine}\n", "identity.type"},
		{"compute", "name: c\ntype: virtualmachine\nssh_settings: {admin_username: x}\n", "resource_id: is missing"},
		{"compute", "name: c\ntype: computeinstance\ncustom_applications: [{name: a, image: {reference: i}, endpoints: [{target: 80, published: 8080}]}]\n", "custom_applications.0.endpoints.0.target: the port 80"},
		{"compute", "name: c\ntype: computeinstance\nschedules: {compute_start_stop: [{action: stop, trigger: {type: cron}}]}\n", "expression: is missing"},
	} {
		doc := ParseDocument(c.text)
		v := Of(asset.Kind(c.kind)).Variants[0]
		if w := PickVariant(asset.Kind(c.kind), doc); w != nil {
			v = w
		}
		var k Checker
		v.Read(&k, doc)
		got := ""
		for _, p := range k.Problems.Errors() {
			got += p.String() + "\n"
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}

func TestPlaceholderNamesAreWarnings(t *testing.T) {
	var k Checker
	doc := ParseDocument("name: <NAME>\ntype: azure_blob\naccount_name: <A>\ncontainer_name: <C>\n")
	PickVariant("datastore", doc).Read(&k, doc)
	if err := k.Problems.Err(); err != nil || len(k.Problems.Warnings()) != 1 {
		t.Errorf("got %v, want one warning", k.Problems)
	}
}
