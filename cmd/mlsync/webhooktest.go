package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/webhook"
)

func (a *app) webhookCommand() *cobra.Command {
	c := &cobra.Command{Use: "webhook", Short: "Look into deliveries of webhooks", GroupID: "run", Args: cobra.NoArgs}
	c.AddCommand(a.webhookTestCommand())
	return c
}

type webhookTestFlags struct {
	provider, event, repository string
	headers                     []string
}

func (a *app) webhookTestCommand() *cobra.Command {
	var f webhookTestFlags
	c := &cobra.Command{
		Use: "test PAYLOAD", Short: "Say what a delivery would do, and why", Args: cobra.ExactArgs(1),
		Long: `Read the payload of a delivery, as the service shows it in the list of its
deliveries, and say which repository and refs it names, whether that is the
repository of the configuration, and which targets it would wake. Nothing is
sent, and nothing is woken.

With the headers of the delivery, its signature is verified as well, with the
secret that the configuration names.`,
		Example: `  mlsync webhook test payload.json
  mlsync webhook test payload.json --provider gitlab --repository git@gitlab.com:contoso/ml.git
  mlsync webhook test payload.json --event push --header 'X-Hub-Signature-256: sha256=…'
  pbpaste | mlsync webhook test -`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.runWebhookTest(cmd.Context(), args[0], f) },
	}
	c.Flags().StringVar(&f.provider, "provider", "", "who sent it: "+strings.Join(webhook.Names(), ", ")+" (found by the payload if not given)")
	c.Flags().StringVar(&f.event, "event", "", "the event that its header names (a push if not given)")
	c.Flags().StringVar(&f.repository, "repository", "", "address of the repository (over the configuration)")
	c.Flags().StringArrayVarP(&f.headers, "header", "H", nil, "a header of the delivery, 'Name: value'")
	_ = c.RegisterFlagCompletionFunc("provider", cobra.FixedCompletions(webhook.Names(), cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return c
}

// webhookTest is what webhook test says.
type webhookTest struct {
	Provider   string          `json:"provider"`
	Event      string          `json:"event,omitempty"`
	Delivery   string          `json:"delivery,omitempty"`
	Signature  string          `json:"signature"` // good, bad, or not looked at
	Push       bool            `json:"push"`
	Pull       bool            `json:"pull_request"`
	Repository string          `json:"repository"`
	Key        string          `json:"key,omitempty"`
	Named      []webhookNamed  `json:"named"`
	Matches    bool            `json:"matches"`
	Refs       []string        `json:"refs"`
	Targets    []webhookTarget `json:"targets"`
	// Verdict says it in one sentence.
	Verdict string `json:"verdict"`
}

type webhookNamed struct {
	Remote string `json:"remote"`
	Key    string `json:"key,omitempty"`
	Why    string `json:"why,omitempty"`
}

type webhookTarget struct {
	Name  string `json:"name"`
	Ref   string `json:"ref"`
	Wakes bool   `json:"wakes"`
}

func (a *app) runWebhookTest(ctx context.Context, file string, f webhookTestFlags) error {
	body, err := a.payload(file)
	if err != nil {
		return err
	}
	header := http.Header{}
	for _, h := range f.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return fmt.Errorf("--header %s: write 'Name: value'", printable(h))
		}
		header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	cfg, bad, err := a.readConfig()
	if err != nil {
		return err
	}
	if err := bad.Err(); err != nil {
		return err
	}
	provider := webhook.Provider(f.provider)
	if provider == "" {
		if provider, err = webhook.Guess(header, body); err != nil {
			return fmt.Errorf("%s: %w: say --provider, one of %s", printable(file), err, strings.Join(webhook.Names(), ", "))
		}
	}
	if !webhook.Known(provider) {
		return fmt.Errorf("--provider %s: want one of %s", printable(f.provider), strings.Join(webhook.Names(), ", "))
	}
	named := webhook.Named(provider, header, f.event)
	hint, err := webhook.Read(provider, named, body)
	if err != nil {
		return fmt.Errorf("%s: %w", printable(file), err)
	}
	remote := cmp.Or(f.repository, cfg.Repository.URL)
	if remote == "" {
		if w, err := openFolder(cmp.Or(a.flags.dir, ".")); err == nil {
			remote = w.Origin()
			_ = w.Close() // it was only read
		}
	}
	t := explain(cfg, hint, remote)
	if t.Signature, err = a.verified(ctx, cfg, provider, header, body); err != nil {
		return err
	}
	t.Verdict = t.verdict()
	if a.flags.json {
		return a.printJSON(t)
	}
	return a.showWebhookTest(t)
}

// payload reads a file, or what is piped in, of no more bytes than a delivery
// may have.
func (a *app) payload(file string) ([]byte, error) {
	if file != "-" {
		return readBounded(func() (fs.File, error) { return os.Open(a.path(file)) }, limit.WebhookBody)
	}
	data, err := io.ReadAll(io.LimitReader(a.streams.in, limit.WebhookBody+1))
	if err == nil && len(data) > limit.WebhookBody {
		return nil, fmt.Errorf("the payload has more than %d bytes", limit.WebhookBody)
	}
	return data, err
}

// explain holds a hint against the repository and the targets.
func explain(cfg *config.Config, h webhook.Hint, remote string) *webhookTest {
	service := serviceOf(cfg)
	t := &webhookTest{
		Provider: string(h.Provider), Event: h.Event, Delivery: h.Delivery, Push: h.Push, Pull: h.Pull, Refs: h.Refs,
		Matches: h.About(remote, service), Named: []webhookNamed{}, Targets: []webhookTarget{},
	}
	if t.Refs == nil {
		t.Refs = []string{}
	}
	key, err := h.Key(remote, service)
	t.Repository, t.Key = harmless(remote, key, err), key
	for _, s := range h.Repositories(service) {
		t.Named = append(t.Named, webhookNamed{harmless(s.Remote, s.Key, nil), s.Key, s.Why})
	}
	d := &daemon{app: &app{}, cfg: cfg}
	for _, target := range d.targets() {
		ref := d.refOf(target)
		wakes := h.Push && t.Matches && (len(h.Refs) == 0 || slices.ContainsFunc(h.Refs, ref.Touches))
		t.Targets = append(t.Targets, webhookTarget{target.Name, ref.String(), wakes})
	}
	return t
}

// harmless is an address without what may be a password.
func harmless(remote, key string, err error) string {
	switch {
	case remote == "":
		return ""
	case err != nil, strings.Contains(remote, "@") && strings.Contains(remote, "://"):
		return cmp.Or(key, "(not shown)")
	}
	return remote
}

// verified looks at the signature as the daemon does, if there are headers and
// a secret to look at it with.
func (a *app) verified(ctx context.Context, cfg *config.Config, p webhook.Provider, header http.Header, body []byte) (string, error) {
	if len(header) == 0 {
		return "not looked at: no headers were given", nil
	}
	only := *cfg
	only.Webhooks = slices.DeleteFunc(slices.Clone(cfg.Webhooks), func(w config.Webhook) bool { return w.Provider != string(p) })
	if len(only.Webhooks) == 0 {
		return fmt.Sprintf("not looked at: webhooks.%s is not configured", p), nil
	}
	s, err := a.openHooks(ctx, &only, webhook.Options{Now: time.Now})
	if err != nil {
		return "", err
	}
	if err := s.Prove(ctx, p, header, body); err != nil {
		return "bad: " + err.Error(), nil
	}
	return "good", nil
}

// verdict is the whole in one sentence.
func (t *webhookTest) verdict() string {
	var woken []string
	for _, target := range t.Targets {
		if target.Wakes {
			woken = append(woken, target.Name)
		}
	}
	switch {
	case strings.HasPrefix(t.Signature, "bad"):
		return "it is refused: the proof does not hold"
	case !t.Push && !t.Pull:
		return fmt.Sprintf("it is taken and ignored: %s is no push", cmp.Or(t.Event, "the event"))
	case t.Repository == "":
		return "it is taken and ignored: no repository is configured: set repository.url, or say --repository"
	case len(t.Named) == 0:
		return "it is taken and ignored: the payload names no repository"
	case !t.Matches:
		return "it is taken and ignored: it is about another repository"
	case t.Pull:
		return "it lets the pull requests be looked at, if there are previews"
	case len(t.Targets) == 0:
		return "it is about this repository, and no target is configured"
	case len(woken) == 0:
		return "it is taken and ignored: no target follows a ref that moved"
	}
	return "it wakes " + strings.Join(woken, ", ")
}

func (a *app) showWebhookTest(t *webhookTest) error {
	w := tabwriter.NewWriter(a.streams.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "provider\t%s\n", t.Provider)
	fmt.Fprintf(w, "event\t%s\n", printable(cmp.Or(t.Event, "push, as none was given")))
	fmt.Fprintf(w, "signature\t%s\n", printable(t.Signature))
	fmt.Fprintf(w, "repository\t%s\n", printable(cmp.Or(t.Key, t.Repository, "none")))
	for _, n := range t.Named {
		note := "another one"
		switch {
		case n.Why != "":
			note = "not an address of a repository"
		case n.Key == t.Key:
			note = "the same"
		}
		fmt.Fprintf(w, "named\t%s\t%s\n", printable(cmp.Or(n.Key, n.Remote)), note)
	}
	for _, ref := range t.Refs {
		fmt.Fprintf(w, "moved\t%s\n", printable(ref))
	}
	if len(t.Refs) == 0 && t.Push {
		fmt.Fprintf(w, "moved\tno ref is named, so any may have\n")
	}
	for _, target := range t.Targets {
		fmt.Fprintf(w, "target\t%s\tfollows %s\t%s\n", printable(target.Name), printable(target.Ref), map[bool]string{true: "wakes", false: "sleeps on"}[target.Wakes])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	a.printf("%s\n", printable(t.Verdict))
	return nil
}
