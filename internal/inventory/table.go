package inventory

import (
	"encoding/csv"
	"io"
	"strings"
	"unicode/utf8"
)

// Table is a heading and rows of as many cells. Cells may hold text of others.
type Table struct {
	Head []string
	Rows [][]string
}

// Text writes columns for people. With width above 0, lines are cut there.
func (t Table) Text(w io.Writer, width int) error {
	all := append([][]string{t.Head}, t.Rows...)
	wide := make([]int, len(t.Head))
	for i, row := range all {
		all[i] = cleaned(row)
		for j, c := range all[i] {
			wide[j] = max(wide[j], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, row := range all {
		var line strings.Builder
		for j, c := range row {
			line.WriteString(c)
			if j < len(row)-1 {
				line.WriteString(strings.Repeat(" ", wide[j]-utf8.RuneCountInString(c)+2))
			}
		}
		b.WriteString(cut(strings.TrimRight(line.String(), " "), width) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func cleaned(row []string) []string {
	out := make([]string, len(row))
	for i, c := range row {
		out[i] = Clean(c)
	}
	return out
}

func cut(line string, width int) string {
	if r := []rune(line); width > 3 && len(r) > width {
		return string(r[:width-3]) + "..."
	}
	return line
}

// CSV writes the table as RFC 4180 has it. Spreadsheets take a cell that begins
// with one of = + - @, or with their wide forms, for a formula, even in quotes:
// such a cell gets a ' in front, which they take for the mark of a text.
func (t Table) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		row = cleaned(row)
		for i, c := range row {
			if formula(c) {
				row[i] = "'" + c
			}
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// formula reports whether a spreadsheet might compute a cell. Blanks in front do
// not count, as some of them take them off.
func formula(cell string) bool {
	r, _ := utf8.DecodeRuneInString(strings.TrimSpace(cell))
	return strings.ContainsRune("=+-@＝＋－＠", r) && cell != ""
}

// Markdown writes a table of GitHub's dialect. Every cell is code, so that
// nothing in it is markup, an address or somebody's name.
func (t Table) Markdown(w io.Writer) error {
	var b strings.Builder
	row := func(cells []string) {
		b.WriteString("|")
		for _, c := range cells {
			b.WriteString(" " + code(c) + " |")
		}
		b.WriteString("\n")
	}
	row(t.Head)
	b.WriteString(strings.Repeat("|---", len(t.Head)) + "|\n")
	for _, r := range t.Rows {
		row(r)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func code(cell string) string {
	if cell == "" {
		return ""
	}
	return "`" + strings.NewReplacer("`", "'", "|", `\|`).Replace(Clean(cell)) + "`"
}
