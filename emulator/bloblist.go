package emulator

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
)

func xmlText(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a bytes.Buffer does not fail
	return b.String()
}

// containerVerb serves a container: create, delete, properties and the list of its blobs.
func (b *blobCall) containerVerb(comp string) {
	st := b.st
	st.mu.Lock()
	defer st.mu.Unlock()
	c := st.containers[b.key()]
	h := b.w.Header()
	switch b.r.Method + " " + comp {
	case "PUT ":
		if c != nil {
			blobError(b.w, http.StatusConflict, "ContainerAlreadyExists", "The specified container already exists.")
			return
		}
		c = st.container(b.key(), true, b.now)
		c.meta = b.metadata()
		st.keep(blobItem{Account: b.account, Container: b.container, Whole: true, Created: b.now, Meta: c.meta})
		h.Set("ETag", c.etag)
		h.Set("Last-Modified", c.created.Format(http.TimeFormat))
		b.w.WriteHeader(http.StatusCreated)
	case "DELETE ":
		if c == nil {
			b.noContainer()
			return
		}
		for _, item := range c.blobs {
			st.free(item.Chunks)
		}
		delete(st.containers, b.key())
		st.keep(blobItem{Account: b.account, Container: b.container, Whole: true, Gone: true})
		b.w.WriteHeader(http.StatusAccepted)
	case "GET ", "HEAD ":
		if c == nil {
			b.noContainer()
			return
		}
		h.Set("ETag", c.etag)
		h.Set("Last-Modified", c.created.Format(http.TimeFormat))
		setMetadata(h, c.meta)
		b.w.WriteHeader(http.StatusOK)
	case "GET list":
		if c == nil {
			b.noContainer()
			return
		}
		b.listBlobs(c)
	default:
		blobError(b.w, http.StatusBadRequest, "InvalidQueryParameterValue", "The emulator does not serve "+b.r.Method+" of a container with comp="+comp+".")
	}
}

// listBlobs answers a page of blobs with a prefix, an optional delimiter and a marker.
func (b *blobCall) listBlobs(c *blobContainer) {
	q := b.r.URL.Query()
	prefix, delimiter, marker := q.Get("prefix"), q.Get("delimiter"), q.Get("marker")
	limit := 5000
	if n, err := strconv.Atoi(q.Get("maxresults")); err == nil && n > 0 {
		limit = min(n, limit)
	}
	if raw, err := base64.RawURLEncoding.DecodeString(marker); err == nil {
		marker = string(raw)
	}
	names := c.sorted()
	start := sort.SearchStrings(names, max(prefix, marker))
	withMeta := strings.Contains(q.Get("include"), "metadata")
	var out bytes.Buffer
	out.WriteString(`<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="` + xmlText(baseOf(b.r)+"/"+b.account+"/") + `" ContainerName="` + xmlText(b.container) + `">`)
	out.WriteString("<Prefix>" + xmlText(prefix) + "</Prefix><MaxResults>" + strconv.Itoa(limit) + "</MaxResults><Blobs>")
	n, next := 0, ""
	for i := start; i < len(names) && strings.HasPrefix(names[i], prefix); i++ {
		if n == limit {
			next = names[i]
			break
		}
		n++
		if j := strings.Index(names[i][len(prefix):], delimiter); delimiter != "" && j >= 0 {
			group := names[i][:len(prefix)+j+len(delimiter)]
			out.WriteString("<BlobPrefix><Name>" + xmlText(group) + "</Name></BlobPrefix>")
			for i+1 < len(names) && strings.HasPrefix(names[i+1], group) {
				i++
			}
			continue
		}
		c.blobs[names[i]].writeXML(&out, withMeta)
	}
	out.WriteString("</Blobs>")
	if next != "" {
		next = base64.RawURLEncoding.EncodeToString([]byte(next))
	}
	out.WriteString("<NextMarker>" + next + "</NextMarker></EnumerationResults>")
	b.xml(out.Bytes())
}

func (b *blobCall) xml(body []byte) {
	b.w.Header().Set("Content-Type", "application/xml")
	b.w.WriteHeader(http.StatusOK)
	_, _ = b.w.Write(body) // a client that went away has its own error
}

func (i *blobItem) writeXML(out *bytes.Buffer, withMeta bool) {
	out.WriteString("<Blob><Name>" + xmlText(i.Name) + "</Name><Properties><Creation-Time>" + i.Created.Format(http.TimeFormat) + "</Creation-Time><Last-Modified>" +
		i.Modified.Format(http.TimeFormat) + "</Last-Modified><Etag>" + strings.Trim(i.ETag, `"`) + "</Etag><Content-Length>" + strconv.FormatInt(i.size(), 10) +
		"</Content-Length><Content-Type>" + xmlText(i.Headers["Content-Type"]) + "</Content-Type>")
	if i.MD5 != nil {
		out.WriteString("<Content-MD5>" + base64.StdEncoding.EncodeToString(i.MD5) + "</Content-MD5>")
	}
	out.WriteString("<BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted></Properties>")
	if withMeta {
		out.WriteString("<Metadata>")
		for _, k := range sortedKeys(i.Meta) {
			out.WriteString("<" + k + ">" + xmlText(i.Meta[k]) + "</" + k + ">")
		}
		out.WriteString("</Metadata>")
	}
	out.WriteString("<OrMetadata/></Blob>")
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// listContainers lists the containers of an account.
func (b *blobCall) listContainers() {
	st := b.st
	st.mu.Lock()
	defer st.mu.Unlock()
	prefix := b.r.URL.Query().Get("prefix")
	var names []string
	for key := range st.containers {
		if account, name, _ := strings.Cut(key, "/"); account == b.account && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out bytes.Buffer
	out.WriteString(`<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="` + xmlText(baseOf(b.r)+"/"+b.account+"/") + `"><Containers>`)
	for _, n := range names {
		c := st.containers[b.account+"/"+n]
		out.WriteString("<Container><Name>" + xmlText(n) + "</Name><Properties><Last-Modified>" + c.created.Format(http.TimeFormat) + "</Last-Modified><Etag>" + strings.Trim(c.etag, `"`) + "</Etag></Properties></Container>")
	}
	out.WriteString("</Containers><NextMarker/></EnumerationResults>")
	b.xml(out.Bytes())
}

// putBlock takes one uncommitted block in.
func (b *blobCall) putBlock() {
	id := b.r.URL.Query().Get("blockid")
	if _, err := base64.StdEncoding.DecodeString(id); err != nil || id == "" {
		blobError(b.w, http.StatusBadRequest, "InvalidQueryParameterValue", "Value for query parameter 'blockid' must be base64.")
		return
	}
	if b.fromURL() {
		b.putBlockFromURL(id)
		return
	}
	if ch, _, ok := b.take(); ok {
		b.keepBlock(id, ch)
	}
}

// keepBlock keeps the content of an uncommitted block.
func (b *blobCall) keepBlock(id string, ch chunk) {
	st := b.st
	st.mu.Lock()
	defer st.mu.Unlock()
	c := st.container(b.key(), true, b.now)
	if c.blocks[b.name] == nil {
		c.blocks[b.name] = map[string]chunk{}
	}
	if old, again := c.blocks[b.name][id]; again {
		st.free([]chunk{old})
	} else {
		c.order[b.name] = append(c.order[b.name], id)
	}
	c.blocks[b.name][id] = ch
	b.w.Header().Set("x-ms-request-server-encrypted", "true")
	if v := b.r.Header.Get("x-ms-content-crc64"); v != "" {
		b.w.Header().Set("x-ms-content-crc64", v)
	}
	b.w.WriteHeader(http.StatusCreated)
}

type blockListBody struct {
	Blocks []struct {
		XMLName xml.Name
		ID      string `xml:",chardata"`
	} `xml:",any"`
}

// putBlockList makes blocks the content of the blob; no content is copied.
func (b *blobCall) putBlockList() {
	raw, err := io.ReadAll(io.LimitReader(b.r.Body, 16<<20))
	var list blockListBody
	if err = errors.Join(err, xml.Unmarshal(raw, &list)); err != nil {
		blobError(b.w, http.StatusBadRequest, "InvalidXmlDocument", "The specified XML is not syntactically valid.")
		return
	}
	chunks, infos, ok := b.chooseBlocks(list)
	if !ok {
		blobError(b.w, http.StatusBadRequest, "InvalidBlockList", "The specified block list is invalid.")
		return
	}
	if chunks == nil {
		chunks, infos = []chunk{{Data: []byte{}}}, []blockInfo{}
	}
	b.commit(chunks, infos, nil)
}

func (b *blobCall) chooseBlocks(list blockListBody) (chunks []chunk, infos []blockInfo, ok bool) {
	st := b.st
	st.mu.Lock()
	defer st.mu.Unlock()
	c := st.container(b.key(), true, b.now)
	committed := map[string]chunk{}
	if old := c.blobs[b.name]; old != nil {
		for i, info := range old.Blocks {
			committed[info.ID] = old.Chunks[i]
		}
	}
	for _, e := range list.Blocks {
		id := strings.TrimSpace(e.ID)
		ch, found := c.blocks[b.name][id]
		switch e.XMLName.Local {
		case "Committed":
			ch, found = committed[id]
		case "Latest":
			if !found {
				ch, found = committed[id]
			}
		}
		if !found {
			return nil, nil, false
		}
		chunks = append(chunks, ch)
		infos = append(infos, blockInfo{ID: id, Size: ch.Size})
	}
	return chunks, infos, true
}

// getBlockList lists blocks, which is how an interrupted upload finds out what has arrived.
func (b *blobCall) getBlockList() {
	st := b.st
	st.mu.Lock()
	defer st.mu.Unlock()
	c := st.containers[b.key()]
	if c == nil || c.blobs[b.name] == nil && c.blocks[b.name] == nil {
		b.noBlob()
		return
	}
	which := strings.ToLower(b.r.URL.Query().Get("blocklisttype"))
	var out bytes.Buffer
	block := func(id string, size int64) {
		out.WriteString("<Block><Name>" + id + "</Name><Size>" + strconv.FormatInt(size, 10) + "</Size></Block>")
	}
	out.WriteString(`<?xml version="1.0" encoding="utf-8"?><BlockList><CommittedBlocks>`)
	if item := c.blobs[b.name]; item != nil {
		b.written(item)
		if which != "uncommitted" {
			for _, i := range item.Blocks {
				block(i.ID, i.Size)
			}
		}
	}
	out.WriteString("</CommittedBlocks><UncommittedBlocks>")
	if which == "uncommitted" || which == "all" {
		for _, id := range c.order[b.name] {
			block(id, c.blocks[b.name][id].Size)
		}
	}
	out.WriteString("</UncommittedBlocks></BlockList>")
	b.xml(out.Bytes())
}
