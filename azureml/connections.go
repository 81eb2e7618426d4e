package azureml

import (
	"crypto/sha256"
	"net/http"
	"os"
	"sync"
)

// Connections are kept between requests by clients that share them: a process
// with a thousand targets would otherwise hold idle ones for each, and shake
// hands anew for each. Nothing but certificate authorities tells them apart;
// who asks stands in each request. Create it with NewConnections. It is safe
// for concurrent use.
type Connections struct {
	mu   sync.Mutex
	open map[[sha256.Size]byte]*http.Client // by what CAFile holds
}

// NewConnections returns an empty set.
func NewConnections() *Connections {
	return &Connections{open: map[[sha256.Size]byte]*http.Client{}}
}

// client is the one with the certificate authorities of r; a nil set makes it.
func (c *Connections) client(r *resolved) (*http.Client, error) {
	var pem []byte
	if r.CAFile != "" {
		var err error
		if pem, err = os.ReadFile(r.CAFile); err != nil {
			return nil, errAuthorities(err)
		}
	}
	if c == nil {
		return newTransport(r, pem)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := sha256.Sum256(pem)
	if c.open[key] == nil {
		made, err := newTransport(r, pem)
		if err != nil {
			return nil, err
		}
		c.open[key] = made
	}
	return c.open[key], nil
}
