package kind

import (
	"path"
	"strings"

	"mlsync.dev/mlsync/asset"
)

var environment = &Table{
	Kind:        "environment",
	Plural:      "environments",
	Collection:  "environments",
	Versioned:   true,
	InRegistry:  true,
	Anonymous:   "CliV2AnonymousEnvironment",
	Names:       serviceName,
	Tags:        "properties.tags",
	StampsFixed: true,
	Remove:      Archive,
	Promotable:  true,
	ReadBack:    true,
	System: func(id asset.ID) bool {
		return id.Name == "CliV2AnonymousEnvironment" || hasPrefix(id.Name, "AzureML-", "DefaultNcdEnv-", "promptflow_")
	},
	Doc: "What a job or deployment runs in: an image, an image with conda packages, or a Docker build.",
	Variants: []*Variant{{
		Schemas: []string{"environment"},
		Tell: func(doc *asset.Value) bool {
			return hasAll(doc, "name") && hasAny(doc, "image", "build") &&
				onlyKeys(doc, environmentFields, "$schema", "name", "version")
		},
		Preview: &Preview{
			Tell: func(doc *asset.Value) bool {
				return doc.Has("docker") || doc.Get("conda").Type() == asset.Map
			},
			Upgrade: upgradeEnvironment,
		},
		Check: checkEnvironment,
		ToREST: func(_ *Encoder, v, rest *asset.Value) {
			rest.SetPath(asset.NewBool(false), "properties", "isArchived")
			if !rest.GetPath("properties").Has("isAnonymous") {
				rest.SetPath(asset.NewBool(false), "properties", "isAnonymous")
			}
		},
	}},
	Fields: environmentFields,
}

var environmentFields = []Field{
	{YAML: "description", REST: "properties.description", As: Str{}, Change: Once, Doc: "What it is for. The service keeps what the version was created with."},
	{YAML: "tags", REST: "properties.tags", As: Tags, Change: Once, Doc: "Fixed with the version: the service ignores later changes."},
	{YAML: "image", REST: "properties.image", As: Str{}, Change: NewVersion, Doc: "The Docker image; not together with build."},
	{YAML: "conda_file", REST: "properties.condaFile", As: condaFile, Change: NewVersion, Doc: "Conda packages on top of the image: the path of a file, or its content. It is sent as text with sorted keys; the service gives it back as JSON."},
	{YAML: "build", As: Object{Fields: []Field{
		{YAML: "path", REST: "properties.build.contextUri", As: Local{What: Context, Same: sameContext}, Change: NewVersion, Required: true, Doc: "The build context: a folder, which is uploaded, or an address."},
		{YAML: "dockerfile_path", REST: "properties.build.dockerfilePath", As: Str{}, Change: NewVersion, Service: asset.NewString("Dockerfile"), Doc: "The Dockerfile within the context."},
	}}, Doc: "A Docker build; not together with image."},
	{YAML: "inference_config", REST: "properties.inferenceConfig", Change: NewVersion, As: Obj(
		Field{YAML: "liveness_route", REST: "livenessRoute", As: route, Required: true, Doc: "Answers when the container lives."},
		Field{YAML: "readiness_route", REST: "readinessRoute", As: route, Required: true, Doc: "Answers when the container is ready."},
		Field{YAML: "scoring_route", REST: "scoringRoute", As: route, Required: true, Doc: "Takes the requests."},
	), Doc: "The routes of a custom inference container."},
	{YAML: "os_type", REST: "properties.osType", As: Words("linux", "linux", "windows", "windows"), Change: NewVersion, Service: asset.NewString("linux"), Doc: "The operating system."},
	{YAML: "datastore", As: Ref{To: "datastore", Bare: true}, Change: Once, Stays: true, Doc: "The datastore that the build context is uploaded to; workspaceblobstore if not given."},
	{YAML: "auto_delete_setting", As: Any{}, Change: Once, Doc: "Read and not sent, as the reference client does."},
	{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
	{YAML: "creation_context", As: Any{}, ReadOnly: true, Doc: "Set by the service."},
	{YAML: "latest_version", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
	{YAML: "intellectual_property", As: Any{}, ReadOnly: true, Doc: "Set by the service."},
}

var route = Obj(
	Field{YAML: "path", REST: "path", As: Str{}, Required: true, Doc: "The path of the route."},
	Field{YAML: "port", REST: "port", As: Int{}, Required: true, Doc: "The port of the route."},
)

// condaFile is sent as the text of a YAML document. The service returns it as
// JSON text, so both are read.
var condaFile = Local{What: Document, Inline: true, Encoded: func(_ *Encoder, v *asset.Value) *asset.Value {
	return asset.NewString(DumpYAML(v))
}, Decoded: func(_ *Decoder, rest *asset.Value) *asset.Value {
	if strings.TrimSpace(rest.Text()) == "" {
		return nil
	}
	return ParseDocument(rest.Text())
}}

func checkEnvironment(c *Checker, v *asset.Value) {
	image, build := v.Get("image"), v.Get("build")
	switch {
	case image == nil && build == nil:
		c.Problems.Hintf(v.Pos(), "missing_field", "add image: or build:", "an environment needs an image or a build")
	case image != nil && build != nil:
		c.Problems.Hintf(build.Pos(), "conflict", "remove one of them", "image and build exclude each other")
	case build != nil && v.Get("conda_file") != nil:
		c.Problems.Hintf(v.Get("conda_file").Pos(), "conflict", "install the packages in the Dockerfile", "conda_file and build exclude each other")
	}
}

// upgradeEnvironment reads docker.image, docker.build and conda.inline of the
// preview. A Dockerfile was named alone; its folder becomes the build context.
func upgradeEnvironment(u *Upgrade) []*asset.Value {
	out := asset.NewMap().At(u.Doc.Pos())
	u.Rest(out, u.Doc, "docker", "conda")
	u.Move(out, "docker.image", "image", nil)
	if file := u.Doc.GetPath("docker", "build", "dockerfile"); file != nil {
		dir, base := path.Split(strings.TrimPrefix(file.Text(), "file:"))
		dir = strings.TrimSuffix(dir, "/")
		if dir == "" {
			dir = "."
		}
		out.Set("build", asset.NewMap().At(file.Pos()).
			Set("path", asset.NewString(dir).At(file.Pos())).
			Set("dockerfile_path", asset.NewString(base).At(file.Pos())))
	}
	u.Move(out, "conda.inline", "conda_file", nil)
	for _, file := range []string{"conda.conda_dependencies_file", "conda.file"} {
		u.Move(out, file, "conda_file", nil)
	}
	if v := u.Doc.GetPath("conda", "interpreter_path"); v != nil {
		u.Lost("conda.interpreter_path", v, "conda brings its own interpreter")
	}
	for _, block := range []string{"docker", "conda"} {
		for k, v := range u.Doc.Get(block).Entries() {
			if !contains([]string{"image", "build", "inline", "interpreter_path", "conda_dependencies_file", "file"}, k) {
				u.Lost(block+"."+k, v, "remove it")
			}
		}
	}
	return []*asset.Value{out}
}
