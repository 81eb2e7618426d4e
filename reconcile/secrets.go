package reconcile

import (
	"context"
	"errors"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// ErrNoSecret says that a provider was asked and does not have a secret.
var ErrNoSecret = errors.New("there is no such secret")

// wantedSecret is what is known of one secret: its fingerprint, that there is none
// (bad), or nothing (why).
type wantedSecret struct{ sum, bad, why string }

// fingerprints makes keyed digests of the wanted secrets, by asset and path,
// and notes those that are missing. It returns the assets of which nobody can
// say whether they are as wanted, because a provider did not answer.
func (p *Pass) fingerprints(ctx context.Context, prep *Prepared) map[asset.ID]string {
	prep.Fingerprints, prep.missing = map[asset.ID]map[string]string{}, map[string]problem.List{}
	got := map[string]*wantedSecret{}
	unread := map[asset.ID]string{}
	for _, id := range prep.Want.Order {
		kind.Walk(prep.Want.Set.Get(id), func(s kind.Site) {
			name, ok := kind.SecretName(s.Value)
			if !ok {
				return
			}
			if got[name] == nil {
				got[name] = p.secretOf(ctx, name)
			}
			switch g := got[name]; {
			case g.why != "":
				unread[id] = g.why
			case g.bad != "":
				prep.missing[name] = append(prep.missing[name], missingSecret(s, g.bad))
			default:
				if prep.Fingerprints[id] == nil {
					prep.Fingerprints[id] = map[string]string{}
				}
				prep.Fingerprints[id][s.Dotted()] = g.sum
			}
		})
	}
	return unread
}

// secretOf asks for a secret once.
func (p *Pass) secretOf(ctx context.Context, name string) *wantedSecret {
	secret, err := p.Secret(ctx, name)
	switch {
	case err == nil:
		return &wantedSecret{sum: p.Journal.Fingerprint(secret)}
	case errors.Is(err, ErrNoSecret):
		return &wantedSecret{bad: err.Error()}
	}
	return &wantedSecret{why: err.Error()}
}

func missingSecret(s kind.Site, cause string) problem.Problem {
	return problem.Problem{
		Pos: s.Value.Pos(), Severity: problem.Error, Code: "missing_secret",
		Text: s.Dotted() + ": " + cause, Hint: "say in mlsync.yaml where it comes from, and provide it",
	}
}
