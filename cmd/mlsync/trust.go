package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/problem"
)

// trustedHosts is the environment variable with more hosts that tokens may be
// sent to, with commas between them.
const trustedHosts = "MLSYNC_TRUSTED_HOSTS"

// trusted refuses addresses of the configuration that are not Azure's. Tokens
// and client secrets go there, and who may write to a repository, or open a
// pull request on it, is not who may have them: so a file alone cannot send
// them anywhere. given are the addresses of the command line.
func (a *app) trusted(t *config.Target, given []string) error {
	more, _ := a.env(trustedHosts)
	for _, at := range []struct{ key, address string }{{"endpoint", t.Endpoint}, {"storage_endpoint", t.StorageEndpoint}, {"authority", t.Authority}} {
		if at.address == "" || slices.Contains(given, at.address) {
			continue
		}
		u, err := url.Parse(at.address)
		if err != nil {
			return fmt.Errorf("%s: it is not an address", at.key)
		}
		if loopback(u.Hostname()) || azureml.Official(u.Host) || slices.Contains(strings.Split(more, ","), u.Host) {
			continue
		}
		return fmt.Errorf("%s: credentials would go to %s, which is no host of Azure: if that is right, set %s=%s", at.key, printable(u.Host), trustedHosts, printable(u.Host))
	}
	return nil
}

// trustedHosts are the hosts that the operator trusts beside Azure's.
func (a *app) trustedHosts() []string {
	more, _ := a.env(trustedHosts)
	return strings.Split(more, ",")
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// pinned refuses a commit that changes what a running daemon may reach and read
// besides the workspace: the commit comes from who may write to the repository,
// the credentials and files are those of the machine. A daemon without targets
// has read no configuration yet.
func pinned(was, now *config.Config) error {
	if len(was.Targets) == 0 {
		return nil
	}
	if what := reached(was, now); what != "" {
		return fmt.Errorf("the commit changes %s in %s: restart the daemon to take that over", what, config.File)
	}
	return nil
}

func reached(was, now *config.Config) string {
	if len(was.Secrets.Providers) != len(now.Secrets.Providers) {
		return "secrets.providers"
	}
	for name, p := range now.Secrets.Providers {
		old, ok := was.Secrets.Providers[name]
		old.Pos, p.Pos = problem.Pos{}, problem.Pos{}
		if !ok || old != p {
			return "secrets.providers"
		}
	}
	if !slices.EqualFunc(was.Webhooks, now.Webhooks, sameWebhook) {
		return "webhooks"
	}
	if !reflect.DeepEqual(unplaced(was.Notify), unplaced(now.Notify)) {
		return "notify"
	}
	for i := range now.Targets {
		t := &now.Targets[i]
		old := targetOf(was, t.Name)
		if old == nil {
			continue // it has no worker
		}
		for _, f := range []struct{ key, was, now string }{
			{"cloud", old.Cloud, t.Cloud},
			{"endpoint", old.Endpoint, t.Endpoint},
			{"storage_endpoint", old.StorageEndpoint, t.StorageEndpoint},
			{"authority", old.Authority, t.Authority},
			{"ca_file", old.CAFile, t.CAFile},
			{"identity", fmt.Sprint(old.Identity), fmt.Sprint(t.Identity)},
			{"read_identity", fmt.Sprint(old.ReadIdentity), fmt.Sprint(t.ReadIdentity)},
		} {
			if f.was != f.now {
				return "targets." + t.Name + "." + f.key
			}
		}
	}
	return ""
}

func sameWebhook(a, b config.Webhook) bool {
	a.Pos, b.Pos = problem.Pos{}, problem.Pos{}
	return reflect.DeepEqual(a, b)
}

// unplaced is n without the places in the file.
func unplaced(n config.Notify) config.Notify {
	n.Channels, n.Routes = slices.Clone(n.Channels), slices.Clone(n.Routes)
	for i := range n.Channels {
		n.Channels[i].Pos = problem.Pos{}
	}
	for i := range n.Routes {
		n.Routes[i].Pos = problem.Pos{}
	}
	return n
}

// readBounded reads a file of at most so many bytes.
func readBounded(open func() (fs.File, error), most int64) (data []byte, err error) {
	f, err := open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err = io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		return nil, fmt.Errorf("the file has more than %d bytes", most)
	}
	return data, err
}
