package config

import (
	"cmp"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/glob"
	"mlsync.dev/mlsync/internal/problem"
)

// Read reads the document of an mlsync.yaml, with all problems at once. The
// Config is never nil; with errors it is for looking at, not for applying.
// Rules and targets may name the given kinds; any if none are given.
func Read(doc *asset.Value, kinds ...string) (*Config, problem.List) {
	c := Default()
	d := &decoder{}
	base := defaultTarget()
	// Defaults come first: targets begin as copies of them.
	if v := doc.Get("defaults"); !v.IsNull() {
		d.in("defaults", func() { d.object(v, settingFields(&base)) })
	}
	d.object(doc, rootFields(c, &base))
	d.finish(c)
	known := func(pos problem.Pos, where, k string) {
		if k != "" && len(kinds) > 0 && !slices.Contains(kinds, k) {
			d.bad.Hintf(pos, "config", cmp.Or(problem.DidYouMean(k, kinds), "one of "+strings.Join(kinds, ", ")), "%s: there is no kind %q", where, k)
		}
	}
	for _, t := range c.Targets {
		for _, k := range t.Manage {
			known(t.Pos, "targets."+t.Name+".manage", k)
		}
		for _, k := range t.Windows.Always {
			known(t.Pos, "targets."+t.Name+".windows.always", k)
		}
	}
	for _, r := range c.Rules {
		for _, k := range []string{r.Kind, r.KindIs} {
			known(r.Pos, "rules", k)
		}
	}
	return c, d.bad.Sorted()
}

// rootFields are the keys of the file. Targets begin as copies of base.
func rootFields(c *Config, base *Target) []field {
	rule := schemaOf(ruleFields(&Rule{}))
	return []field{
		object("repository", "Where the files come from.", repositoryFields(&c.Repository)),
		text("owner", "The name of this installation on the assets it owns; made of the repository's address if not given.", &c.Owner),
		{"defaults", "Settings of every target that does not give its own.", schemaOf(settingFields(&Target{})), func(*decoder, *asset.Value) {}},
		object("limits", "What a tree may hold.", []field{
			number("files", "YAML files; 10000 if not given.", &c.Limits.Files, 1, 1_000_000),
			number("file_bytes", "Bytes of one YAML file; 1048576 if not given.", &c.Limits.FileBytes, 1, 64<<20),
		}),
		entries("targets", "Workspaces and registries, by a name of your choice.", schemaOf(targetFields(&Target{})), func(d *decoder, name string, v *asset.Value) {
			t := *base
			t.Name, t.Pos = name, v.Pos()
			if !nameOK.MatchString(name) {
				d.badf(v, "use letters, digits, dots, dashes and underscores", "%q cannot be the name of a target", name)
			}
			target(d, v, &t)
			c.Targets = append(c.Targets, t)
		}),
		secretsField(c),
		webhooksField(c),
		notifyField(c),
		approvalsField(&c.Approvals),
		previewsField(&c.Previews),
		statusesField(c),
		object("lineage", "What a release notes of where its assets came from.", []field{
			texts("metrics", "Globs of the metrics of the job that made a model: tags or properties of the job; none if not given.", &c.Lineage.Metrics, badGlob),
		}),
		{
			"rules", "How assets are treated. Of the rules that match an asset, the last that speaks of a thing wins.",
			map[string]any{"type": "array", "items": rule},
			func(d *decoder, v *asset.Value) { rules(d, v, c) },
		},
	}
}

func target(d *decoder, v *asset.Value, t *Target) {
	if hasAny(v, "branch", "tag", "semver") {
		t.Branch, t.Tag, t.Semver = "", "", ""
	}
	d.object(v, targetFields(t))
	count := 0
	for _, s := range []string{t.Branch, t.Tag, t.Semver} {
		if s != "" {
			count++
		}
	}
	if count > 1 {
		d.badf(v, "keep one of them", "branch, tag and semver exclude each other")
	}
	if v.Has("id") && hasAny(v, "subscription", "resource_group", "workspace", "registry") {
		d.badf(v.Get("id"), "remove id or the names", "id and subscription, resource_group, workspace, registry exclude each other")
		return
	}
	if v.Has("workspace") && v.Has("registry") {
		d.badf(v.Get("registry"), "make two targets of them", "workspace and registry exclude each other")
		return
	}
	for _, f := range []struct{ key, value string }{{"subscription", t.Subscription}, {"resource_group", t.ResourceGroup}, {"workspace", t.Workspace + t.Registry}} {
		if f.value == "" && !v.Has("id") && !v.Has(f.key) && (f.key != "workspace" || !v.Has("registry")) {
			d.badf(v, "add it, or id: with the resource id of the workspace", "%s is missing", f.key)
		}
	}
}

func hasAny(v *asset.Value, keys ...string) bool {
	return slices.ContainsFunc(keys, v.Has)
}

func rules(d *decoder, v *asset.Value, c *Config) {
	if v.Type() != asset.List {
		d.badf(v, "begin each rule with a dash", "want a list of rules, not %s", describe(v))
		return
	}
	if !d.fits(v) {
		return
	}
	for _, item := range v.Items() {
		r := Rule{Pos: item.Pos()}
		d.object(item, ruleFields(&r))
		if r.Path == "" && (r.KindIs != "" || r.Asset != nil) {
			d.badf(item, "add path:", "kind_is and asset speak of files and need a path")
		}
		c.Rules = append(c.Rules, r)
	}
}

func secretsField(c *Config) field {
	types := []string{"env", "file", "keyvault", "age", "sops"}
	var provider []any
	for _, t := range types {
		s := schemaOf(append(providerFields(t, &Provider{}), word("type", "What it is; its name if not given.", new(string), types...)))
		provider = append(provider, s)
	}
	key := map[string]any{"anyOf": []any{map[string]any{"type": "string"}, map[string]any{
		"type": "object", "additionalProperties": false,
		"properties": map[string]any{"provider": map[string]any{"type": "string"}, "key": map[string]any{"type": "string"}},
	}}}
	return object("secrets", "Where the values of ${{ secret.NAME }} come from.", []field{
		entries("providers", "Sources by name: env, file, keyvault, age or sops, or any name with a type.", map[string]any{"anyOf": provider},
			func(d *decoder, name string, v *asset.Value) { readProvider(d, name, v, c, types) }),
		text("default", "The provider of names that are not listed; the only one there is, else env.", &c.Secrets.Default),
		entries("names", "Where single secrets are: a provider, or provider and key.", key, func(d *decoder, name string, v *asset.Value) {
			s := SecretName{Key: name}
			if v.Type() == asset.String {
				s.Provider = v.Str()
			} else {
				d.object(v, []field{text("provider", "", &s.Provider), text("key", "", &s.Key)})
			}
			c.Secrets.Names[name] = s
		}),
	})
}

func readProvider(d *decoder, name string, v *asset.Value, c *Config, types []string) {
	p := Provider{Type: name, Pos: v.Pos()}
	if t := v.Get("type"); t != nil {
		p.Type = ""
		d.in("type", func() { word("type", "", &p.Type, types...).set(d, t) })
	} else if !slices.Contains(types, name) {
		d.badf(v, "add type: "+strings.Join(types, ", "), "what %q is must be said", name)
		return
	}
	if p.Type == "env" {
		p.Prefix = envPrefix
	}
	d.object(v, append(providerFields(p.Type, &p), field{key: "type", set: func(*decoder, *asset.Value) {}}))
	missing := ""
	switch p.Type {
	case "file":
		if (p.Path == "") == (p.Dir == "") {
			missing = "either path or dir"
		}
	case "keyvault":
		if p.Vault == "" {
			missing = "vault"
		}
	case "age", "sops":
		if p.Path == "" {
			missing = "path"
		}
	}
	if missing != "" {
		d.badf(v, "", "%s must be given", missing)
	}
	c.Secrets.Providers[name] = p
}

// finish checks what one key alone cannot say.
func (d *decoder) finish(c *Config) {
	s := &c.Secrets
	if own := len(s.Providers); own == 2 && s.Default == "env" {
		for name, p := range s.Providers {
			if p.Pos.Line > 0 {
				s.Default = name
			}
		}
	}
	known := slices.Sorted(maps.Keys(s.Providers))
	if _, ok := s.Providers[s.Default]; !ok {
		d.bad.Hintf(problem.Pos{File: File}, "config", problem.DidYouMean(s.Default, known), "secrets.default: there is no provider %q", s.Default)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Names)) {
		n := s.Names[name]
		n.Provider = cmp.Or(n.Provider, s.Default)
		if _, ok := s.Providers[n.Provider]; !ok {
			d.bad.Hintf(problem.Pos{File: File}, "config", problem.DidYouMean(n.Provider, known), "secrets.names.%s: there is no provider %q", name, n.Provider)
		}
		s.Names[name] = n
	}
	d.dependencies(c)
	d.routes(c)
}

// dependencies checks that depends_on names targets and runs in no circle.
func (d *decoder) dependencies(c *Config) {
	byName := map[string]*Target{}
	var names []string
	for i := range c.Targets {
		byName[c.Targets[i].Name] = &c.Targets[i]
		names = append(names, c.Targets[i].Name)
	}
	const open, done = 1, 2
	state := map[string]int{}
	var visit func(t *Target, trail []string)
	visit = func(t *Target, trail []string) {
		trail = append(trail, t.Name)
		state[t.Name] = open
		for _, need := range t.DependsOn {
			n := byName[need]
			switch {
			case n == nil:
				d.bad.Hintf(t.Pos, "config", problem.DidYouMean(need, names), "targets.%s.depends_on: there is no target %q", t.Name, need)
			case state[need] == open:
				from := slices.Index(trail, need)
				d.bad.Hintf(t.Pos, "config", "remove one of them", "targets depend on each other: %s", strings.Join(append(slices.Clone(trail[from:]), need), " -> "))
			case state[need] != done:
				visit(n, trail)
			}
		}
		state[t.Name] = done
	}
	for i := range c.Targets {
		if state[c.Targets[i].Name] == 0 {
			visit(&c.Targets[i], nil)
		}
	}
	d.upstreams(c, byName, names)
	d.gateTargets(c, byName, names)
}

// upstreams checks that from names another target and runs in no circle.
func (d *decoder) upstreams(c *Config, byName map[string]*Target, names []string) {
	for i := range c.Targets {
		t := &c.Targets[i]
		trail := []string{t.Name}
		for at := t; at.From != ""; {
			next := byName[at.From]
			if next == nil {
				if at == t {
					d.bad.Hintf(t.Pos, "config", problem.DidYouMean(t.From, names), "targets.%s.from: there is no target %q", t.Name, t.From)
				}
				break
			}
			if slices.Contains(trail, next.Name) {
				if next == t {
					d.bad.Hintf(t.Pos, "config", "remove one of them", "targets are promoted in a circle: %s", strings.Join(append(trail, next.Name), " -> "))
				}
				break
			}
			trail = append(trail, next.Name)
			at = next
		}
	}
}

// Pick is the target with the name; "" picks the only one. The problem says
// what the choices are.
func (c *Config) Pick(name string) (*Target, problem.List) {
	var names []string
	for i := range c.Targets {
		if t := &c.Targets[i]; t.Name == name || name == "" && len(c.Targets) == 1 {
			return t, nil
		}
		names = append(names, c.Targets[i].Name)
	}
	var bad problem.List
	pos := problem.Pos{File: File}
	switch {
	case len(names) == 0:
		bad.Hintf(pos, "config", "add targets:, or name the workspace on the command line", "there are no targets")
	case name == "":
		bad.Hintf(pos, "config", "choose one of "+strings.Join(names, ", "), "there are several targets")
	default:
		bad.Hintf(pos, "config", cmp.Or(problem.DidYouMean(name, names), "one of "+strings.Join(names, ", ")), "there is no target %q", name)
	}
	return nil, bad
}

// OwnerOf is the name of a target's installation in the stamps on live
// assets: the owner of the file or, without one, host and path of the
// repository, and the name of the target. Checkouts of one repository in
// different places have one owner.
func (c *Config) OwnerOf(target string) string { return c.Installation() + "#" + target }

// Installation is the name of the installation, which its journal bears: the
// owner of the file or, without one, host and path of the repository.
func (c *Config) Installation() string {
	return cmp.Or(c.Owner, address(c.Repository.URL), "mlsync")
}

// address is a repository's address without scheme, user, port and .git.
func address(raw string) string {
	s := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(raw), "/"), ".git")
	if rest, ok := strings.CutPrefix(s, "file://"); ok || s == "" || strings.HasPrefix(s, "/") {
		return strings.TrimPrefix(path.Base("/"+rest), "/")
	}
	if u, err := url.Parse(s); err == nil && u.Scheme != "" && u.Host != "" {
		return strings.ToLower(u.Hostname()) + path.Clean("/"+u.Path)
	}
	if host, rest, ok := strings.Cut(s, ":"); ok && !strings.Contains(host, "/") { // user@host:path
		return strings.ToLower(host[strings.LastIndex(host, "@")+1:]) + path.Clean("/"+rest)
	}
	return path.Base(s)
}

// Match is the rule for one asset: all rules that match it, laid over each
// other in their order, so that the last that speaks of a thing wins. Fields
// to ignore add up.
func (c *Config) Match(kind, name, file string) Rule {
	var out Rule
	for _, r := range c.Rules {
		if r.Kind != "" && r.Kind != kind || !glob.Name(r.Name, name) || r.Path != "" && !glob.Path(r.Path, file) {
			continue
		}
		out.OnRemove = cmp.Or(r.OnRemove, out.OnRemove)
		if r.DriftSet {
			out.Drift, out.DriftSet = r.Drift, true
		}
		out.Ignore = append(out.Ignore, r.Ignore...)
		out.Replace = cmp.Or(r.Replace, out.Replace)
		out.Jobs = cmp.Or(r.Jobs, out.Jobs)
		out.Versioning = cmp.Or(r.Versioning, out.Versioning)
		out.Protect = cmp.Or(r.Protect, out.Protect)
		out.Rollout = cmp.Or(r.Rollout, out.Rollout)
		out.KindIs = cmp.Or(r.KindIs, out.KindIs)
		out.Asset = cmp.Or(r.Asset, out.Asset)
	}
	return out
}

// Schema is the JSON Schema (draft 2020-12) of the file.
func Schema() map[string]any {
	c := Default()
	s := schemaOf(rootFields(c, &Target{}))
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = File
	s["description"] = "What mlsync does with the assets of a repository."
	return s
}
