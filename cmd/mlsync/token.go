package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/access"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/state"
)

func (a *app) tokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "token", Short: "Make, list and revoke tokens of a daemon's API", GroupID: "run",
		Long: `Tokens let programs use the API of a daemon with projects. Each is for one project
and one role, ends by itself, and never has more than the member that it was made
for has now. Of a token only a hash is kept.

These commands work on the journal of the daemon, on its machine. With --server
they ask the daemon: a token is then made for who asks.`,
	}
	c.AddCommand(a.tokenCreateCommand(), a.tokenListCommand(), a.tokenRevokeCommand())
	return c
}

// tokenFlags are the flags of token create.
type tokenFlags struct {
	projectFlags
	member, role string
	life         time.Duration
}

func (a *app) tokenCreateCommand() *cobra.Command {
	var f tokenFlags
	c := &cobra.Command{
		Use: "create NAME", Short: "Make a token, which is shown once", Args: cobra.ExactArgs(1),
		Long: `Make a token for a member that the file of projects lists, and print it. It is not
kept and cannot be shown again. Its role must be one that the member has; when the
member loses it, so does the token.`,
		Example: `  mlsync token create ci --projects projects.yaml --project vision --member service:APP_ID --role operator
  mlsync token create dashboard --projects projects.yaml --project vision --member group:GROUP_ID --role viewer --life 24h
  mlsync token create laptop --server https://mlsync.example.com --project vision --role viewer`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.createToken(cmd.Context(), f, args[0]) },
	}
	f.register(a, c)
	c.Flags().StringVar(&f.member, "member", "", "for whom: user:ID, group:ID, app_role:NAME or service:ID, as the file lists it")
	c.Flags().StringVar(&f.role, "role", "", "viewer, operator, approver or admin")
	c.Flags().DurationVar(&f.life, "life", 0, "how long it lives (default 720h, or token_life of the file if that is shorter)")
	_ = c.MarkFlagRequired("member")
	_ = c.MarkFlagRequired("role")
	_ = c.RegisterFlagCompletionFunc("role", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var out []string
		for _, r := range access.Roles() {
			out = append(out, string(r))
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}) // the flags are there
	return a.onServer(c, func(ctx context.Context, r *remote, args []string) error { return a.farMakeToken(ctx, r, args[0], f) }, "project", "role", "life")
}

// usualLife is the life of a token if nobody says how long.
const usualLife = 30 * 24 * time.Hour

func (a *app) createToken(ctx context.Context, f tokenFlags, name string) (err error) {
	list, p, err := f.pick(a, f.project)
	if err != nil {
		return err
	}
	who, err := memberNamed(list, f.member)
	if err != nil {
		return err
	}
	for _, m := range membersOf(list) {
		if m.Entry.String() == who.Subject {
			who.Grants = append(who.Grants, m.Grant)
		}
	}
	if len(who.Roles(p.Name)) == 0 {
		return fmt.Errorf("--member: %s is no member of project %s in %s", f.member, p.Name, list.File)
	}
	if f.life == 0 {
		f.life = min(usualLife, list.Access.TokenLife)
	}
	saved, text, err := access.Mint(who, access.Wanted{Project: p.Name, Name: name, Role: access.Role(f.role), Life: f.life}, list.Access.TokenLife, time.Now())
	if err != nil {
		return err
	}
	saved.By = a.author("")
	store, err := f.open(ctx, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := store.AddToken(ctx, keptToken(saved)); err != nil {
		return err
	}
	return a.showNewToken(keptToken(saved), text)
}

// showNewToken shows a token, for the only time.
func (a *app) showNewToken(t state.Token, text string) error {
	if a.flags.json {
		row := tokenRowOf(t, time.Now())
		row.Token = text
		return a.printJSON(row)
	}
	a.printf("%s\n", printable(text))
	a.say("%s: %s of project %s for %s, until %s; it is shown only now", printable(t.ID), printable(t.Role), printable(t.Project), printable(t.Owner), t.Expires.Local().Format("2006-01-02 15:04"))
	return nil
}

// memberNamed reads sort:id or sort:issuer/id.
func memberNamed(list *config.Projects, text string) (access.Principal, error) {
	sort, id, ok := strings.Cut(text, ":")
	entry := access.Entry{Sort: access.Sort(sort), ID: id}
	for _, i := range list.Access.Issuers {
		if rest, named := strings.CutPrefix(id, i.Name+"/"); named {
			entry.Issuer, entry.ID = i.Name, rest
		}
	}
	if entry.Issuer == "" && len(list.Access.Issuers) == 1 {
		entry.Issuer = list.Access.Issuers[0].Name
	}
	kind := access.Person
	switch entry.Sort {
	case access.ServiceApp:
		kind = access.Service
	case access.User, access.Group, access.AppRole:
	default:
		ok = false
	}
	if !ok || entry.ID == "" || entry.Issuer == "" {
		return access.Principal{}, fmt.Errorf("--member %s: write user:ID, group:ID, app_role:NAME or service:ID; with several issuers user:ISSUER/ID", printable(text))
	}
	return access.Principal{Subject: entry.String(), Name: entry.ID, Kind: kind, Has: []string{entry.String()}}, nil
}

func keptToken(t access.Saved) state.Token {
	return state.Token{
		ID: t.ID, Project: t.Project, Name: t.Name, Role: string(t.Role), Hash: t.Hash, Owner: t.Owner, Has: t.Has, By: t.By,
		Created: t.Created, Expires: t.Expires, LastUsed: t.LastUsed, Revoked: t.Revoked,
	}
}

// tokenRow is a token as it is shown.
type tokenRow struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Project  string    `json:"project"`
	Role     string    `json:"role"`
	For      string    `json:"for"`
	By       string    `json:"by"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires"`
	LastUsed time.Time `json:"last_used,omitzero"`
	State    string    `json:"state"`
	Token    string    `json:"token,omitempty"`
}

func tokenRowOf(t state.Token, now time.Time) tokenRow {
	r := tokenRow{ID: t.ID, Name: t.Name, Project: t.Project, Role: t.Role, For: t.Owner, By: t.By, Created: t.Created, Expires: t.Expires, LastUsed: t.LastUsed, State: "valid"}
	switch {
	case !t.Revoked.IsZero():
		r.State = "revoked"
	case !now.Before(t.Expires):
		r.State = "expired"
	}
	return r
}

func (a *app) tokenListCommand() *cobra.Command {
	var f projectFlags
	c := &cobra.Command{
		Use: "list", Short: "List the tokens of a project", Args: cobra.NoArgs,
		Example: "  mlsync token list --projects projects.yaml --project vision",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.listTokens(cmd.Context(), f) },
	}
	f.register(a, c)
	return a.onServer(c, func(ctx context.Context, r *remote, _ []string) error { return a.farTokens(ctx, r, f.project) }, "project")
}

func (a *app) listTokens(ctx context.Context, f projectFlags) (err error) {
	_, p, err := f.pick(a, f.project)
	if err != nil {
		return err
	}
	store, err := f.open(ctx, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	tokens, err := store.Tokens(ctx)
	if err != nil {
		return err
	}
	rows := []tokenRow{}
	for _, t := range tokens {
		rows = append(rows, tokenRowOf(t, time.Now()))
	}
	return a.printTokens(rows, p.Name)
}

func (a *app) printTokens(rows []tokenRow, project string) error {
	if a.flags.json {
		return a.printJSON(rows)
	}
	for _, r := range rows {
		used := "never used"
		if !r.LastUsed.IsZero() {
			used = "used " + r.LastUsed.Local().Format("2006-01-02 15:04")
		}
		a.printf("%-24s %-8s %-9s until %s  %s  %s  for %s\n", printable(r.ID), r.State, printable(r.Role), r.Expires.Local().Format("2006-01-02"), used, printable(r.Name), printable(r.For))
	}
	if len(rows) == 0 {
		a.printf("%s has no tokens\n", strings.TrimSpace("project "+project))
	}
	return nil
}

func (a *app) tokenRevokeCommand() *cobra.Command {
	var f projectFlags
	c := &cobra.Command{
		Use: "revoke ID", Short: "End a token now", Args: cobra.ExactArgs(1),
		Example: "  mlsync token revoke vision.k3v9x2m1q8ab --projects projects.yaml",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.revokeToken(cmd.Context(), f, args[0]) },
	}
	f.register(a, c)
	return a.onServer(c, func(ctx context.Context, r *remote, args []string) error { return a.farRevokeToken(ctx, r, args[0]) })
}

func (a *app) revokeToken(ctx context.Context, f projectFlags, id string) (err error) {
	_, p, err := f.pick(a, access.ProjectOf(id))
	if err != nil {
		return err
	}
	store, err := f.open(ctx, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := store.RevokeToken(ctx, id, a.author("")); err != nil {
		if errors.Is(err, state.ErrNotFound) {
			return fmt.Errorf("project %s has no token %s: mlsync token list shows them", p.Name, printable(id))
		}
		return err
	}
	a.printf("%s: revoked\n", id)
	return nil
}
