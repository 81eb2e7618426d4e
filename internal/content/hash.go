package content

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strconv"
)

// seed begins the object hash of Microsoft's client (azure-ai-ml 1.28).
const seed = "Initialize for october 2021 AML CLI version"

// CodeHashVersion is what the service calls the algorithm of CodeHash.
const CodeHashVersion = "202208"

// chunk is the size of the buffer files are read through.
const chunk = 128 << 10

// ObjectHash is the hash in the blob path LocalUpload/HASH/NAME, as lower-case
// hex of SHA-256. For a file it is fed the bytes, for a directory the name of
// each entry, in the order of the lower-cased names, followed by its bytes or
// its entries. The service never checks it.
func (c *Content) ObjectHash(ctx context.Context) (string, error) {
	return c.cached("object", func() (string, error) {
		h := sha256.New()
		io.WriteString(h, seed)
		if err := c.feedAll(ctx, h, h); err != nil {
			return "", err
		}
		return hex.EncodeToString(h.Sum(nil)), nil
	})
}

// CodeHash is the hash a code asset is found by (hash version 202208), as
// lower-case hex of SHA-256. It is fed the number of files, the path and size
// of each in the order of the lower-cased paths, and the bytes of each in that
// order. Line endings are hashed as they are.
func (c *Content) CodeHash(ctx context.Context) (string, error) {
	return c.cached("code", func() (string, error) {
		h := sha256.New()
		c.codeHead(h)
		buf := make([]byte, chunk)
		for _, f := range c.Files {
			if err := feed(ctx, h, f.node, buf); err != nil {
				return "", fmt.Errorf("%s: %w", c.Path, err)
			}
		}
		return hex.EncodeToString(h.Sum(nil)), nil
	})
}

// codeHead writes what the code hash holds before the bytes.
func (c *Content) codeHead(h hash.Hash) {
	io.WriteString(h, strconv.Itoa(len(c.Files)))
	for _, f := range c.Files {
		rel := f.Rel
		if !c.IsDir {
			rel = cmp.Or(c.hashName, rel)
		}
		io.WriteString(h, "#"+rel+"#"+strconv.FormatInt(f.Size, 10))
	}
}

// cached asks the cache before it computes the hash of the given kind.
func (c *Content) cached(kind string, compute func() (string, error)) (string, error) {
	key := ""
	if c.cache != nil {
		key = c.key(kind)
	}
	if key != "" {
		if h, ok := c.cache.Lookup(key); ok {
			return h, nil
		}
	}
	h, err := compute()
	if err == nil && key != "" {
		c.cache.Store(key, h)
	}
	return h, err
}

// key identifies the content without reading it, "" if it cannot: a file with
// neither identity nor modification time may change unseen.
func (c *Content) key(kind string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00%d", kind, c.Path, c.hashName, len(c.Files))
	for _, f := range c.Files {
		if f.node.id == "" && f.node.mtime.IsZero() {
			return ""
		}
		stamp := f.node.id
		if stamp == "" {
			stamp = strconv.FormatInt(f.node.mtime.UnixNano(), 10)
		}
		fmt.Fprintf(h, "\x00%s\x00%d\x00%s", f.Rel, f.Size, stamp)
	}
	for _, item := range c.feed {
		fmt.Fprintf(h, "\x00%s\x00%t", item.name, item.file != nil)
	}
	return kind + "-" + hex.EncodeToString(h.Sum(nil))
}

// feed writes the bytes of n to h and insists on the size of the listing.
func feed(ctx context.Context, h io.Writer, n *node, buf []byte) error {
	f, err := n.open()
	if err != nil {
		return err
	}
	defer f.Close()
	var total int64
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		k, err := f.Read(buf)
		if _, werr := h.Write(buf[:k]); werr != nil {
			return werr
		}
		total += int64(k)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if total != n.size {
		return fmt.Errorf("%s: %d bytes, listed as %d: %w", n.name, total, n.size, ErrChanged)
	}
	return nil
}
