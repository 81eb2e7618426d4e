package policy

import (
	"strings"
	"unicode/utf8"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// place is where a letter of a text stands in the file that the text was read
// from: line counts from 1, col from 0. Where the file writes the text in
// another way than it reads, it is where the text begins.
func place(lines []string, v *asset.Value, line, col int) problem.Pos {
	pos := v.Pos()
	if pos.Line < 1 || pos.Line > len(lines) || pos.Col < 1 {
		return pos
	}
	row := lines[pos.Line-1]
	start := bytesOf(row, pos.Col-1)
	if start >= len(row) {
		return pos
	}
	text := strings.Split(v.Str(), "\n")
	switch quote := row[start]; {
	case line > len(text):
		return pos
	case quote == '|':
		return inBlock(lines, pos, text[line-1], line, col)
	case quote == '\'' || quote == '"':
		start++
	}
	// One line, written as it reads.
	if len(text) == 1 && strings.HasPrefix(row[start:], text[0]) {
		pos.Col += utf8.RuneCountInString(row[:start]) - (pos.Col - 1) + col
	}
	return pos
}

// inBlock is a place in a literal block, whose lines stand below its sign.
func inBlock(lines []string, pos problem.Pos, text string, line, col int) problem.Pos {
	at := pos.Line - 1 + line
	if at >= len(lines) {
		return pos
	}
	row := strings.TrimRight(lines[at], "\r")
	if indent, ok := strings.CutSuffix(row, text); ok && strings.Trim(indent, " ") == "" {
		pos.Line, pos.Col = at+1, len(indent)+col+1
	}
	return pos
}

// bytesOf is how many bytes the first n letters of s have.
func bytesOf(s string, n int) int {
	at := 0
	for range n {
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	return at
}
