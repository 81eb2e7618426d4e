package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/notify"
)

func (a *app) notifyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "notify", Short: "Try the channels that are told when something is wrong", GroupID: "run",
		Long: `The daemon tells the channels under notify: in mlsync.yaml when something of a
target is no longer as it should be, and when it is again.`,
	}
	c.AddCommand(a.notifyTestCommand())
	return c
}

// notifyTest are the flags of mlsync notify test.
type notifyTest struct {
	dry, over bool
	event     string
}

func (a *app) notifyTestCommand() *cobra.Command {
	var f notifyTest
	c := &cobra.Command{
		Use: "test [NAME]", Short: "Send a sample message to a channel, or to all", Args: cobra.MaximumNArgs(1),
		Long: `Send a message about nothing to a channel of mlsync.yaml, or to all of them. It
says that it is a test. With --dry-run, print what would be sent; then no secret
is asked for. Routes and the bound of messages an hour do not matter here.

Each channel is tried once. The exit code is 1 if one does not take the message.`,
		Example: `  mlsync notify test
  mlsync notify test ops --event drift
  mlsync notify test ops --event drift --over --dry-run
  mlsync notify test --json`,
		ValidArgsFunction: a.completeChannels,
		RunE:              func(cmd *cobra.Command, names []string) error { return a.testNotify(cmd.Context(), names, f) },
	}
	c.Flags().BoolVarP(&f.dry, "dry-run", "n", false, "print the message and send nothing")
	c.Flags().BoolVar(&f.over, "over", false, "the message that it is over")
	c.Flags().StringVar(&f.event, "event", notify.Failing, "the sort of event: "+strings.Join(notify.Whats(), ", "))
	_ = c.RegisterFlagCompletionFunc("event", cobra.FixedCompletions(notify.Whats(), cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return c
}

// completeChannels are the channels of mlsync.yaml.
func (a *app) completeChannels(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	cfg, _, err := a.readConfig()
	if err != nil || len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, c := range cfg.Notify.Channels {
		out = append(out, c.Name+"\t"+c.Type)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// notified is what became of a sample for one channel.
type notified struct {
	Channel string          `json:"channel"`
	Type    string          `json:"type"`
	State   string          `json:"state"` // sent, failed, or dry-run
	Error   string          `json:"error,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
	Text    string          `json:"text,omitempty"`
}

func (a *app) testNotify(ctx context.Context, names []string, f notifyTest) error {
	if !slices.Contains(notify.Whats(), f.event) {
		return unknownName("event", f.event, notify.Whats())
	}
	cfg, bad, err := a.readConfig()
	if err != nil {
		return err
	}
	if err := bad.Err(); err != nil {
		return err
	}
	channels, err := pickChannels(cfg, names)
	if err != nil {
		return err
	}
	sample := notify.Sample(f.event, time.Now())
	sample.Over = f.over
	m := notify.Write(newKey(), []notify.Notice{sample}, 0)
	var out []notified
	failed := 0
	var get secretGet
	for _, c := range channels {
		if !f.dry && get == nil {
			var targets []*config.Target
			if len(cfg.Targets) > 0 {
				targets = append(targets, &cfg.Targets[0])
			}
			if get, err = a.channelSecrets(cfg, targets); err != nil {
				return err
			}
		}
		n := a.sample(ctx, c, get, m, f.dry)
		if n.State == "failed" {
			failed++
		}
		out = append(out, n)
	}
	if err := a.printNotified(out); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d channels did not take the message", failed, len(out))
	}
	return nil
}

func pickChannels(cfg *config.Config, names []string) ([]*config.Channel, error) {
	var all []string
	var out []*config.Channel
	for i := range cfg.Notify.Channels {
		c := &cfg.Notify.Channels[i]
		all = append(all, c.Name)
		if len(names) == 0 || slices.Contains(names, c.Name) {
			out = append(out, c)
		}
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("%s has no channels: add notify.channels", config.File)
	case len(out) == 0:
		return nil, unknownName("channel", names[0], all)
	}
	return out, nil
}

// sample sends a message to a channel, or says what would be sent.
func (a *app) sample(ctx context.Context, c *config.Channel, get secretGet, m notify.Message, dry bool) notified {
	n := notified{Channel: c.Name, Type: c.Type, State: "sent"}
	var err error
	if dry {
		n.State = "dry-run"
		var body []byte
		if body, err = notify.Body(bareChannel(c), m); c.Type == notify.SMTP {
			n.Text = string(body)
		} else {
			n.Body = body
		}
	} else {
		err = a.sendTo(ctx, c, get, m)
	}
	if err != nil {
		n.State, n.Error = "failed", err.Error()
	}
	return n
}

func (a *app) printNotified(list []notified) error {
	if a.flags.json {
		return a.printJSON(list)
	}
	for i, n := range list {
		switch {
		case n.Error != "":
			a.printf("%s: not sent: %s\n", n.Channel, strings.TrimPrefix(n.Error, "channel "+n.Channel+": "))
		case n.State == "sent":
			a.printf("%s: sent (%s)\n", n.Channel, n.Type)
		default:
			if i > 0 {
				a.printf("\n")
			}
			a.printf("%s (%s):\n", n.Channel, n.Type)
			if n.Body == nil {
				a.printf("%s", n.Text)
				continue
			}
			pretty, err := json.MarshalIndent(n.Body, "", "  ")
			if err != nil {
				return err
			}
			a.printf("%s\n", pretty)
		}
	}
	return nil
}
