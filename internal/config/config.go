// Package config is the file mlsync.yaml: targets, rules and where secrets
// come from. It reads the file strictly, with places and cures, and knows
// nothing of the packages that it configures: only cmd imports it, and each
// package gets its own few options.
package config

import (
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// File is the name of the file, at the root of the repository.
const File = "mlsync.yaml"

// Config is the whole file with all defaults filled in.
type Config struct {
	Repository Repository
	// Owner names this installation in the stamps on live assets; "" means
	// that it is made of the repository's address. See OwnerOf.
	Owner   string
	Limits  Limits
	Targets []Target // in the order of the file
	Secrets Secrets
	Rules   []Rule // in the order of the file; the last that matches wins
	Lineage Lineage
	Notify  Notify
	// Webhooks are the services that may tell of pushes, in the order of the file.
	Webhooks  []Webhook
	Approvals Consent
	Previews  Previews
	// Statuses says that commits get a status for each target.
	Statuses bool
}

// Webhook is one service that may tell of pushes. Env are names of environment
// variables with its secret, Secret names as assets use them; the secret itself
// never stands in the file. The first is the secret, a second one is taken as
// well while it is changed. Issuer, Audience and Claims are of oidc, which has
// no secret.
type Webhook struct {
	Pos              problem.Pos
	Provider         string
	Env, Secret      []string
	Issuer, Audience string
	Claims           map[string]string
}

// Lineage says what a release notes of where its assets came from.
type Lineage struct {
	// Metrics are globs of the metrics of a training job.
	Metrics []string
}

// Repository is where the files come from.
type Repository struct {
	URL    string
	Branch string
	// Path is the folder within the repository that is the tree; "" for all.
	Path string
	// Poll is how often the daemon asks for new commits.
	Poll  time.Duration
	Auth  Auth
	Forge Forge
}

// Forge is the service with the repository's pull requests. Provider is
// github, gitlab, azure, gitea, auto, or "" if the host says it. API replaces
// the address of its REST API. TokenEnv names an environment variable.
type Forge struct{ Provider, API, TokenEnv string }

// Auth is how the repository is reached. TokenEnv names an environment
// variable; the token itself never stands in the file.
type Auth struct {
	Username, TokenEnv, SSHKey, KnownHosts string
}

// Limits bound what one tree may hold; zeros mean the reader's defaults.
type Limits struct{ Files, FileBytes int }

// DriftMode says what happens when a live asset differs although git did not change.
type DriftMode string

// The drift modes. ByOrigin reports drift of adopted assets and corrects that
// of assets that mlsync made.
const (
	ByOrigin DriftMode = ""
	Off      DriftMode = "off"
	Report   DriftMode = "report"
	Correct  DriftMode = "correct"
)

// PruneMode says whether assets that git no longer has are removed.
type PruneMode string

// The prune modes. Guarded asks for an approval beyond the limits of Prune.
const (
	PruneOff     PruneMode = "off"
	PruneGuarded PruneMode = "guarded"
	PruneOn      PruneMode = "on"
)

// Target is one workspace or registry that the repository is applied to.
type Target struct {
	Name string
	Pos  problem.Pos

	// Registry is the name of a registry; then there is no workspace.
	Subscription, ResourceGroup, Workspace, Registry string
	// Manage are the kinds at the top of the target that are managed: nothing
	// but what is in the workspace is, unless it is asked for.
	Manage []string
	// Cloud is public, usgovernment or china. Endpoint, StorageEndpoint and
	// Authority replace the cloud's addresses; CAFile trusts one more
	// certificate authority.
	Cloud, Endpoint, StorageEndpoint, Authority, CAFile string

	// At most one of Branch, Tag (a glob) and Semver (a range) is set.
	Branch, Tag, Semver string
	Include, Exclude    []string
	Overlays            []string
	Vars                map[string]*asset.Value
	DependsOn           []string
	// From is the target that releases of this one come from, "" for none.
	From string
	// Gates are what must be so before the target takes a new release.
	Gates []Gate
	// Windows are when it may be changed.
	Windows Windows

	Drift Drift
	// Resync is the cron schedule of the full comparison, "" for never.
	Resync       string
	Poll         time.Duration
	Prune        Prune
	Identity     Identity
	ReadIdentity Identity
	// Concurrency is the number of writes in flight.
	Concurrency int
	// Deadline bounds one run, EndpointDeadline one that changes endpoints,
	// deployments or computes, if that is longer.
	Deadline, EndpointDeadline time.Duration
}

// Drift is how drift is looked for; Schedule is cron, "" for never.
type Drift struct {
	Mode     DriftMode
	Schedule string
	// Corrections bound what the daemon changes back.
	Corrections Corrections
}

// Corrections are how often the daemon changes a field back within an hour,
// and how many assets in one run and within an hour. 0 is no bound.
type Corrections struct{ Field, Run, Hour int }

// Prune is whether and how far removals go without an approval: up to the
// larger of Max assets and Percent of the target's assets.
type Prune struct {
	Mode    PruneMode
	Max     int
	Percent int
}

// Identity is who speaks to Azure: default, cli, environment,
// managed_identity or workload_identity.
type Identity struct{ Type, ClientID, TenantID string }

// Secrets says where the values of ${{ secret.NAME }} come from.
type Secrets struct {
	Providers map[string]Provider
	// Default is the provider of names that Names does not list.
	Default string
	Names   map[string]SecretName
}

// SecretName is where one secret is: its provider and what it is called there.
type SecretName struct{ Provider, Key string }

// Provider is one source of secrets. Type is env, file, keyvault, age or sops.
type Provider struct {
	Type string
	Pos  problem.Pos
	// Prefix stands before the names of environment variables (env).
	Prefix string
	// Path is a file (file, age, sops); Dir a folder with one file a secret (file).
	Path, Dir string
	// Vault is the address of an Azure Key Vault.
	Vault string
	// KeyFile holds the age identity (age, sops).
	KeyFile string
}

// Rule changes how some assets are treated. Empty globs match everything.
type Rule struct {
	Pos              problem.Pos
	Kind, Name, Path string

	OnRemove   string // archive, delete, orphan, confirm
	Drift      DriftMode
	DriftSet   bool
	Ignore     []string // dotted paths of fields that are not compared
	Replace    *bool    // allow_replace
	Jobs       string   // off, manual, on-change
	Versioning string   // explicit, auto
	Protect    *bool
	Rollout    *Rollout
	Set        *asset.Value
	// KindIs and Asset say what the files at Path are.
	KindIs string
	Asset  *bool
}

// Default is the configuration without a file: no targets, safe defaults.
func Default() *Config {
	return &Config{
		Repository: Repository{Poll: time.Minute},
		Notify:     Notify{Window: 30 * time.Second},
		Previews:   Previews{Label: previewLabel, Poll: time.Minute},
		Secrets: Secrets{
			Providers: map[string]Provider{"env": {Type: "env", Prefix: envPrefix}},
			Default:   "env",
			Names:     map[string]SecretName{},
		},
	}
}

const envPrefix = "MLSYNC_SECRET_"

// defaultTarget are the safe defaults of a target.
func defaultTarget() Target {
	return Target{
		Cloud:       "public",
		Drift:       Drift{Schedule: "*/15 * * * *", Corrections: Corrections{Field: 3, Run: 100, Hour: 300}},
		Resync:      "0 */6 * * *",
		Prune:       Prune{Mode: PruneGuarded, Max: 5, Percent: 10},
		Identity:    Identity{Type: "default"},
		Concurrency: 4,
		Deadline:    30 * time.Minute,

		EndpointDeadline: time.Hour,
	}
}
