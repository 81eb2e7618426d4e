package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

// code assets are never written: mlsync makes them of the folders that other
// assets name. They are found by the hash of their content.
var code = &Table{
	Kind:       "code",
	Plural:     "code",
	Collection: "codes",
	Versioned:  true,
	InRegistry: true,
	Tags:       "",
	Remove:     Orphan,
	Doc:        "Program code of a job or deployment. It is not written in a file of its own.",
	Variants: []*Variant{{
		ToREST: func(_ *Encoder, v, rest *asset.Value) {
			rest.SetPath(asset.NewBool(false), "properties", "isArchived")
			rest.SetPath(asset.NewBool(true), "properties", "isAnonymous")
		},
	}},
	Fields: []Field{
		{YAML: "hash_sha256", REST: "properties.properties.hash_sha256", As: Str{}, Change: NewVersion, Doc: "The hash of the content, by which the service finds it."},
		{YAML: "hash_version", REST: "properties.properties.hash_version", As: Str{}, Change: NewVersion, Send: asset.NewString(codeHashVersion), Doc: "How the hash is made."},
		{YAML: "path", REST: "properties.codeUri", As: Local{What: Code, Same: sameContext}, Change: Once, Doc: "Where the content is; known once it is uploaded."},
		{YAML: "name_in_container", As: Str{}, Change: Once, Doc: "The file or folder within the container that the service gives for the upload."},
		{YAML: "is_file", As: Bool{}, Change: Once, Doc: "The content is one file."},
	},
}

// codeHashVersion names the way hashes of code are made: SHA-256 over the
// number, the paths, sizes and bytes of the files.
const codeHashVersion = "202208"

// NewCode is the code asset of content with the given hash. base is the name
// of the file or folder; the address is known only after the upload.
func NewCode(name, hash, base string, folder bool) *asset.Asset {
	body := asset.NewMap().
		Set("hash_sha256", asset.NewString(hash)).
		Set("hash_version", asset.NewString(codeHashVersion)).
		Set("name_in_container", asset.NewString(base))
	if !folder {
		body.Set("is_file", asset.NewBool(true))
	}
	return &asset.Asset{ID: asset.ID{Kind: code.Kind, Name: name, Version: "1"}, Anonymous: true, Body: body}
}

// CodeName is the name of the code asset of content with the given hash: the
// first half of the hash, written as a UUID. The service finds code by hash
// under any name, so the name only has to be the same every time.
func CodeName(hash string) string {
	return strings.Join([]string{hash[:8], hash[8:12], hash[12:16], hash[16:20], hash[20:32]}, "-")
}
