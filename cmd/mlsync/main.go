// Command mlsync keeps Azure ML workspaces as git says. It wires the rooms
// together, reads flags, prints, and holds no rule of the domain.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker.
var version = "dev"

func main() {
	easeCollection()
	os.Exit(run(os.Args[1:], stdio()))
}

// run is main without the process: arguments in, exit code out.
func run(args []string, std streams) int { return runWith(args, std, os.LookupEnv) }

// runWith is run with another environment.
func runWith(args []string, std streams, env func(string) (string, bool)) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	app := &app{streams: std, env: env}
	root := app.root()
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	err := root.ExecuteContext(app.acting(ctx))
	return app.exit(ctx, err)
}
