package state

import (
	"strconv"
	"strings"
)

// dialect is all in which the queries for the two databases differ.
type dialect struct {
	name string
	// numbered placeholders are $1, $2 instead of ?.
	numbered bool
	// share ends a SELECT whose row must stay as it is until the end of the
	// transaction; update one whose row will be written. SQLite has a single
	// writer and needs neither.
	share, update string
	// among ends a condition on a text that is one of those in a JSON list.
	among string
}

var (
	sqliteDialect   = dialect{name: "sqlite", among: " IN (SELECT value FROM json_each(?))"}
	postgresDialect = dialect{name: "postgres", numbered: true, share: " FOR SHARE", update: " FOR UPDATE", among: " IN (SELECT jsonb_array_elements_text(CAST(? AS TEXT)::jsonb))"}
)

// bind writes the placeholders of query in the dialect. Queries hold no
// question mark but placeholders.
func (d dialect) bind(query string) string {
	if !d.numbered {
		return query
	}
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(query, "?") {
		if n > 0 {
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}

// clean makes texts of others, such as error messages of the service, fit for
// both databases: PostgreSQL takes no NUL and no invalid UTF-8.
func clean(args []any) []any {
	for i, arg := range args {
		if s, ok := arg.(string); ok {
			args[i] = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
		}
	}
	return args
}
