package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// Preview reads the form that a variant had in the 2020 preview of the format.
type Preview struct {
	// Tell recognises a written document of the preview form.
	Tell func(doc *asset.Value) bool
	// Upgrade returns the same content in released form. One preview document
	// may be several released ones (an endpoint and its deployments); the
	// first takes the place of the document. What has no equivalent is a
	// warning that names the field.
	Upgrade func(u *Upgrade) []*asset.Value
}

// Upgrade is one preview document on its way to the released form.
type Upgrade struct {
	Doc      *asset.Value
	Problems problem.List
	used     map[string]bool
}

// Run upgrades a preview document of v.
func (p *Preview) Run(doc *asset.Value) ([]*asset.Value, problem.List) {
	u := &Upgrade{Doc: doc, used: map[string]bool{}}
	out := p.Upgrade(u)
	return out, u.Problems
}

// Lost warns that a field has no equivalent in the released form.
func (u *Upgrade) Lost(path string, v *asset.Value, why string) {
	u.Problems.Warnf(v.Pos(), "no_equivalent", why, "%s has no equivalent in the released form and is ignored", path)
}

// Move copies the value at from of the document, if there is one, to the path
// to of out, changed by f if f is not nil.
func (u *Upgrade) Move(out *asset.Value, from, to string, f func(*asset.Value) *asset.Value) {
	v := u.Doc.GetPath(splitPath(from)...)
	if v == nil {
		return
	}
	if f != nil {
		v = f(v)
	}
	if v != nil {
		out.SetPath(v, splitPath(to)...)
	}
}

// Rest copies the keys of in that are in neither list to out, so that unknown
// keys are reported by the check of the released form.
func (u *Upgrade) Rest(out, in *asset.Value, handled ...string) {
	for k, v := range in.Entries() {
		if !contains(handled, k) && !out.Has(k) {
			out.Set(k, v)
		}
	}
}

func contains(list []string, s string) bool {
	for _, k := range list {
		if k == s {
			return true
		}
	}
	return false
}

// PreviewRef is a reference of the preview in released spelling: ws:/NAME:1
// and azureml:NAME/versions/1 name a version, /Environments/NAME names none
// and means the latest, NAME is a name.
func PreviewRef(v *asset.Value) *asset.Value {
	s := v.Str()
	switch {
	case strings.HasPrefix(s, "ws:/"):
		s = "azureml:" + strings.TrimPrefix(s, "ws:/")
	case strings.HasPrefix(s, "/Environments/"):
		s = latest("azureml:" + strings.TrimPrefix(s, "/Environments/"))
	case strings.HasPrefix(s, "azureml:Environments/"):
		s = latest("azureml:" + strings.TrimPrefix(s, "azureml:Environments/"))
	case strings.HasPrefix(s, "azureml:Compute/"):
		s = "azureml:" + strings.TrimPrefix(s, "azureml:Compute/")
	default:
		return v
	}
	return asset.NewString(s).At(v.Pos())
}

func latest(ref string) string {
	if strings.Contains(strings.TrimPrefix(ref, "azureml:"), ":") {
		return ref
	}
	return ref + "@latest"
}

// storeName is the name of a datastore as the preview wrote it: ./NAME,
// azureml:NAME, NAME or a resource id.
func storeName(v *asset.Value) string {
	s := strings.TrimSuffix(v.Text(), "/")
	s = strings.TrimPrefix(s, "azureml:")
	return s[strings.LastIndex(s, "/")+1:]
}

// trimPath is a path within a datastore, without ./ and / before it.
func trimPath(s string) string {
	return strings.TrimLeft(strings.TrimPrefix(s, "./"), "/")
}

func lower(v *asset.Value) string { return strings.ToLower(v.Text()) }
