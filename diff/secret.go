package diff

import (
	"strconv"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// SecretNames are the names of the secrets that a body refers to, by the
// dotted path of the text that holds the reference. List items count from 0.
func SecretNames(body *asset.Value) map[string]string {
	out := map[string]string{}
	secrets(body, nil, func(path, name string) { out[path] = name })
	return out
}

func secrets(v *asset.Value, path []string, visit func(path, name string)) {
	switch v.Type() {
	case asset.Map:
		for k, item := range v.Entries() {
			secrets(item, append(path, k), visit)
		}
	case asset.List:
		for i, item := range v.Items() {
			secrets(item, append(path, strconv.Itoa(i)), visit)
		}
	case asset.String:
		if name, ok := kind.SecretName(v); ok {
			visit(strings.Join(path, "."), name)
		}
	}
}

func isSecret(v *asset.Value) bool {
	_, ok := kind.SecretName(v)
	return ok
}

func holdsSecret(v *asset.Value) (found bool) {
	secrets(v, nil, func(string, string) { found = true })
	return found
}

// secret compares a value that holds secrets. Live values are looked at
// through Fingerprint only and never shown.
func (c *comparer) secret(n node) {
	ch := Change{Path: n.path, Class: n.class, Late: n.late, Secret: true, Reason: Git}
	if n.want.IsNull() {
		ch.Reason, ch.Ignored = Default, "released: a secret cannot be reset"
		c.add(n, ch)
		return
	}
	unknown, changed, drifted := c.prints(n, &ch)
	frame := !Equal(n.typ, n.want, n.last)
	switch {
	case !c.hasLast && !n.secretRow() && !c.liveFrame(n):
		ch.Reason = Adopt
	case c.hasLast && frame, changed:
	case drifted:
		ch.Reason = Drift
	case unknown:
		ch.Reason, ch.Ignored = c.unsure(), "secrets are not read back: it can be compared once it has been applied"
	case c.hasLast && !n.secretRow() && !c.liveFrame(n):
		ch.Reason = Drift
	default:
		return
	}
	c.add(n, ch)
}

// prints compares the fingerprints of all secrets within n.
func (c *comparer) prints(n node, ch *Change) (unknown, changed, drifted bool) {
	secrets(n.want, n.path, func(path, _ string) {
		want, last := c.WantSecrets[path], c.LastSecrets[path]
		ch.SecretWant, ch.SecretLast = want, last
		live := ""
		// A reference among the live values says that there is a secret, not
		// which: the service does not give it back.
		held := at(n.live, strings.TrimPrefix(strings.TrimPrefix(path, strings.Join(n.path, ".")), "."))
		if held.Str() != "" && !isSecret(held) && c.Fingerprint != nil {
			live = c.Fingerprint(held.Str())
		}
		switch {
		case want == "" || last == "" && live == "":
			unknown = true
		case last != "" && want != last, last == "" && live != want:
			changed = true
		case live != "" && live != want:
			drifted = true
		}
	})
	return unknown, changed, drifted
}

// at follows a dotted path through maps and lists. Keys may hold dots.
func at(v *asset.Value, path string) *asset.Value {
	if path == "" {
		return v
	}
	if v.Type() == asset.List {
		head, rest, _ := strings.Cut(path, ".")
		if i, err := strconv.Atoi(head); err == nil && i >= 0 && i < v.Len() {
			return at(v.Items()[i], rest)
		}
		return nil
	}
	for k, item := range v.Entries() {
		if k == path {
			return item
		}
		if rest, ok := strings.CutPrefix(path, k+"."); ok {
			if got := at(item, rest); got != nil {
				return got
			}
		}
	}
	return nil
}

// veiled reports whether live hides what want says, and shows nothing else.
func veiled(n node) bool {
	t, ok := n.typ.(kind.Veiled)
	return ok && t.Veils(n.want, n.live)
}

// veil compares a value that is not read back with what was applied last.
func (c *comparer) veil(n node) {
	ch := n.change(Git)
	switch {
	case !c.hasLast:
		ch.Reason, ch.Ignored = Adopt, "it is not read back: it can be compared once it has been applied"
	case Equal(n.typ, n.want, n.last):
		return
	}
	c.add(n, ch)
}

// liveFrame reports whether live equals want where want holds no secret.
func (c *comparer) liveFrame(n node) bool {
	return veiled(n) || covers(n.typ, masked(n.want, n.want), masked(n.want, n.live), masked(n.want, n.last))
}

// masked is v without what stands where shape holds a secret.
func masked(shape, v *asset.Value) *asset.Value {
	switch {
	case v.IsNull():
		return v
	case isSecret(shape):
		return asset.NewString("(secret)")
	case shape.Type() == asset.Map && v.Type() == asset.Map:
		out := asset.NewMap()
		for k, item := range v.Entries() {
			out.Set(k, masked(shape.Get(k), item))
		}
		return out
	case shape.Type() == asset.List && v.Type() == asset.List && shape.Len() == v.Len():
		out := asset.NewList()
		for i, item := range v.Items() {
			out.Append(masked(shape.Items()[i], item))
		}
		return out
	}
	return v
}

func (n node) secretRow() bool { return n.field != nil && n.field.Secret }
