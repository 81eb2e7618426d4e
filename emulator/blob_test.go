package emulator_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"mlsync.dev/mlsync/emulator"
)

// upload returns a container client for the content of a code version, as startPendingUpload gives it.
func (s *service) upload(name string) (*container.Client, string) {
	s.t.Helper()
	up := s.ok(200, "POST", wsID+"/codes/"+name+"/versions/1/startPendingUpload", `{"pendingUploadType":"TemporaryBlobReference"}`)
	sas := at(up, "blobReferenceForConsumption/credential/sasUri").(string)
	return must(container.NewClientWithNoCredential(sas, &container.ClientOptions{ClientOptions: policy.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}}})), sas
}

func TestBlobSDK(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	c, sas := s.upload("c1")
	if !strings.HasPrefix(sas, s.url+"/") {
		t.Errorf("sasUri %s is not on the emulator", sas)
	}
	b := c.NewBlockBlobClient("src/a.txt")
	_, err := b.GetProperties(ctx, nil)
	if !bloberror.HasCode(err, bloberror.BlobNotFound) {
		t.Errorf("HEAD of an absent blob: %v", err)
	}
	sum := md5.Sum([]byte("hello world"))
	first := must(b.Upload(ctx, streaming.NopCloser(strings.NewReader("hello world")), &blockblob.UploadOptions{
		TransactionalValidation: blob.TransferValidationTypeMD5(sum[:]), AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(anyTag)}},
	}))
	if !bytes.Equal(first.ContentMD5, sum[:]) || first.ETag == nil {
		t.Errorf("upload answers %+v", first)
	}
	_, err = b.Upload(ctx, streaming.NopCloser(strings.NewReader("other")), &blockblob.UploadOptions{AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(anyTag)}}})
	if !bloberror.HasCode(err, bloberror.BlobAlreadyExists) {
		t.Errorf("If-None-Match: * on an existing blob: %v", err)
	}
	_, err = b.Upload(ctx, streaming.NopCloser(strings.NewReader("x")), &blockblob.UploadOptions{TransactionalValidation: blob.TransferValidationTypeMD5(sum[:])})
	if !bloberror.HasCode(err, bloberror.MD5Mismatch) {
		t.Errorf("wrong MD5: %v", err)
	}
	must(b.SetMetadata(ctx, map[string]*string{"upload_status": to.Ptr("completed"), "name": to.Ptr("c1")}, nil))
	p := must(b.GetProperties(ctx, nil))
	if *p.ContentLength != 11 || metaOf(p.Metadata, "upload_status") != "completed" || *p.ETag == *first.ETag {
		t.Errorf("properties %+v", p)
	}
	part := must(b.DownloadStream(ctx, &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: 6, Count: 3}}))
	if got := must(io.ReadAll(part.Body)); string(got) != "wor" || *part.ContentRange != "bytes 6-8/11" {
		t.Errorf("range = %q, %s", got, *part.ContentRange)
	}
	_, err = b.DownloadStream(ctx, &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: 11}})
	if !bloberror.HasCode(err, bloberror.InvalidRange) {
		t.Errorf("range behind the end: %v", err)
	}
	for i := range 5 {
		must(c.NewBlockBlobClient(fmt.Sprintf("src/d/%d", i)).Upload(ctx, streaming.NopCloser(strings.NewReader("")), nil))
	}
	var names []string
	pages := 0
	for pager := c.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: to.Ptr("src/"), MaxResults: to.Ptr[int32](4), Include: container.ListBlobsInclude{Metadata: true}}); pager.More(); pages++ {
		for _, i := range must(pager.NextPage(ctx)).Segment.BlobItems {
			names = append(names, *i.Name)
			if *i.Name == "src/a.txt" && (metaOf(i.Metadata, "name") != "c1" || *i.Properties.ContentLength != 11) {
				t.Errorf("item %+v", i)
			}
		}
	}
	if strings.Join(names, " ") != "src/a.txt src/d/0 src/d/1 src/d/2 src/d/3 src/d/4" || pages != 2 {
		t.Errorf("names %v in %d pages", names, pages)
	}
	h := must(c.NewListBlobsHierarchyPager("/", &container.ListBlobsHierarchyOptions{Prefix: to.Ptr("src/")}).NextPage(ctx))
	if len(h.Segment.BlobPrefixes) != 1 || *h.Segment.BlobPrefixes[0].Name != "src/d/" || len(h.Segment.BlobItems) != 1 {
		t.Errorf("hierarchy %+v", h.Segment)
	}
	must(b.Delete(ctx, nil))
	_, err = b.Delete(ctx, nil)
	if !bloberror.HasCode(err, bloberror.BlobNotFound) {
		t.Errorf("second delete: %v", err)
	}
	must(c.Delete(ctx, nil))
	_, err = c.GetProperties(ctx, nil)
	wantStatus(t, err, http.StatusNotFound)
	must(c.Create(ctx, nil))
	_, err = c.Create(ctx, nil)
	if !bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
		t.Errorf("second create: %v", err)
	}
}

func metaOf(m map[string]*string, key string) string {
	for k, v := range m {
		if strings.EqualFold(k, key) {
			return *v
		}
	}
	return ""
}

// Metadata comes back under the names that were sent: clients that do not fold the case of headers look for them.
func TestBlobMetadataNames(t *testing.T) {
	emu, _ := inProcess(t, emulator.Options{})
	do := func(method, path string) http.Header {
		r := httptest.NewRequest(method, "https://acct.blob.core.windows.net/c"+path, nil)
		r.Header.Set("Authorization", "SharedKey acct:x")
		r.Header.Set("x-ms-blob-type", "BlockBlob")
		r.Header.Set("x-ms-meta-upload_status", "completed")
		w := httptest.NewRecorder()
		emu.Handler().ServeHTTP(w, r)
		if w.Code >= 300 {
			t.Fatalf("%s %s = %d %s", method, path, w.Code, w.Body)
		}
		return w.Header()
	}
	do("PUT", "?restype=container")
	do("PUT", "/a.txt")
	for _, path := range []string{"/a.txt", "?restype=container"} {
		if h := map[string][]string(do("HEAD", path)); len(h["x-ms-meta-upload_status"]) != 1 { // in this case of letters
			t.Errorf("HEAD %s: %v", path, h)
		}
	}
}

func TestBlobBlocks(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	c, _ := s.upload("c1")
	b := c.NewBlockBlobClient("big")
	id := func(i int) string { return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%06d", i)) }
	block := bytes.Repeat([]byte("0123456789abcdef"), 8<<10) // 128 KiB: spills to a file
	for i := range 3 {
		must(b.StageBlock(ctx, id(i), streaming.NopCloser(bytes.NewReader(block)), nil))
	}
	l := must(b.GetBlockList(ctx, blockblob.BlockListTypeAll, nil))
	if len(l.UncommittedBlocks) != 3 || len(l.CommittedBlocks) != 0 {
		t.Errorf("blocks %d, %d", len(l.CommittedBlocks), len(l.UncommittedBlocks))
	}
	_, err := b.CommitBlockList(ctx, []string{id(0), id(9)}, nil)
	if !bloberror.HasCode(err, bloberror.InvalidBlockList) {
		t.Errorf("an unknown block: %v", err)
	}
	must(b.CommitBlockList(ctx, []string{id(0), id(1), id(2)}, nil))
	must(b.StageBlock(ctx, id(3), streaming.NopCloser(strings.NewReader("tail")), nil))
	must(b.CommitBlockList(ctx, []string{id(2), id(3), id(0)}, nil)) // old and new blocks
	got := must(io.ReadAll(must(b.DownloadStream(ctx, nil)).Body))
	if want := append(append(append([]byte{}, block...), "tail"...), block...); !bytes.Equal(got, want) {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
	part := must(b.DownloadStream(ctx, &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: int64(len(block)) - 2, Count: 8}}))
	if got := must(io.ReadAll(part.Body)); string(got) != "eftail01" {
		t.Errorf("range over three blocks = %q", got)
	}
	big := bytes.Repeat([]byte("x"), 5<<20)
	must(b.UploadBuffer(ctx, big, &blockblob.UploadBufferOptions{BlockSize: 1 << 20, Concurrency: 4}))
	if p := must(b.GetProperties(ctx, nil)); *p.ContentLength != 5<<20 {
		t.Errorf("length %d", *p.ContentLength)
	}
	must(b.StageBlock(ctx, id(7), streaming.NopCloser(strings.NewReader("abandoned")), nil))
	must(b.Upload(ctx, streaming.NopCloser(strings.NewReader("small")), nil))
	if got := must(io.ReadAll(must(b.DownloadStream(ctx, nil)).Body)); string(got) != "small" {
		t.Errorf("content %q", got)
	}
}

func TestBlobHosts(t *testing.T) {
	s := start(t, emulator.Options{})
	ds := s.ok(200, "GET", wsID+"/datastores/workspaceblobstore", "")
	account, name := at(ds, "properties/accountName").(string), at(ds, "properties/containerName").(string)
	host := account + ".blob.core.windows.net"
	r := s.do("PUT", s.url+"/"+name+"/LocalUpload/h/a", "A", "Host", host, "x-ms-blob-type", "BlockBlob", "Authorization", "SharedKey "+account+":sig")
	if r.status != 201 {
		t.Fatalf("PUT by host = %d %s", r.status, r.text)
	}
	if r := s.do("GET", s.url+"/"+account+"/"+name+"/LocalUpload/h/a?sig=x", "", "Authorization", ""); r.status != 200 || r.text != "A" {
		t.Errorf("GET by path = %d %q", r.status, r.text)
	}
	if r := s.do("GET", s.url+"/"+account+"/"+name+"/LocalUpload/h/a", "", "Authorization", ""); r.status != 401 {
		t.Errorf("GET without credentials = %d, want 401", r.status)
	}
	if r := s.do("HEAD", s.url+"/"+account+"/"+name+"/none", ""); r.status != 404 || r.header.Get("x-ms-error-code") != "BlobNotFound" {
		t.Errorf("HEAD = %d %v", r.status, r.header)
	}
	if r := s.do("GET", s.url+"/"+account+"/"+name+"?restype=container&comp=list&prefix=LocalUpload/h/", ""); !strings.Contains(r.text, "<Name>LocalUpload/h/a</Name>") {
		t.Errorf("list = %s", r.text)
	}
	s.fault("status=503,collection=blobs,times=1")
	if r := s.do("GET", s.url+"/"+account+"/"+name+"/LocalUpload/h/a", ""); r.status != 503 || r.header.Get("x-ms-error-code") != "ServiceUnavailable" {
		t.Errorf("fault on a blob = %d %v", r.status, r.header)
	}
	n := 0
	for _, c := range s.emu.Counters() {
		if c.Collection == "blobs" {
			n += int(c.Count)
		}
	}
	if n != 6 {
		t.Errorf("%d blob requests counted, want 6", n)
	}
}

func TestBlobSpill(t *testing.T) {
	defer guard(t)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	s := start(t, emulator.Options{})
	c, _ := s.upload("c1")
	content := bytes.Repeat([]byte("z"), 1<<20)
	must(c.NewBlockBlobClient("x").Upload(context.Background(), streaming.NopCloser(bytes.NewReader(content)), nil))
	files := must(filepath.Glob(filepath.Join(tmp, "mlsync-emulator-*", "*")))
	if len(files) != 1 || must(os.Stat(files[0])).Size() != 1<<20 {
		t.Errorf("content files %v", files)
	}
	must(c.NewBlockBlobClient("x").Delete(ctx, nil))
	if files := must(filepath.Glob(filepath.Join(tmp, "mlsync-emulator-*", "*"))); len(files) != 0 {
		t.Errorf("left after the delete: %v", files)
	}
}
