package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Decision is the verdicts on all gates of a target, in their order.
type Decision []Verdict

// Open reports whether the release may be taken.
func (d Decision) Open() bool {
	return !slices.ContainsFunc(d, func(v Verdict) bool { return v.State != Open })
}

// Failed are the gates for which the release is refused.
func (d Decision) Failed() []Verdict {
	return slices.DeleteFunc(slices.Clone(d), func(v Verdict) bool { return v.State != Failed })
}

// Next is when to look again, zero for never: the release may be taken, or is
// refused.
func (d Decision) Next() time.Time {
	var next time.Time
	for _, v := range d {
		if v.State == Shut && (next.IsZero() || v.Next.Before(next)) {
			next = v.Next
		}
	}
	return next
}

// Why says what the release waits for, "" if for nothing.
func (d Decision) Why() string {
	var out []string
	for _, v := range d {
		if v.State != Open {
			out = append(out, fmt.Sprintf("gate %s is %s: %s", v.Gate, v.State, v.Why))
		}
	}
	return strings.Join(out, "; ")
}

// fresh is how old a verdict may be when the release is taken on it.
const fresh = time.Minute

// Decide looks at the gates whose time has come, given what was found before,
// and at all of them if every one is open: what was open once may not be any
// more. all looks at every gate that has not failed. The error is that of ctx.
func (c *Case) Decide(ctx context.Context, now time.Time, gates []Gate, before []Verdict, all bool) (Decision, error) {
	out := make(Decision, len(gates))
	for i := range gates {
		g := &gates[i]
		old := find(before, g)
		if !all && old != nil && old.State != Failed && !due(old, now) && !c.approved(ctx, g, old.At) {
			out[i] = *old
			continue
		}
		out[i] = c.one(ctx, now, g, old)
	}
	if out.Open() {
		for i := range gates {
			if out[i].At.Before(now.Add(-fresh)) {
				out[i] = c.one(ctx, now, &gates[i], &out[i])
			}
		}
	}
	return out, ctx.Err()
}

func due(v *Verdict, now time.Time) bool {
	return v.State == Shut && (!v.Next.After(now) || !v.Deadline.After(now))
}

// approved reports whether somebody has approved the gate since.
func (c *Case) approved(ctx context.Context, g *Gate, since time.Time) bool {
	given, err := c.Consent.Approvals(ctx, g.Name)
	return err == nil && slices.ContainsFunc(given, func(a Approval) bool { return a.At.After(since) })
}

// find is the verdict on the gate as it is now.
func find(before []Verdict, g *Gate) *Verdict {
	for i := range before {
		if v := &before[i]; v.Gate == g.Name && v.Rule == g.Digest() {
			return v
		}
	}
	return nil
}

// one looks at one gate.
func (c *Case) one(ctx context.Context, now time.Time, g *Gate, old *Verdict) Verdict {
	v := Verdict{Gate: g.Name, Type: g.Rule.Type(), Rule: g.Digest(), Since: now, At: now}
	if old != nil {
		v.Since = old.Since
	}
	v.Deadline = v.Since.Add(g.Deadline)
	f := c.overridden(ctx, g)
	if f == nil && old != nil && old.State == Failed && g.Rule.Type() != approvalType {
		kept := *old
		return kept // it stays so
	}
	if f == nil {
		got := g.Rule.look(ctx, c, sight{now: now, since: v.Since, gate: g.Name})
		f = &got
	}
	v.State, v.Why, v.Evidence, v.Next = f.state, f.why, f.evidence, f.next
	if v.State != Shut {
		return v
	}
	switch {
	case !v.Deadline.After(now):
		v.State, v.Next = Failed, time.Time{}
		v.Why += fmt.Sprintf("; its deadline passed at %s", stamp(v.Deadline))
	case v.Next.After(v.Deadline) || v.Next.IsZero():
		v.Next = v.Deadline
	}
	return v
}

// overridden is what an approval of a gate means that asks for none.
func (c *Case) overridden(ctx context.Context, g *Gate) *finding {
	if g.Rule.Type() == approvalType {
		return nil
	}
	given, err := c.Consent.Approvals(ctx, g.Name)
	if err != nil || len(given) == 0 {
		return nil
	}
	last := given[len(given)-1]
	f := open("approved by "+last.Author, map[string]string{"approved_by": last.Author, "approved_at": stamp(last.At)})
	return &f
}

// stamp is a time as verdicts say it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
