package kind

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// anonymousVersion is the version of anonymous assets other than environments.
const anonymousVersion = "1"

// AnonymousID names an inline asset by its content, as azure-ai-ml 1.28 does,
// so that the same content is the same asset for both. a is resolved;
// uploadHash is the hash of its folder or file, "" if nothing is uploaded.
func AnonymousID(a *asset.Asset, uploadHash string) asset.ID {
	if a.ID.Kind == environment.Kind {
		return asset.ID{Kind: a.ID.Kind, Name: environment.Anonymous, Version: environmentHash(a.Body, uploadHash)}
	}
	if a.ID.Kind == component.Kind {
		sum := md5.Sum([]byte(a.Variant + "\x00" + string(a.Body.Canonical()))) //nolint:gosec // a name, as the reference client makes it
		h := hex.EncodeToString(sum[:])
		return asset.ID{Kind: a.ID.Kind, Name: component.Anonymous, Version: h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]}
	}
	content := uploadHash
	if content == "" {
		content = string(a.Body.Canonical())
	}
	return asset.ID{Kind: a.ID.Kind, Name: sha256Hex(content), Version: anonymousVersion}
}

// environmentHash joins hashes the way the reference client does: with
// Python's str.join, which puts the text before it between all characters of
// the next hash.
func environmentHash(body *asset.Value, uploadHash string) string {
	if build := body.Get("build"); build != nil {
		if uploadHash == "" { // an address; the reference client refuses those
			uploadHash = build.Get("path").Text()
		}
		h := sha256Hex(uploadHash)
		if file := build.Get("dockerfile_path").Text(); file != "" {
			h = pythonJoin(h, sha256Hex(file))
		}
		return sha256Hex(h)
	}
	h := sha256Hex(body.Get("image").Text())
	if routes := body.Get("inference_config"); routes != nil {
		h = pythonJoin(h, sha256Hex(inferenceYAML(routes)))
	}
	if conda := body.Get("conda_file"); conda != nil {
		h = pythonJoin(h, sha256Hex(DumpYAML(conda)))
	}
	return sha256Hex(h)
}

// inferenceYAML is what PyYAML prints of the object that holds the routes in
// azure-ai-ml 1.28: the names of its classes are a part of the hash.
func inferenceYAML(routes *asset.Value) string {
	const class = "!!python/object:azure.ai.ml._restclient.v2022_05_01.models._models_py3."
	var b strings.Builder
	b.WriteString(class + "InferenceContainerProperties\nadditional_properties: {}\n")
	for _, name := range []string{"liveness_route", "readiness_route", "scoring_route"} {
		b.WriteString(name + ": " + class + "Route\n  additional_properties: {}\n")
		r := asset.NewMap()
		for _, key := range []string{"path", "port"} {
			r.Set(key, routes.GetPath(name, key))
		}
		for _, line := range strings.SplitAfter(DumpYAML(r), "\n") {
			if line != "" {
				b.WriteString("  " + line)
			}
		}
	}
	return b.String()
}

// pythonJoin is sep.join(text) of Python for a text: sep between all of its
// characters.
func pythonJoin(sep, text string) string { return strings.Join(strings.Split(text, ""), sep) }

func sha256Hex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
