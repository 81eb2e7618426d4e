package secret

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
	"gopkg.in/yaml.v3"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
)

// maxFile is the size of the largest file that is read.
const maxFile = limit.SecretFile

type env struct {
	prefix string
	lookup func(string) (string, bool)
}

var notEnv = regexp.MustCompile(`[^A-Za-z0-9_]`)

// Env reads the environment variable prefix+key. Dots and dashes of the key
// are underscores there. lookup is os.LookupEnv, or a twin of it.
func Env(prefix string, lookup func(string) (string, bool)) Provider { return env{prefix, lookup} }

func (e env) Get(_ context.Context, key string) (asset.Secret, error) {
	name := e.prefix + notEnv.ReplaceAllString(key, "_")
	text, ok := e.lookup(name)
	if !ok {
		return asset.Secret{}, fmt.Errorf("environment variable %s: %w", name, ErrNotFound)
	}
	return asset.NewSecret(text), nil
}

type dir struct {
	root string
	log  *slog.Logger
}

// Dir reads one file a secret from a folder, as Kubernetes and Docker mount
// them. One newline at the end does not count.
func Dir(root string, log *slog.Logger) Provider { return dir{root, log} }

func (d dir) Get(_ context.Context, key string) (asset.Secret, error) {
	if !filepath.IsLocal(key) || strings.ContainsAny(key, `/\`) || strings.HasPrefix(key, ".") {
		return asset.Secret{}, fmt.Errorf("%q cannot be the name of a file: %w", key, ErrNotFound)
	}
	data, err := readFile(filepath.Join(d.root, key), d.log)
	if errors.Is(err, fs.ErrNotExist) {
		return asset.Secret{}, fmt.Errorf("%q: %w", key, ErrNotFound)
	}
	if err != nil {
		return asset.Secret{}, err
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	return asset.NewSecret(text), nil
}

// File reads a YAML or JSON file that maps names to texts; maps within it are
// reached by dotted keys.
func File(path string, log *slog.Logger) Provider {
	return &once{load: func() (map[string]asset.Secret, error) {
		data, err := readFile(path, log)
		if err != nil {
			return nil, err
		}
		return flatten(path, data)
	}}
}

// Age reads a File that is encrypted with age, armored or not, with the
// identities in keyFile.
func Age(path, keyFile string, log *slog.Logger) Provider {
	return &once{load: func() (map[string]asset.Secret, error) {
		ids, err := identities(keyFile, log)
		if err != nil {
			return nil, err
		}
		data, err := readFile(path, nil)
		if err != nil {
			return nil, err
		}
		plain, err := decrypt(data, ids)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return flatten(path, plain)
	}}
}

func decrypt(data []byte, ids []age.Identity) ([]byte, error) {
	var in io.Reader = strings.NewReader(string(data))
	if strings.HasPrefix(strings.TrimSpace(string(data)), armor.Header) {
		in = armor.NewReader(strings.NewReader(strings.TrimSpace(string(data))))
	}
	out, err := age.Decrypt(in, ids...)
	if err != nil {
		return nil, fmt.Errorf("cannot be decrypted: %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(out, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot be decrypted: %w", err)
	case len(plain) > maxFile: // the rest of it would be missing without a word
		return nil, fmt.Errorf("larger than %d bytes when it is decrypted", maxFile)
	}
	return plain, nil
}

// identities reads the age identities of a key file.
func identities(keyFile string, log *slog.Logger) ([]age.Identity, error) {
	if keyFile == "" {
		return nil, errors.New("age_key_file is not given")
	}
	data, err := readFile(keyFile, log)
	if err != nil {
		return nil, err
	}
	ids, err := age.ParseIdentities(strings.NewReader(string(data)))
	if err != nil {
		// The library's error may quote the line with the key.
		return nil, fmt.Errorf("%s: it holds no age identity", keyFile)
	}
	return ids, nil
}

// readFile reads a file; with a log, it warns if others may read it too.
func readFile(path string, log *slog.Logger) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a file", path)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", path, maxFile)
	}
	if log != nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("a file with secrets can be read by others", "file", path, "mode", info.Mode().Perm().String())
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// flatten reads a YAML or JSON map. Errors tell no content.
func flatten(path string, data []byte) (map[string]asset.Secret, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil || len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s: not a YAML or JSON map", path)
	}
	out := map[string]asset.Secret{}
	collect(root.Content[0], "", out, 0)
	return out, nil
}

func collect(n *yaml.Node, prefix string, out map[string]asset.Secret, depth int) {
	if depth > limit.SecretDepth {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := prefix+n.Content[i].Value, n.Content[i+1]
		switch v.Kind {
		case yaml.ScalarNode:
			out[key] = asset.NewSecret(v.Value)
		case yaml.MappingNode:
			collect(v, key+".", out, depth+1)
		}
	}
}
