package kind

import (
	"regexp"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// StoreURI is the address of a file or folder in a datastore. The zero
// Workspace is the workspace that the URI is read in.
type StoreURI struct {
	Subscription, ResourceGroup, Workspace string
	Datastore, Path                        string
}

var (
	shortURI = regexp.MustCompile(`(?i)^azureml://datastores/([^/]+)/paths/?(.*)$`)
	longURI  = regexp.MustCompile(`(?i)^azureml://subscriptions/([^/]+)/resourcegroups/([^/]+)/workspaces/([^/]+)/datastores/([^/]+)/paths/?(.*)$`)
)

// ParseStoreURI reads the short and the long form of a datastore URI; false
// for every other text.
func ParseStoreURI(text string) (StoreURI, bool) {
	if m := shortURI.FindStringSubmatch(text); m != nil {
		return StoreURI{Datastore: m[1], Path: m[2]}, true
	}
	if m := longURI.FindStringSubmatch(text); m != nil {
		return StoreURI{Subscription: m[1], ResourceGroup: m[2], Workspace: m[3], Datastore: m[4], Path: m[5]}, true
	}
	return StoreURI{}, false
}

// String is the short form for a URI without a workspace, else the long form
// as the reference client spells it.
func (u StoreURI) String() string {
	tail := "datastores/" + u.Datastore + "/paths/" + u.Path
	if u.Workspace == "" {
		return "azureml://" + tail
	}
	return "azureml://subscriptions/" + u.Subscription + "/resourcegroups/" + u.ResourceGroup + "/workspaces/" + u.Workspace + "/" + tail
}

// ShortURI is the portable form of a datastore URI of this workspace; every
// other text is returned as it is.
func (s Scope) ShortURI(text string) string {
	u, ok := ParseStoreURI(text)
	if !ok || u.Workspace == "" || !s.holds(u) {
		return text
	}
	return StoreURI{Datastore: u.Datastore, Path: u.Path}.String()
}

// LongURI names the workspace in a short datastore URI; every other text is
// returned as it is.
func (s Scope) LongURI(text string) string {
	u, ok := ParseStoreURI(text)
	if !ok || u.Workspace != "" {
		return text
	}
	u.Subscription, u.ResourceGroup, u.Workspace = s.Subscription, s.ResourceGroup, s.Workspace
	return u.String()
}

func (s Scope) holds(u StoreURI) bool {
	return strings.EqualFold(u.Subscription, s.Subscription) && strings.EqualFold(u.ResourceGroup, s.ResourceGroup) && strings.EqualFold(u.Workspace, s.Workspace)
}

// SameURI compares addresses as the service spells and respells them: the
// long and the short form of a datastore URI, resource groups in any case, a
// slash at the end, the port of https. A short and a long form are equal if
// datastore and path are: live URIs of the own workspace are read as short
// ones, so a long one in the file can only mean the same place.
func SameURI(want, live string) bool {
	if at, ok := strings.CutPrefix(want, PendingURI); ok {
		return strings.HasSuffix(strings.TrimSuffix(live, "/"), "/"+strings.TrimSuffix(at, "/"))
	}
	w, wok := ParseStoreURI(want)
	l, lok := ParseStoreURI(live)
	if wok != lok {
		return false
	}
	if !wok {
		return trimURI(want) == trimURI(live)
	}
	if w.Workspace != "" && l.Workspace != "" && !(Scope{Subscription: w.Subscription, ResourceGroup: w.ResourceGroup, Workspace: w.Workspace}).holds(l) {
		return false
	}
	return w.Datastore == l.Datastore && strings.TrimSuffix(w.Path, "/") == strings.TrimSuffix(l.Path, "/")
}

// trimURI has scheme and host in lower case, no default port and no slash at
// the end.
func trimURI(s string) string {
	head, rest, ok := strings.Cut(s, "://")
	if !ok {
		return strings.TrimSuffix(s, "/")
	}
	host, path, _ := strings.Cut(rest, "/")
	if strings.EqualFold(head, "https") {
		host = strings.TrimSuffix(host, ":443")
	}
	return strings.ToLower(head+"://"+host) + "/" + strings.TrimSuffix(path, "/")
}

// PendingURI begins the resolved form of what is uploaded to a registry: the
// service gives each version of an asset a container of its own when it is
// created, and its address takes the place of this.
const PendingURI = "azureml-pending://"

// storePath is a file or folder that is uploaded, or an address. The resolved
// form is the short URI; long sends what mlsync uploaded in the long form, as
// the reference client does for models. Addresses go as they are written.
func storePath(long bool) Local {
	return Local{
		What: Upload, Long: long, Remote: isAddress,
		Encoded: func(e *Encoder, v *asset.Value) *asset.Value {
			if u, ok := ParseStoreURI(v.Str()); ok && long && strings.HasPrefix(u.Path, "LocalUpload/") {
				return asset.NewString(e.Scope.LongURI(v.Str()))
			}
			return e.text(v)
		},
		Decoded: func(d *Decoder, rest *asset.Value) *asset.Value {
			if rest.Str() == "" {
				return nil
			}
			return asset.NewString(d.Scope.ShortURI(rest.Str()))
		},
		Same: func(want, live *asset.Value) bool { return SameURI(want.Text(), live.Text()) },
	}
}

var address = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://[^/]|^runs:/|^models:/`)

// isAddress is the reference client's test: a scheme and a host, or a URI of
// MLflow. Anything else is a path.
func isAddress(text string) bool { return address.MatchString(text) || strings.HasPrefix(text, "${{") }
