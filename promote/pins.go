package promote

import (
	"cmp"
	"io/fs"
	"path"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/tree"
)

// PinsSchema is the version of the form of a record of pins.
const PinsSchema = "mlsync.pins/1"

// CodePins is the code of all problems of a record of pins.
const CodePins = "pins"

const pinsHead = "# Written by mlsync promote: the release that this target is at, and what it was before.\n"

// Pins is the record of a target's overlay: which release the target is at and
// which files promotion wrote. The file is tree.PinsFile in the overlay.
type Pins struct {
	// Release is what the target is at; "" before the first promotion.
	Release string
	// Through is the registry that the release went through; "" for none.
	Through string
	// History are the releases that were promoted, the last one last. One may
	// be there again.
	History []string
	// Files are in the order of paths.
	Files []Pin
	// Skipped are the releases that were rolled back, in the order in which
	// they were.
	Skipped []Skip
}

// Pin is one file that promotion wrote.
type Pin struct {
	// Path is below the overlay.
	Path string
	ID   asset.ID
	// Digest is that of the neutral form of what the file says.
	Digest string
	// From are the releases that the file was written from; the last is what
	// it says, the one before what it said before.
	From []string
}

// Skip is a release that was rolled back. It is not applied again unless
// somebody says so.
type Skip struct {
	Release string
	// Set is the digest of the set, so that the same set under another name is
	// known again.
	Set string
	// Commit is the one that was rolled back, "" where it is not known.
	Commit      string
	By, At, Why string
}

// PinsPath is the path of the record of an overlay.
func PinsPath(overlay string) string { return path.Join(overlay, tree.PinsFile) }

// WritePins is the file of a record; ReadPins gives it back.
func WritePins(p *Pins) []byte {
	doc := asset.NewMap().Set("schema", asset.NewString(PinsSchema))
	for k, v := range writeRows(pinsRows(p)).Entries() {
		doc.Set(k, v)
	}
	return append([]byte(pinsHead), tree.WriteValue(doc)...)
}

// ReadPins reads a record strictly; nil if there is a problem.
func ReadPins(data []byte, file string) (*Pins, problem.List) {
	doc, bad := document(data, file, CodePins)
	if doc == nil {
		return nil, bad
	}
	d := &decoder{bad: bad, code: CodePins}
	p, schema := &Pins{}, ""
	d.read(doc, append(pinsRows(p), textRow("schema", true, &schema, anyText)))
	if schema != "" && schema != PinsSchema {
		d.badf(doc.Get("schema"), "use the mlsync that made it, or a newer one; an asset must have another name of file", "schema: %q is not %s", schema, PinsSchema)
	}
	for i := 1; i < len(p.Files); i++ {
		if cmp.Compare(p.Files[i-1].Path, p.Files[i].Path) >= 0 {
			d.badf(doc.Get("files"), "", "files: %s must come before %s, and only once", p.Files[i].Path, p.Files[i-1].Path)
		}
	}
	if len(d.bad.Errors()) > 0 {
		return nil, d.bad.Sorted()
	}
	return p, d.bad.Sorted()
}

func pinsRows(p *Pins) []row {
	return []row{
		textRow("release", false, &p.Release, BadName),
		textRow("through", false, &p.Through, anyText),
		textsRow("history", &p.History),
		recordsRow("files", false, &p.Files, func(x *Pin) []row {
			return []row{textRow("path", true, &x.Path, insideText), idRow("id", &x.ID), textRow("digest", true, &x.Digest, hashText), textsRow("from", &x.From)}
		}),
		recordsRow("skipped", false, &p.Skipped, func(x *Skip) []row {
			return []row{
				textRow("release", true, &x.Release, BadName), textRow("set", true, &x.Set, hashText), textRow("commit", false, &x.Commit, commitText),
				textRow("by", false, &x.By, anyText), textRow("at", false, &x.At, anyText), textRow("why", false, &x.Why, anyText),
			}
		}),
	}
}

// insideText is the path of a file below a folder.
func insideText(s string) string {
	if !fs.ValidPath(s) || strings.ContainsAny(s, "\\\x00") || !tree.IsYAML(s) || s == tree.PinsFile {
		return "it is not the path of an asset's file below the overlay"
	}
	return ""
}

// Pin is the record of one file, or nil.
func (p *Pins) Pin(file string) *Pin {
	if i := slices.IndexFunc(p.Files, func(x Pin) bool { return x.Path == file }); i >= 0 {
		return &p.Files[i]
	}
	return nil
}

// Of is the record of the file of an asset, or nil.
func (p *Pins) Of(id asset.ID) *Pin {
	if i := slices.IndexFunc(p.Files, func(x Pin) bool { return x.ID == id }); i >= 0 {
		return &p.Files[i]
	}
	return nil
}

// SkippedRelease is why a release is not to be applied, or nil: it was rolled
// back, or another one of the same set was.
func (p *Pins) SkippedRelease(name, set string) *Skip {
	for i := range p.Skipped {
		if s := &p.Skipped[i]; s.Release == name || set != "" && s.Set == set {
			return s
		}
	}
	return nil
}

// SkippedCommit is why a commit is not to be applied, or nil: it was rolled back.
func (p *Pins) SkippedCommit(commit string) *Skip {
	for i := range p.Skipped {
		if s := &p.Skipped[i]; commit != "" && s.Commit == commit {
			return s
		}
	}
	return nil
}

// Problem says that a target is at a release that was rolled back there, as
// after a merge of an older branch; none if it is not.
func (p *Pins) Problem(file string) (bad problem.List) {
	if s := p.SkippedRelease(p.Release, ""); p.Release != "" && s != nil {
		bad.Hintf(problem.Pos{File: file, Line: 1}, CodePins, "promote another release, or this one with mlsync promote --again", "the release %s was rolled back%s, and is not applied again", s.Release, s.reason())
	}
	return bad
}

// Reason says that the release was rolled back, by whom, when and why, as far as
// it was said.
func (s *Skip) Reason() string { return "the release " + s.Release + " was rolled back" + s.reason() }

// reason is who rolled back, when and why, as far as it was said.
func (s *Skip) reason() string {
	text := ""
	if s.By != "" {
		text += " by " + s.By
	}
	if s.At != "" {
		text += " at " + s.At
	}
	if s.Why != "" {
		text += " (" + s.Why + ")"
	}
	return text
}

// clone is a deep copy.
func (p *Pins) clone() *Pins {
	out := *p
	out.History, out.Skipped, out.Files = slices.Clone(p.History), slices.Clone(p.Skipped), slices.Clone(p.Files)
	for i := range out.Files {
		out.Files[i].From = slices.Clone(out.Files[i].From)
	}
	return &out
}

// put notes that a file says what a release says.
func (p *Pins) put(file string, id asset.ID, digest, release string) {
	pin := p.Pin(file)
	if pin == nil {
		p.Files = append(p.Files, Pin{Path: file, ID: id, Digest: digest, From: []string{release}})
		slices.SortFunc(p.Files, func(a, b Pin) int { return cmp.Compare(a.Path, b.Path) })
		return
	}
	if n := len(pin.From); n == 0 || pin.Digest != digest && pin.From[n-1] != release {
		pin.From = append(pin.From, release)
	}
	pin.ID, pin.Digest = id, digest
}

// drop forgets a file.
func (p *Pins) drop(file string) {
	p.Files = slices.DeleteFunc(p.Files, func(x Pin) bool { return x.Path == file })
}
