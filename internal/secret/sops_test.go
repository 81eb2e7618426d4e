package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"filippo.io/age"
)

// sealSOPS encrypts one value as sops does.
func sealSOPS(t *testing.T, key []byte, plain, typ, aad string) string {
	t.Helper()
	iv := make([]byte, 32)
	if _, err := rand.Read(iv); err != nil {
		t.Fatal(err)
	}
	blk, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithNonceSize(blk, len(iv))
	if err != nil {
		t.Fatal(err)
	}
	out := gcm.Seal(nil, iv, []byte(plain), []byte(aad))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("ENC[AES256_GCM,data:%s,iv:%s,tag:%s,type:%s]", b64(out[:len(out)-16]), b64(iv), b64(out[len(out)-16:]), typ)
}

// sopsFile is a file as sops writes it: values in order with their types, and
// the MAC over them.
func sopsFile(t *testing.T, to age.Recipient, asJSON bool) string {
	t.Helper()
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		t.Fatal(err)
	}
	const modified = "2026-01-02T03:04:05Z"
	mac := sha512.Sum512([]byte(canary + "12" + "0.5" + "True" + "one" + "two" + "in clear"))
	enc := sealSOPS(t, key, fmt.Sprintf("%X", mac), "str", modified)
	s := func(plain, typ, aad string) string { return sealSOPS(t, key, plain, typ, aad) }
	sealedKey := seal(t, to, string(key), true)
	if asJSON {
		return fmt.Sprintf(`{"a": {"b": %q}, "n": %q, "f": %q, "t": %q, "l": [%q, %q], "x_unencrypted": "in clear", "e": "",
 "sops": {"kms": null, "age": [{"recipient": "r", "enc": %q}], "lastmodified": %q, "mac": %q, "unencrypted_suffix": "_unencrypted", "version": "3.9.0"}}`,
			s(canary, "str", "a:b:"), s("12", "int", "n:"), s("0.5", "float", "f:"), s("True", "bool", "t:"), s("one", "str", "l:"), s("two", "str", "l:"), sealedKey, modified, enc)
	}
	return "a:\n  b: " + s(canary, "str", "a:b:") + "\n#" + s("note", "comment", "") + "\nn: " + s("12", "int", "n:") + "\nf: " + s("0.5", "float", "f:") + "\nt: " + s("True", "bool", "t:") +
		"\nl:\n  - " + s("one", "str", "l:") + "\n  - " + s("two", "str", "l:") + "\nx_unencrypted: in clear\ne: \"\"\nsops:\n  kms: []\n  age:\n    - recipient: r\n      enc: |\n        " +
		strings.ReplaceAll(strings.TrimSpace(sealedKey), "\n", "\n        ") + "\n  lastmodified: \"" + modified + "\"\n  mac: " + enc + "\n  unencrypted_suffix: _unencrypted\n  version: 3.9.0\n"
}

func TestSOPS(t *testing.T) {
	id, key := newIdentity(t)
	for _, asJSON := range []bool{false, true} {
		file := sopsFile(t, id.Recipient(), asJSON)
		p := SOPS(write(t, "s.enc", file, 0o644), key, quiet())
		for k, v := range map[string]string{"a.b": canary, "n": "12", "f": "0.5", "t": "true", "x_unencrypted": "in clear", "e": ""} {
			want(t, p, k, v)
		}
		wantErr(t, p, "sops", ErrNotFound)
	}
}

func TestSOPSRefusesTampering(t *testing.T) {
	id, key := newIdentity(t)
	file := sopsFile(t, id.Recipient(), false)
	lines := strings.Split(file, "\n")
	n, f := lines[3], lines[4]
	for name, bad := range map[string]string{
		"clear value changed": strings.Replace(file, "in clear", "in clear!", 1),
		"value removed":       strings.Replace(file, n+"\n", "", 1),
		"value moved":         strings.Replace(strings.Replace(file, n, "n: "+f[3:], 1), f, "f: "+n[3:], 1),
		"value in clear":      strings.Replace(file, n, "n: 12", 1),
		"mac removed":         strings.Replace(file, "  mac: ", "  mack: ", 1),
		"date changed":        strings.Replace(file, "2026-01-02", "2026-01-03", 1),
		"no metadata":         strings.Replace(file, "\nsops:", "\nsopz:", 1),
		"no recipient":        strings.Replace(file, "  age:", "  pgp:", 1),
		"not yaml":            "a: [",
	} {
		if bad == file {
			t.Fatalf("%s: nothing was changed", name)
		}
		t.Run(name, func(t *testing.T) {
			wantErr(t, SOPS(write(t, "s.enc.yaml", bad, 0o600), key, quiet()), "a.b", nil)
		})
	}
	_, other := newIdentity(t)
	wantErr(t, SOPS(write(t, "s.enc.yaml", file, 0o600), other, quiet()), "a.b", nil)
}
