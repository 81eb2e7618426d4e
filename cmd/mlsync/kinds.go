package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

func (a *app) kindsCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "kinds [KIND]", Short: "Explain the kinds of assets and their fields", GroupID: "help", Args: cobra.MaximumNArgs(1),
		Long: `List the kinds of assets that mlsync manages, or explain one: each field with
its type, its default, what a change of it does, and how the service behaves.`,
		Example: `  mlsync kinds
  mlsync kinds environment
  mlsync kinds online-deployment --json`,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return kindNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.runKinds(args, dir) },
	}
	c.Flags().StringVar(&dir, "markdown", "", "write the reference as Markdown files into this folder")
	return c
}

func (a *app) runKinds(args []string, dir string) error {
	if dir != "" {
		return a.writeKinds(a.path(dir))
	}
	if len(args) == 0 {
		return a.listKinds()
	}
	t := kind.Of(asset.Kind(args[0]))
	if t == nil {
		return unknownName("kind", args[0], kindNames())
	}
	if a.flags.json {
		return a.printJSON(kindReference(t))
	}
	a.printKind(kindReference(t))
	return nil
}

func (a *app) listKinds() error {
	if a.flags.json {
		var all []kindDoc
		for _, t := range kind.All() {
			all = append(all, kindReference(t))
		}
		return a.printJSON(all)
	}
	for _, t := range kind.All() {
		a.printf("%-25s %s\n", t.Kind, t.Doc)
	}
	return nil
}

// kindDoc is the reference of a kind.
type kindDoc struct {
	Kind       string       `json:"kind"`
	Doc        string       `json:"doc"`
	Folder     string       `json:"folder"`
	Parent     string       `json:"parent,omitempty"`
	ParentKey  string       `json:"parent_key,omitempty"`
	Versioned  bool         `json:"versioned"`
	OnRemove   string       `json:"on_remove"`
	Costly     bool         `json:"costly"`
	Promotable bool         `json:"promotable"`
	Once       bool         `json:"once"`
	Names      string       `json:"names,omitempty"`
	Variants   []variantDoc `json:"variants"`

	notes []string
}

// variantDoc is one form of a kind.
type variantDoc struct {
	Name    string     `json:"name,omitempty"`
	Doc     string     `json:"doc,omitempty"`
	Schema  []string   `json:"schema,omitempty"`
	Types   []string   `json:"type,omitempty"`
	Preview bool       `json:"preview"`
	Fields  []fieldDoc `json:"fields"`
}

// fieldDoc is one field at any depth.
type fieldDoc struct {
	Path      string          `json:"path"`
	Type      string          `json:"type"`
	Required  bool            `json:"required,omitempty"`
	ReadOnly  bool            `json:"read_only,omitempty"`
	Secret    bool            `json:"secret,omitempty"`
	Stays     bool            `json:"stays,omitempty"`
	Change    string          `json:"change"`
	Default   json.RawMessage `json:"default,omitempty"`
	Service   json.RawMessage `json:"service_default,omitempty"`
	Reference string          `json:"reference,omitempty"`
	LocalPath string          `json:"local_path,omitempty"`
	REST      string          `json:"rest,omitempty"`
	Doc       string          `json:"doc,omitempty"`
}

func kindReference(t *kind.Table) kindDoc {
	d := kindDoc{
		Kind: string(t.Kind), Doc: t.Doc, Folder: t.Plural, Parent: string(t.Parent), ParentKey: t.ParentKey, Versioned: t.Versioned,
		OnRemove: string(t.Remove), Costly: t.Costly, Promotable: t.Promotable, Once: t.Once, Names: t.Names.Text, notes: kindNotes(t),
	}
	for _, v := range t.Variants {
		one := variantDoc{Name: v.Name, Doc: v.Doc, Schema: v.Schemas, Types: v.Types, Preview: v.Preview != nil}
		for _, r := range v.Rows() {
			one.Fields = append(one.Fields, fieldReference(r))
		}
		d.Variants = append(d.Variants, one)
	}
	return d
}

func fieldReference(r kind.Row) fieldDoc {
	f := r.Field
	d := fieldDoc{Path: r.Path, Type: f.As.Describe(), Required: f.Required, ReadOnly: r.ReadOnly, Secret: r.Secret, Stays: r.Stays, Change: r.Change.String(), REST: f.REST, Doc: f.Doc}
	d.Stays = d.Stays && !r.ReadOnly
	if f.Late {
		d.Doc = strings.TrimSpace(d.Doc + " Set after the deployments exist.")
	}
	if f.Send != nil {
		d.Default = f.Send.Canonical()
	}
	if f.Service != nil {
		d.Service = f.Service.Canonical()
	}
	switch t := f.As.(type) {
	case kind.Ref:
		d.Reference = string(t.To)
	case kind.Local:
		d.LocalPath = localities[t.What]
		d.Reference = string(t.Asset)
	}
	return d
}

// localities say what becomes of a path of the repository.
var localities = map[kind.Locality]string{
	kind.Code: "becomes a code asset", kind.Upload: "is uploaded to a datastore", kind.Context: "is uploaded as a build context",
	kind.Document: "is read and sent", kind.Script: "is read and sent as text",
}

// kindNotes are what is particular about a kind, in sentences.
func kindNotes(t *kind.Table) []string {
	var notes []string
	add := func(is bool, text string) {
		if is {
			notes = append(notes, text)
		}
	}
	add(t.Versioned, "It has versions. Without `version:` in the file, mlsync gives the next one when the content changes.")
	add(t.Parent != "", "It belongs to a `"+string(t.Parent)+"`, which `"+t.ParentKey+"` names.")
	add(t.Once, "It is written once: a changed file is a new run, with another name.")
	add(t.Tags == "", "It cannot carry tags, so its owner is known from the journal only.")
	add(t.StampsFixed, "Tags of an existing version cannot be changed.")
	add(t.ReadBack, "A write is read back, because the service may answer success without having done it.")
	add(t.LowerName, "The service knows its name in lower case only.")
	add(t.NeedType, "A file must name its `type`.")
	add(t.Names.Text != "", "Names: "+t.Names.Text+".")
	add(t.Remove != "", "Removed from git: "+string(t.Remove)+" by default (`on_remove` in mlsync.yaml).")
	add(t.Costly, "Its removal needs an approval.")
	add(t.Promotable, "It can be promoted; fields marked so stay the target's own.")
	add(t.Carries, "Its bytes move with it, wherever they are.")
	return notes
}

func (a *app) printKind(d kindDoc) {
	a.printf("%s: %s\n\n", d.Kind, d.Doc)
	for _, n := range d.notes {
		a.printf("  %s\n", strings.ReplaceAll(n, "`", ""))
	}
	for _, v := range d.Variants {
		a.printf("\n%s\n", strings.TrimSpace(strings.Join([]string{d.Kind, v.Name}, " ")))
		if v.Doc != "" {
			a.printf("  %s\n", v.Doc)
		}
		for _, f := range v.Fields {
			a.printf("  %-40s %s\n", f.Path, strings.Join(append([]string{f.Type}, f.marks()...), "; "))
			if f.Doc != "" {
				a.printf("  %-40s   %s\n", "", f.Doc)
			}
		}
	}
}

// marks are the particulars of a field, a few words each.
func (f fieldDoc) marks() []string {
	var out []string
	add := func(is bool, text string) {
		if is {
			out = append(out, text)
		}
	}
	add(f.Required, "required")
	add(f.Secret, "secret")
	add(f.ReadOnly, "read-only")
	add(!f.ReadOnly, f.Change)
	add(f.Default != nil, "default "+string(f.Default))
	add(f.Service != nil && string(f.Service) != string(f.Default), "the service's default "+string(f.Service))
	add(f.LocalPath != "", "a path of the repository "+f.LocalPath)
	add(f.Stays, "stays the target's own")
	return out
}

// writeKinds writes a page for each kind and one that lists them.
func (a *app) writeKinds(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	index := "# Kinds\n\nGenerated by `mlsync kinds --markdown`.\n\n| Kind | What it is |\n|---|---|\n"
	for _, t := range kind.All() {
		d := kindReference(t)
		index += "| [" + d.Kind + "](" + d.Kind + ".md) | " + cell(d.Doc) + " |\n"
		if err := writeFile(filepath.Join(dir, d.Kind+".md"), []byte(kindMarkdown(d))); err != nil {
			return err
		}
	}
	if err := writeFile(filepath.Join(dir, "README.md"), []byte(index)); err != nil {
		return err
	}
	a.say("wrote %d pages to %s", len(kind.All())+1, dir)
	return nil
}

func kindMarkdown(d kindDoc) string {
	var b strings.Builder
	b.WriteString("# " + d.Kind + "\n\n" + d.Doc + "\n\n")
	for _, n := range d.notes {
		b.WriteString("- " + n + "\n")
	}
	b.WriteString("- Canonical folder: `" + d.Folder + "/`.\n")
	for _, v := range d.Variants {
		b.WriteString("\n" + variantMarkdown(d, v))
	}
	return b.String()
}

func variantMarkdown(d kindDoc, v variantDoc) string {
	var b strings.Builder
	b.WriteString("## " + strings.TrimSpace(d.Kind+" "+v.Name) + "\n\n")
	if v.Doc != "" {
		b.WriteString(v.Doc + "\n\n")
	}
	if len(v.Schema) > 0 {
		b.WriteString("`$schema`: `" + strings.Join(v.Schema, "`, `") + "`.")
		if len(v.Types) > 0 {
			b.WriteString(" `type`: `" + strings.Join(v.Types, "`, `") + "`.")
		}
		if v.Preview {
			b.WriteString(" The form of the 2020 preview is read too.")
		}
		b.WriteString("\n\n")
	}
	b.WriteString("| Field | Type | On change | Notes |\n|---|---|---|---|\n")
	for _, f := range v.Fields {
		change := f.Change
		if f.ReadOnly {
			change = "read-only"
		}
		b.WriteString("| `" + f.Path + "` | " + cell(f.markdownType()) + " | " + change + " | " + cell(f.markdownNotes()) + " |\n")
	}
	return b.String()
}

func (f fieldDoc) markdownType() string {
	if f.Reference != "" && f.LocalPath == "" {
		return "reference to [" + f.Reference + "](" + f.Reference + ".md)"
	}
	return f.Type
}

func (f fieldDoc) markdownNotes() string {
	var marks []string
	for _, m := range f.marks() {
		switch {
		case m == f.Change || m == "read-only":
		case m == "required" || m == "secret":
			marks = append(marks, "**"+m+"**")
		default:
			marks = append(marks, m)
		}
	}
	if len(marks) == 0 {
		return f.Doc
	}
	text := strings.Join(marks, "; ")
	if f.Doc != "" {
		text += ". " + f.Doc
	}
	return text
}

// cell is a text as a cell of a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "${{", "$\\{\\{").Replace(s)
}
