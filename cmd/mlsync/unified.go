package main

import (
	"fmt"
	"strings"

	"github.com/sergi/go-diff/diffmatchpatch"
)

// diffContext is how many equal lines stand around a change.
const diffContext = 3

// diffLine is a line of a diff: ' ', '-' or '+' and the text with its end.
type diffLine struct {
	sign byte
	text string
}

// unifiedDiff is the difference of two versions of a file as diff -u prints
// it; old is nil for a file that did not exist.
func unifiedDiff(name string, old, changed []byte) string {
	all := lineDiff(string(old), string(changed))
	var b strings.Builder
	from := "a/" + name
	if old == nil {
		from = "/dev/null"
	}
	fmt.Fprintf(&b, "--- %s\n+++ b/%s\n", from, name)
	for i := 0; i < len(all); {
		if all[i].sign == ' ' {
			i++
			continue
		}
		start, end := max(0, i-diffContext), i
		for quiet := 0; end < len(all) && quiet <= 2*diffContext; end++ {
			if quiet++; all[end].sign != ' ' {
				quiet = 0
			}
		}
		last := end
		for last > i && all[last-1].sign == ' ' {
			last--
		}
		end = min(len(all), last+diffContext)
		writeHunk(&b, all, start, end)
		i = end
	}
	return b.String()
}

// writeHunk writes the lines start .. end-1 with their heading.
func writeHunk(b *strings.Builder, all []diffLine, start, end int) {
	oldLine, newLine := 1, 1
	for _, l := range all[:start] {
		if l.sign != '+' {
			oldLine++
		}
		if l.sign != '-' {
			newLine++
		}
	}
	oldCount, newCount := 0, 0
	for _, l := range all[start:end] {
		if l.sign != '+' {
			oldCount++
		}
		if l.sign != '-' {
			newCount++
		}
	}
	if oldCount == 0 {
		oldLine--
	}
	if newCount == 0 {
		newLine--
	}
	fmt.Fprintf(b, "@@ -%d,%d +%d,%d @@\n", oldLine, oldCount, newLine, newCount)
	for _, l := range all[start:end] {
		b.WriteByte(l.sign)
		b.WriteString(l.text)
		if !strings.HasSuffix(l.text, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

func lineDiff(old, changed string) []diffLine {
	dmp := diffmatchpatch.New()
	x, y, lines := dmp.DiffLinesToRunes(old, changed)
	var out []diffLine
	signs := map[diffmatchpatch.Operation]byte{diffmatchpatch.DiffEqual: ' ', diffmatchpatch.DiffDelete: '-', diffmatchpatch.DiffInsert: '+'}
	for _, d := range dmp.DiffCharsToLines(dmp.DiffMainRunes(x, y, false), lines) {
		for line := range strings.SplitAfterSeq(d.Text, "\n") {
			if line != "" {
				out = append(out, diffLine{signs[d.Type], line})
			}
		}
	}
	return out
}
