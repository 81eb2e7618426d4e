package tree

import (
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

func itoa(i int) string { return strconv.Itoa(i) }

// Layout is the path of an asset in the canonical tree:
//
//	<plural>/<name>.yml                      kinds without versions, and
//	                                         assets whose version mlsync gives
//	<plural>/<name>/<version>.yml            versions
//	online-endpoints/<name>/endpoint.yml     kinds that contain others
//	online-endpoints/<endpoint>/deployments/<name>.yml
//
// Names are made safe for all file systems: what is not a letter or digit of
// ASCII, dot, dash or underscore is written as %XX, as are dots at an end and
// the first letter of names that Windows reserves. Names that differ only in
// case need Layouts.
func Layout(a *asset.Asset) string { return layout(a, safeName) }

// Layouts are the paths of several assets, no two alike on a file system that
// does not tell cases apart: where paths clash, capitals become %XX.
func Layouts(assets []*asset.Asset) map[asset.ID]string {
	fold := map[string]int{}
	for _, a := range assets {
		fold[strings.ToLower(Layout(a))]++
	}
	out := make(map[asset.ID]string, len(assets))
	for _, a := range assets {
		p := Layout(a)
		if fold[strings.ToLower(p)] > 1 {
			p = layout(a, lowerName)
		}
		out[a.ID] = p
	}
	return out
}

func layout(a *asset.Asset, safe func(string) string) string {
	t := kind.Of(a.ID.Kind)
	switch {
	case t.Parent != "":
		return path.Join(kind.Of(t.Parent).Plural, safe(a.ID.Parent), t.Collection, safe(a.ID.Name)+".yml")
	case contains(t.Kind):
		word := string(t.Kind)[strings.LastIndex(string(t.Kind), "-")+1:]
		return path.Join(t.Plural, safe(a.ID.Name), word+".yml")
	case t.Versioned && a.ID.Version != "" && !a.Auto:
		return path.Join(t.Plural, safe(a.ID.Name), safe(a.ID.Version)+".yml")
	}
	return path.Join(t.Plural, safe(a.ID.Name)+".yml")
}

// contains reports whether assets of the kind contain others.
func contains(k asset.Kind) bool {
	return slices.ContainsFunc(kind.All(), func(t *kind.Table) bool { return t.Parent == k })
}

// maxName leaves room for an ending within the 255 bytes of file systems.
const maxName = 200

func safeName(s string) string { return safe(s, false) }

func lowerName(s string) string { return safe(s, true) }

func safe(s string, lower bool) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		upper := c >= 'A' && c <= 'Z'
		ok := c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || upper && !lower ||
			c == '.' && i > 0 && i < len(s)-1
		if i == 0 && reserved(s) {
			ok = false
		}
		if ok {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	out := b.String()
	if len(out) > maxName {
		sum := sha256.Sum256([]byte(s))
		out = fmt.Sprintf("%s~%x", out[:maxName-13], sum[:6])
	}
	return out
}

// reserved reports names that Windows keeps for devices, with any ending.
func reserved(s string) bool {
	base, _, _ := strings.Cut(strings.ToUpper(s), ".")
	switch base {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	return len(base) == 4 && (strings.HasPrefix(base, "COM") || strings.HasPrefix(base, "LPT")) && base[3] >= '0' && base[3] <= '9'
}
