package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

// monitorSignal is one thing that a monitor measures.
var monitorSignal = byType("a signal, with its type: data_drift, data_quality, prediction_drift, feature_attribution_drift, model_performance, generation_safety_quality, generation_token_statistics or custom", "signalType", map[string]Type{
	"datadrift": dataDrift, "dataquality": dataQuality, "predictiondrift": predictionDrift, "featureattributiondrift": attributionDrift,
	"modelperformance": modelPerformance, "generationsafetyquality": safetyQuality, "generationtokenstatistics": tokenStatistics, "custom": customSignal,
})

func signalType(yaml, rest string) Field {
	return Field{YAML: "type", REST: "signalType", As: word{Words(yaml, rest)}, Required: true, Doc: "What is measured."}
}

var (
	signalAlert      = Field{YAML: "alert_enabled", REST: "mode", As: onOff{}, Send: asset.NewBool(false), Service: asset.NewBool(false), Doc: "Whether somebody is told when a threshold is passed."}
	signalProperties = Field{YAML: "properties", REST: "properties", As: Map{Of: Text{}, Owned: true}, Doc: "Further properties."}
	signalProduction = Field{YAML: "production_data", REST: "productionData", As: productionData, Doc: "The data that is watched; what the deployment collects if not given."}
	signalReference  = Field{YAML: "reference_data", REST: "referenceData", As: referenceData, Doc: "The data that it is compared with; older data that the deployment collected if not given."}
	signalSegment    = Field{YAML: "data_segment", REST: "dataSegment", As: Obj(
		Field{YAML: "feature_name", REST: "feature", As: Str{}, Doc: "The feature."},
		Field{YAML: "feature_values", REST: "values", As: List{Of: Str{}}, Doc: "Its values."},
	), Doc: "A part of the data: rows in which a feature has certain values."}
	signalFeatures  = Field{YAML: "features", REST: "features", As: signalFeature, Doc: "Which features: all_features, a list, or a map with top_n_feature_importance."}
	signalOverrides = Field{YAML: "feature_type_override", REST: "featureDataTypeOverride", As: Map{Of: Text{}}, Doc: "What features are, by name: numerical or categorical."}
	samplingRate    = Field{YAML: "sampling_rate", REST: "samplingRate", As: Num{}, Doc: "The part of the data that is looked at, above 0 and up to 1."}
)

// required is f that must be given.
func requiredField(f Field) Field {
	f.Required = true
	return f
}

func thresholds(as Type, rest string) Field {
	return Field{YAML: "metric_thresholds", REST: rest, As: as, Doc: "The metrics, and the values that they must not pass."}
}

var (
	dataDrift = Object{After: dropNoFeatures, Fields: []Field{
		signalType("data_drift", "DataDrift"), signalProduction, signalReference, signalFeatures, signalOverrides,
		thresholds(driftThresholds, "metricThresholds"), signalSegment, signalAlert, signalProperties,
	}}
	dataQuality = Object{After: dropNoFeatures, Fields: []Field{
		signalType("data_quality", "DataQuality"), signalProduction, signalReference, signalFeatures, signalOverrides,
		thresholds(qualityThresholds, "metricThresholds"), signalAlert, signalProperties,
	}}
	predictionDrift = Object{
		Fields: []Field{
			signalType("prediction_drift", "PredictionDrift"), signalProduction, signalReference,
			requiredField(thresholds(driftThresholds, "metricThresholds")), signalAlert, signalProperties,
		},
		ToREST: func(_ *Encoder, _, rest *asset.Value) { rest.Set("modelType", asset.NewString("classification")) },
	}
	attributionDrift = Object{
		Fields: []Field{
			signalType("feature_attribution_drift", "FeatureAttributionDrift"),
			{YAML: "production_data", REST: "productionData", As: List{Of: attributionData}, Doc: "The data that is watched; what the deployment collects if not given."},
			requiredField(signalReference), requiredField(thresholds(attributionThreshold, "metricThreshold")), signalAlert,
		},
		FromREST: func(_ *Decoder, _, v *asset.Value) {
			if v.Get("metric_thresholds").IsNull() {
				v.Set("metric_thresholds", asset.NewMap())
			}
		},
	}
	modelPerformance = Object{
		Fields: []Field{
			signalType("model_performance", "ModelPerformance"),
			{YAML: "production_data", REST: "productionData", As: inList{productionData}, Required: true, Doc: "The data that is watched."},
			requiredField(signalReference), requiredField(thresholds(performanceThresholds, "metricThreshold")), signalSegment, signalAlert, signalProperties,
		},
		ToREST: performanceToREST, FromREST: performanceFromREST,
	}
	safetyQuality = Obj(
		signalType("generation_safety_quality", "GenerationSafetyQuality"),
		Field{YAML: "production_data", REST: "productionData", As: List{Of: generationData}, Required: true, Doc: "The data that is watched."},
		Field{YAML: "connection_id", REST: "workspaceConnectionId", As: Ref{To: "connection", Bare: true, Verbatim: true}, Doc: "The connection to the model that rates the answers: azureml:NAME."},
		requiredField(thresholds(safetyThresholds, "metricThresholds")), signalAlert, signalProperties, samplingRate,
	)
	tokenStatistics = Object{
		After: func(_ *Checker, v *asset.Value) {
			if v.Get("metric_thresholds").IsNull() {
				v.Set("metric_thresholds", noTokens().At(v.Pos()))
			}
			if f, ok := v.Get("sampling_rate").Float64(); !ok || f == 0 {
				v.Set("sampling_rate", asset.NewFloat(0.1).At(v.Pos()))
			}
		},
		Fields: []Field{
			signalType("generation_token_statistics", "GenerationTokenStatistics"),
			{YAML: "production_data", REST: "productionData", As: generationData, Doc: "The data that is watched; what the deployment collects if not given."},
			thresholds(tokenThresholds, "metricThresholds"), signalAlert, signalProperties, samplingRate,
		},
	}
	customSignal = Object{
		Fields: []Field{
			signalType("custom", "Custom"),
			{YAML: "component_id", REST: "componentId", As: Ref{To: "component", Plain: true}, Required: true, Doc: "The component that measures."},
			{YAML: "input_data", REST: "inputAssets", As: Map{Of: customData}, Required: true, Doc: "The data that the component reads, by the name of its input."},
			{YAML: "inputs", REST: "inputs", As: Map{Of: customInput}, Doc: "Further inputs of the component, by name."},
			requiredField(thresholds(List{Of: customThreshold}, "metricThresholds")),
			{YAML: "connection", REST: "workspaceConnection", As: Obj(
				Field{YAML: "environment_variables", REST: "environmentVariables", As: Map{Of: Str{}}, Doc: "Properties of a connection that become variables of the process: their names."},
				Field{YAML: "secret_config", REST: "secrets", As: Map{Of: Str{}}, Doc: "Properties of a connection that become secrets of the run: their names, not their values."},
			), Send: asset.NewMap(), Doc: "What the component gets of a connection."},
			signalAlert,
		},
		ToREST: func(_ *Encoder, _, rest *asset.Value) {
			if rest.Get("inputAssets").Len() == 0 {
				rest.Delete("inputAssets")
			}
		},
	}
)

// dropNoFeatures: an empty list of features is not sent.
func dropNoFeatures(_ *Checker, v *asset.Value) {
	if f := v.Get("features"); f.Type() == asset.List && f.Len() == 0 {
		v.Delete("features")
	}
}

var (
	allFeatures = wordInMap{wordOf("all_features"), "filterType", "AllFeatures"}
	topFeatures = Object{
		Fields: []Field{
			{YAML: "top_n_feature_importance", REST: "top", As: Int{}, Send: asset.NewInt(10), Service: asset.NewInt(10), Doc: "So many of the most important features."},
		},
		ToREST: func(_ *Encoder, _, rest *asset.Value) { rest.Set("filterType", asset.NewString("TopNByAttribution")) },
	}
	someFeatures  = Wrap{Of: List{Of: Str{}}, REST: "features", Const: []Const{{REST: "filterType", Text: "FeatureSubset"}}}
	signalFeature = Pick{
		Name: "all_features, a list of features, or a map with top_n_feature_importance",
		Of: func(v *asset.Value) Type {
			switch v.Type() {
			case asset.Map:
				return topFeatures
			case asset.List:
				return someFeatures
			case asset.String:
				return allFeatures
			}
			return nil
		},
		OfREST: func(rest *asset.Value) Type {
			switch squash(rest.Get("filterType").Str()) {
			case "topnbyattribution":
				return topFeatures
			case "featuresubset":
				return someFeatures
			}
			return allFeatures
		},
		All: []Type{allFeatures, topFeatures, someFeatures},
	}
)

// inList is a map in the file and a list that holds it on the wire.
type inList struct{ Object }

// Encode makes the list.
func (l inList) Encode(e *Encoder, v *asset.Value) *asset.Value {
	return asset.NewList(l.Object.Encode(e, v))
}

// Decode reads the first of the list.
func (l inList) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	if rest.Len() == 0 {
		return nil
	}
	return l.Object.Decode(d, rest.Items()[0])
}

// Equal compares what want mentions.
func (l inList) Equal(want, live *asset.Value) bool { return SameValue(l.Object, want, live) }

// The data of a signal. input_data is a map in the file; on the wire its
// members stand beside the others.
var (
	dataContext   = Field{YAML: "data_context", REST: "dataContext", As: wordOf("model_inputs", "model_outputs", "training", "test", "validation", "ground_truth"), Doc: "What the data is."}
	preProcessing = Field{YAML: "pre_processing_component", REST: "preprocessingComponentId", As: Ref{To: "component", Bare: true}, Doc: "The component that makes a table of the data."}
	columnRoles   = Field{YAML: "data_column_names", REST: "columns", As: Map{Of: Str{}}, Doc: "What the columns are, by their meaning."}

	productionData  = signalData(monitorInput, trailing, dataContext, preProcessing, dataWindow, columnRoles)
	referenceData   = signalData(monitorInput, byWindow, dataContext, preProcessing, dataWindow, columnRoles)
	customData      = signalData(plainInput, byWindow, dataContext, preProcessing, dataWindow, columnRoles)
	attributionData = signalData(monitorInput, trailing, dataContext, preProcessing, dataWindow, Field{
		YAML: "data_column_names", REST: "columns", As: lowerKeys{Map{Of: Str{}, Keys: "(?i:prediction|prediction_probability|correlation_id)"}}, Doc: "What the columns are: prediction, prediction_probability, correlation_id.",
	})
	generationData = signalData(monitorInput, trailing, dataWindow, Field{YAML: "data_column_names", REST: "columns", As: Map{Of: Text{}}, Doc: "What the columns are, by their meaning."})
)

// lowerKeys is a map whose keys may be written in any case.
type lowerKeys struct{ Map }

// Check brings the keys to lower case.
func (l lowerKeys) Check(c *Checker, v *asset.Value) *asset.Value {
	got := l.Map.Check(c, v)
	if got == nil {
		return nil
	}
	out := asset.NewMap()
	for k, item := range got.Entries() {
		out.Set(strings.ToLower(k), item)
	}
	return out
}

// Equal compares the entries.
func (l lowerKeys) Equal(want, live *asset.Value) bool { return SameValue(l.Map, want, live) }

// signalData are the rows of the data of a signal; sort says what is sent as
// the type of data.
func signalData(input Pick, sort func(v *asset.Value) string, rows ...Field) Object {
	return Object{
		Fields: append([]Field{{YAML: "input_data", As: input, Required: true, Doc: "The data: its path and type."}}, rows...),
		ToREST: func(e *Encoder, v, rest *asset.Value) {
			for k, item := range input.Encode(e, v.Get("input_data")).Entries() {
				rest.Set(k, item)
			}
			rest.Set("inputDataType", asset.NewString(sort(v)))
		},
		FromREST: func(d *Decoder, rest, v *asset.Value) {
			if got := input.Decode(d, rest); got != nil {
				v.Set("input_data", got)
			}
		},
	}
}

func trailing(*asset.Value) string { return "Trailing" }

// byWindow is the type of data that is compared with.
func byWindow(v *asset.Value) string {
	switch w := v.Get("data_window"); {
	case hasAny(w, "lookback_window_size", "lookback_window_offset"):
		return "Trailing"
	case w.Has("window_start"):
		return "Static"
	}
	return "Fixed"
}

var (
	monitorInput = dataPick(Local{What: Upload, Asset: "data", Remote: remoteInput}, "")
	customInput  = dataPick(Local{What: Upload, Asset: "data", Remote: remoteInput}, "mode")
	// plainInput names its data asset as NAME:VERSION on the wire.
	plainInput = dataPick(Local{What: Upload, Asset: "data", Remote: remoteInput, Plain: true}, "")
)

// dataPick is an input that is data; mode is where its mode is sent, "" for
// nowhere.
func dataPick(path Local, mode string) Pick {
	object := func(slash bool) Object {
		path.Slash = slash
		return Object{After: finishInput, Fields: []Field{
			{YAML: "type", REST: "jobInputType", As: wordOf("uri_folder", "uri_file", "mltable"), Doc: "What the path leads to; uri_folder if not given."},
			{YAML: "path", REST: "uri", As: path, Required: true, Doc: "An address, a data asset, or a path of the repository, which is uploaded."},
			{YAML: "mode", REST: mode, As: inputModes, ReadOnly: mode == "", Doc: "How the data is read."},
			{YAML: "path_on_compute", As: Str{}, ReadOnly: true, Doc: "It is not sent."},
			{YAML: "datastore", As: Ref{To: "datastore", Bare: true}, Change: Once, Stays: true, Doc: "The datastore that a path of the repository is uploaded to; workspaceblobstore if not given."},
		}}
	}
	folder, file := object(true), object(false)
	of := func(typ *asset.Value) Type {
		if t := squash(typ.Text()); t == "" || t == "urifolder" {
			return folder
		}
		return file
	}
	return Pick{
		Name: "a map with a path and a type",
		Of: func(v *asset.Value) Type {
			if v.Type() != asset.Map {
				return nil
			}
			return of(v.Get("type"))
		},
		OfREST: func(rest *asset.Value) Type { return of(rest.Get("jobInputType")) },
		All:    []Type{folder, file},
	}
}
