package emulator_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"

	"mlsync.dev/mlsync/emulator"
)

func command(env, compute string) ml.JobBase {
	return ml.JobBase{Properties: &ml.CommandJob{
		JobType: to.Ptr(ml.JobTypeCommand), Command: to.Ptr("echo"), EnvironmentID: to.Ptr(env), ComputeID: to.Ptr(compute),
		Inputs: map[string]ml.JobInputClassification{"n": &ml.LiteralJobInput{JobInputType: to.Ptr(ml.JobInputTypeLiteral), Value: to.Ptr("3")}},
	}}
}

func (s *service) cluster(name string) {
	s.t.Helper()
	done(s.clients().NewComputeClient().BeginCreateOrUpdate(ctx, group, space, name, ml.ComputeResource{Location: to.Ptr("eastus2"), Properties: &ml.AmlCompute{
		ComputeType: to.Ptr(ml.ComputeTypeAmlCompute), Properties: &ml.AmlComputeProperties{VMSize: to.Ptr("Standard_DS3_v2")},
	}}, nil))
}

func TestSDKJob(t *testing.T) {
	defer guard(t)
	clk := newClock()
	s := start(t, emulator.Options{PageSize: 2, Now: clk.now, JobStep: time.Minute})
	f := s.clients()
	c := f.NewJobsClient()
	_, err := c.CreateOrUpdate(ctx, group, space, "j1", command(wsID+"/environments/e/versions/1", wsID+"/computes/cpu"), nil)
	wantStatus(t, err, http.StatusNotFound)
	must(f.NewEnvironmentVersionsClient().CreateOrUpdate(ctx, group, space, "e", "1", ml.EnvironmentVersion{Properties: &ml.EnvironmentVersionProperties{Image: to.Ptr("i")}}, nil))
	s.cluster("cpu")
	for _, n := range []string{"j1", "j2", "j3"} {
		v := must(c.CreateOrUpdate(ctx, group, space, n, command(wsID+"/environments/e/versions/1", wsID+"/computes/cpu"), nil))
		p := v.Properties.(*ml.CommandJob)
		if *p.Status != ml.JobStatusStarting || p.Outputs["default"] == nil || p.Services["Studio"] == nil || *p.Resources.InstanceCount != 1 {
			t.Errorf("job not filled: %+v", p)
		}
	}
	states := []ml.JobStatus{}
	for range 4 {
		states = append(states, *must(c.Get(ctx, group, space, "j1", nil)).Properties.GetJobBaseProperties().Status)
		clk.add(time.Minute)
	}
	if len(states) != 4 || states[0] != "Starting" || states[1] != "Queued" || states[2] != "Running" || states[3] != "Completed" {
		t.Errorf("states = %v", states)
	}
	list, pages := all(c.NewListPager(group, space, &ml.JobsClientListOptions{JobType: to.Ptr("Command")}), func(p ml.JobsClientListResponse) []*ml.JobBase { return p.Value })
	if len(list) != 3 || pages != 2 {
		t.Errorf("%d jobs in %d pages", len(list), pages)
	}
	changed := command(wsID+"/environments/e/versions/1", wsID+"/computes/cpu")
	p := changed.Properties.(*ml.CommandJob)
	p.DisplayName, p.Command, p.Tags = to.Ptr("new"), to.Ptr("other"), map[string]*string{"a": to.Ptr("b")}
	v := must(c.CreateOrUpdate(ctx, group, space, "j1", changed, nil)).Properties.(*ml.CommandJob)
	if *v.DisplayName != "new" || *v.Command != "echo" || *v.Tags["a"] != "b" {
		t.Errorf("an update changes the display name and tags only: %s %s", *v.DisplayName, *v.Command)
	}
	must(c.CreateOrUpdate(ctx, group, space, "j4", command(wsID+"/environments/e/versions/1", wsID+"/computes/cpu"), nil))
	done(c.BeginCancel(ctx, group, space, "j4", nil))
	if st := *must(c.Get(ctx, group, space, "j4", nil)).Properties.GetJobBaseProperties().Status; st != ml.JobStatusCanceled {
		t.Errorf("canceled job is %s", st)
	}
	done(c.BeginDelete(ctx, group, space, "j4", nil))
	_, err = c.Get(ctx, group, space, "j4", nil)
	wantStatus(t, err, http.StatusNotFound)
}

func TestSDKSchedule(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	c := s.clients().NewSchedulesClient()
	sched := ml.Schedule{Properties: &ml.ScheduleProperties{
		Trigger: &ml.RecurrenceTrigger{
			TriggerType: to.Ptr(ml.TriggerTypeRecurrence), Frequency: to.Ptr(ml.RecurrenceFrequency("week")), Interval: to.Ptr[int32](1),
			Schedule: &ml.RecurrenceSchedule{Hours: []*int32{to.Ptr[int32](4)}, Minutes: []*int32{to.Ptr[int32](0)}, WeekDays: []*ml.WeekDay{to.Ptr(ml.WeekDay("monday"))}},
		},
		Action: &ml.JobScheduleAction{ActionType: to.Ptr(ml.ScheduleActionTypeCreateJob), JobDefinition: &ml.PipelineJob{JobType: to.Ptr(ml.JobTypePipeline)}},
	}}
	v := done(c.BeginCreateOrUpdate(ctx, group, space, "s1", sched, nil))
	trig := v.Properties.Trigger.(*ml.RecurrenceTrigger)
	if *trig.Frequency != ml.RecurrenceFrequencyWeek || *trig.Schedule.WeekDays[0] != ml.WeekDayMonday || trig.StartTime == nil {
		t.Errorf("trigger %+v", trig)
	}
	sched.Properties.IsEnabled = to.Ptr(false)
	done(c.BeginCreateOrUpdate(ctx, group, space, "s1", sched, nil))
	off, _ := all(c.NewListPager(group, space, &ml.SchedulesClientListOptions{ListViewType: to.Ptr(ml.ScheduleListViewTypeDisabledOnly)}), func(p ml.SchedulesClientListResponse) []*ml.Schedule { return p.Value })
	on, _ := all(c.NewListPager(group, space, &ml.SchedulesClientListOptions{ListViewType: to.Ptr(ml.ScheduleListViewTypeEnabledOnly)}), func(p ml.SchedulesClientListResponse) []*ml.Schedule { return p.Value })
	if len(off) != 1 || len(on) != 0 {
		t.Errorf("%d disabled, %d enabled", len(off), len(on))
	}
	done(c.BeginDelete(ctx, group, space, "s1", nil))
	_, err := c.Get(ctx, group, space, "s1", nil)
	wantStatus(t, err, http.StatusNotFound)
}

func TestSDKDatastore(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	c := s.clients().NewDatastoresClient()
	blob := ml.Datastore{Properties: &ml.AzureBlobDatastore{
		DatastoreType: to.Ptr(ml.DatastoreTypeAzureBlob), AccountName: to.Ptr("acct"), ContainerName: to.Ptr("cont"),
		Credentials: &ml.AccountKeyDatastoreCredentials{CredentialsType: to.Ptr(ml.CredentialsTypeAccountKey), Secrets: &ml.AccountKeyDatastoreSecrets{SecretsType: to.Ptr(ml.SecretsTypeAccountKey), Key: to.Ptr("KEY")}},
	}}
	must(c.CreateOrUpdate(ctx, group, space, "b1", blob, nil))
	got := must(c.Get(ctx, group, space, "b1", nil)).Properties.(*ml.AzureBlobDatastore)
	if got.Credentials.(*ml.AccountKeyDatastoreCredentials).Secrets != nil || *got.Endpoint != "core.windows.net" {
		t.Errorf("datastore %+v", got)
	}
	secret := must(c.ListSecrets(ctx, group, space, "b1", nil)).DatastoreSecretsClassification.(*ml.AccountKeyDatastoreSecrets)
	if *secret.Key != "KEY" {
		t.Errorf("key = %s", *secret.Key)
	}
	none := ml.Datastore{Properties: &ml.AzureFileDatastore{
		DatastoreType: to.Ptr(ml.DatastoreTypeAzureFile), AccountName: to.Ptr("acct"), FileShareName: to.Ptr("sh"),
		Credentials: &ml.NoneDatastoreCredentials{CredentialsType: to.Ptr(ml.CredentialsTypeNone)},
	}}
	must(c.CreateOrUpdate(ctx, group, space, "f1", none, nil))
	_, err := c.ListSecrets(ctx, group, space, "f1", nil)
	wantStatus(t, err, http.StatusBadRequest)
	list, _ := all(c.NewListPager(group, space, &ml.DatastoresClientListOptions{Count: to.Ptr[int32](30)}), func(p ml.DatastoresClientListResponse) []*ml.Datastore { return p.Value })
	if len(list) != 6 || *list[0].Name != "f1" {
		t.Errorf("%d datastores, want the 4 of the system and 2, newest first", len(list))
	}
	only, _ := all(c.NewListPager(group, space, &ml.DatastoresClientListOptions{IsDefault: to.Ptr(true)}), func(p ml.DatastoresClientListResponse) []*ml.Datastore { return p.Value })
	if len(only) != 1 || *only[0].Name != "workspaceblobstore" {
		t.Errorf("default datastores: %d", len(only))
	}
	must(c.Delete(ctx, group, space, "b1", nil))
}

func TestSDKCompute(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	c := s.clients().NewComputeClient()
	size := func(v string) ml.ComputeResource {
		return ml.ComputeResource{Location: to.Ptr("eastus2"), Tags: map[string]*string{"a": to.Ptr("b")}, Properties: &ml.AmlCompute{
			ComputeType: to.Ptr(ml.ComputeTypeAmlCompute),
			Properties:  &ml.AmlComputeProperties{VMSize: to.Ptr(v), ScaleSettings: &ml.ScaleSettings{MaxNodeCount: to.Ptr[int32](2)}},
		}}
	}
	v := done(c.BeginCreateOrUpdate(ctx, group, space, "cpu", size("Standard_DS3_v2"), nil))
	p := v.Properties.(*ml.AmlCompute)
	if *p.ProvisioningState != ml.ProvisioningStateSucceeded || *p.Properties.VMSize != "Standard_DS3_v2" || *p.Properties.AllocationState != ml.AllocationStateSteady || *v.Tags["a"] != "b" {
		t.Errorf("compute %+v", p.Properties)
	}
	_, err := c.BeginCreateOrUpdate(ctx, group, space, "cpu", size("Standard_NC6"), nil)
	wantStatus(t, err, http.StatusBadRequest)
	u := done(c.BeginUpdate(ctx, group, space, "cpu", ml.ClusterUpdateParameters{Properties: &ml.ClusterUpdateProperties{Properties: &ml.ScaleSettingsInformation{ScaleSettings: &ml.ScaleSettings{MaxNodeCount: to.Ptr[int32](7), MinNodeCount: to.Ptr[int32](1)}}}}, nil))
	if n := *u.Properties.(*ml.AmlCompute).Properties.ScaleSettings.MaxNodeCount; n != 7 {
		t.Errorf("maxNodeCount = %d after a patch", n)
	}
	ci := ml.ComputeResource{Location: to.Ptr("eastus2"), Properties: &ml.ComputeInstance{ComputeType: to.Ptr(ml.ComputeTypeComputeInstance), Properties: &ml.ComputeInstanceProperties{VMSize: to.Ptr("Standard_DS3_v2")}}}
	done(c.BeginCreateOrUpdate(ctx, group, space, "ci1", ci, nil))
	state := func() ml.ComputeInstanceState {
		return *must(c.Get(ctx, group, space, "ci1", nil)).Properties.(*ml.ComputeInstance).Properties.State
	}
	done(c.BeginStop(ctx, group, space, "ci1", nil))
	if got := state(); got != ml.ComputeInstanceStateStopped {
		t.Errorf("state after stop = %s", got)
	}
	done(c.BeginStart(ctx, group, space, "ci1", nil))
	done(c.BeginRestart(ctx, group, space, "ci1", nil))
	if got := state(); got != ml.ComputeInstanceStateRunning {
		t.Errorf("state after restart = %s", got)
	}
	vm := ml.ComputeResource{Location: to.Ptr("eastus2"), Properties: &ml.VirtualMachine{
		ComputeType: to.Ptr(ml.ComputeTypeVirtualMachine), ResourceID: to.Ptr("/subscriptions/s/vm"),
		Properties: &ml.VirtualMachineSchemaProperties{SSHPort: to.Ptr[int32](22), AdministratorAccount: &ml.VirtualMachineSSHCredentials{Username: to.Ptr("u"), Password: to.Ptr("PW")}},
	}}
	done(c.BeginCreateOrUpdate(ctx, group, space, "vm1", vm, nil))
	if a := must(c.Get(ctx, group, space, "vm1", nil)).Properties.(*ml.VirtualMachine).Properties.AdministratorAccount; a.Password != nil || *a.Username != "u" {
		t.Errorf("a password comes back: %+v", a)
	}
	if k := must(c.ListKeys(ctx, group, space, "vm1", nil)).ComputeSecretsClassification.(*ml.VirtualMachineSecrets); *k.AdministratorAccount.Password != "PW" {
		t.Errorf("keys %+v", k)
	}
	nodes, _ := all(c.NewListNodesPager(group, space, "cpu", nil), func(p ml.ComputeClientListNodesResponse) []*ml.AmlComputeNodeInformation { return p.Nodes })
	list, _ := all(c.NewListPager(group, space, nil), func(p ml.ComputeClientListResponse) []*ml.ComputeResource { return p.Value })
	if len(list) != 3 || len(nodes) != 0 {
		t.Errorf("%d computes, %d nodes", len(list), len(nodes))
	}
	_, err = c.BeginDelete(ctx, group, space, "vm1", ml.UnderlyingResourceActionDelete, nil)
	wantStatus(t, err, http.StatusBadRequest)
	done(c.BeginDelete(ctx, group, space, "vm1", ml.UnderlyingResourceActionDetach, nil))
	done(c.BeginDelete(ctx, group, space, "cpu", ml.UnderlyingResourceActionDelete, nil))
	_, err = c.Get(ctx, group, space, "cpu", nil)
	wantStatus(t, err, http.StatusNotFound)
}

func TestSDKConnectionAndWorkspace(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	f := s.clients()
	c := f.NewWorkspaceConnectionsClient()
	git := ml.WorkspaceConnectionPropertiesV2BasicResource{Properties: &ml.PATAuthTypeWorkspaceConnectionProperties{
		AuthType: to.Ptr(ml.ConnectionAuthTypePAT), Category: to.Ptr(ml.ConnectionCategoryGit),
		Target: to.Ptr("https://git"), Credentials: &ml.WorkspaceConnectionPersonalAccessToken{Pat: to.Ptr("TOKEN")},
	}}
	must(c.Create(ctx, group, space, "con1", git, nil))
	if got := must(c.Get(ctx, group, space, "con1", nil)).Properties.(*ml.PATAuthTypeWorkspaceConnectionProperties); got.Credentials != nil {
		t.Errorf("a secret comes back")
	}
	if got := must(c.ListSecrets(ctx, group, space, "con1", nil)).Properties.(*ml.PATAuthTypeWorkspaceConnectionProperties); got.Credentials == nil {
		t.Errorf("listsecrets has none")
	}
	list, _ := all(c.NewListPager(group, space, &ml.WorkspaceConnectionsClientListOptions{Category: to.Ptr("Git")}), func(p ml.WorkspaceConnectionsClientListResponse) []*ml.WorkspaceConnectionPropertiesV2BasicResource {
		return p.Value
	})
	if len(list) != 1 {
		t.Errorf("%d connections", len(list))
	}
	must(c.Delete(ctx, group, space, "con1", nil))
	_, err := c.Get(ctx, group, space, "con1", nil)
	wantStatus(t, err, http.StatusNotFound)

	w := f.NewWorkspacesClient()
	made := done(w.BeginCreateOrUpdate(ctx, group, "ws2", ml.Workspace{Location: to.Ptr("westeurope"), Properties: &ml.WorkspaceProperties{Description: to.Ptr("d")}}, nil))
	if *made.Properties.ProvisioningState != ml.ProvisioningStateSucceeded || *made.Properties.StorageAccount == "" || *made.Location != "westeurope" {
		t.Errorf("workspace %+v", made.Properties)
	}
	done(w.BeginUpdate(ctx, group, "ws2", ml.WorkspaceUpdateParameters{Tags: map[string]*string{"a": to.Ptr("b")}}, nil))
	if got := must(w.Get(ctx, group, "ws2", nil)); *got.Tags["a"] != "b" {
		t.Errorf("tags %v", got.Tags)
	}
	spaces, _ := all(w.NewListByResourceGroupPager(group, nil), func(p ml.WorkspacesClientListByResourceGroupResponse) []*ml.Workspace { return p.Value })
	if len(spaces) != 2 {
		t.Errorf("%d workspaces", len(spaces))
	}
	must(w.ListKeys(ctx, group, "ws2", nil))
	done(w.BeginResyncKeys(ctx, group, "ws2", nil))
	done(w.BeginDiagnose(ctx, group, "ws2", nil))
	done(w.BeginDelete(ctx, group, "ws2", nil))
}
