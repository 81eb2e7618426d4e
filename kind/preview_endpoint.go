package kind

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// tellPreviewEndpoint: the preview had the deployments in the endpoint.
func tellPreviewEndpoint(doc *asset.Value) bool {
	return doc.Has("deployments") && !typeIs(doc, "batch")
}

// upgradeOnlineEndpoint makes an endpoint and a document for each deployment.
func upgradeOnlineEndpoint(u *Upgrade) []*asset.Value {
	compute := u.Doc.Get("compute")
	for _, old := range []string{"infrastructure", "target"} {
		if compute == nil {
			compute = u.Doc.Get(old)
		}
	}
	form := "managed"
	out := asset.NewMap().At(u.Doc.Pos())
	if compute != nil && !strings.HasPrefix(compute.Str(), "azureml:managed") {
		form = "kubernetes"
	}
	out.Set("$schema", schemaURL(form+"OnlineEndpoint"))
	u.Move(out, "name", "name", nil)
	if form == "kubernetes" {
		compute = PreviewRef(compute)
		if !strings.Contains(compute.Str(), ":") {
			compute = asset.NewString("azureml:" + compute.Str()).At(compute.Pos())
		}
		out.Set("compute", compute)
	}
	u.Move(out, "auth_mode", "auth_mode", func(v *asset.Value) *asset.Value {
		if squash(v.Str()) == "token" {
			return asset.NewString("aml_token").At(v.Pos())
		}
		return v
	})
	u.Rest(out, u.Doc, "$schema", "type", "compute", "infrastructure", "target", "deployments")
	docs := []*asset.Value{out}
	for i, v := range u.Doc.Get("deployments").Items() {
		name, at := v.Get("name"), "deployments."+strconv.Itoa(i)
		if u.Doc.Get("deployments").Type() == asset.Map {
			key := u.Doc.Get("deployments").Keys()[i]
			name, at = asset.NewString(key).At(v.Pos()), "deployments."+key
		}
		docs = append(docs, u.deployment(form, at, name, v))
	}
	return docs
}

// deployment is one deployment of an endpoint, which is at path.
func (u *Upgrade) deployment(form, at string, name, in *asset.Value) *asset.Value {
	out := asset.NewMap().At(in.Pos()).Set("$schema", schemaURL(form+"OnlineDeployment")).Set("type", asset.NewString(form))
	if name != nil {
		out.Set("name", name)
	}
	if endpoint := u.Doc.Get("name"); endpoint != nil {
		out.Set("endpoint_name", endpoint)
	}
	for key, v := range in.Entries() {
		switch key {
		case "name", "entry_script", "scoring_script":
		case "model":
			out.Set(key, u.model(v))
		case "code":
			u.codeConfiguration(out, in, at)
		case "environment":
			out.Set(key, u.environment(v))
		case "sku":
			out.Set("instance_type", v)
		case "scale_settings":
			u.scaleSettings(out, v, form, at+"."+key)
		case "request_settings":
			out.Set(key, renameKeys(v, "scoring_timeout_ms", "request_timeout_ms"))
		case "resource_requirements":
			out.SetPath(v, "resources", "requests")
			out.SetPath(v, "resources", "limits")
		case "type":
			u.Lost(at+"."+key, v, "the endpoint says it")
		default:
			out.Set(key, v)
		}
	}
	return out
}

func (u *Upgrade) model(v *asset.Value) *asset.Value {
	if v.Type() == asset.Map {
		return renameKeys(v, "asset_path", "path", "local_path", "path")
	}
	return PreviewRef(v)
}

// codeConfiguration joins code and script. The path of the script was
// relative to the file and is relative to the code.
func (u *Upgrade) codeConfiguration(out, in *asset.Value, at string) {
	if in.Get("code").Type() == asset.Map && in.Get("code").Has("scoring_script") {
		out.Set("code_configuration", renameKeys(in.Get("code"), "local_path", "code", "directory", "code"))
		return
	}
	code := u.code(in.Get("code"), at+".code")
	config := asset.NewMap().At(code.Pos()).Set("code", code)
	for _, key := range []string{"entry_script", "scoring_script"} {
		script := in.Get(key)
		if script.IsNull() {
			continue
		}
		text := script.Str()
		if inside, ok := strings.CutPrefix(path.Clean(text), path.Clean(code.Str())+"/"); ok {
			text = inside
		}
		config.Set("scoring_script", asset.NewString(text).At(script.Pos()))
	}
	if !config.Has("scoring_script") && code != nil {
		// The preview ran batch deployments without a script of their own.
		u.Problems.Warnf(code.Pos(), "assumed_script", "say another with scoring_script:", "%s names no script: code_configuration.scoring_script is taken to be score.py", strings.TrimPrefix(at+".code", "."))
		config.Set("scoring_script", asset.NewString("score.py").At(code.Pos()))
	}
	out.Set("code_configuration", config)
}

// scaleSettings: the number of machines moves to the deployment, and managed
// deployments are no longer scaled by Azure ML.
func (u *Upgrade) scaleSettings(out, in *asset.Value, form, at string) {
	scale := asset.NewMap().At(in.Pos())
	auto := slices.Contains([]string{"auto", "automatic", "targetutilization"}, squash(firstOf(in, "scale_type", "type").Str()))
	for key, v := range in.Entries() {
		switch {
		case key == "instance_count":
			out.Set(key, v)
		case key == "scale_type", key == "type":
		case auto && form == "kubernetes":
			scale.Set(key, v)
		default:
			u.Lost(at+"."+key, v, "scale managed deployments with Azure Monitor")
		}
	}
	typ := "default"
	if auto && form == "kubernetes" {
		typ = "target_utilization"
	}
	if auto || scale.Len() > 0 {
		out.Set("scale_settings", scale.Set("type", asset.NewString(typ).At(in.Pos())))
	}
}

// firstOf is the value of the first key that is there, or nil.
func firstOf(v *asset.Value, keys ...string) *asset.Value {
	for _, key := range keys {
		if item := v.Get(key); item != nil {
			return item
		}
	}
	return nil
}

// tellPreviewBatch: the preview had type: Batch, runs-on: and batch_settings:.
func tellPreviewBatch(doc *asset.Value) bool {
	return hasAny(doc, "batch_settings", "runs-on") || typeIs(doc, "batch") && hasAny(doc, "endpoint", "model") && !doc.Has("deployments")
}

func upgradeBatchDeployment(u *Upgrade) []*asset.Value {
	out := asset.NewMap().At(u.Doc.Pos()).Set("$schema", schemaURL("modelBatchDeployment"))
	u.Move(out, "name", "name", nil)
	u.Move(out, "endpoint", "endpoint_name", nil)
	out.Set("type", asset.NewString("model"))
	u.Move(out, "model", "model", u.model)
	if u.Doc.Has("code") {
		u.codeConfiguration(out, u.Doc, "")
	}
	u.Move(out, "environment", "environment", u.environment)
	u.compute(out, out)
	u.Move(out, "runs-on", "compute", PreviewRef)
	u.batchSettings(out)
	u.Rest(out, u.Doc, "$schema", "type", "endpoint", "code", "entry_script", "scoring_script", "compute", "on_compute", "runs-on", "batch_settings")
	return []*asset.Value{out}
}

// batchSettings spreads the settings of the preview.
func (u *Upgrade) batchSettings(out *asset.Value) {
	to := map[string]string{
		"scale_settings.node_count":            "resources.instance_count",
		"partitioning_scheme.mini_batch_size":  "settings.mini_batch_size",
		"output_configuration.append":          "settings.output_action",
		"output_configuration.file_name":       "settings.output_file_name",
		"retry_settings.timeout_in_seconds":    "settings.retry_settings.timeout",
		"retry_settings.max_retries":           "settings.retry_settings.max_retries",
		"error_threshold":                      "settings.error_threshold",
		"logging_level":                        "settings.logging_level",
		"max_concurrency_per_instance":         "settings.max_concurrency_per_instance",
		"mini_batch_size":                      "settings.mini_batch_size",
		"retry_settings.timeout":               "settings.retry_settings.timeout",
		"scale_settings.instance_count":        "resources.instance_count",
		"output_configuration.output_action":   "settings.output_action",
		"output_configuration.output_filename": "settings.output_file_name",
	}
	var spread func(at string, v *asset.Value)
	spread = func(at string, v *asset.Value) {
		switch target, known := to[at]; {
		case known && strings.HasSuffix(at, ".append"):
			if v.Str() != "row" {
				u.Lost("batch_settings."+at, v, "write row")
				return
			}
			out.SetPath(asset.NewString("append_row").At(v.Pos()), splitPath(target)...)
		case known:
			out.SetPath(v, splitPath(target)...)
		case v.Type() == asset.Map:
			for key, item := range v.Entries() {
				spread(strings.TrimPrefix(at+"."+key, "."), item)
			}
		default:
			u.Lost("batch_settings."+at, v, "remove it")
		}
	}
	spread("", u.Doc.Get("batch_settings"))
}
