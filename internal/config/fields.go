package config

import (
	"maps"
	"net"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
)

const day = 24 * time.Hour

func repositoryFields(r *Repository) []field {
	return []field{
		text("url", "The address: https, ssh or file. Without it, mlsync works on the folder it is called in.", &r.URL),
		checked("branch", "The branch that is applied; main if not given.", &r.Branch, badRef),
		checked("path", "The folder within the repository that holds the assets; all of it if not given.", &r.Path, badFolder),
		duration("poll", "How often the daemon asks for new commits; 60s if not given.", &r.Poll, 5*time.Second, day),
		object("auth", "How the repository is reached.", []field{
			text("username", "The user name of basic authentication.", &r.Auth.Username),
			checked("token_env", "The environment variable that holds the token or password.", &r.Auth.TokenEnv, badEnv),
			text("ssh_key", "The file with the private key.", &r.Auth.SSHKey),
			text("known_hosts", "The file with the keys of known servers.", &r.Auth.KnownHosts),
		}),
		object("forge", "The service with the pull requests of the repository.", []field{
			word("provider", "Which service it is. Needed for servers of your own; auto asks the host.", &r.Forge.Provider, "github", "gitlab", "azure", "gitea", "auto"),
			checked("api", "The address of its REST API, if it is not the usual one of the repository's host.", &r.Forge.API, badURL),
			checked("token_env", "The environment variable that holds the token.", &r.Forge.TokenEnv, badEnv),
		}),
	}
}

func identityFields(i *Identity) []field {
	return []field{
		word("type", "How the identity is found; default tries all in turn.", &i.Type, "default", "cli", "environment", "managed_identity", "workload_identity"),
		text("client_id", "The client id of a user-assigned managed identity or an application.", &i.ClientID),
		text("tenant_id", "The tenant.", &i.TenantID),
	}
}

// settingFields are the keys that targets and defaults share.
func settingFields(t *Target) []field {
	return []field{
		word("cloud", "The Azure cloud.", &t.Cloud, "public", "usgovernment", "china"),
		checked("endpoint", "The address of the resource manager, in place of the cloud's.", &t.Endpoint, badURL),
		checked("storage_endpoint", "The address of the storage service, in place of the cloud's.", &t.StorageEndpoint, badURL),
		checked("authority", "The address that gives tokens, in place of the cloud's.", &t.Authority, badURL),
		text("ca_file", "A file with one more certificate authority to trust.", &t.CAFile),
		checked("branch", "The branch that is applied here.", &t.Branch, badRef),
		checked("tag", "A glob of tags; the newest that matches is applied here.", &t.Tag, badRef),
		text("semver", "A range of semantic versions; the highest tag in it is applied here.", &t.Semver),
		texts("manage", "Kinds at the top of the target that are managed as well: workspace, feature-store, registry.", &t.Manage, anyText),
		texts("include", "Globs of the paths that belong here; all if not given.", &t.Include, badGlob),
		texts("exclude", "Globs of the paths that do not.", &t.Exclude, badGlob),
		texts("overlay", "Folders of merge patches, the later over the earlier.", &t.Overlays, badFolder),
		varsField(t),
		object("drift", "What happens when a live asset differs although git did not change.", []field{
			word("mode", "Without it, assets that mlsync made are corrected and adopted ones reported.", &t.Drift.Mode, "off", "report", "correct"),
			schedule("schedule", "When the daemon looks, in cron; every 15 minutes if not given, off for never.", &t.Drift.Schedule),
			object("corrections", "How much the daemon changes back; what is beyond is left and said. 0 is no bound.", []field{
				number("field", "How often one field within an hour; 3 if not given.", &t.Drift.Corrections.Field, 0, 1_000_000),
				number("run", "How many assets in one run; 100 if not given.", &t.Drift.Corrections.Run, 0, 1_000_000),
				number("hour", "How many assets within an hour; 300 if not given.", &t.Drift.Corrections.Hour, 0, 1_000_000),
			}),
		}),
		windowsField(t),
		schedule("resync", "When the daemon compares everything anew; every 6 hours if not given, off for never.", &t.Resync),
		duration("poll", "How often the daemon asks for new commits for this target.", &t.Poll, 5*time.Second, day),
		object("prune", "What happens to assets that git no longer has. Beyond the larger of max and percent, guarded asks for an approval.", []field{
			word("mode", "guarded if not given.", &t.Prune.Mode, "off", "guarded", "on"),
			number("max", "Removals that need no approval; 5 if not given.", &t.Prune.Max, 0, 1_000_000),
			number("percent", "The same as a share of the target's assets; 10 if not given.", &t.Prune.Percent, 0, 100),
		}),
		object("identity", "Who writes to the workspace.", identityFields(&t.Identity)),
		object("read_identity", "Who reads; the writer if not given.", identityFields(&t.ReadIdentity)),
		number("concurrency", "Writes in flight at a time; 4 if not given.", &t.Concurrency, 1, 64),
		duration("deadline", "The longest that one run may take; 30m if not given.", &t.Deadline, time.Minute, 7*day),
		duration("endpoint_deadline", "The longest that a run may take which changes endpoints, deployments or computes; 60m if not given.", &t.EndpointDeadline, time.Minute, 7*day),
	}
}

var armID = regexp.MustCompile(`(?i)\A/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft\.MachineLearningServices/(workspaces|registries)/([^/]+)/?\z`)

func targetFields(t *Target) []field {
	var id string
	parse := checked("id", "The resource id of the workspace or registry, in place of the three names.", &id, func(s string) string {
		m := armID.FindStringSubmatch(s)
		switch {
		case m == nil:
			return "it is not the resource id of a workspace or registry"
		case strings.EqualFold(m[3], "registries"):
			t.Subscription, t.ResourceGroup, t.Registry = m[1], m[2], m[4]
		default:
			t.Subscription, t.ResourceGroup, t.Workspace = m[1], m[2], m[4]
		}
		return ""
	})
	return append([]field{
		parse,
		checked("subscription", "The subscription of the workspace.", &t.Subscription, badSegment),
		checked("resource_group", "Its resource group.", &t.ResourceGroup, badSegment),
		checked("workspace", "Its name.", &t.Workspace, badSegment),
		checked("registry", "The name of a registry, in place of a workspace.", &t.Registry, badSegment),
		texts("depends_on", "Targets that must be in sync with the same commit first.", &t.DependsOn, anyText),
		text("from", "The target that is promoted to this one.", &t.From),
		gatesField(t),
	}, settingFields(t)...)
}

func varsField(t *Target) field {
	f := entries("vars", "Values of ${{ var.NAME }} in asset files.", map[string]any{}, func(d *decoder, name string, v *asset.Value) {
		if !nameOK.MatchString(name) {
			d.badf(v, "use letters, digits, dots, dashes and underscores", "%q cannot be the name of a variable", name)
			return
		}
		t.Vars[name] = v
	})
	set := f.set
	f.set = func(d *decoder, v *asset.Value) {
		t.Vars = maps.Clone(t.Vars)
		if t.Vars == nil {
			t.Vars = map[string]*asset.Value{}
		}
		set(d, v)
	}
	return f
}

func ruleFields(r *Rule) []field {
	drift := word("drift", "How drift of these assets is treated.", &r.Drift, "off", "report", "correct")
	set := drift.set
	drift.set = func(d *decoder, v *asset.Value) { r.DriftSet = true; set(d, v) }
	return []field{
		text("kind", "The kind, such as environment.", &r.Kind),
		checked("name", "A glob of names.", &r.Name, badGlob),
		checked("path", "A glob of paths of files.", &r.Path, badGlob),
		word("on_remove", "What happens to an asset that git no longer has.", &r.OnRemove, "archive", "delete", "orphan", "confirm"),
		drift,
		texts("ignore", "Fields that are not compared, as dotted paths.", &r.Ignore, badField),
		boolean("allow_replace", "Whether an asset may be deleted and made anew for a change that needs it.", &r.Replace),
		word("jobs", "When a job file is run; on-change if not given.", &r.Jobs, "off", "manual", "on-change"),
		word("versioning", "auto gives versions to files that have none; explicit refuses such files.", &r.Versioning, "explicit", "auto"),
		boolean("protect", "Whether the asset may be neither removed nor replaced.", &r.Protect),
		rolloutField(r),
		{"set", "Fields that are merged into the files, such as endpoint_name.", map[string]any{"type": "object"}, func(d *decoder, v *asset.Value) {
			if v.Type() != asset.Map {
				d.badf(v, "", "want a map of fields, not %s", describe(v))
				return
			}
			r.Set = v
		}},
		text("kind_is", "The kind of the files at path that do not say it themselves.", &r.KindIs),
		boolean("asset", "false says that the files at path are no assets.", &r.Asset),
	}
}

func providerFields(kind string, p *Provider) []field {
	switch kind {
	case "env":
		return []field{text("prefix", "What stands before the name; "+envPrefix+" if not given.", &p.Prefix)}
	case "file":
		return []field{
			text("path", "A YAML or JSON file that maps names to values.", &p.Path),
			text("dir", "A folder with one file a secret.", &p.Dir),
		}
	case "keyvault":
		return []field{checked("vault", "The address of the vault.", &p.Vault, badURL)}
	}
	return []field{
		text("path", "The encrypted file, which maps names to values.", &p.Path),
		text("age_key_file", "The file with the age identity.", &p.KeyFile),
	}
}

var (
	nameOK  = regexp.MustCompile(`\A[A-Za-z_][A-Za-z0-9_.-]*\z`)
	envOK   = regexp.MustCompile(`\A[A-Za-z_][A-Za-z0-9_]*\z`)
	fieldOK = regexp.MustCompile(`\A[^.\s]+(\.[^.\s]+)*\z`)
	segment = regexp.MustCompile(`\A[\p{L}\p{N}._()-]+\z`)
)

func badEnv(s string) string {
	if !envOK.MatchString(s) {
		return "it is not the name of an environment variable; the token itself must not stand here"
	}
	return ""
}

func badField(s string) string {
	if !fieldOK.MatchString(s) {
		return "a field is written like tags.team"
	}
	return ""
}

func badSegment(s string) string {
	if !segment.MatchString(s) || strings.Trim(s, ".") == "" {
		return "it cannot be part of a resource id"
	}
	return ""
}

func badRef(s string) string {
	if s == "" || strings.HasPrefix(s, "-") || strings.ContainsAny(s, " \t\r\n\x00~^:\\") || strings.Contains(s, "..") {
		return "it cannot be the name of a branch or tag"
	}
	return ""
}

func badFolder(s string) string {
	if s == "" || path.IsAbs(s) || strings.ContainsAny(s, "\\\x00") || s != "." && strings.HasPrefix(path.Clean(s), "..") {
		return "it must be a folder within the repository"
	}
	return ""
}

func badURL(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "":
		return "it is not an address"
	case u.User != nil:
		return "an address must not hold a password"
	case u.Scheme == "http" && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()):
	case u.Scheme != "https":
		return "an address begins with https://"
	}
	return ""
}
