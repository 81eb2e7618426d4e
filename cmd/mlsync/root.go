package main

import (
	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/azureml"
)

// app is one call of the program.
type app struct {
	streams streams
	env     func(string) (string, bool)
	flags   globalFlags
	// budget and connections are those of all clients; nil lets each have its own.
	budget      *azureml.Budget
	connections *azureml.Connections
}

// globalFlags are the flags that every command has.
type globalFlags struct {
	dir, config, target, color string
	// server is that of the commands that can ask one.
	server      string
	verbose     int
	quiet, json bool
}

const rootHelp = `mlsync keeps Azure ML workspaces as git says.

It reads the YAML files of a repository, compares them with the live workspace,
and creates, updates and removes what differs, in the order of dependencies.`

const rootExamples = `  mlsync export --workspace mlw-dev --out .   # take over what is there
  mlsync plan                                 # what would change
  mlsync apply                                # change it
  mlsync drift                                # what was changed behind git's back
  mlsync daemon --data /var/lib/mlsync        # do all that on every push`

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "mlsync", Short: "GitOps for Azure ML", Long: rootHelp + "\n\n" + exitCodes, Example: rootExamples,
		SilenceErrors: true, SilenceUsage: true, Version: version,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	f := root.PersistentFlags()
	f.StringVarP(&a.flags.dir, "dir", "C", "", "work in this folder")
	f.StringVarP(&a.flags.config, "config", "c", "mlsync.yaml", "the configuration file, relative to the folder")
	f.StringVarP(&a.flags.target, "target", "t", "", "the target of the configuration (if there are several)")
	f.StringVar(&a.flags.color, "color", "auto", "colours: auto, always or never")
	f.CountVarP(&a.flags.verbose, "verbose", "v", "say more; twice for all")
	f.BoolVarP(&a.flags.quiet, "quiet", "q", false, "print results and errors only")
	f.BoolVar(&a.flags.json, "json", false, "print results as JSON")
	root.AddGroup(&cobra.Group{ID: "work", Title: "Everyday work:"}, &cobra.Group{ID: "move", Title: "Promotion:"}, &cobra.Group{ID: "files", Title: "Files:"},
		&cobra.Group{ID: "run", Title: "Servers:"}, &cobra.Group{ID: "help", Title: "Help:"})
	root.SetHelpCommandGroupID("help")
	root.AddCommand(a.commands()...)
	_ = root.RegisterFlagCompletionFunc("target", a.completeTargets) // the flag is there
	return root
}

func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.planCommand(), a.applyCommand(), a.driftCommand(), a.statusCommand(), a.historyCommand(), a.whyCommand(), a.runCommand(), a.syncCommand(), a.eventsCommand(), a.previewCommand(),
		a.searchCommand(), a.inventoryCommand(),
		a.adoptCommand(), a.disownCommand(), a.rolloutCommand(), a.approveCommand(), a.abortCommand(), a.holdCommand(), a.unholdCommand(), a.auditCommand(), a.stateCommand(), a.exportCommand(),
		a.releaseCommand(), a.promoteCommand(), a.gatesCommand(), a.rollbackCommand(), a.lineageCommand(),
		a.daemonCommand(), a.tokenCommand(), a.webhookCommand(), a.notifyCommand(), a.doctorCommand(),
		a.checkCommand(), a.fmtCommand(), a.policyCommand(), a.initCommand(), a.renderCommand(), a.schemaCommand(),
		a.kindsCommand(), a.completionCommand(),
		a.emulatorCommand(), a.demoCommand(),
		a.versionCommand(),
	}
}
