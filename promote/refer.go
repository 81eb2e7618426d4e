package promote

import (
	"regexp"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// link is what one place of an asset leads to: another asset or content.
type link struct {
	site kind.Site
	// to is the asset of the workspace that is referred to; zero for none.
	to asset.ID
	// stays says that the field is the target's own.
	stays bool
	// content is set if bytes move with the asset; code then says which sort.
	content, code bool
	// at is where the content is. For code it is known once the code asset is.
	at Place
	// store is a datastore that every target has of its own, "" for none.
	store string
	// lost says why what is named cannot move; "" if it can.
	lost string
}

// links are what an asset in written form leads to, in the order of its rows.
func links(a *asset.Asset) []link {
	var stays []string
	for _, s := range kind.Stays(kind.VariantOf(a), a.Body) {
		stays = append(stays, strings.Join(s.Path, "."))
	}
	var out []link
	kind.Walk(a, func(s kind.Site) {
		l := link{site: s}
		for _, path := range stays {
			l.stays = l.stays || s.Dotted() == path || strings.HasPrefix(s.Dotted(), path+".")
		}
		switch t := s.Type.(type) {
		case kind.Ref:
			l.to = refersTo(t, a, s.Value)
		case kind.Local:
			l.local(t, a)
		}
		if !l.to.IsZero() || l.content || l.store != "" || l.lost != "" {
			out = append(out, l)
		}
	})
	return out
}

// refersTo is the asset of the workspace that a reference in written form
// names; zero for one of a registry, of the service, or in place.
func refersTo(r kind.Ref, a *asset.Asset, v *asset.Value) asset.ID {
	t := kind.Of(r.To)
	if t == nil || v.Type() != asset.String {
		return asset.ID{}
	}
	ref, bad := r.Parse(v.Str(), kind.Scope{})
	if bad != "" || ref.Form != kind.Short || ref.Label != "" || t.Versioned != (ref.Version != "") {
		return asset.ID{}
	}
	id := asset.ID{Kind: r.To, Name: ref.Name, Version: ref.Version}
	switch {
	case ref.Parent != "":
		id.Parent = ref.Parent
	case t.Parent == "":
	case t.Parent == a.ID.Kind:
		id.Parent = a.ID.Name
	default:
		id.Parent = a.ID.Parent
	}
	if t.LowerName {
		id.Name, id.Parent = strings.ToLower(id.Name), strings.ToLower(id.Parent)
	}
	if t.IsSystem(id) {
		return asset.ID{}
	}
	return id
}

var (
	uploaded = regexp.MustCompile(`(?:^|/)LocalUpload/([0-9a-f]{64})/([^/?]+)/?$`)
	jobFiles = regexp.MustCompile(`^azureml://jobs/([^/]+)/outputs/artifacts(?:/paths)?/(.+)$`)
	runFiles = regexp.MustCompile(`^runs:/([^/]+)/(.+)$`)
)

// local is what a field that may hold a path leads to.
func (l *link) local(t kind.Local, a *asset.Asset) {
	text := l.site.Value.Str()
	if text == "" || strings.Contains(text, "${{") || t.IsRemote("x") { // the last is a place to write to
		return
	}
	if t.What == kind.Code && strings.HasPrefix(text, "azureml://registries/") {
		ref, bad := kind.Ref{To: t.Asset}.Parse(text, kind.Scope{})
		if bad == "" && ref.Version != "" {
			l.content, l.code, l.to = true, true, asset.ID{Kind: t.Asset, Name: ref.Name, Version: ref.Version}
		}
		return
	}
	if t.Asset != "" && strings.HasPrefix(text, "azureml:") && !strings.HasPrefix(text, "azureml://") {
		id := refersTo(kind.Ref{To: t.Asset}, a, l.site.Value)
		if t.What == kind.Code {
			l.content, l.code, l.to = !id.IsZero(), !id.IsZero(), id
			return
		}
		l.to = id
		return
	}
	switch t.What {
	case kind.Upload:
		l.upload(text, a)
	case kind.Context:
		if uploaded.MatchString(text) {
			l.content, l.at = true, Place{URL: unsigned(text)}
		}
	default:
	}
}

// upload is content at an address.
func (l *link) upload(text string, a *asset.Asset) {
	if m := jobFiles.FindStringSubmatch(text); m != nil {
		l.content, l.at = true, Place{Datastore: artifactStore, Path: "ExperimentRun/dcid." + m[1] + "/" + m[2]}
		return
	}
	if m := runFiles.FindStringSubmatch(text); m != nil {
		l.content, l.at = true, Place{Datastore: artifactStore, Path: "ExperimentRun/dcid." + m[1] + "/" + m[2]}
		return
	}
	u, ok := kind.ParseStoreURI(text)
	switch {
	case !ok && uploaded.MatchString(text):
		l.content, l.at = true, Place{URL: unsigned(text)} // as in a registry
		return
	case !ok:
		return // an address that means the same everywhere
	case u.Workspace != "":
		l.lost = "it is in the datastore " + u.Datastore + " of the workspace " + u.Workspace
		return
	}
	store := asset.ID{Kind: "datastore", Name: u.Datastore}
	carrier := a.ID.Kind
	if l.site.Within != "" {
		carrier = l.site.Within
	}
	if kind.Of(store.Kind).IsSystem(store) || kind.Of(carrier).Carries {
		l.content, l.at = true, Place{Datastore: u.Datastore, Path: u.Path}
		return
	}
	l.store = u.Datastore
}

// artifactStore is the datastore in which the service keeps what jobs log.
const artifactStore = "workspaceartifactstore"

// AddressedHash is the hash in the address that uploaded content has, in every
// workspace; "" if the address has none.
func AddressedHash(address string) string {
	if m := uploaded.FindStringSubmatch(address); m != nil {
		return m[1]
	}
	return ""
}

// unsigned is an address without its query, which may be a signature.
func unsigned(address string) string {
	bare, _, _ := strings.Cut(address, "?")
	return bare
}
