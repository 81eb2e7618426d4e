package emulator_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"mlsync.dev/mlsync/emulator"
)

// Content moves from one account to another without passing the client.
func TestBlobFromURL(t *testing.T) {
	defer guard(t)
	tick := newClock()
	s := start(t, emulator.Options{Now: tick.now})
	from, sas := s.upload("c1")
	ds := s.ok(200, "GET", strings.Replace(wsID, space, "ws2", 1)+"/datastores/workspaceblobstore", "")
	secret := s.ok(200, "POST", strings.Replace(wsID, space, "ws2", 1)+"/datastores/workspaceblobstore/listSecrets", `{"expirableSecret":true}`)
	other := s.url + "/" + at(ds, "properties/accountName").(string) + "/" + at(ds, "properties/containerName").(string)
	sign := "?" + at(secret, "sasToken").(string)
	if strings.HasPrefix(sas, other) {
		t.Fatal("two workspaces have the same container")
	}
	noRetry := &blockblob.ClientOptions{}
	noRetry.Retry.MaxRetries = -1
	to2 := must(blockblob.NewClientWithNoCredential(other+"/LocalUpload/x/a.txt"+sign, noRetry))

	content := bytes.Repeat([]byte("0123456789abcdef"), 8<<10) // 128 KiB: in a file
	sum := md5.Sum(content)
	source := from.NewBlockBlobClient("d/a b.txt")
	must(source.Upload(ctx, streaming.NopCloser(bytes.NewReader(content)), &blockblob.UploadOptions{
		HTTPHeaders: &blob.HTTPHeaders{BlobContentType: to.Ptr("text/x")}, Metadata: map[string]*string{"k": to.Ptr("v")},
	}))
	tag := must(source.GetProperties(ctx, nil)).ETag
	cond := func(etag string) *blob.SourceModifiedAccessConditions {
		e := *tag
		if etag != "" {
			e = "\"0x1\""
		}
		return &blob.SourceModifiedAccessConditions{SourceIfMatch: &e}
	}
	got := must(to2.UploadBlobFromURL(ctx, source.URL(), &blockblob.UploadBlobFromURLOptions{SourceContentMD5: sum[:], SourceModifiedAccessConditions: cond("")}))
	if !bytes.Equal(got.ContentMD5, sum[:]) {
		t.Errorf("answer %+v", got)
	}
	p := must(to2.GetProperties(ctx, nil))
	if *p.ContentType != "text/x" || !bytes.Equal(p.ContentMD5, sum[:]) || metaOf(p.Metadata, "k") != "" {
		t.Errorf("properties %+v", p)
	}
	if b := must(io.ReadAll(must(to2.DownloadStream(ctx, nil)).Body)); !bytes.Equal(b, content) {
		t.Errorf("%d bytes, want %d", len(b), len(content))
	}
	must(source.Delete(ctx, nil)) // the copy is one
	if b := must(io.ReadAll(must(to2.DownloadStream(ctx, nil)).Body)); !bytes.Equal(b, content) {
		t.Errorf("%d bytes, want %d", len(b), len(content))
	}
	must(source.Upload(ctx, streaming.NopCloser(bytes.NewReader(content)), nil))
	tag = must(source.GetProperties(ctx, nil)).ETag
	must(to2.UploadBlobFromURL(ctx, source.URL(), &blockblob.UploadBlobFromURLOptions{
		CopySourceBlobProperties: to.Ptr(false), HTTPHeaders: &blob.HTTPHeaders{BlobContentType: to.Ptr("mine/own"), BlobContentMD5: sum[:]}, Metadata: map[string]*string{"m": to.Ptr("1")},
	}))
	if p := must(to2.GetProperties(ctx, nil)); *p.ContentType != "mine/own" || metaOf(p.Metadata, "m") != "1" {
		t.Errorf("properties %+v", p)
	}

	plain := strings.Split(source.URL(), "?")[0]
	bearer := must(to2.UploadBlobFromURL(ctx, plain, &blockblob.UploadBlobFromURLOptions{CopySourceAuthorization: to.Ptr("Bearer t")}))
	if bearer.ETag == nil {
		t.Errorf("answer %+v", bearer)
	}
	writes := strings.Replace(source.URL(), "sp=rcwl", "sp=cw", 1)
	for what, c := range map[string]struct {
		url    string
		opt    blockblob.UploadBlobFromURLOptions
		code   bloberror.Code
		status int
	}{
		"wrong md5":      {source.URL(), blockblob.UploadBlobFromURLOptions{SourceContentMD5: make([]byte, 16)}, bloberror.MD5Mismatch, 400},
		"changed source": {source.URL(), blockblob.UploadBlobFromURLOptions{SourceModifiedAccessConditions: cond("other")}, bloberror.SourceConditionNotMet, 412},
		"known source":   {source.URL(), blockblob.UploadBlobFromURLOptions{SourceModifiedAccessConditions: &blob.SourceModifiedAccessConditions{SourceIfNoneMatch: tag}}, bloberror.CannotVerifyCopySource, 304},
		"no credential":  {plain, blockblob.UploadBlobFromURLOptions{}, bloberror.CannotVerifyCopySource, 409},
		"empty bearer":   {plain, blockblob.UploadBlobFromURLOptions{CopySourceAuthorization: to.Ptr("Bearer ")}, bloberror.CannotVerifyCopySource, 401},
		"only writes":    {writes, blockblob.UploadBlobFromURLOptions{}, bloberror.CannotVerifyCopySource, 403},
		"no such blob":   {strings.Replace(source.URL(), "a%20b", "none", 1), blockblob.UploadBlobFromURLOptions{}, bloberror.CannotVerifyCopySource, 404},
		"another host":   {"https://example.com/c/b?sig=x", blockblob.UploadBlobFromURLOptions{}, bloberror.CannotVerifyCopySource, 404},
		"no address":     {"nothing", blockblob.UploadBlobFromURLOptions{}, bloberror.InvalidHeaderValue, 400},
		"long address":   {source.URL() + "&x=" + strings.Repeat("x", 2048), blockblob.UploadBlobFromURLOptions{}, bloberror.InvalidHeaderValue, 400},
		"exists":         {source.URL(), blockblob.UploadBlobFromURLOptions{AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(anyTag)}}}, bloberror.BlobAlreadyExists, 409},
	} {
		_, err := to2.UploadBlobFromURL(ctx, c.url, &c.opt)
		if !bloberror.HasCode(err, c.code) {
			t.Errorf("%s: %v, want %s", what, err, c.code)
		}
		wantStatus(t, err, c.status)
	}
	tick.add(2 * time.Hour)
	_, err := to2.UploadBlobFromURL(ctx, source.URL(), nil)
	wantStatus(t, err, 403)
	if r := s.do("PUT", other+"/x"+sign, "body", "x-ms-copy-source", source.URL(), "x-ms-blob-type", "BlockBlob"); r.status != 400 {
		t.Errorf("with a body: %d %s", r.status, r.text)
	}
}

func TestBlockFromURL(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	c, _ := s.upload("c1")
	source, b := c.NewBlockBlobClient("source"), c.NewBlockBlobClient("made")
	id := func(i int) string { return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%06d", i)) }
	part := bytes.Repeat([]byte("0123456789"), 10<<10)
	for i := range 3 {
		must(source.StageBlock(ctx, id(i), streaming.NopCloser(bytes.NewReader(part)), nil))
	}
	must(source.CommitBlockList(ctx, []string{id(0), id(1), id(2)}, nil))
	whole := bytes.Repeat(part, 3)
	cut := int64(150_007)
	for i, r := range []blob.HTTPRange{{Offset: 0, Count: cut}, {Offset: cut, Count: int64(len(whole)) - cut}} {
		sum := md5.Sum(whole[r.Offset : r.Offset+r.Count])
		got := must(b.StageBlockFromURL(ctx, id(i), source.URL(), &blockblob.StageBlockFromURLOptions{Range: r, SourceContentValidation: blob.SourceContentValidationTypeMD5(sum[:])}))
		if !bytes.Equal(got.ContentMD5, sum[:]) {
			t.Errorf("answer %+v", got)
		}
	}
	must(b.CommitBlockList(ctx, []string{id(0), id(1)}, nil))
	if got := must(io.ReadAll(must(b.DownloadStream(ctx, nil)).Body)); !bytes.Equal(got, whole) {
		t.Errorf("%d bytes, want %d", len(got), len(whole))
	}
	_, err := b.StageBlockFromURL(ctx, id(9), source.URL(), &blockblob.StageBlockFromURLOptions{Range: blob.HTTPRange{Offset: int64(len(whole))}})
	if !bloberror.HasCode(err, bloberror.InvalidRange) {
		t.Errorf("range behind the end: %v", err)
	}
	wrong := blob.SourceContentValidationTypeMD5(make([]byte, 16))
	_, err = b.StageBlockFromURL(ctx, id(9), source.URL(), &blockblob.StageBlockFromURLOptions{SourceContentValidation: wrong})
	if !bloberror.HasCode(err, bloberror.MD5Mismatch) {
		t.Errorf("wrong MD5: %v", err)
	}
}

// A block that is listed again and again makes a blob that is longer than what was sent.
func TestCopiesAreLimited(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	c, _ := s.upload("c1")
	source, b := c.NewBlockBlobClient("source"), c.NewBlockBlobClient("made")
	id := base64.StdEncoding.EncodeToString([]byte("0"))
	must(source.StageBlock(ctx, id, streaming.NopCloser(bytes.NewReader(make([]byte, 2<<20))), nil))
	ids := make([]string, 2001)
	for i := range ids {
		ids[i] = id
	}
	must(source.CommitBlockList(ctx, ids, nil)) // 4002 MiB
	_, err := b.StageBlockFromURL(ctx, id, source.URL(), nil)
	if !bloberror.HasCode(err, bloberror.CannotVerifyCopySource) {
		t.Errorf("a block of 4002 MiB: %v", err)
	}
	for len(ids) < 2501 {
		ids = append(ids, id)
	}
	must(source.CommitBlockList(ctx, ids, nil)) // 5002 MiB
	_, err = b.UploadBlobFromURL(ctx, source.URL(), nil)
	if !bloberror.HasCode(err, bloberror.CannotVerifyCopySource) {
		t.Errorf("a blob of 5002 MiB: %v", err)
	}
}
