package emulator_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"

	"mlsync.dev/mlsync/emulator"
)

func hourly(action ml.ScheduleActionBaseClassification) ml.Schedule {
	return ml.Schedule{Properties: &ml.ScheduleProperties{
		Action:  action,
		Trigger: &ml.CronTrigger{TriggerType: to.Ptr(ml.TriggerTypeCron), Expression: to.Ptr("0 * * * *")},
	}}
}

func runs(job *ml.PipelineJob) *ml.JobScheduleAction {
	job.JobType = to.Ptr(ml.JobTypePipeline)
	return &ml.JobScheduleAction{ActionType: to.Ptr(ml.ScheduleActionTypeCreateJob), JobDefinition: job}
}

func refusedWith(t *testing.T, err error, words ...string) {
	t.Helper()
	var e *azcore.ResponseError
	if !errors.As(err, &e) || e.StatusCode != http.StatusBadRequest {
		t.Fatalf("got %v, want a refusal", err)
	}
	for _, w := range words {
		if !strings.Contains(e.Error(), w) {
			t.Errorf("%q is not in %v", w, e)
		}
	}
}

// TestSDKScheduleOfAJob: a copy of a job is known by its resource id, cannot
// have steps of its own, and needs the job.
func TestSDKScheduleOfAJob(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	c := s.clients().NewSchedulesClient()
	put := func(name string, sched ml.Schedule) (ml.SchedulesClientCreateOrUpdateResponse, error) {
		p, err := c.BeginCreateOrUpdate(ctx, group, space, name, sched, nil)
		if err != nil {
			return ml.SchedulesClientCreateOrUpdateResponse{}, err
		}
		return p.PollUntilDone(ctx, nil)
	}
	_, err := put("s1", hourly(runs(&ml.PipelineJob{SourceJobID: to.Ptr("p1")})))
	wantStatus(t, err, http.StatusNotFound)
	must(s.clients().NewJobsClient().CreateOrUpdate(ctx, group, space, "p1", ml.JobBase{Properties: &ml.PipelineJob{JobType: to.Ptr(ml.JobTypePipeline), Jobs: map[string]any{}}}, nil))
	first := hourly(runs(&ml.PipelineJob{SourceJobID: to.Ptr("p1"), ExperimentName: to.Ptr("")}))
	first.Properties.DisplayName = to.Ptr("first")
	v := must(put("s1", first))
	def := v.Properties.Action.(*ml.JobScheduleAction).JobDefinition.(*ml.PipelineJob)
	if *def.SourceJobID != wsID+"/jobs/p1" || *def.ExperimentName != "Default" || def.Status == nil {
		t.Errorf("definition %+v", def)
	}
	_, err = put("s1", hourly(runs(&ml.PipelineJob{SourceJobID: def.SourceJobID, Jobs: map[string]any{"a": map[string]any{"type": "command"}}})))
	refusedWith(t, err, "could not be updated", "Invalid jobs override for pipeline job since source job "+wsID+"/jobs/p1 is specified.", "InvalidJobsOverride")
	first.Properties.DisplayName = to.Ptr("second")
	if v := must(put("s1", first)); *v.Properties.DisplayName != "first" {
		t.Errorf("the display name is %s", *v.Properties.DisplayName)
	}
}

// TestSDKScheduleIsDisabledFirst: an enabled schedule is not deleted.
func TestSDKScheduleIsDisabledFirst(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	c := s.clients().NewSchedulesClient()
	sched := hourly(runs(&ml.PipelineJob{}))
	done(c.BeginCreateOrUpdate(ctx, group, space, "s1", sched, nil))
	_, err := c.BeginDelete(ctx, group, space, "s1", nil)
	refusedWith(t, err, "must be disabled")
	sched.Properties.IsEnabled = to.Ptr(false)
	done(c.BeginCreateOrUpdate(ctx, group, space, "s1", sched, nil))
	done(c.BeginDelete(ctx, group, space, "s1", nil))
}

// TestSDKMonitor: a monitor needs what it watches, and its words come back in
// another spelling.
func TestSDKMonitor(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	c := s.clients().NewSchedulesClient()
	data := func(name string) *ml.RollingInputData {
		return &ml.RollingInputData{
			InputDataType: to.Ptr(ml.MonitoringInputDataTypeRolling), JobInputType: to.Ptr(ml.JobInputTypeURIFolder), URI: to.Ptr(wsID + "/data/" + name + "/versions/1"),
			DataContext: to.Ptr("model_inputs"), WindowSize: to.Ptr("P7D"), WindowOffset: to.Ptr("P0D"),
		}
	}
	monitor := &ml.CreateMonitorAction{ActionType: to.Ptr(ml.ScheduleActionTypeCreateMonitor), MonitorDefinition: &ml.MonitorDefinition{
		ComputeConfiguration: &ml.MonitorServerlessSparkCompute{
			ComputeType: to.Ptr(ml.MonitorComputeTypeServerlessSpark), InstanceType: to.Ptr("standard_e4s_v3"), RuntimeVersion: to.Ptr("3.4"),
			ComputeIdentity: &ml.AmlTokenComputeIdentity{ComputeIdentityType: to.Ptr(ml.MonitorComputeIdentityTypeAmlToken)},
		},
		MonitoringTarget: &ml.MonitoringTarget{TaskType: to.Ptr(ml.ModelTaskType("classification"))},
		Signals: map[string]ml.MonitoringSignalBaseClassification{"drift": &ml.DataDriftMonitoringSignal{
			SignalType: to.Ptr(ml.MonitoringSignalTypeDataDrift), ProductionData: data("d"), ReferenceData: data("d"),
			MetricThresholds: []ml.DataDriftMetricThresholdBaseClassification{&ml.NumericalDataDriftMetricThreshold{
				DataType: to.Ptr(ml.MonitoringFeatureDataTypeNumerical), Metric: to.Ptr(ml.NumericalDataDriftMetric("jensenShannonDistance")), Threshold: &ml.MonitoringThreshold{Value: to.Ptr(0.1)},
			}},
		}},
	}}
	_, err := c.BeginCreateOrUpdate(ctx, group, space, "m", hourly(monitor), nil)
	wantStatus(t, err, http.StatusNotFound)
	must(s.clients().NewDataVersionsClient().CreateOrUpdate(ctx, group, space, "d", "1", ml.DataVersionBase{Properties: &ml.URIFolderDataVersion{
		DataType: to.Ptr(ml.DataTypeURIFolder), DataURI: to.Ptr("azureml://datastores/workspaceblobstore/paths/d"),
	}}, nil))
	v := done(c.BeginCreateOrUpdate(ctx, group, space, "m", hourly(monitor), nil))
	def := v.Properties.Action.(*ml.CreateMonitorAction).MonitorDefinition
	signal := def.Signals["drift"].(*ml.DataDriftMonitoringSignal)
	metric := signal.MetricThresholds[0].(*ml.NumericalDataDriftMetricThreshold)
	if *def.MonitoringTarget.TaskType != ml.ModelTaskTypeClassification || *metric.Metric != ml.NumericalDataDriftMetricJensenShannonDistance || *signal.ProductionData.GetMonitoringInputDataBase().DataContext != "ModelInputs" {
		t.Errorf("monitor %+v, metric %+v", def, metric)
	}
}
