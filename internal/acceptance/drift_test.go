package acceptance_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"

	"mlsync.dev/mlsync/emulator"
)

// drifted is what drift prints for machines.
type drifted struct {
	Complete bool `json:"complete"`
	Drift    []struct {
		ID     string `json:"id"`
		By     string `json:"by"`
		At     string `json:"at"`
		Fields []struct {
			Path string `json:"path"`
			Git  any    `json:"git"`
			Live any    `json:"live"`
		} `json:"fields"`
	} `json:"drift"`
}

// lines are the drifted fields as "asset field: git -> live".
func (d drifted) lines() []string {
	var out []string
	for _, a := range d.Drift {
		for _, f := range a.Fields {
			out = append(out, fmt.Sprintf("%s %s: %v -> %v", a.ID, f.Path, f.Git, f.Live))
		}
	}
	slices.Sort(out)
	return out
}

// live is everything that the tests change or look at, by its path.
var live = []string{
	"computes/cpu", "computes/notebook-1", "computes/k8s", "computes/vm",
	"data/trips/versions/1", "data/local-trips/versions/1", "data/table/versions/3",
	"models/custom/versions/1", "models/flow/versions/1", "models/triton/versions/1",
	"environments/plain/versions/1", "environments/train/versions/1", "environments/built/versions/2",
	"datastores/blob1", "datastores/share1", "datastores/lake1", "datastores/lake2", "datastores/fabric",
	"onlineEndpoints/taxi", "onlineEndpoints/taxi/deployments/blue", "onlineEndpoints/edge", "onlineEndpoints/edge/deployments/green",
	"batchEndpoints/night", "batchEndpoints/night/deployments/main",
}

// snapshot is the live JSON of everything, without what the service writes by
// itself: who changed it last and when, and how far provisioning is.
func (w *world) snapshot() map[string]string {
	w.t.Helper()
	out := map[string]string{}
	for _, path := range live {
		a := w.get(path)
		if a == nil {
			w.t.Fatalf("%s does not exist", path)
		}
		strip(a)
		data, err := json.MarshalIndent(a, "", " ")
		if err != nil {
			w.t.Fatal(err)
		}
		out[path] = string(data)
	}
	return out
}

func strip(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, item := range v {
			switch strings.ToLower(k) {
			case "systemdata", "provisioningstate", "modifiedon", "createdon", "allocationstatetransitiontime", "azureasyncoperationuri", "azureml.onlineendpointid":
				delete(v, k)
			default:
				strip(item)
			}
		}
	case []any:
		for _, item := range v {
			strip(item)
		}
	}
}

// Ten fields that somebody changed are named, all of them and no other, and
// changed back; what git does not mention keeps the value that it has live.
func TestDriftIsNamedAndCorrectedAndTheRestIsLeftAlone(t *testing.T) {
	t.Parallel()
	defer guard(t)
	w := newWorld(t, emulator.Options{})
	w.every()
	w.apply()
	f := w.sdk()
	editUnowned(t, f)
	w.want(exitDone, "drift")
	w.settled("--full")
	before := w.snapshot()
	editOwned(t, f)

	r := w.want(exitPending, "drift", "--json")
	var got drifted
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"batch-deployment/night/main settings.mini_batch_size: 20 -> 50",
		"batch-endpoint/night description: nightly scores -> changed",
		"compute/cpu max_instances: 4 -> 9",
		"data/trips:1 description: one file -> changed",
		"data/trips:1 tags.stage: raw -> cooked",
		"datastore/blob1 description: trips -> changed",
		"datastore/blob1 tags.team: vision -> other",
		"model/custom:1 tags.owner: ann -> eve",
		"online-deployment/taxi/blue environment_variables.LEVEL: info -> debug",
		"online-endpoint/taxi tags.team: vision -> other",
	}
	if !got.Complete || !slices.Equal(got.lines(), want) {
		t.Errorf("drift is\n%s\nwant\n%s", strings.Join(got.lines(), "\n"), strings.Join(want, "\n"))
	}
	for _, d := range got.Drift {
		// Computes say neither who changed them nor when.
		if by := d.By != "" && d.At != ""; by == strings.HasPrefix(d.ID, "compute/") {
			t.Errorf("%s changed by %q at %q", d.ID, d.By, d.At)
		}
	}
	human := w.want(exitPending, "drift").out
	for _, text := range []string{"compute/cpu", "max_instances", "git 4, live 9", "8 assets drifted"} {
		if !strings.Contains(human, text) {
			t.Errorf("drift does not say %q: %s", text, human)
		}
	}
	w.apply("--full")
	w.settled("--full")
	w.want(exitDone, "drift")
	if after := w.snapshot(); !reflect.DeepEqual(before, after) {
		for path := range before {
			if before[path] != after[path] {
				t.Errorf("%s is not as it was:\nbefore %s\nafter %s", path, before[path], after[path])
			}
		}
	}
}

// The drift mode report says it and changes nothing; drift --revert does.
func TestDriftThatIsReportedOnlyStays(t *testing.T) {
	t.Parallel()
	defer guard(t)
	w := newWorld(t, emulator.Options{})
	w.config("drift: {mode: report}")
	w.every()
	w.apply()
	editOwned(t, w.sdk())
	w.quiet(func() {
		w.apply("--full")
		w.want(exitPending, "drift")
	})
	w.want(exitDone, "drift", "--revert")
	w.want(exitDone, "drift")
}

// drift --adopt writes the live values into the files, and git and the
// workspace agree after it.
func TestDriftCanBeTakenOver(t *testing.T) {
	t.Parallel()
	defer guard(t)
	w := newWorld(t, emulator.Options{})
	w.every()
	w.apply()
	editOwned(t, w.sdk())
	w.quiet(func() { w.want(exitDone, "drift", "--adopt") })
	w.settled("--full")
	w.want(exitDone, "drift")
}

// editUnowned sets what no file mentions.
func editUnowned(t *testing.T, f *ml.ClientFactory) {
	ctx := t.Context()
	data := f.NewDataVersionsClient()
	d := must(data.Get(ctx, group, space, "trips", "1", nil)).DataVersionBase
	p := d.Properties.(*ml.URIFileDataVersion)
	p.Tags["reviewed"], p.Properties = to.Ptr("yes"), map[string]*string{"origin": to.Ptr("hand")}
	must(data.CreateOrUpdate(ctx, group, space, "trips", "1", d, nil))

	models := f.NewModelVersionsClient()
	m := must(models.Get(ctx, group, space, "triton", "1", nil)).ModelVersion
	m.Properties.Description, m.Properties.Stage = to.Ptr("nobody wrote this"), to.Ptr("Production")
	m.Properties.Tags = map[string]*string{"mlsync-owner": m.Properties.Tags["mlsync-owner"], "mlsync-content": m.Properties.Tags["mlsync-content"], "seen": to.Ptr("1")}
	must(models.CreateOrUpdate(ctx, group, space, "triton", "1", m, nil))

	stores := f.NewDatastoresClient()
	s := must(stores.Get(ctx, group, space, "blob1", nil)).Datastore
	blob := s.Properties.(*ml.AzureBlobDatastore)
	blob.Tags["extra"], blob.Properties = to.Ptr("x"), map[string]*string{"a": to.Ptr("b")}
	blob.Credentials = &ml.AccountKeyDatastoreCredentials{CredentialsType: to.Ptr(ml.CredentialsTypeAccountKey), Secrets: &ml.AccountKeyDatastoreSecrets{SecretsType: to.Ptr(ml.SecretsTypeAccountKey), Key: to.Ptr(canaries["BLOB_KEY"])}}
	must(stores.CreateOrUpdate(ctx, group, space, "blob1", s, nil))

	ends := f.NewOnlineEndpointsClient()
	e := must(ends.Get(ctx, group, space, "taxi", nil)).OnlineEndpoint
	e.Tags["cost-centre"] = to.Ptr("42")
	e.Properties.PublicNetworkAccess = to.Ptr(ml.PublicNetworkAccessTypeDisabled)
	done(ends.BeginCreateOrUpdate(ctx, group, space, "taxi", e, nil))

	deps := f.NewOnlineDeploymentsClient()
	o := must(deps.Get(ctx, group, space, "taxi", "blue", nil)).OnlineDeployment
	o.Properties.(*ml.ManagedOnlineDeployment).Description = to.Ptr("blue for now")
	o.Properties.(*ml.ManagedOnlineDeployment).AppInsightsEnabled = to.Ptr(true)
	o.Tags["extra"] = to.Ptr("x")
	done(deps.BeginCreateOrUpdate(ctx, group, space, "taxi", "blue", o, nil))

	batch := f.NewBatchDeploymentsClient()
	b := must(batch.Get(ctx, group, space, "night", "main", nil)).BatchDeployment
	b.Properties.ErrorThreshold, b.Properties.Description = to.Ptr[int32](7), to.Ptr("by hand")
	done(batch.BeginCreateOrUpdate(ctx, group, space, "night", "main", b, nil))
}

// editOwned changes ten fields that the files mention.
func editOwned(t *testing.T, f *ml.ClientFactory) {
	ctx := t.Context()
	done(f.NewComputeClient().BeginUpdate(ctx, group, space, "cpu", ml.ClusterUpdateParameters{Properties: &ml.ClusterUpdateProperties{
		Properties: &ml.ScaleSettingsInformation{ScaleSettings: &ml.ScaleSettings{MaxNodeCount: to.Ptr[int32](9), MinNodeCount: to.Ptr[int32](0), NodeIdleTimeBeforeScaleDown: to.Ptr("PT120S")}},
	}}, nil))

	data := f.NewDataVersionsClient()
	d := must(data.Get(ctx, group, space, "trips", "1", nil)).DataVersionBase
	p := d.Properties.(*ml.URIFileDataVersion)
	p.Description, p.Tags["stage"] = to.Ptr("changed"), to.Ptr("cooked")
	must(data.CreateOrUpdate(ctx, group, space, "trips", "1", d, nil))

	models := f.NewModelVersionsClient()
	m := must(models.Get(ctx, group, space, "custom", "1", nil)).ModelVersion
	m.Properties.Tags["owner"] = to.Ptr("eve")
	must(models.CreateOrUpdate(ctx, group, space, "custom", "1", m, nil))

	stores := f.NewDatastoresClient()
	s := must(stores.Get(ctx, group, space, "blob1", nil)).Datastore
	blob := s.Properties.(*ml.AzureBlobDatastore)
	blob.Description, blob.Tags["team"] = to.Ptr("changed"), to.Ptr("other")
	blob.Credentials = &ml.AccountKeyDatastoreCredentials{CredentialsType: to.Ptr(ml.CredentialsTypeAccountKey), Secrets: &ml.AccountKeyDatastoreSecrets{SecretsType: to.Ptr(ml.SecretsTypeAccountKey), Key: to.Ptr(canaries["BLOB_KEY"])}}
	must(stores.CreateOrUpdate(ctx, group, space, "blob1", s, nil))

	ends := f.NewOnlineEndpointsClient()
	e := must(ends.Get(ctx, group, space, "taxi", nil)).OnlineEndpoint
	e.Tags["team"] = to.Ptr("other")
	done(ends.BeginCreateOrUpdate(ctx, group, space, "taxi", e, nil))

	deps := f.NewOnlineDeploymentsClient()
	o := must(deps.Get(ctx, group, space, "taxi", "blue", nil)).OnlineDeployment
	o.Properties.(*ml.ManagedOnlineDeployment).EnvironmentVariables["LEVEL"] = to.Ptr("debug")
	done(deps.BeginCreateOrUpdate(ctx, group, space, "taxi", "blue", o, nil))

	nights := f.NewBatchEndpointsClient()
	n := must(nights.Get(ctx, group, space, "night", nil)).BatchEndpoint
	n.Properties.Description = to.Ptr("changed")
	done(nights.BeginCreateOrUpdate(ctx, group, space, "night", n, nil))

	batch := f.NewBatchDeploymentsClient()
	b := must(batch.Get(ctx, group, space, "night", "main", nil)).BatchDeployment
	b.Properties.MiniBatchSize = to.Ptr[int64](50)
	done(batch.BeginCreateOrUpdate(ctx, group, space, "night", "main", b, nil))
}
