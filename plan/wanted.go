package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

type problems = problem.List

// wanted makes the step of an asset that git has.
func (m *maker) wanted(a *asset.Asset) {
	t := kind.Of(a.ID.Kind)
	rule := m.rule(a.ID, a.Pos.File)
	if t.Once && (rule.Jobs == JobsOff || rule.Jobs == Manual) {
		return
	}
	live := m.live(a.ID)
	s := m.add(&Step{Key: Key{ID: a.ID}, Action: NoOp, Source: a.Pos, Want: a, Live: live, ARM: m.scope().ARM(a.ID)})
	_, owned := m.Owned[a.ID]
	switch {
	case t.Once && (live != nil || owned), a.Anonymous && live != nil:
		// Written once: whatever became of it, it has been done.
	case a.Anonymous && t.Renames && live == nil:
		s.Action = Create // it cannot be found by its id; unneeded undoes it
	default:
		m.compare(s, t, rule)
	}
	if s.Action.Writes() {
		s.Upload, s.Copy = m.Uploads[a.ID], m.Copies[a.ID]
	}
}

// compare decides about a wanted asset by what is known of it.
func (m *maker) compare(s *Step, t *kind.Table, rule Rule) {
	switch r := m.look(s.Key.ID).(type) {
	case unread:
		s.Action, s.Code, s.Blocked = Unknown, NotRead, r.why
	case notThere:
		m.absent(s, t, rule)
	case seen:
		m.present(s, t, rule)
	}
}

// absent is a wanted asset that the workspace does not have.
func (m *maker) absent(s *Step, t *kind.Table, rule Rule) {
	id := s.Key.ID
	others := m.versions[id.Container()]
	if slices.Contains(others, id.Version) {
		s.Action, s.Code, s.Blocked = Unknown, NotRead, "the version exists and was not read"
		return
	}
	s.Action = Create
	if o, ok := m.Owned[id]; ok {
		m.deleted(s, o, rule)
		return
	}
	if t.Versioned && !s.Want.Anonymous && len(others) > 0 {
		s.Action = NewVersion
		m.supersede(s, others)
	}
}

// deleted is a wanted asset that mlsync had made and somebody deleted.
func (m *maker) deleted(s *Step, o Owned, rule Rule) {
	mode := driftMode(rule, o.Origin)
	changed := o.Body != nil && (o.Variant != s.Want.Variant || !diff.Same(kind.VariantOf(s.Want), s.Want.Body, o.Body))
	s.Why = "it was deleted outside git"
	held := ""
	if mode == Correct && !changed {
		if held = m.spent(); m.tired(s.Key.ID, "") {
			held = m.flapping()
		}
	}
	if mode != DriftOff {
		m.drift = append(m.drift, Drift{ID: s.Key.ID, Revert: mode == Correct && held == "" || changed, Held: held})
	}
	switch {
	case held != "":
		s.Action = NoOp
		s.Why += "; it is left: " + held
	case mode != Correct && !changed:
		s.Action = NoOp
		s.Why += "; the drift mode is " + string(mode)
	case !changed:
		m.corrected++
	}
	if s.Action == NoOp {
		m.away[s.Key.ID] = s.Why
	}
}

// supersede names the version that a new one follows and what differs.
func (m *maker) supersede(s *Step, others []string) {
	prev := others[len(others)-1]
	for _, v := range others {
		if asset.CompareVersions(v, s.Key.ID.Version) < 0 {
			prev = v
		}
	}
	s.Supersedes = s.Key.ID
	s.Supersedes.Version = prev
	live := m.live(s.Supersedes)
	if live == nil {
		return
	}
	o := m.Owned[s.Supersedes]
	s.Changes = diff.Options{WantSecrets: m.Secrets[s.Key.ID], LastSecrets: o.Secrets}.Compare(s.Want, live, o.Body)
	for i := range s.Changes {
		// All of a new version is written, so nothing is ignored or late.
		ch := &s.Changes[i]
		ch.Ignored, ch.Diverged = "", false
		if ch.Reason == diff.Adopt || ch.Reason == diff.Drift {
			ch.Reason = diff.Git
		}
	}
}

// present is a wanted asset that the workspace has.
func (m *maker) present(s *Step, t *kind.Table, rule Rule) {
	ours, other := m.ours(s.Live)
	if other != "" && !m.allowed("adopt:"+s.Key.ID.String()) {
		s.stop(OtherOwner, fmt.Sprintf("it belongs to %s, and this is %s; take it over with --allow adopt:%s", other, m.Owner, s.Key.ID))
		return
	}
	o := m.Owned[s.Key.ID]
	s.Changes = diff.Options{Ignore: rule.Ignore, WantSecrets: m.Secrets[s.Key.ID], LastSecrets: o.Secrets, Fingerprint: m.Fingerprint}.
		Compare(s.Want, s.Live, m.last(s))
	m.held(s)
	m.trust(s, t)
	whole := together(s.Changes)
	if ours {
		m.weigh(s, driftMode(rule, o.Origin), whole)
	}
	m.classify(s, t, rule)
	if !ours {
		m.adopt(s, rule)
	}
	switch {
	case s.Action != NoOp:
	case m.Live.Archived[s.Key.ID]:
		s.Action, s.Why = Update, "it is archived and comes back"
	case m.Live.Broken[s.Key.ID] && ours:
		s.Action, s.Why = Update, "its last operation failed: it is sent again"
	}
}

// trust takes what is fixed with a version for equal if the version carries
// the digest of it: a version cannot be changed, and the service chooses some
// of the names that stand in it.
func (m *maker) trust(s *Step, t *kind.Table) {
	if stamp := s.Live.Stamps["content"]; !t.Versioned || stamp == "" || stamp != m.content(s.Want) {
		return
	}
	s.Changes = slices.DeleteFunc(s.Changes, func(ch diff.Change) bool { return ch.Class == kind.NewVersion })
}

// last is the body that was applied last: as the journal knows it or, without
// a journal, the wanted one if the live asset carries its digest.
func (m *maker) last(s *Step) *asset.Value {
	if o, ok := m.Owned[s.Key.ID]; ok && o.Variant == s.Want.Variant && o.Body != nil {
		return o.Body
	}
	if stamp := s.Live.Stamps["content"]; stamp != "" && stamp == m.content(s.Want) {
		return s.Want.Body
	}
	return nil
}

func driftMode(rule Rule, origin Origin) DriftMode {
	switch {
	case rule.Drift != "":
		return rule.Drift
	case origin == Adopted:
		return Report
	}
	return Correct
}

// weigh decides about the changes of a managed asset that somebody made in
// the workspace. whole are the late fields that git changes.
func (m *maker) weigh(s *Step, mode DriftMode, whole map[string]bool) {
	var d Drift
	flaps, spent := m.flaps(s.Key.ID, s.Changes), m.spent()
	for i := range s.Changes {
		ch := &s.Changes[i]
		if ch.Reason == diff.Adopt {
			ch.Reason = diff.Git // it is ours, so the file must have changed
		}
		if ch.Reason != diff.Drift || ch.Ignored != "" {
			continue
		}
		switch {
		case ch.Late && whole[ch.Path[0]]:
			d.Revert = true
		case mode == DriftOff:
			ch.Ignored = "the drift mode is off"
			continue
		case ch.Class == kind.NewVersion:
			ch.Ignored = "drift: a version cannot be changed back"
		case mode == Report:
			ch.Ignored = "drift: it is reported only"
		case flaps[correctedAs(*ch)]:
			d.Held = m.flapping()
			ch.Ignored = "drift: it is left: " + d.Held
		case spent != "":
			d.Held = spent
			ch.Ignored = "drift: it is left: " + spent
		default:
			d.Revert = true
		}
		d.Paths = append(d.Paths, ch.Dotted())
		d.Changes = append(d.Changes, *ch)
	}
	if d.Revert {
		m.corrected++
	}
	if len(d.Paths) > 0 {
		d.ID, d.By, d.At = s.Key.ID, s.Live.ModifiedBy, s.Live.ModifiedAt
		m.drift = append(m.drift, d)
	}
}

// together makes late fields change as a whole or not at all: traffic that is
// changed in part does not add up. What a rule ignores in part is ignored; what
// git changes in part takes the drift of the rest with it.
func together(changes []diff.Change) (whole map[string]bool) {
	whole = map[string]bool{}
	ruled := map[string]string{}
	for _, ch := range changes {
		switch {
		case !ch.Late:
		case ch.Ignored != "":
			ruled[ch.Path[0]] = ch.Ignored
		case ch.Reason != diff.Drift:
			whole[ch.Path[0]] = true
		}
	}
	for i := range changes {
		if ch := &changes[i]; ch.Late && ruled[ch.Path[0]] != "" {
			ch.Ignored = ruled[ch.Path[0]]
		}
	}
	return whole
}

// acting are the changes that are acted on.
func acting(changes []diff.Change) []diff.Change {
	var out []diff.Change
	for _, ch := range changes {
		if ch.Ignored == "" {
			out = append(out, ch)
		}
	}
	return out
}

// classify turns the changes into an action.
func (m *maker) classify(s *Step, t *kind.Table, rule Rule) {
	var fixed, replace []string
	for _, ch := range acting(s.Changes) {
		switch {
		case ch.Class == kind.NewVersion && t.Versioned:
			fixed = append(fixed, ch.Dotted())
		case ch.Class == kind.NewVersion, ch.Class == kind.Replace:
			replace = append(replace, ch.Dotted())
		case !ch.Late:
			s.Action = Update
		}
	}
	switch {
	case len(fixed) > 0:
		m.bump(s, fixed)
	case len(replace) > 0 && t.Top:
		s.stop(Protected, "a change of "+strings.Join(replace, ", ")+" would replace it, and a "+string(t.Kind)+" is never deleted")
	case len(replace) > 0 && rule.Protect:
		s.stop(Protected, "it is protected, and a change of "+strings.Join(replace, ", ")+" replaces it")
	case len(replace) > 0:
		s.Action = Replace
		s.Why = strings.Join(replace, ", ") + plural(len(replace), " is", " are") + " create-only"
		if !rule.AllowReplace {
			s.Needs = "replace:" + s.Key.ID.String()
		}
	}
}

// bump says that an immutable version exists with other content.
func (m *maker) bump(s *Step, fields []string) {
	id := s.Key.ID
	next := nextVersion(m.versions[id.Container()])
	pos := s.Source
	for _, ch := range acting(s.Changes) {
		if !ch.Want.Pos().IsZero() && ch.Class == kind.NewVersion {
			pos = ch.Want.Pos()
			break
		}
	}
	want, live := m.digests(s)
	text := fmt.Sprintf("%s exists with other content (%s), and a version cannot be changed; git has %s, the workspace %s", id, strings.Join(fields, ", "), want, live)
	m.problems.Hintf(pos, string(VersionExists), "bump to "+next, "%s", text)
	s.stop(VersionExists, text+": bump to "+next)
}

// uploaded finds the hash in the address of uploaded content.
var uploaded = regexp.MustCompile(`LocalUpload/([0-9a-f]{64})/`)

// digests tell the two contents of a version apart: the hashes of the files, if
// both sides name those, else the digests of what is fixed with the version.
func (m *maker) digests(s *Step) (want, live string) {
	for _, ch := range acting(s.Changes) {
		w, l := uploaded.FindStringSubmatch(ch.Want.Text()), uploaded.FindStringSubmatch(ch.Live.Text())
		if ch.Class == kind.NewVersion && w != nil && l != nil && w[1] != l[1] {
			return "sha256:" + w[1], "sha256:" + l[1]
		}
	}
	live = s.Live.Stamps["content"]
	if live == "" {
		live = m.content(s.Live)
	}
	return m.content(s.Want), live
}

// nextVersion is the next free whole number.
func nextVersion(versions []string) string {
	next := "1"
	for _, v := range versions {
		if strings.Trim(v, "0123456789") == "" && asset.CompareVersions(v, next) >= 0 {
			next = increment(v)
		}
	}
	return next
}

// increment adds one to a text of digits, however long.
func increment(s string) string {
	b := []byte(strings.TrimLeft(s, "0"))
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != '9' {
			b[i]++
			return string(b)
		}
		b[i] = '0'
	}
	return "1" + string(b)
}

// adopt takes over an asset that exists and that nobody manages.
func (m *maker) adopt(s *Step, rule Rule) {
	if s.Action == Blocked {
		return
	}
	if from := s.Live.Stamps["owner"]; from != "" && m.released(from, s.Key.ID) {
		s.Code, s.Why = HandedOver, from+" hands it over"
		if s.Action == NoOp {
			s.Action = Adopt // for its stamp
		}
		return
	}
	differs := len(acting(s.Changes))
	s.Why = "it exists with the same content and nobody owns it"
	if differs > 0 {
		s.Why = "it exists and nobody owns it"
	}
	switch {
	case rule.Drift != Correct && s.Live.Variant != s.Want.Variant:
		s.stop(OtherType, fmt.Sprintf("it exists as %s, and git says %s: give it another name, or replace it by the rule drift: correct", s.Live.Variant, s.Want.Variant))
	case rule.Drift == Correct && s.Action == Replace:
		s.Why += "; it is replaced"
	case rule.Drift == Correct:
		s.Action = Adopt
	default:
		for i := range s.Changes {
			if s.Changes[i].Ignored == "" {
				s.Changes[i].Ignored = reportedOnly
			}
		}
		s.Action, s.Needs = Adopt, ""
	}
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}
