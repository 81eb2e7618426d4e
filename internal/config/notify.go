package config

import (
	"cmp"
	"maps"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/glob"
	"mlsync.dev/mlsync/internal/problem"
)

// Notify says who is told when something is wrong with a target.
type Notify struct {
	// Window is how long a change waits for others with the same cause.
	Window   time.Duration
	Channels []Channel // in the order of the file
	Routes   []Route   // none: every channel is told everything
}

// Channel is where messages go. Type is slack, teams, webhook or smtp. Fields
// that end in Secret are names of secrets; values never stand in the file.
type Channel struct {
	Pos        problem.Pos
	Name, Type string
	// MaxPerHour bounds the messages.
	MaxPerHour int
	// URL is the address of a webhook; URLSecret the name of a secret with it.
	URL, URLSecret string
	// KeySecret signs (webhook).
	KeySecret string
	// The rest is for smtp. TLS is starttls, tls or none.
	Host           string
	Port           int
	TLS            string
	Username       string
	PasswordSecret string
	From           string
	To             []string
}

// Route says what some channels are told. Empty lists are everything.
type Route struct {
	Pos      problem.Pos
	Channels []string
	Targets  []string // globs
	Events   []string
	// Severity is the least that is told.
	Severity string
}

// NotifyEvents and NotifySeverities are the words of routes, those of package
// notify.
func NotifyEvents() []string {
	return []string{"failing", "drift", "approval", "waiting", "refused", "blocked", "returned", "rolled_back"}
}

// NotifySeverities are the severities, the least first.
func NotifySeverities() []string { return []string{"info", "warning", "error"} }

var channelTypes = []string{"slack", "teams", "webhook", "smtp"}

func notifyField(c *Config) field {
	n := &c.Notify
	var channel []any
	for _, t := range channelTypes {
		channel = append(channel, schemaOf(append(channelFields(&Channel{Type: t}), word("type", "What it is; its name if not given.", new(string), channelTypes...))))
	}
	route := schemaOf(routeFields(&Route{}))
	return object("notify", "Who is told when something is wrong with a target, and when it is well again.", []field{
		duration("window", "How long a change waits for others with the same cause, to be told in one message; 30s if not given.", &n.Window, 0, time.Hour),
		entries("channels", "Where messages go: slack, teams, webhook or smtp, or any name with a type.", map[string]any{"anyOf": channel},
			func(d *decoder, name string, v *asset.Value) { readChannel(d, name, v, n) }),
		{
			"routes", "What channels are told; every channel everything if not given.",
			map[string]any{"type": "array", "items": route},
			func(d *decoder, v *asset.Value) { readRoutes(d, v, n) },
		},
	})
}

// channelFields are the keys of the channel's type.
func channelFields(c *Channel) []field {
	out := []field{number("max_per_hour", "How many messages it is sent within an hour; 30 if not given. What is more goes into one message later.", &c.MaxPerHour, 1, 1000)}
	switch c.Type {
	case "slack":
		return append(out, secretRef("url", "The address of the incoming webhook, as ${{ secret.NAME }}.", &c.URLSecret))
	case "teams":
		return append(out, secretRef("url", "The address of the workflow's webhook, as ${{ secret.NAME }}.", &c.URLSecret))
	case "webhook":
		return append(out, addressOrSecret("url", "The address, or ${{ secret.NAME }}.", &c.URL, &c.URLSecret),
			secretRef("key", "The key that signs, as ${{ secret.NAME }}.", &c.KeySecret))
	}
	return append(
		out,
		checked("host", "The mail server.", &c.Host, badHost),
		number("port", "Its port; 587 if not given, 465 with tls.", &c.Port, 1, 65535),
		word("tls", "starttls, tls (from the first byte) or none; starttls if not given.", &c.TLS, "starttls", "tls", "none"),
		checked("username", "The user name.", &c.Username, badLine),
		secretRef("password", "The password, as ${{ secret.NAME }}; without it, nobody signs in.", &c.PasswordSecret),
		checked("from", "The address that mail comes from.", &c.From, badMail),
		texts("to", "The addresses that mail goes to.", &c.To, badMail),
	)
}

func routeFields(r *Route) []field {
	return []field{
		texts("channels", "The channels that are told.", &r.Channels, anyText),
		texts("targets", "Globs of names of targets; all if not given.", &r.Targets, badGlob),
		texts("events", "What is told: "+strings.Join(NotifyEvents(), ", ")+"; all if not given.", &r.Events, oneOf(NotifyEvents())),
		word("severity", "The least that is told; all if not given.", &r.Severity, NotifySeverities()...),
	}
}

func oneOf(words []string) func(string) string {
	return func(s string) string {
		if slices.Contains(words, s) {
			return ""
		}
		return "it is not one of " + strings.Join(words, ", ")
	}
}

var secretRefOK = regexp.MustCompile(`\A\$\{\{\s*secret\.([A-Za-z_][A-Za-z0-9_.-]*)\s*\}\}\z`)

const secretRefPattern = `^\$\{\{\s*secret\.[A-Za-z_][A-Za-z0-9_.-]*\s*\}\}$`

// secretRef is the name of a secret, never a value: what stands there instead is
// not repeated.
func secretRef(key, doc string, to *string) field {
	return field{key, doc, map[string]any{"type": "string", "pattern": secretRefPattern}, func(d *decoder, v *asset.Value) {
		m := secretRefOK.FindStringSubmatch(v.Str())
		if m == nil {
			d.badf(v, "write ${{ secret.NAME }} and put the value where secrets come from", "want the name of a secret; the value must not stand here")
			return
		}
		*to = m[1]
	}}
}

// addressOrSecret is an address, or the name of a secret with it.
func addressOrSecret(key, doc string, address, name *string) field {
	return field{key, doc, map[string]any{"type": "string"}, func(d *decoder, v *asset.Value) {
		if m := secretRefOK.FindStringSubmatch(v.Str()); m != nil {
			*name = m[1]
			return
		}
		if bad := badURL(v.Str()); bad != "" {
			d.badf(v, "write https://… or ${{ secret.NAME }}", "%s", bad)
			return
		}
		*address = v.Str()
	}}
}

var hostOK = regexp.MustCompile(`\A[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\z`)

func badHost(s string) string {
	if len(s) > 253 || !hostOK.MatchString(s) {
		return "it is not the name of a host"
	}
	return ""
}

func badLine(s string) string {
	if strings.ContainsAny(s, "\r\n\x00") {
		return "it must be one line"
	}
	return ""
}

// badMail takes a bare address: nothing that could begin another header.
func badMail(s string) string {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || strings.ContainsAny(s, "\r\n\x00<>\"(), ") || len(s) > 254 {
		return "it is not an address such as team@contoso.com"
	}
	return ""
}

func readChannel(d *decoder, name string, v *asset.Value, n *Notify) {
	c := Channel{Pos: v.Pos(), Name: name, Type: name, MaxPerHour: 30}
	if !nameOK.MatchString(name) {
		d.badf(v, "use letters, digits, dots, dashes and underscores", "%q cannot be the name of a channel", name)
	}
	if t := v.Get("type"); t != nil {
		c.Type = ""
		d.in("type", func() { word("type", "", &c.Type, channelTypes...).set(d, t) })
		if c.Type == "" {
			return
		}
	} else if !slices.Contains(channelTypes, name) {
		d.badf(v, "add type: "+strings.Join(channelTypes, ", "), "what %q is must be said", name)
		return
	}
	d.object(v, append(channelFields(&c), field{key: "type", set: func(*decoder, *asset.Value) {}}))
	c.TLS = cmp.Or(c.TLS, "starttls")
	if c.Port == 0 {
		c.Port = map[string]int{"tls": 465, "none": 25}[c.TLS]
		c.Port = cmp.Or(c.Port, 587)
	}
	n.Channels = append(n.Channels, c)
	var need []string
	switch c.Type {
	case "slack", "teams":
		need = []string{"url"}
	case "webhook":
		need = []string{"url", "key"}
	case "smtp":
		need = []string{"host", "from", "to"}
		if (c.Username == "") != (c.PasswordSecret == "") {
			d.badf(v, "", "username and password go together")
		}
		if c.TLS == "none" && c.PasswordSecret != "" {
			d.badf(v, "use starttls or tls", "a password is not sent without TLS")
		}
	}
	for _, key := range need {
		if v.Get(key).IsNull() || v.Get(key).Type() == asset.List && v.Get(key).Len() == 0 {
			d.badf(v, "", "%s must be given", key)
		}
	}
}

func readRoutes(d *decoder, v *asset.Value, n *Notify) {
	if v.Type() != asset.List {
		d.badf(v, "begin each route with a dash", "want a list of routes, not %s", describe(v))
		return
	}
	if !d.fits(v) {
		return
	}
	for _, item := range v.Items() {
		r := Route{Pos: item.Pos()}
		d.object(item, routeFields(&r))
		if item.Type() == asset.Map && len(r.Channels) == 0 {
			d.badf(item, "add channels:", "a route needs channels")
		}
		n.Routes = append(n.Routes, r)
	}
}

// routes checks that routes name channels that there are.
func (d *decoder) routes(c *Config) {
	known := map[string]bool{}
	for _, ch := range c.Notify.Channels {
		known[ch.Name] = true
	}
	names := slices.Sorted(maps.Keys(known))
	for _, r := range c.Notify.Routes {
		for _, name := range r.Channels {
			if !known[name] {
				d.bad.Hintf(r.Pos, "config", problem.DidYouMean(name, names), "notify.routes: there is no channel %q", name)
			}
		}
	}
}

// Told are the channels that are told of something of a target.
func (n *Notify) Told(target, event, severity string) []string {
	var out []string
	for _, ch := range n.Channels {
		told := len(n.Routes) == 0
		for _, r := range n.Routes {
			told = told || slices.Contains(r.Channels, ch.Name) &&
				(len(r.Targets) == 0 || slices.ContainsFunc(r.Targets, func(p string) bool { return glob.Name(p, target) })) &&
				(len(r.Events) == 0 || slices.Contains(r.Events, event)) &&
				slices.Index(NotifySeverities(), severity) >= slices.Index(NotifySeverities(), r.Severity)
		}
		if told {
			out = append(out, ch.Name)
		}
	}
	return out
}
