package kind

import (
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// monitorDefinition is what a monitor watches, with what, and who is told.
var monitorDefinition = Obj(
	Field{YAML: "compute", REST: "computeConfiguration", As: monitorCompute, Required: true, Doc: "The serverless Spark machines that it runs on."},
	Field{YAML: "monitoring_target", REST: "monitoringTarget", As: Obj(
		Field{YAML: "ml_task", REST: "taskType", As: wordOf("classification", "regression", "questionanswering"), Send: asset.NewString("classification"), Service: asset.NewString("classification"), Doc: "What the model does."},
		Field{YAML: "endpoint_deployment_id", REST: "deploymentId", As: watchedDeployment, Doc: "The deployment: azureml:ENDPOINT:DEPLOYMENT. What it collects is watched by signals that name no data."},
		Field{YAML: "model_id", REST: "modelId", As: Ref{To: "model"}, Doc: "The model, if it is not deployed."},
	), Doc: "The deployment or model that is watched."},
	Field{YAML: "monitoring_signals", REST: "signals", As: Map{Of: monitorSignal}, Doc: "What is measured, by name; for a deployment that collects its data, data drift, prediction drift and data quality if none is given."},
	Field{YAML: "alert_notification", REST: "alertNotificationSetting", As: alertNotification, Stays: true, Doc: "Who is told: azmonitoring, or a map with emails."},
)

var watchedDeployment = Ref{To: "online-deployment", Parented: true, Bare: true}

var monitorCompute = Object{
	Fields: []Field{
		{YAML: "instance_type", REST: "instanceType", As: Fold{}, Required: true, Stays: true, Doc: "The size of the machines."},
		{YAML: "runtime_version", REST: "runtimeVersion", As: quotedWord{Words("3.4", "3.4")}, Required: true, Doc: "The version of Spark: \"3.4\", in quotes."},
	},
	ToREST: func(_ *Encoder, _, rest *asset.Value) {
		rest.Set("computeType", asset.NewString("ServerlessSpark"))
		rest.SetPath(asset.NewString("AmlToken"), "computeIdentity", "computeIdentityType")
	},
}

// emailAlerts go out when a run of the monitor has ended, well or not.
var emailAlerts = Object{
	Fields: []Field{
		{YAML: "emails", REST: "emailNotificationSetting.emails", As: List{Of: Str{}}, Doc: "Addresses that are told."},
	},
	ToREST: func(_ *Encoder, _, rest *asset.Value) {
		rest.Set("alertNotificationType", asset.NewString("Email"))
		rest.SetPath(asset.NewList(asset.NewString("JobFailed"), asset.NewString("JobCompleted")), "emailNotificationSetting", "emailOn")
	},
	FromREST: func(_ *Decoder, _, v *asset.Value) {
		if v.Get("emails").IsNull() {
			v.Set("emails", asset.NewList())
		}
	},
}

// wordInMap is a word in the file and a map with one constant on the wire.
type wordInMap struct {
	word
	REST, Text string
}

func (w wordInMap) Encode(*Encoder, *asset.Value) *asset.Value {
	return asset.NewMap().Set(w.REST, asset.NewString(w.Text))
}

func (w wordInMap) Decode(*Decoder, *asset.Value) *asset.Value { return asset.NewString(w.names()[0]) }

var alertNotification = Pick{
	Name: "azmonitoring, or a map with emails",
	Of: func(v *asset.Value) Type {
		switch v.Type() {
		case asset.Map:
			return emailAlerts
		case asset.String:
			return azureMonitor
		}
		return nil
	},
	OfREST: func(rest *asset.Value) Type {
		if squash(rest.Get("alertNotificationType").Str()) == "azuremonitor" {
			return azureMonitor
		}
		return emailAlerts
	},
	All: []Type{azureMonitor, emailAlerts},
}

var azureMonitor = wordInMap{wordOf("azmonitoring"), "alertNotificationType", "AzureMonitor"}

// checkMonitor fills in the data windows, and refuses a monitor that nothing
// in the workspace could complete.
func checkMonitor(c *Checker, v *asset.Value) {
	c.in("create_monitor", func() {
		def := v.Get("create_monitor")
		watched := !def.GetPath("monitoring_target", "endpoint_deployment_id").IsNull()
		signals := def.Get("monitoring_signals")
		if signals.Len() == 0 && def != nil && !watched {
			c.Badf(def, "missing_field", "add monitoring_signals:, or monitoring_target: with an endpoint_deployment_id:", "there are no signals, and no deployment from which they could be made")
		}
		c.in("monitoring_signals", func() {
			for name, signal := range signals.Entries() {
				c.in(name, func() { checkSignal(c, signal, watched, windowsOf(v.Get("trigger"))) })
			}
		})
	})
}

// checkSignal finishes one signal. Those that name no data take what a
// deployment collects.
func checkSignal(c *Checker, signal *asset.Value, watched bool, w windows) {
	typ := signal.Get("type").Str()
	if !watched {
		for _, key := range collectedOf[typ] {
			if signal.Get(key).IsNull() {
				c.in(key, func() {
					c.Badf(signal, "missing_field", "add it, or watch a deployment that collects its data", "is missing")
				})
			}
		}
	}
	w.fill(c, signal)
}

// collectedOf are the fields that a signal may leave to the deployment.
var collectedOf = map[string][]string{
	"data_drift": {"production_data", "reference_data"}, "data_quality": {"production_data", "reference_data"}, "prediction_drift": {"production_data", "reference_data"},
	"feature_attribution_drift": {"production_data"}, "generation_token_statistics": {"production_data"},
}

// completeMonitor adds the data, and the signals, that the reference client
// makes of what the deployment collects.
func completeMonitor(in *Completion, body *asset.Value) {
	def := body.Get("create_monitor")
	target := def.GetPath("monitoring_target", "endpoint_deployment_id")
	signals := def.Get("monitoring_signals")
	if target.IsNull() || signals.Len() > 0 && !slices.ContainsFunc(signals.Items(), lacksData) {
		return
	}
	id, ok := in.ID(watchedDeployment, target.Str())
	if !ok {
		in.Bad(target, "bad_reference", "write azureml:ENDPOINT:DEPLOYMENT, or add the data to the signals", "create_monitor.monitoring_target.endpoint_deployment_id: only a deployment of this workspace says what it collects")
		return
	}
	deployment := in.Asset(id)
	if deployment == nil {
		return // it is missing, which is said where references are bound, or not known
	}
	got := collectedBy(in, deployment)
	if signals.Len() == 0 {
		if !got.enabled("model_inputs") || !got.enabled("model_outputs") {
			in.Bad(target, "missing_field", "add monitoring_signals:, or let the deployment collect model_inputs and model_outputs", "create_monitor: there are no signals, and the deployment does not collect what it gets and answers")
			return
		}
		def.Set("monitoring_signals", defaultSignals(def))
	}
	w := windowsOf(body.Get("trigger"))
	for name, signal := range def.Get("monitoring_signals").Entries() {
		if !lacksData(signal) {
			continue
		}
		if why := got.addTo(signal); why != "" {
			in.Bad(target, "missing_field", "add the data to the signal, or let the deployment collect it", "create_monitor.monitoring_signals.%s: %s", name, why)
		}
		w.fill(&Checker{}, signal)
	}
}

// lacksData reports whether a signal needs the data of a deployment.
func lacksData(signal *asset.Value) bool {
	return slices.ContainsFunc(collectedOf[signal.Get("type").Str()], func(key string) bool { return signal.Get(key).IsNull() })
}

// defaultSignals are those of a monitor that names none.
func defaultSignals(def *asset.Value) *asset.Value {
	text := func(s string) *asset.Value { return asset.NewString(s) }
	num := func(f float64) *asset.Value { return asset.NewFloat(f) }
	if strings.EqualFold(def.GetPath("monitoring_target", "ml_task").Str(), "questionanswering") {
		return asset.NewMap().Set("token-usage-signal", asset.NewMap().Set("type", text("generation_token_statistics")).
			Set("metric_thresholds", noTokens()).Set("sampling_rate", num(0.1)))
	}
	drift := func() *asset.Value {
		return asset.NewMap().Set("numerical", asset.NewMap().Set("normalized_wasserstein_distance", num(0.1))).
			Set("categorical", asset.NewMap().Set("jensen_shannon_distance", num(0.1)))
	}
	rates := func() *asset.Value {
		return asset.NewMap().Set("null_value_rate", num(0)).Set("data_type_error_rate", num(0)).Set("out_of_bounds_rate", num(0))
	}
	return asset.NewMap().
		Set("data-drift-signal", asset.NewMap().Set("type", text("data_drift")).Set("features", text("all_features")).Set("metric_thresholds", drift())).
		Set("prediction-drift-signal", asset.NewMap().Set("type", text("prediction_drift")).Set("metric_thresholds", drift())).
		Set("data-quality-signal", asset.NewMap().Set("type", text("data_quality")).Set("features", text("all_features")).
			Set("metric_thresholds", asset.NewMap().Set("numerical", rates()).Set("categorical", rates())))
}
