package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/state"
)

// projectFlags name a project of a daemon, and where its journal is.
type projectFlags struct {
	projects, project, data, database string
}

func (f *projectFlags) register(a *app, c *cobra.Command) {
	c.Flags().StringVar(&f.projects, "projects", "", "file of projects of the daemon")
	c.Flags().StringVar(&f.project, "project", "", "the project (if there are several)")
	c.Flags().StringVar(&f.data, "data", "mlsync-data", "data folder of the daemon")
	c.Flags().StringVar(&f.database, "database", "", "database of the daemon: postgres://…")
	_ = c.RegisterFlagCompletionFunc("project", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		list, err := a.readProjects(f.projects)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return projectNames(list), cobra.ShellCompDirectiveNoFileComp
	}) // the flag is there
}

func projectNames(list *config.Projects) []string {
	var out []string
	for i := range list.Projects {
		out = append(out, list.Projects[i].Name)
	}
	return out
}

// pick reads the file and picks the project with the name.
func (f projectFlags) pick(a *app, name string) (*config.Projects, *config.Project, error) {
	if f.projects == "" {
		return nil, nil, errors.New("--projects: name the file of projects of the daemon")
	}
	list, err := a.readProjects(f.projects)
	if err != nil {
		return nil, nil, err
	}
	names := projectNames(list)
	for i := range list.Projects {
		if p := &list.Projects[i]; p.Name == name || name == "" && len(names) == 1 {
			return list, p, nil
		}
	}
	if name == "" {
		return nil, nil, fmt.Errorf("--project: choose one of %s", strings.Join(names, ", "))
	}
	hint := problem.DidYouMean(name, names)
	if hint == "" {
		hint = "one of " + strings.Join(names, ", ")
	}
	return nil, nil, fmt.Errorf("there is no project %q (%s)", name, hint)
}

// place is where the journal of a project is, and whether it has to be there.
func (f projectFlags) place(ctx context.Context, p *config.Project) (string, error) {
	if f.database != "" {
		return state.Schema(ctx, f.database, schemaName(p.Name))
	}
	return filepath.Join(f.data, p.Name, "mlsync.db"), nil
}

// open opens the journal of a project, which is made if the daemon has not made
// it yet.
func (f projectFlags) open(ctx context.Context, p *config.Project) (*state.Store, error) {
	where, err := f.place(ctx, p)
	if err != nil {
		return nil, err
	}
	if f.database == "" {
		if _, err := os.Stat(f.data); err != nil {
			return nil, fmt.Errorf("--data: %w", err)
		}
	}
	return state.Open(ctx, where, journalOptions(where, p.Installation()))
}
