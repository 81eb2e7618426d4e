package web

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"mlsync.dev/mlsync/access"
	"mlsync.dev/mlsync/internal/limit"
)

// Document is the API as an OpenAPI 3.1 document, made of the table.
func Document(version string) map[string]any {
	all := schemas{}
	paths := map[string]any{}
	for _, r := range table() {
		item, _ := paths[r.path].(map[string]any)
		if item == nil {
			item = map[string]any{}
			paths[r.path] = item
		}
		item[strings.ToLower(r.method)] = r.operation(all)
	}
	all.of(reflect.TypeFor[Problem](), false)
	return map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "mlsync", "version": version,
			"description": "What the daemon knows and does. Members may be added to answers; none is changed or removed below " + base + ".",
		},
		"servers":    []any{map[string]any{"url": "/"}},
		"security":   []any{map[string]any{"bearer": []any{}}},
		"paths":      paths,
		"components": map[string]any{"schemas": map[string]any(all), "securitySchemes": map[string]any{"bearer": map[string]any{"type": "http", "scheme": "bearer", "description": "A token of the OIDC issuer, or an API token (mlsync_…)."}}},
	}
}

func (r *route) operation(all schemas) map[string]any {
	op := map[string]any{"operationId": r.name, "summary": r.does, "responses": r.responses(all)}
	if r.action != "" {
		op["x-mlsync-action"] = string(r.action)
	}
	var params []any
	for _, name := range r.segments() {
		params = append(params, map[string]any{"name": name, "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
	}
	for _, p := range r.query {
		one := map[string]any{"name": p.name, "in": "query", "description": p.does, "schema": p.schema()}
		if p.of == "needed" {
			one["required"] = true
		}
		params = append(params, one)
	}
	if r.method == http.MethodGet {
		params = append(params, map[string]any{"name": "If-None-Match", "in": "header", "description": "The ETag of an earlier answer: 304 if nothing changed.", "schema": map[string]any{"type": "string"}})
	}
	if len(params) > 0 {
		op["parameters"] = params
	}
	if r.body != nil {
		op["requestBody"] = map[string]any{
			"required": !r.optional,
			"content":  map[string]any{"application/json": map[string]any{"schema": all.of(reflect.TypeOf(r.body), true)}},
		}
	}
	return op
}

func (p param) schema() map[string]any {
	switch p.of {
	case "number":
		return map[string]any{"type": "integer", "minimum": 1, "maximum": limit.APIPage}
	case "time":
		return map[string]any{"type": "string", "format": "date-time"}
	case "text", "glob", "needed":
		return map[string]any{"type": "string"}
	}
	return map[string]any{"type": "string", "enum": wordsOf(p.of)}
}

// responses are the good answer and the problems that a route can have.
func (r *route) responses(all schemas) map[string]any {
	good := map[string]any{"description": r.does, "headers": map[string]any{"X-Request-Id": map[string]any{"schema": map[string]any{"type": "string"}}}}
	if content := r.content(all); content != nil {
		good["content"] = content
	}
	out := map[string]any{strconv.Itoa(r.ok()): good}
	for _, status := range r.problems() {
		key := strconv.Itoa(status)
		if status == http.StatusNotModified {
			out[key] = map[string]any{"description": "Nothing changed."}
			continue
		}
		out[key] = map[string]any{
			"description": http.StatusText(status),
			"content":     map[string]any{"application/problem+json": map[string]any{"schema": all.of(reflect.TypeFor[Problem](), false)}},
		}
	}
	return out
}

func (r *route) content(all schemas) map[string]any {
	if r.answer == nil {
		return nil
	}
	schema := map[string]any{}
	if a, ok := r.answer.(anyJSON); ok {
		schema = map[string]any{"type": "object", "description": a.what}
	} else {
		maps.Copy(schema, all.of(reflect.TypeOf(r.answer), false))
	}
	content := map[string]any{"application/json": map[string]any{"schema": schema}}
	for _, f := range r.forms {
		content[f] = map[string]any{"schema": map[string]any{"type": "string"}}
	}
	return content
}

// problems are the other answers.
func (r *route) problems() []int {
	out := []int{http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if r.method == http.MethodGet {
		out = append(out, http.StatusNotModified)
	}
	out = append(out, http.StatusBadRequest)
	if r.action != "" {
		out = append(out, http.StatusForbidden)
	}
	if r.reach == within || r.reach == ofTarget || r.reach == listed || len(r.segments()) > 0 {
		out = append(out, http.StatusNotFound)
	}
	if len(r.query) > 0 {
		out = append(out, http.StatusRequestURITooLong)
	}
	if r.body != nil {
		out = append(out, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if r.writes() {
		out = append(out, http.StatusConflict, http.StatusUnprocessableEntity)
	}
	return out
}

// Reference is the table for people, as Markdown.
func Reference() string {
	var b strings.Builder
	section := ""
	for _, r := range table() {
		title := "Reading"
		switch {
		case r.action == access.ReadAudit || r.action == access.OwnTokens:
			title = "Tokens and the audit"
		case r.writes():
			title = "Acting"
		}
		if title != section {
			section = title
			fmt.Fprintf(&b, "\n## %s\n", title)
		}
		r.reference(&b)
	}
	return b.String()
}

func (r *route) reference(b *strings.Builder) {
	fmt.Fprintf(b, "\n### `%s %s`\n\n%s. ", r.method, r.path, r.does)
	switch r.reach {
	case anyone:
		b.WriteString("For everybody who has shown who they are.\n")
	case listed:
		fmt.Fprintf(b, "Of the projects in which you have `%s`.\n", r.action)
	case within, ofTarget:
		fmt.Fprintf(b, "It takes `%s` in the project.\n", r.action)
	}
	var rows [][2]string
	for _, p := range r.query {
		of := ""
		if strings.Contains(p.of, ",") {
			of = " One of `" + strings.ReplaceAll(p.of, ",", "`, `") + "`."
		}
		rows = append(rows, [2]string{"query `" + p.name + "`", p.does + of})
	}
	if r.body != nil {
		for _, f := range fieldsOf(reflect.TypeOf(r.body).Elem()) {
			need := ""
			if f.Tag.Get("need") != "" {
				need = " Needed."
			}
			rows = append(rows, [2]string{"body `" + f.name + "`", strings.TrimSpace(f.Tag.Get("doc") + need)})
		}
	}
	if len(rows) > 0 {
		b.WriteString("\n| | |\n|---|---|\n")
		for _, row := range rows {
			fmt.Fprintf(b, "| %s | %s |\n", row[0], strings.ReplaceAll(row[1], "|", "\\|"))
		}
	}
	fmt.Fprintf(b, "\nAnswers %d", r.ok())
	if name := answerName(r.answer); name != "" {
		fmt.Fprintf(b, " with %s", name)
	}
	if len(r.forms) > 0 {
		fmt.Fprintf(b, "; also as `%s`", strings.Join(r.forms, "`, `"))
	}
	b.WriteString(".\n")
}

func answerName(answer any) string {
	switch a := answer.(type) {
	case nil:
		return ""
	case anyJSON:
		return "JSON (" + a.what + ")"
	case map[string]any:
		return "the document"
	}
	return "`" + schemaName(reflect.TypeOf(answer)) + "`"
}

// Answers are the members of all answers, as Markdown.
func Answers() string {
	var b strings.Builder
	seen := map[reflect.Type]bool{}
	var show func(t reflect.Type)
	show = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || t.PkgPath() != reflect.TypeFor[Problem]().PkgPath() || t == reflect.TypeFor[anyJSON]() || seen[t] {
			return
		}
		seen[t] = true
		fields := fieldsOf(t)
		if !strings.Contains(t.Name(), "[") {
			fmt.Fprintf(&b, "\n### %s\n\n| member | type | |\n|---|---|---|\n", schemaName(t))
			for _, f := range fields {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.name, typeName(f.Type), strings.ReplaceAll(f.Tag.Get("doc"), "|", "\\|"))
			}
		}
		for _, f := range fields {
			show(f.Type)
		}
	}
	for _, r := range table() {
		if r.answer != nil {
			show(reflect.TypeOf(r.answer))
		}
	}
	show(reflect.TypeFor[Problem]())
	return b.String()
}

func typeName(t reflect.Type) string {
	switch k := t.Kind(); {
	case k == reflect.Pointer:
		return typeName(t.Elem())
	case k == reflect.Slice:
		return "list of " + typeName(t.Elem())
	case k == reflect.Map:
		return "map of " + typeName(t.Elem())
	case t.Name() == "Time":
		return "time"
	case k == reflect.Struct:
		return schemaName(t)
	}
	words := map[reflect.Kind]string{reflect.Bool: "true or false", reflect.Int: "number", reflect.Int64: "number"}
	return cmp.Or(words[t.Kind()], "text")
}
