package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/emulator"
)

// emulatorFlags are the flags of mlsync emulator.
type emulatorFlags struct {
	listen, caFile string
	tls            bool
	faults         []string
	opt            emulator.Options
}

func (a *app) emulatorCommand() *cobra.Command {
	var f emulatorFlags
	c := &cobra.Command{
		Use: "emulator", Short: "Run a workspace emulator for try-outs and tests", GroupID: "run", Args: cobra.NoArgs,
		Long: `Run an emulator of Azure ML workspaces: the management API, blob storage and
token routes on one address. Workspaces appear when they are first asked for.

It prints its address on stdout and runs until it is interrupted. See
GET /__requests for what was asked of it.`,
		Example: `  mlsync emulator --listen 127.0.0.1:8765 --data /tmp/emulator
  mlsync emulator --lro 200ms --page-size 20 --throttle
  mlsync emulator --tls --ca-file ca.pem
  mlsync emulator --fault 'status=503,method=PUT,path=*/models/*,times=2'`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runEmulator(cmd.Context(), f) },
	}
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	c.Flags().StringVar(&f.opt.DataDir, "data", "", "keep everything in this folder, across restarts")
	c.Flags().BoolVar(&f.tls, "tls", false, "serve https with a certificate of its own authority")
	c.Flags().StringVar(&f.caFile, "ca-file", "mlsync-emulator-ca.pem", "where --tls writes the certificate of its authority")
	c.Flags().IntVar(&f.opt.PageSize, "page-size", 100, "items in a page of a list")
	c.Flags().DurationVar(&f.opt.LRO, "lro", 200*time.Millisecond, "how long a long-running operation takes")
	c.Flags().DurationVar(&f.opt.Delay, "delay", 0, "added to every answer")
	c.Flags().BoolVar(&f.opt.Throttle, "throttle", false, "refuse what exceeds the service's request limits")
	c.Flags().BoolVar(&f.opt.NoRetryAfter, "no-retry-after", false, "leave Retry-After out of status answers, as the service does")
	c.Flags().StringVar(&f.opt.EnvChange, "env-change", emulator.EnvSilent, "what a changed environment version gets: silent or refuse")
	c.Flags().StringArrayVar(&f.faults, "fault", nil, "inject a fault; see docs/reference/emulator.md (repeatable)")
	return c
}

func (a *app) runEmulator(ctx context.Context, f emulatorFlags) error {
	for _, text := range f.faults {
		fault, err := emulator.ParseFault(text)
		if err != nil {
			return err
		}
		f.opt.Faults = append(f.opt.Faults, fault)
	}
	s, err := emulator.New(f.opt)
	if err != nil {
		return err
	}
	if err := s.Start(f.listen, f.tls, f.caFile); err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	if a.flags.json {
		err = a.printJSON(map[string]string{"url": s.URL()})
	} else {
		_, err = fmt.Fprintln(a.streams.out, s.URL())
	}
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
