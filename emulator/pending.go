package emulator

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// fakeKey is what stands for an account key: the same for the same seed, and base64 as clients require.
func fakeKey(seed string) string {
	a, b := sha256.Sum256([]byte(seed)), sha256.Sum256([]byte(seed+"2"))
	return base64.StdEncoding.EncodeToString(append(a[:], b[:]...))
}

// fakeSAS has the fields of a container SAS. Nothing verifies it.
func fakeSAS(permissions string, now time.Time) string {
	return url.Values{
		"sv": {"2021-12-02"}, "sr": {"c"}, "sp": {permissions}, "se": {now.Add(time.Hour).UTC().Format(time.RFC3339)},
		"sig": {fakeKey("sas" + permissions)[:44]},
	}.Encode()
}

// startPendingUpload gives each asset version a container of its own; a repeated call gives the same one (recorded).
func startPendingUpload(c *call) answer {
	if c.scope.registry() && c.prev != nil {
		return userError(http.StatusConflict, "The asset "+c.id()+" already exists.").answer(c)
	}
	return jsonAnswer(http.StatusOK, c.pendingUpload(strings.Join(append([]string{c.coll.parent.coll.def.collection}, c.names...), "/")))
}

func (c *call) pendingUpload(path string) obj {
	key := strings.ToLower(path)
	up := c.scope.uploads[key]
	if up == nil {
		id := c.srv.store.freshGUID("upload" + key)
		if want := str(c.sent, "pendingUploadId"); want != "" {
			id = want
		}
		up = obj{"id": id, "container": c.scope.guid + "-" + strings.ReplaceAll(guidOf(id), "-", "")[:20]}
		c.scope.uploads[key] = up
		c.srv.blobs.ensureContainer(c.scope.account(), str(up, "container"))
		if c.srv.store.log != nil {
			c.srv.store.log.append(record{Scope: c.scope.id(), Upload: key, Body: up})
		}
	}
	account, container := c.scope.account(), str(up, "container")
	return obj{
		"pendingUploadId": up["id"], "pendingUploadType": "None",
		"blobReferenceForConsumption": obj{
			"blobUri": "https://" + account + ".blob." + c.srv.opt.StorageSuffix + ":443/" + container, "storageAccountArmId": c.storageID(),
			"credential": obj{"credentialType": "SAS", "sasUri": c.base + "/" + account + "/" + container + "?" + fakeSAS("rcwl", c.now)},
		},
	}
}

// localBlob turns the URL of a blob into one on the emulator's own host.
func (c *call) localBlob(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" {
		return uri
	}
	account, rest, ok := strings.Cut(u.Host, ".blob.")
	if !ok || rest == "" {
		return uri
	}
	return c.base + "/" + account + u.EscapedPath()
}

// contentSAS answers where the content of a version can be read.
func contentSAS(c *call) answer {
	uri := str(c.oldProps(), "codeUri")
	for _, k := range []string{"modelUri", "dataUri"} {
		if uri == "" {
			uri = str(c.oldProps(), k)
		}
	}
	return jsonAnswer(http.StatusOK, obj{"blobReferenceForConsumption": obj{
		"blobUri": uri, "storageAccountArmId": c.storageID(),
		"credential": obj{"credentialType": "SAS", "sasUri": c.localBlob(uri) + "?" + fakeSAS("rl", c.now)},
	}})
}
