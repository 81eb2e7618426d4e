package kind

import (
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// authentication is how a connection gets in: a map whose type says which
// fields it has. On the wire the type is authType, beside the map, so the
// hooks of the variants write and read that. The service never gives back what
// is in the map, secret or not (recorded 2026-03): see Veils.
type authentication struct {
	sorts []authSort
	// silent is the type that a file means which says nothing.
	silent string
	// taken are sorts that the reference client takes and makes silent of.
	taken []authSort
}

// authSort is one type of authentication. bare types have no fields.
type authSort struct {
	name, rest string
	bare       bool
	obj        Object
}

func authType(name, rest, doc string, fields ...Field) authSort {
	typ := Field{YAML: "type", As: Words(name, rest), Required: true, Doc: "How the connection gets in. " + doc}
	return authSort{name, rest, len(fields) == 0, Object{Fields: append([]Field{typ}, fields...)}}
}

func authText(key, rest, doc string) Field {
	return Field{YAML: key, REST: rest, As: Str{}, Doc: doc}
}

// authNeeds is authText for a field that the reference client wants.
func authNeeds(key, rest, doc string) Field {
	f := authText(key, rest, doc)
	f.Required, f.Hidden = true, true
	return f
}

func authSecret(key, rest, doc string) Field {
	f := authNeeds(key, rest, doc)
	f.Secret = true
	return f
}

var (
	authPat = authType("pat", "PAT", "pat is a personal access token.",
		authSecret("pat", "pat", "A personal access token."))
	authSas = authType("sas", "SAS", "sas is a shared access signature.",
		authSecret("sas_token", "sas", "A shared access signature."))
	authPassword = authType("username_password", "UsernamePassword", "username_password is a name and a password.",
		authNeeds("username", "username", "The name of the user."),
		authSecret("password", "password", "The password of the user."))
	authManaged = authType("managed_identity", "ManagedIdentity", "managed_identity is one of Azure.",
		authText("client_id", "clientId", "The id of the application or identity."),
		authText("resource_id", "resourceId", "The resource id of the identity."))
	authPrincipal = authType("service_principal", "ServicePrincipal", "service_principal is an application.",
		authText("client_id", "clientId", "The id of the application or identity."),
		authSecret("client_secret", "clientSecret", "The secret of the application."),
		authText("tenant_id", "tenantId", "The tenant of the application."))
	authAccess = authType("access_key", "AccessKey", "access_key is a pair of keys, as of S3.",
		authNeeds("access_key_id", "accessKeyId", "The id of the key."),
		authSecret("secret_access_key", "secretAccessKey", "The secret key."))
	authKey = authType("api_key", "ApiKey", "api_key is a key of the service.",
		authSecret("key", "key", "The key."))
	// The reference client sends the key of an account as a signature, under
	// the other type.
	authAccount = authType("account_key", "AccountKey", "account_key is a key of the storage account.",
		authSecret("account_key", "sas", "A key of the storage account."))
	authAAD  = authType("aad", "AAD", "aad is the identity of whoever uses it.")
	authNone = authType("none", "None", "none is nothing.")

	anyAuth = []authSort{authPat, authSas, authPassword, authManaged, authPrincipal, authAccess, authKey, authAccount, authAAD, authNone}
)

// find is the sort with the name.
func (a authentication) find(name string) *authSort {
	for i := range a.sorts {
		if a.sorts[i].name == name {
			return &a.sorts[i]
		}
	}
	return nil
}

func (a authentication) of(v *asset.Value) *authSort { return a.find(v.Get("type").Str()) }

// live is the sort of a live connection; nil if no file can say it. Services
// of Azure keep None where the file says aad.
func (a authentication) live(rest *asset.Value) *authSort {
	name := rest.GetPath("properties", "authType").Str()
	if a.silent == authAAD.name && (name == "" || strings.EqualFold(name, authNone.rest)) {
		name = authAAD.rest
	}
	for i := range a.sorts {
		if strings.EqualFold(a.sorts[i].rest, name) {
			return &a.sorts[i]
		}
	}
	return nil
}

func (a authentication) names() []string {
	var out []string
	for _, s := range a.sorts {
		out = append(out, s.name)
	}
	return out
}

func (a authentication) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() != asset.Map {
		c.Badf(v, "wrong_type", mapHint, "want a map, not %s", sort(v))
		return nil
	}
	typ := v.Get("type")
	oneOf := "one of " + strings.Join(a.names(), ", ")
	if typ.IsNull() {
		c.Badf(v, "missing_field", oneOf, "type is missing")
		return nil
	}
	s := a.find(snakeWord(typ.Str()))
	if other := (authentication{sorts: a.taken}).find(snakeWord(typ.Str())); s == nil && other != nil {
		return a.takes(c, other, v)
	}
	if s == nil || typ.Type() != asset.String {
		hint := problem.DidYouMean(typ.Text(), a.names())
		if hint == "" {
			hint = oneOf
		}
		c.in("type", func() {
			c.Badf(typ, "bad_value", hint, "%s is no authentication that this connection takes", sort(typ))
		})
		return nil
	}
	return s.obj.Check(c, v)
}

// takes checks a sort of which the reference client makes another.
func (a authentication) takes(c *Checker, s *authSort, v *asset.Value) *asset.Value {
	if s.obj.Check(c, v) != nil && s.name != authNone.name {
		c.Problems.Warnf(v.Pos(), "unused", "write type: "+a.silent, "%s: the reference client makes %s of %s", c.Path(), a.silent, s.name)
	}
	return asset.NewMap().At(v.Pos()).Set("type", asset.NewString(a.silent))
}

func (a authentication) Encode(e *Encoder, v *asset.Value) *asset.Value {
	rest := asset.NewMap()
	if s := a.of(v); s != nil {
		s.obj.encodeInto(e, v, rest)
	}
	return rest
}

// Decode is left to fromREST, which sees the type.
func (authentication) Decode(*Decoder, *asset.Value) *asset.Value { return nil }

// toREST puts the type beside the credentials. A map without fields is left
// over where there is nothing to send.
func (a authentication) toREST(v, rest *asset.Value) {
	p := rest.Get("properties")
	s := a.of(v)
	cleared := p.Get("credentials").Type() == asset.Map && p.Get("credentials").Len() == 0
	if s == nil {
		if p.Has("authType") && !cleared {
			return // a live connection, of whose authentication git says nothing
		}
		s = a.find(a.silent)
	}
	p.Set("authType", asset.NewString(s.rest))
	if s.bare {
		p.Delete("credentials")
	}
}

// fromREST reads what the service tells: the type, and of a secret that there
// is one.
func (a authentication) fromREST(d *Decoder, rest *asset.Value) *asset.Value {
	s := a.live(rest)
	if s == nil {
		return nil
	}
	v := asset.NewMap().Set("type", asset.NewString(s.name))
	if got := s.obj.Decode(d, rest.GetPath("properties", "credentials")); got != nil {
		for k, item := range got.Entries() {
			v.Set(k, item)
		}
	}
	for _, f := range s.obj.Fields {
		if f.Secret {
			v.Set(f.YAML, asset.NewString("${{ secret."+f.YAML+" }}"))
		}
	}
	return v
}

// Equal compares the type and what is not secret.
func (a authentication) Equal(want, live *asset.Value) bool {
	w, l := a.of(want), a.of(live)
	if w == nil || l == nil {
		return w == l
	}
	return w.name == l.name && sameFields(w.obj.Fields[1:], want, live)
}

// Veils reports whether live is of the type that want says and shows nothing
// else, or not all, so that the rest cannot be compared.
func (a authentication) Veils(want, live *asset.Value) bool {
	w, l := a.of(want), a.of(live)
	if w == nil || l == nil || w.name != l.name {
		return false
	}
	hidden := false
	for _, f := range w.obj.Fields[1:] {
		item, shown := want.Get(f.YAML), live.Get(f.YAML)
		switch {
		case f.Secret || item.IsNull():
		case shown.IsNull():
			hidden = true
		case !item.Equal(shown):
			return false
		}
	}
	return hidden
}

func (a authentication) Children(v *asset.Value, visit func(Child)) {
	if s := a.of(v); s != nil {
		s.obj.Children(v, visit)
	}
}

func (a authentication) With(v *asset.Value, key string, part *asset.Value) *asset.Value {
	return withKey(v, key, part)
}

func (a authentication) Schema() map[string]any {
	var alts []any
	for _, s := range slices.Concat(a.sorts, a.taken) {
		alts = append(alts, s.obj.Schema())
	}
	return map[string]any{"anyOf": alts}
}

func (a authentication) Describe() string { return "map with type: " + strings.Join(a.names(), " | ") }
