package rooms

// Table is the table of ARCHITECTURE.md.
func Table() map[string]Room {
	return map[string]Room{
		"internal/problem": {Pure: true},
		"internal/graph":   {},
		"internal/glob":    {Pure: true},
		"internal/limit":   {Pure: true},
		"internal/window":  {Pure: true},
		"internal/content": {Imports: []string{"internal/limit"}},
		"internal/gitrepo": {Imports: []string{"internal/limit"}},
		"internal/closure": {Imports: []string{"internal/gitrepo"}},
		"internal/forge":   {Imports: []string{"internal/gitrepo", "internal/limit"}},
		"internal/webhook": {Imports: []string{"internal/forge", "internal/limit"}},
		"internal/egress":  {Imports: []string{"internal/limit"}},
		"internal/queue":   {},
		"internal/pgtest":  {},
		"internal/chaos":   {},
		"internal/redact":  {},
		"internal/trace":   {Imports: []string{"internal/limit", "internal/redact"}},
		// Tests of the whole program; no code.
		"internal/rooms": {},
		"examples":       {},
		"emulator":       {Sealed: true},

		// log/slog: a secret says how it is logged, and logs nothing.
		"asset":   {Pure: true, Imports: []string{"internal/problem"}, Except: []string{"log/slog"}},
		"kind":    {Pure: true, Imports: []string{"asset", "internal/problem", "internal/yaml11"}},
		"tree":    {Pure: true, Imports: []string{"asset", "kind", "internal/problem", "internal/glob", "internal/limit", "internal/yaml11"}},
		"resolve": {Pure: true, Imports: []string{"asset", "kind", "internal/content", "internal/limit", "internal/problem"}},
		"diff":    {Pure: true, Imports: []string{"asset", "kind"}},
		"plan":    {Pure: true, Imports: []string{"asset", "kind", "diff", "internal/graph", "internal/limit", "internal/problem"}},
		"export":  {Pure: true, Imports: []string{"asset", "kind", "tree", "internal/problem"}},
		"promote": {Pure: true, Imports: []string{"asset", "kind", "tree", "internal/graph", "internal/problem"}},
		"policy":  {Pure: true, Imports: []string{"asset", "kind", "plan", "internal/glob", "internal/limit", "internal/problem"}},

		"internal/inventory": {Pure: true, Imports: []string{"asset", "kind", "plan"}},
		"internal/lineage":   {Pure: true, Imports: []string{"asset", "kind", "promote", "internal/inventory"}},
		"gate":               {Pure: true, Imports: []string{"asset", "internal/glob"}},

		"internal/yaml11": {Pure: true, Imports: []string{"asset", "internal/limit"}},
		"internal/config": {Imports: []string{"asset", "internal/glob", "internal/limit", "internal/problem"}},
		"internal/secret": {Imports: []string{"asset", "internal/limit"}},
		// Programs and tests from outside: they use what users use.
		"internal/bench":      {Imports: []string{All}},
		"internal/acceptance": {Imports: []string{All}},
		"internal/sim":        {Imports: []string{All}},

		"internal/bridge": {Imports: []string{"asset", "azureml", "kind", "reconcile", "resolve"}},

		"azureml": {Imports: []string{"asset", "kind", "internal/content", "internal/limit"}},
		"state":   {Imports: []string{"asset", "plan", "internal/limit", "internal/redact"}},
		"access":  {Imports: []string{"internal/limit"}},
		"web":     {Imports: []string{"access", "internal/limit", "internal/problem"}},
		"notify":  {Imports: []string{"asset", "diff", "plan", "internal/egress", "internal/limit"}},
		"reconcile": {Imports: []string{
			"asset", "kind", "tree", "resolve", "diff", "plan", "internal/content", "internal/graph", "internal/problem",
		}},
		"cmd/mlsync": {Imports: []string{All}},
	}
}
