package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/redact"
	"mlsync.dev/mlsync/plan"
)

// previewMarker finds the comment again. Each installation keeps its own.
func previewMarker(cfg *config.Config) string {
	sum := sha256.Sum256([]byte(cfg.Installation()))
	return "mlsync/preview/" + hex.EncodeToString(sum[:6])
}

// statusContext is the name of a commit status of this installation.
func statusContext(cfg *config.Config, what string) string {
	if cfg.Owner == "" {
		return "mlsync/" + what
	}
	return "mlsync/" + cut(printable(cfg.Owner)) + "/" + what
}

// text is the preview as Markdown, of at most so many bytes. It leaves out
// whole sections, and says how to see them. Whatever comes of files, services
// and people stands in code spans and fences.
func (v *preview) text(most int) string {
	var head strings.Builder
	_, line := v.verdict()
	fmt.Fprintf(&head, "**mlsync**: %s merged into %s (%s): %s\n\n", plan.CodeSpan(short12(string(v.head)), 40), plan.CodeSpan(v.pr.Base, 100), plan.CodeSpan(short12(string(v.base)), 40), plain(line))
	if v.config {
		fmt.Fprintf(&head, "%s is changed. The plans are made with the one of %s: the change counts after the merge.\n\n", plan.CodeSpan(config.File, 40), plan.CodeSpan(v.pr.Base, 100))
	}
	if v.pr.Fork {
		head.WriteString("The head is in a fork: secrets are not read.\n\n")
	}
	foot := fmt.Sprintf("\nAll of it: %s\n", plan.CodeSpan(fmt.Sprintf("mlsync preview %d --dry-run", v.pr.Number), 100))
	out := head.String()
	switch {
	case len(v.conflicts) > 0:
		out += v.conflictText(most - len(out))
	case v.unmerged != "":
		out += plan.CodeSpan(redact.Text(v.unmerged), 500) + "\n"
	default:
		out += v.sections(most - len(out) - len(foot))
		out += foot
	}
	return redact.Text(out)
}

func (v *preview) conflictText(room int) string {
	out := "Nobody but a person can merge these files; the plans are made when that was done.\n\n"
	for i, c := range v.conflicts {
		line := fmt.Sprintf("- %s: %s\n", plan.CodeSpan(c.Path, 200), c.Why)
		if len(out)+len(line)+100 > room {
			return out + fmt.Sprintf("\nand %s more.\n", number(len(v.conflicts)-i, "file"))
		}
		out += line
	}
	return out
}

// leastSection is the room below which the plan of a target is a line.
const leastSection = 1500

// sections are the plans, each with its share of the room; what one does not
// need the next ones have.
func (v *preview) sections(room int) string {
	var b strings.Builder
	const tail = 120 // for what is said of the rest
	for i, t := range v.targets {
		share := (room - b.Len() - tail) / (len(v.targets) - i)
		text := t.section(share)
		if len(text) > room-b.Len()-tail {
			left := len(v.targets) - i + v.left
			fmt.Fprintf(&b, "and %s more, left out for length.\n", number(left, "target"))
			return b.String()
		}
		b.WriteString(text)
	}
	if v.left > 0 {
		fmt.Fprintf(&b, "and %s more, left out: a preview plans at most %d.\n", number(v.left, "target"), limit.PreviewTargets)
	}
	return b.String()
}

// section is the plan of one target in at most so many bytes, or a line of it.
func (t previewTarget) section(most int) string {
	if t.err != nil {
		return fmt.Sprintf("- %s could not be planned: %s\n", plan.CodeSpan(t.name, 100), plan.CodeSpan(redact.Text(t.err.Error()), 400))
	}
	line := fmt.Sprintf("- %s: %s\n", plan.CodeSpan(t.name, 100), plain(t.plan.Verdict()))
	window := ""
	if t.window != nil && !t.window.Open && t.plan.Pending() {
		window = plain(t.window.Why) + "\n\n"
	}
	if !t.plan.Pending() && len(t.plan.Problems) == 0 && len(t.plan.Drift) == 0 && t.plan.Complete() || most < leastSection {
		return line
	}
	summary := fmt.Sprintf("<details><summary><code>%s</code>: %s</summary>\n\n", plain(t.name), plain(t.plan.Verdict()))
	const end = "\n</details>\n\n"
	room := most - len(summary) - len(window) - len(end)
	for letters := room; letters > 0; letters = letters*room/(2*room) - 1 {
		_, body, _ := strings.Cut(plan.Markdown(t.plan, letters), "\n") // without the marker of a comment of its own
		if len(body) <= room {
			return summary + window + body + end
		}
	}
	return line
}

// plain makes words of ours harmless where they stand outside of code: they
// hold names of targets and numbers.
func plain(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "&#64;", "[", "&#91;", "]", "&#93;", "www.", "www&#46;", "`", "&#96;", "*", "&#42;", "_", "&#95;", "#", "&#35;", "://", ":&#47;/").Replace(printable(s))
}

func short12(s string) string { return s[:min(len(s), 12)] }
