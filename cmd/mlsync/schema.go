package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/policy"
)

func (a *app) schemaCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "schema [KIND|plan|config|projects|policies]", Short: "Print JSON Schemas of the files", GroupID: "files", Args: cobra.MaximumNArgs(1),
		Long: `Print the JSON Schema (draft 2020-12) of a kind's files in the released form, of
the plan as JSON, of mlsync.yaml, of files of policies, or of the file of projects of a daemon.
Without an argument, list what there is.

With --out, write all schemas into a folder, and beside them
vscode-settings.json, whose content goes into the settings of an editor that
knows yaml.schemas, such as VS Code with its YAML extension.`,
		Example: `  mlsync schema
  mlsync schema environment
  mlsync schema --out .vscode/schemas`,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return schemaNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.runSchema(args, out) },
	}
	c.Flags().StringVar(&out, "out", "", "write all schemas into this folder")
	return c
}

// schemaOf is the schema of a name of schemaNames; nil for other names.
func schemaOf(name string) map[string]any {
	switch name {
	case "config":
		return config.Schema()
	case "plan":
		return plan.Schema()
	case "projects":
		return config.ProjectsSchema()
	case "policies":
		return policy.Schema()
	}
	for _, t := range kind.All() {
		if string(t.Kind) == name {
			return t.Schema()
		}
	}
	return nil
}

// schemaNames are the kinds that are written in files, and what else has a schema.
func schemaNames() []string {
	names := []string{"config", "plan", "projects", "policies"}
	for _, t := range writtenKinds() {
		names = append(names, string(t.Kind))
	}
	return names
}

// writtenKinds are the kinds that files hold; code comes of folders.
func writtenKinds() []*kind.Table {
	return slices.DeleteFunc(slices.Clone(kind.All()), func(t *kind.Table) bool {
		return !slices.ContainsFunc(t.Variants, func(v *kind.Variant) bool { return len(v.Schemas) > 0 })
	})
}

func (a *app) runSchema(args []string, out string) error {
	switch {
	case out != "" && len(args) > 0:
		return fmt.Errorf("--out writes all schemas: leave %q out", args[0])
	case out != "":
		return a.writeSchemas(a.path(out))
	case len(args) == 0:
		if a.flags.json {
			return a.printJSON(schemaNames())
		}
		a.printf("%s\n", strings.Join(schemaNames(), "\n"))
		return nil
	}
	s := schemaOf(args[0])
	if s == nil {
		return unknownName("schema", args[0], schemaNames())
	}
	return a.printJSON(s)
}

// unknownName is the error of an argument that is none of the choices.
func unknownName(what, got string, choices []string) error {
	hint := problem.DidYouMean(got, choices)
	if hint == "" {
		hint = "one of " + strings.Join(choices, ", ")
	}
	return fmt.Errorf("there is no %s %q (%s)", what, got, hint)
}

func schemaFile(name string) string {
	if name == "config" {
		return "mlsync.schema.json"
	}
	return name + ".schema.json"
}

// writeSchemas writes the schema files and the settings that map them to the
// folders of the canonical tree.
func (a *app) writeSchemas(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	settings := map[string][]string{}
	at := filepath.ToSlash(dir)
	if !filepath.IsAbs(dir) {
		at = "./" + at
	}
	for _, name := range schemaNames() {
		if err := writeJSON(filepath.Join(dir, schemaFile(name)), schemaOf(name)); err != nil {
			return err
		}
		if globs := schemaGlobs(name); len(globs) > 0 {
			settings[at+"/"+schemaFile(name)] = globs
		}
	}
	if err := writeJSON(filepath.Join(dir, "vscode-settings.json"), map[string]any{"yaml.schemas": settings}); err != nil {
		return err
	}
	a.say("wrote %d schemas and vscode-settings.json to %s", len(schemaNames()), dir)
	return nil
}

// schemaGlobs are the files of the canonical tree that a schema is for.
func schemaGlobs(name string) []string {
	switch name {
	case "config":
		return []string{config.File}
	case "policies":
		return []string{policy.Folder + "/*.yml", policy.Folder + "/*.yaml"}
	}
	for _, t := range kind.All() {
		switch {
		case string(t.Kind) != name:
		case t.Parent != "":
			plural := kind.Of(t.Parent).Plural
			return []string{plural + "/*/" + t.Collection + "/*.yml", plural + "/*/" + t.Collection + "/*.yaml"}
		case strings.HasSuffix(name, "-endpoint"):
			return []string{t.Plural + "/*/endpoint.yml", t.Plural + "/*.yml", t.Plural + "/*.yaml"}
		default:
			return []string{t.Plural + "/**/*.yml", t.Plural + "/**/*.yaml"}
		}
	}
	return nil
}

func writeJSON(file string, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	return writeFile(file, b.Bytes())
}
