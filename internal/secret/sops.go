package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"regexp"
	"strconv"
	"strings"

	"filippo.io/age"
	"gopkg.in/yaml.v3"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
)

// SOPS reads a YAML or JSON file that was encrypted by sops for age
// recipients. Every value is bound to its place in the file, and the whole to
// its MAC; a file that was tampered with gives nothing.
func SOPS(path, keyFile string, log *slog.Logger) Provider {
	return &once{load: func() (map[string]asset.Secret, error) {
		ids, err := identities(keyFile, log)
		if err != nil {
			return nil, err
		}
		data, err := readFile(path, nil)
		if err != nil {
			return nil, err
		}
		values, err := openSOPS(data, ids)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return values, nil
	}}
}

// sopsMeta is the part of the member sops that is looked at.
type sopsMeta struct {
	Age []struct {
		Enc string `yaml:"enc"`
	} `yaml:"age"`
	LastModified string `yaml:"lastmodified"`
	MAC          string `yaml:"mac"`
	// What is left in clear is still under the MAC, unless this is set.
	OnlyEncrypted     bool   `yaml:"mac_only_encrypted"`
	UnencryptedSuffix string `yaml:"unencrypted_suffix"`
	EncryptedSuffix   string `yaml:"encrypted_suffix"`
	UnencryptedRegex  string `yaml:"unencrypted_regex"`
	EncryptedRegex    string `yaml:"encrypted_regex"`
}

var errTampered = errors.New("the file does not fit its MAC: it was changed without sops")

func openSOPS(data []byte, ids []age.Identity) (map[string]asset.Secret, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil || len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("not a YAML or JSON map")
	}
	var meta sopsMeta
	body := &yaml.Node{Kind: yaml.MappingNode}
	found := false
	top := root.Content[0]
	for i := 0; i+1 < len(top.Content); i += 2 {
		if top.Content[i].Value != "sops" {
			body.Content = append(body.Content, top.Content[i], top.Content[i+1])
			continue
		}
		found = true
		if err := top.Content[i+1].Decode(&meta); err != nil {
			return nil, errors.New("its member sops is not as sops writes it")
		}
	}
	if !found {
		return nil, errors.New("it is not encrypted with sops")
	}
	key, err := dataKey(meta, ids)
	if err != nil {
		return nil, err
	}
	t := &sopsTree{key: key, meta: meta, out: map[string]asset.Secret{}}
	if err := t.walk(body, nil, 0); err != nil {
		return nil, err
	}
	return t.out, t.checkMAC()
}

func dataKey(meta sopsMeta, ids []age.Identity) ([]byte, error) {
	if len(meta.Age) == 0 {
		return nil, errors.New("it has no age recipients, and other keys are not supported")
	}
	for _, r := range meta.Age {
		key, err := decrypt([]byte(r.Enc), ids)
		if err == nil && len(key) == 32 {
			return key, nil
		}
	}
	return nil, errors.New("none of its age recipients is the identity of age_key_file")
}

// sopsTree is one file on its way to be decrypted.
type sopsTree struct {
	key  []byte
	meta sopsMeta
	out  map[string]asset.Secret
	sum  []byte // what the MAC is made of
}

func (t *sopsTree) checkMAC() error {
	sum := sha512.Sum512(t.sum)
	want := fmt.Sprintf("%X", sum)
	mac, _, err := t.open(t.meta.MAC, t.meta.LastModified)
	if err != nil || subtle.ConstantTimeCompare([]byte(mac), []byte(want)) != 1 {
		clear(t.out)
		return errTampered
	}
	return nil
}

// walk decrypts the values in the order of the file. path are the keys of
// maps; lists add nothing to it.
func (t *sopsTree) walk(n *yaml.Node, path []string, depth int) error {
	if depth > limit.Depth {
		return errors.New("it is nested too deep")
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if err := t.walk(n.Content[i+1], append(path[:len(path):len(path)], n.Content[i].Value), depth+1); err != nil {
				return err
			}
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			if err := t.walk(item, path, depth+1); err != nil {
				return err
			}
		}
	case yaml.ScalarNode:
		return t.leaf(n, path)
	case yaml.AliasNode:
		return errors.New("it holds aliases, which sops does not write")
	}
	return nil
}

func (t *sopsTree) leaf(n *yaml.Node, path []string) error {
	name := strings.Join(path, ".")
	if !t.encrypted(path) {
		if !t.meta.OnlyEncrypted {
			t.sum = append(t.sum, clearBytes(n)...)
		}
		t.out[name] = asset.NewSecret(n.Value)
		return nil
	}
	if n.Value == "" || n.Tag == "!!null" {
		t.out[name] = asset.NewSecret("")
		return nil
	}
	text, sum, err := t.open(n.Value, strings.Join(path, ":")+":")
	if err != nil {
		return fmt.Errorf("the value of %q: %w", name, err)
	}
	t.sum = append(t.sum, sum...)
	t.out[name] = asset.NewSecret(text)
	return nil
}

// encrypted reports whether the rules of the file encrypt what is at path.
func (t *sopsTree) encrypted(path []string) bool {
	m := t.meta
	yes := m.EncryptedSuffix == "" && m.EncryptedRegex == ""
	for _, p := range path {
		switch {
		case m.UnencryptedSuffix != "" && strings.HasSuffix(p, m.UnencryptedSuffix), matches(m.UnencryptedRegex, p):
			return false
		case m.EncryptedSuffix != "" && strings.HasSuffix(p, m.EncryptedSuffix), matches(m.EncryptedRegex, p):
			yes = true
		}
	}
	return yes
}

func matches(pattern, s string) bool {
	if pattern == "" {
		return false
	}
	re, err := regexp.Compile(pattern)
	return err == nil && re.MatchString(s)
}

// clearBytes are the bytes that sops puts under the MAC for a value in clear.
func clearBytes(n *yaml.Node) []byte {
	switch n.Tag {
	case "!!bool":
		return []byte(pythonBool(strings.EqualFold(n.Value, "true")))
	case "!!null":
		return nil
	case "!!float":
		if f, err := strconv.ParseFloat(n.Value, 64); err == nil && !math.IsInf(f, 0) {
			return []byte(strconv.FormatFloat(f, 'f', -1, 64))
		}
	}
	return []byte(n.Value)
}

func pythonBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

var sopsValue = regexp.MustCompile(`\AENC\[AES256_GCM,data:([A-Za-z0-9+/=]*),iv:([A-Za-z0-9+/=]+),tag:([A-Za-z0-9+/=]+),type:(str|int|float|bool|bytes|comment)\]\z`)

// open decrypts one ENC[…] value; aad is the place that it is bound to. It
// returns the text and the bytes that go under the MAC.
func (t *sopsTree) open(value, aad string) (text string, sum []byte, err error) {
	m := sopsValue.FindStringSubmatch(value)
	if m == nil {
		return "", nil, errors.New("it is not encrypted as the file says")
	}
	var parts [3][]byte
	for i := range parts {
		if parts[i], err = base64.StdEncoding.DecodeString(m[i+1]); err != nil {
			return "", nil, errors.New("it is not base64")
		}
	}
	data, iv, tag := parts[0], parts[1], parts[2]
	blk, err := aes.NewCipher(t.key)
	if err != nil {
		return "", nil, err
	}
	if len(iv) == 0 || len(tag) != 16 {
		return "", nil, errors.New("its nonce or tag has the wrong length")
	}
	gcm, err := cipher.NewGCMWithNonceSize(blk, len(iv))
	if err != nil {
		return "", nil, err
	}
	plain, err := gcm.Open(nil, iv, append(data, tag...), []byte(aad))
	if err != nil {
		return "", nil, errors.New("it was changed, or stands in another place than it was encrypted for")
	}
	text = string(plain)
	switch m[4] {
	case "bool":
		// sops stores True and False, as it puts them under the MAC.
		return strings.ToLower(text), plain, nil
	case "float":
		if f, ferr := strconv.ParseFloat(text, 64); ferr == nil {
			return text, []byte(strconv.FormatFloat(f, 'f', -1, 64)), nil
		}
	}
	return text, plain, nil
}
