package emulator_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"mlsync.dev/mlsync/emulator"
)

const anyTag = azcore.ETag("*")

func TestTLS(t *testing.T) {
	emu := must(emulator.New(emulator.Options{}))
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := emu.Start("127.0.0.1:0", true, ca); err != nil {
		t.Fatal(err)
	}
	defer emu.Close()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(must(os.ReadFile(ca))) {
		t.Fatal("no certificate in the CA file")
	}
	addr := strings.TrimPrefix(emu.URL(), "https://")
	for _, name := range []string{"127.0.0.1", "localhost", "acct.blob.core.windows.net"} {
		conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool, ServerName: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		conn.Close()
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	resp := must(client.Get(emu.URL() + "/t1/v2.0/.well-known/openid-configuration"))
	defer resp.Body.Close()
	var conf map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&conf); err != nil || conf["token_endpoint"] != emu.URL()+"/t1/oauth2/v2.0/token" || conf["issuer"] != emu.URL()+"/t1/v2.0" {
		t.Errorf("%v %v", conf, err)
	}
}

func TestToken(t *testing.T) {
	s := start(t, emulator.Options{})
	form := url.Values{"client_id": {"app1"}, "client_secret": {"x"}, "grant_type": {"client_credentials"}, "scope": {"https://management.azure.com/.default"}}.Encode()
	got := s.do("POST", s.url+"/t1/oauth2/v2.0/token", form, "Content-Type", "application/x-www-form-urlencoded", "Authorization", "")
	parts := strings.Split(fmt.Sprint(got.body["access_token"]), ".")
	if got.status != 200 || len(parts) != 3 || got.body["token_type"] != "Bearer" {
		t.Fatalf("token = %d %s", got.status, got.text)
	}
	var claims map[string]any
	if err := json.Unmarshal(must(base64.RawURLEncoding.DecodeString(parts[1])), &claims); err != nil {
		t.Fatal(err)
	}
	if claims["aud"] != "https://management.azure.com" || claims["tid"] != "t1" || claims["exp"].(float64) <= float64(time.Now().Unix()) {
		t.Errorf("claims %v", claims)
	}
	if r := s.do("POST", s.url+"/t1/oauth2/v2.0/token", "", "Content-Type", "application/x-www-form-urlencoded"); r.status != 400 {
		t.Errorf("token without a grant = %d", r.status)
	}
	s.fault("status=503,collection=login,times=1")
	if r := s.do("GET", s.url+"/t1/v2.0/.well-known/openid-configuration", ""); r.status != 503 {
		t.Errorf("fault on the token service = %d", r.status)
	}
	if r := s.do("GET", s.url+"/metadata/endpoints?api-version=2022-09-01", ""); !strings.Contains(r.text, `"resourceManager":"`+s.url) {
		t.Errorf("metadata %s", r.text)
	}
	r := s.do("GET", s.url+"/common/discovery/instance?api-version=1.1&authorization_endpoint="+url.QueryEscape("https://x/t9/oauth2/v2.0/authorize"), "")
	if r.body["tenant_discovery_endpoint"] != s.url+"/t9/v2.0/.well-known/openid-configuration" {
		t.Errorf("discovery %s", r.text)
	}
	// Who wrote shows in systemData.
	token := fmt.Sprint(got.body["access_token"])
	s.ok(201, "PUT", wsID+"/models/m/versions/1", `{"properties":{"modelUri":"u"}}`)
	jwt := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"name":"Ada Lovelace","upn":"ada@x","oid":"o1"}`)) + ".s"
	for auth, want := range map[string][2]string{token: {"app1", "Application"}, jwt: {"Ada Lovelace", "User"}} {
		r := s.do("PUT", wsID+"/models/m/versions/1", `{"properties":{"modelUri":"u"}}`, "Authorization", "Bearer "+auth)
		if at(r.body, "systemData/lastModifiedBy") != want[0] || at(r.body, "systemData/lastModifiedByType") != want[1] || at(r.body, "systemData/createdBy") != "Emulator User" {
			t.Errorf("systemData = %v, want %v", r.body["systemData"], want)
		}
	}
}

func TestAuthorisation(t *testing.T) {
	s := start(t, emulator.Options{})
	r := s.do("GET", wsID, "", "Authorization", "")
	if r.status != 401 || at(r.body, "error/code") != "AuthenticationFailed" || !strings.Contains(r.header.Get("WWW-Authenticate"), "Bearer authorization_uri=") {
		t.Errorf("%d %v %s", r.status, r.header, r.text)
	}
	open := start(t, emulator.Options{NoAuth: true})
	if r := open.do("GET", wsID, "", "Authorization", ""); r.status != 200 {
		t.Errorf("with NoAuth = %d", r.status)
	}
}

func TestScopes(t *testing.T) {
	s := start(t, emulator.Options{NoAutoCreate: true})
	g := "/subscriptions/" + subID + "/resourceGroups/rg1"
	for path, code := range map[string]string{"/subscriptions/" + subID: "SubscriptionNotFound", wsID: "SubscriptionNotFound"} {
		if r := s.do("GET", path, ""); r.status != 404 || at(r.body, "error/code") != code {
			t.Errorf("%s = %d %s", path, r.status, r.text)
		}
	}
	s.ok(201, "PUT", g+"?api-version=2021-04-01", `{"location":"westus"}`)
	if r := s.do("GET", wsID, ""); r.status != 404 || at(r.body, "error/code") != "ResourceNotFound" {
		t.Errorf("workspace = %d %s", r.status, r.text)
	}
	if r := s.do("GET", strings.Replace(wsID, "rg1", "rg2", 1), ""); at(r.body, "error/code") != "ResourceGroupNotFound" {
		t.Errorf("group = %s", r.text)
	}
	if r := s.do("PUT", wsID, `{"properties":{}}`); r.status != 400 {
		t.Errorf("a workspace without location = %d", r.status)
	}
	if r := s.do("PUT", wsID, `{"location":"westus","properties":{}}`); r.status != 202 || r.header.Get("Azure-AsyncOperation") == "" {
		t.Errorf("PUT workspace = %d", r.status)
	}
	if got := s.ok(200, "GET", strings.ToUpper(wsID), ""); got["id"] != wsID {
		t.Errorf("id = %v, want the canonical case", got["id"])
	}
	if got := s.ok(200, "GET", wsID+"/datastores", ""); len(got["value"].([]any)) != 4 {
		t.Errorf("datastores %v", got)
	}
	if got := s.ok(200, "GET", "/subscriptions/"+subID+"/resourcegroups", ""); len(got["value"].([]any)) != 1 {
		t.Errorf("groups %v", got)
	}
	if r := s.do("DELETE", g, ""); r.status != 200 {
		t.Errorf("DELETE group = %d", r.status)
	}
	if r := s.do("GET", wsID, ""); r.status != 404 {
		t.Errorf("workspace of a deleted group = %d", r.status)
	}
	lazy := start(t, emulator.Options{Location: "uksouth"})
	if got := lazy.ok(200, "GET", wsID, ""); at(got, "location") != "uksouth" || at(got, "properties/discoveryUrl") == nil || at(got, "properties/provisioningState") != "Succeeded" {
		t.Errorf("workspace on demand %v", got)
	}
}

func TestRegistryDataPlane(t *testing.T) {
	s := start(t, emulator.Options{})
	s.ok(200, "GET", regID, "")
	d := s.ok(200, "GET", "/registrymanagement/v1.0/registries/reg1/discovery", "")
	if d["primaryRegionResourceProviderUri"] != s.url+"/" || d["subscriptionId"] != subID {
		t.Errorf("discovery %v", d)
	}
	const v = "?api-version=2021-10-01-dataplanepreview"
	base := "/mferp/managementfrontend" + regID
	up := s.ok(200, "PUT", base+"/tempdatarefs/m/versions/1"+v, `{"assetId":"azureml://registries/reg1/models/m/versions/1","temporaryDataReferenceType":"TemporaryBlobReference"}`)
	if at(up, "blobReferenceForConsumption/credential/sasUri") == nil || up["temporaryDataReferenceId"] == nil {
		t.Errorf("tempdatarefs %v", up)
	}
	r := s.do("PUT", base+"/models/m/versions/1"+v, `{"properties":{"modelUri":"https://x/y"}}`)
	if r.status != 202 || r.text != "null" || r.header.Get("Location") == "" || r.header.Get("Azure-AsyncOperation") != "" || r.header.Get("x-ms-async-operation-timeout") != "PT1H" {
		t.Errorf("PUT = %d %q %v", r.status, r.text, r.header)
	}
	got := s.ok(200, "GET", base+"/models/m/versions/1"+v, "")
	if got["id"] != "azureml://registries/reg1/models/m/versions/1" || got["type"] != "models" {
		t.Errorf("asset %v", got)
	}
	if r := s.do("PUT", base+"/tempdatarefs/m/versions/1"+v, `{"assetId":"azureml://registries/reg1/models/m/versions/1"}`); r.status != 409 {
		t.Errorf("tempdatarefs of an existing asset = %d", r.status)
	}
	ref := s.ok(200, "POST", base+"/datareferences/m/versions/1"+v, `{"assetId":"x","blobUri":"https://acct.blob.core.windows.net/c/d"}`)
	if !strings.HasPrefix(fmt.Sprint(at(ref, "blobReferenceForConsumption/credential/sasUri")), s.url+"/acct/c/d?") {
		t.Errorf("datareferences %v", ref)
	}
}

func TestPagingLinks(t *testing.T) {
	s := start(t, emulator.Options{PageSize: 3})
	for i := range 8 {
		s.ok(201, "PUT", fmt.Sprintf("%s/models/m/versions/%d", wsID, i), `{"properties":{"modelUri":"u"}}`)
	}
	var names []string
	next := wsID + "/models/m/versions?$top=7&listViewType=All"
	for pages := 0; next != "" && pages < 9; pages++ {
		got := s.ok(200, "GET", next, "")
		for _, v := range got["value"].([]any) {
			names = append(names, at(v, "name").(string))
		}
		next, _ = got["nextLink"].(string)
		if next != "" && (!strings.HasPrefix(next, s.url) || !strings.Contains(next, "api-version=") || !strings.Contains(next, "%24skip=")) {
			t.Errorf("nextLink %s", next)
		}
		next = strings.Replace(next, "%24skip", "$skip", pages%2) // both spellings are accepted
		if pages == 0 {                                           // what is written meanwhile moves nothing
			s.ok(201, "PUT", wsID+"/models/m/versions/new", `{"properties":{"modelUri":"u"}}`)
			s.ok(200, "DELETE", wsID+"/models/m/versions/5", "")
		}
	}
	if got := strings.Join(names, ""); got != "7654321" {
		t.Errorf("names %s", got)
	}
}

func TestRequestLog(t *testing.T) {
	s := start(t, emulator.Options{LogSize: 3})
	for i := range 5 {
		s.ok(201, "PUT", fmt.Sprintf("%s/models/m/versions/%d", wsID, i), `{"properties":{"modelUri":"u"}}`)
	}
	s.do("GET", wsID+"/models/none", "")
	log := s.ok(200, "GET", "/__requests", "")["requests"].([]any)
	if len(log) != 3 || at(log[2], "status") != 404.0 || at(log[0], "path") != wsID+"/models/m/versions/3" || at(log[0], "collection") != "models/versions" || at(log[0], "bytes").(float64) == 0 {
		t.Errorf("log %v", log)
	}
	if got := s.ok(200, "GET", "/__requests?method=PUT&collection=models/versions&status=201&path=*/4", "")["requests"].([]any); len(got) != 1 {
		t.Errorf("filtered %v", got)
	}
	c := s.ok(200, "GET", "/__counters", "")
	if c["total"] != 6.0 || len(c["counters"].([]any)) != 2 || at(c["counters"].([]any)[1], "count") != 5.0 {
		t.Errorf("counters %v", c)
	}
	s.do("DELETE", "/__requests", "")
	s.do("DELETE", "/__counters", "")
	if got := s.ok(200, "GET", "/__counters", ""); got["total"] != 0.0 || len(s.emu.Requests()) != 0 {
		t.Errorf("after the reset %v", got)
	}
	s.ok(200, "GET", wsID, "")
	if got := s.emu.Requests(); len(got) != 1 || got[0].Path != wsID {
		t.Errorf("after clear %v", got)
	}
	up := s.ok(200, "POST", wsID+"/codes/c/versions/1/startPendingUpload", `{}`)
	s.do("GET", at(up, "blobReferenceForConsumption/credential/sasUri").(string)+"&restype=container&comp=list", "")
	if raw := must(json.Marshal(s.emu.Requests())); bytes.Contains(raw, []byte("sig=")) && !bytes.Contains(raw, []byte("sig=redacted")) {
		t.Errorf("a signature is logged: %s", raw)
	}
	if r := s.do("GET", "/__nonsense", ""); r.status != 404 {
		t.Errorf("unknown control route = %d", r.status)
	}
}

func TestDelay(t *testing.T) {
	if _, err := emulator.New(emulator.Options{EnvChange: "loud"}); err == nil {
		t.Error("a bad EnvChange is accepted")
	}
	if _, err := emulator.New(emulator.Options{PageSize: -1}); err == nil {
		t.Error("a negative page size is accepted")
	}
	s := start(t, emulator.Options{Delay: 20 * time.Millisecond})
	begin := time.Now()
	s.ok(200, "GET", wsID, "")
	if d := time.Since(begin); d < 20*time.Millisecond {
		t.Errorf("answered after %s", d)
	}
}
