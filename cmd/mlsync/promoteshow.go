package main

import (
	"fmt"
	"strings"

	"mlsync.dev/mlsync/promote"
)

// marks are the signs of what becomes of an asset.
var moveMarks = map[string]string{"new": "+", "changed": "~", "removed": "-", "unchanged": "="}

// show prints the three groups of each target.
func (p *promotion) show(r *promote.Release, title string) {
	p.printf("%s (release %s from target %s, %s)\n", title, r.Name, printable(r.Source.Target), count(len(r.Assets), "asset"))
	for _, one := range p.plans {
		if len(p.plans) > 1 {
			p.printf("\ntarget %s\n", one.Target)
		}
		p.showMoves(one)
		p.showKept(one)
		p.showBlocked(one)
	}
	p.printf("\n")
}

func (p *promotion) showMoves(one *promote.Promotion) {
	if len(one.Moves) == 0 {
		return
	}
	p.printf("\nmoves\n")
	for _, m := range one.Moves {
		content := ""
		if m.Files > 0 {
			content = fmt.Sprintf("  (%s, %s)", count(m.Files, "file"), size(m.Bytes))
		}
		p.printf(" %s %-44s %s%s\n", moveMarks[m.What], printable(m.ID.String()), m.Digest[:12], content)
	}
}

func (p *promotion) showKept(one *promote.Promotion) {
	if len(one.Kept) == 0 {
		return
	}
	p.printf("\nstays the target's own\n")
	for _, k := range one.Kept {
		note := map[string]string{"source": "taken from the source, as there was none", "rollback": "goes to what is left"}[k.From]
		if k.Left != "" {
			note = "left out: " + k.Left
		}
		if note != "" {
			note = "  (" + note + ")"
		}
		p.printf("   %-44s %s: %s%s\n", printable(k.ID.String()), printable(k.Field), textOf(k.Value), printable(note))
	}
}

func (p *promotion) showBlocked(one *promote.Promotion) {
	if len(one.Blocked) == 0 {
		return
	}
	p.printf("\nblocked\n")
	for _, b := range one.Blocked {
		p.printf(" ! %-44s %s\n", printable(b.ID.String()), printable(b.Why))
		if b.Have != "" {
			p.printf("   %-44s digest there %s, in the release %s\n", "", b.Have, b.Want)
		}
		if b.Cure != "" {
			p.printf("   %-44s %s\n", "", printable(b.Cure))
		}
	}
}

// markdown is the same as the text of a pull request.
func (p *promotion) markdown(r *promote.Release) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Release `%s` of target `%s`", r.Name, r.Source.Target)
	if r.Source.Commit != "" {
		fmt.Fprintf(&b, " at commit %s", r.Source.Commit)
	}
	fmt.Fprintf(&b, ", fingerprint `%s`.\n", r.Fingerprint())
	for _, one := range p.plans {
		fmt.Fprintf(&b, "\n### Target `%s`\n\n| | Asset | Digest |\n|---|---|---|\n", one.Target)
		for _, m := range one.Moves {
			fmt.Fprintf(&b, "| %s | `%s` | `%s` |\n", m.What, cell(m.ID.String()), m.Digest[:12])
		}
		if len(one.Kept) > 0 {
			b.WriteString("\nStays the target's own:\n\n")
			for _, k := range one.Kept {
				if k.Left == "" {
					fmt.Fprintf(&b, "- `%s` `%s`\n", cell(k.ID.String()), cell(k.Field))
				}
			}
		}
	}
	return b.String()
}
