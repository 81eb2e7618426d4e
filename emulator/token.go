package emulator

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

const (
	defaultTenant = "00000000-0000-0000-0000-000000000001"
	defaultUser   = "Emulator User"
)

// A principal is who a bearer token speaks for.
type principal struct{ key, name, typ, objectID, tenant string }

// principalOf reads the claims of a token. A token that is no JWT speaks for the default user; nothing is verified.
func principalOf(header string) principal {
	token, ok := strings.CutPrefix(header, "Bearer ")
	if !ok {
		return principal{key: "anonymous", name: defaultUser, typ: "User", objectID: guidOf("user"), tenant: defaultTenant}
	}
	h := sha256.Sum256([]byte(token))
	p := principal{key: hex.EncodeToString(h[:8]), name: defaultUser, typ: "User", objectID: guidOf("user"), tenant: defaultTenant}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return p
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return p
	}
	claims, err := decodeObject(raw)
	if err != nil {
		return p
	}
	if v := str(claims, "tid"); v != "" {
		p.tenant = v
	}
	if v := str(claims, "oid"); v != "" {
		p.objectID, p.key = v, v
	}
	for _, k := range []string{"name", "upn", "preferred_username", "unique_name", "appid", "azp"} {
		if v := str(claims, k); v != "" {
			p.name = v
			if k == "appid" || k == "azp" {
				p.typ = "Application"
			}
			return p
		}
	}
	return p
}

// makeToken is an unsigned-looking JWT with the claims that clients read before they send it.
func makeToken(tenant, audience, client, user string, now time.Time) string {
	part := func(o obj) string { return base64.RawURLEncoding.EncodeToString(encode(o)) }
	claims := obj{
		"aud": audience, "tid": tenant, "iss": "https://sts.windows.net/" + tenant + "/", "oid": guidOf(client + user),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(), "ver": "1.0",
	}
	if user != "" {
		claims["upn"], claims["name"] = user, user
	} else {
		claims["appid"], claims["idtyp"] = client, "app"
	}
	return part(obj{"typ": "JWT", "alg": "RS256", "kid": "emulator"}) + "." + part(claims) + "." + base64.RawURLEncoding.EncodeToString([]byte("emulator"))
}

// loginRoute names the route of the token service that a path is for; empty when it is none of them. The first segment
// is the tenant.
func loginRoute(path string) string {
	path = strings.Trim(strings.ToLower(path), "/")
	if path == "metadata/endpoints" {
		return "metadata"
	}
	_, rest, _ := strings.Cut(path, "/")
	return map[string]string{
		"v2.0/.well-known/openid-configuration": "configuration", ".well-known/openid-configuration": "configuration",
		"discovery/instance": "instance", "discovery/v2.0/keys": "keys", "oauth2/v2.0/token": "token", "oauth2/token": "token",
	}[rest]
}

// login serves the routes of the token service.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	base := baseOf(r)
	tenant, _, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
	switch loginRoute(r.URL.Path) {
	case "configuration":
		writeJSON(w, http.StatusOK, obj{
			"token_endpoint": base + "/" + tenant + "/oauth2/v2.0/token", "authorization_endpoint": base + "/" + tenant + "/oauth2/v2.0/authorize",
			"device_authorization_endpoint": base + "/" + tenant + "/oauth2/v2.0/devicecode", "issuer": base + "/" + tenant + "/v2.0",
			"jwks_uri": base + "/" + tenant + "/discovery/v2.0/keys", "end_session_endpoint": base + "/" + tenant + "/oauth2/v2.0/logout",
			"response_types_supported": []any{"code", "id_token"}, "subject_types_supported": []any{"pairwise"},
			"id_token_signing_alg_values_supported": []any{"RS256"}, "token_endpoint_auth_methods_supported": []any{"client_secret_post", "private_key_jwt"},
			"tenant_region_scope": "NA", "cloud_instance_name": r.Host,
		})
	case "instance":
		writeJSON(w, http.StatusOK, obj{
			"api-version": "1.1", "tenant_discovery_endpoint": base + "/" + s.tenantIn(r) + "/v2.0/.well-known/openid-configuration",
			"metadata": []any{obj{"preferred_network": r.Host, "preferred_cache": r.Host, "aliases": []any{r.Host}}},
		})
	case "keys":
		writeJSON(w, http.StatusOK, obj{"keys": []any{}})
	case "token":
		s.token(w, r, tenant)
	case "metadata":
		s.metadata(w, base)
	}
}

func (s *Server) tenantIn(r *http.Request) string {
	ep := r.URL.Query().Get("authorization_endpoint")
	if _, rest, ok := strings.Cut(ep, "://"); ok {
		if seg := strings.Split(rest, "/"); len(seg) > 1 && seg[1] != "" {
			return seg[1]
		}
	}
	return "common"
}

func (s *Server) token(w http.ResponseWriter, r *http.Request, tenant string) {
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost {
		writeJSON(w, http.StatusBadRequest, obj{"error": "invalid_request", "error_description": "AADSTS900144: the request body must be a form"})
		return
	}
	if r.PostForm.Get("grant_type") == "" {
		writeJSON(w, http.StatusBadRequest, obj{"error": "invalid_request", "error_description": "AADSTS900144: the request body must contain the parameter 'grant_type'"})
		return
	}
	audience := r.PostForm.Get("resource")
	for _, scope := range strings.Fields(r.PostForm.Get("scope")) {
		if rest, ok := strings.CutSuffix(scope, "/.default"); ok {
			audience = rest
		}
	}
	if audience == "" {
		audience = "https://management.azure.com"
	}
	if tenant == "common" || tenant == "organizations" {
		tenant = defaultTenant
	}
	now := s.opt.Now()
	writeJSON(w, http.StatusOK, obj{
		"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "expires_on": now.Add(time.Hour).Unix(),
		"resource": audience, "access_token": makeToken(tenant, audience, r.PostForm.Get("client_id"), r.PostForm.Get("username"), now),
	})
}

// metadata describes the emulator as a cloud of its own, for clients that ask for one by URL.
func (s *Server) metadata(w http.ResponseWriter, base string) {
	writeJSON(w, http.StatusOK, []any{obj{
		"name": "Emulator", "portal": base, "resourceManager": base,
		"authentication": obj{"loginEndpoint": base, "audiences": []any{"https://management.azure.com", base}, "tenant": "common", "identityProvider": "AAD"},
		"suffixes":       obj{"storage": s.opt.StorageSuffix},
	}})
}
