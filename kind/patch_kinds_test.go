package kind

import (
	"testing"

	"mlsync.dev/mlsync/asset"
)

// Updates change what the file says and leave the rest as the service sent it.
func TestPatchKeepsWhatIsNotSaid(t *testing.T) {
	for _, c := range []struct{ name, kind, file, path, live, want string }{
		{
			"a cluster grows", "compute", "name: c\ntype: amlcompute\nmax_instances: 5\n", "/computes/c",
			`{"id":"x","location":"eastus","properties":{"computeType":"AmlCompute","disableLocalAuth":false,"properties":{"osType":"Linux","vmSize":"STANDARD_D2","scaleSettings":{"minNodeCount":1,"maxNodeCount":2},"remoteLoginPortPublicAccess":"Enabled","propertyBag":{"a":1}}}}`,
			`{"location":"eastus","properties":{"computeType":"AmlCompute","disableLocalAuth":false,"properties":{"osType":"Linux","propertyBag":{"a":1},"remoteLoginPortPublicAccess":"Enabled","scaleSettings":{"maxNodeCount":5,"minNodeCount":1},"vmSize":"STANDARD_D2"}}}`,
		},
		{
			"a datastore gets a new secret", "datastore", "name: d\ntype: azure_blob\naccount_name: a\ncontainer_name: c\ncredentials: {sas_token: '${{ secret.S }}'}\n", "/datastores/d",
			`{"properties":{"datastoreType":"AzureBlob","accountName":"a","containerName":"c","endpoint":"core.windows.net","protocol":"https","isDefault":false,"credentials":{"credentialsType":"AccountKey"}}}`,
			`{"properties":{"accountName":"a","containerName":"c","credentials":{"credentialsType":"Sas","secrets":{"sasToken":"value of S","secretsType":"Sas"}},"datastoreType":"AzureBlob","endpoint":"core.windows.net","isDefault":false,"protocol":"https"}}`,
		},
		{
			"an archived model comes back with a tag", "model", "name: m\nversion: 1\npath: azureml://datastores/x/paths/y\ntags: {a: b}\n", "/models/m/versions/1",
			`{"properties":{"modelType":"custom_model","modelUri":"azureml://datastores/x/paths/y","tags":{"c":"d"},"properties":{"e":"f"},"isArchived":true,"stage":"Archived"}}`,
			`{"properties":{"isAnonymous":false,"isArchived":false,"modelType":"custom_model","modelUri":"azureml://datastores/x/paths/y","properties":{"e":"f"},"tags":{"a":"b","c":"d"}}}`,
		},
		{
			"steps of a component stay", "component",
			"name: c\nversion: 1\ntype: pipeline\ndisplay_name: C\njobs: {one: {type: command, component: 'azureml:x:1'}}\n", "/components/c/versions/1",
			`{"properties":{"componentSpec":{"name":"c","version":"1","type":"pipeline","display_name":"B","jobs":{"one":{"name":"one","type":"command","componentId":"/x","_source":"REMOTE"}}},"tags":{}}}`,
			`{"properties":{"componentSpec":{"display_name":"C","jobs":{"one":{"_source":"REMOTE","componentId":"/x","name":"one","type":"command"}},"name":"c","type":"pipeline","version":"1"},"isAnonymous":false,"isArchived":false,"tags":{}}}`,
		},
	} {
		want, live := readEcho(t, c.kind, c.file, c.path, c.live)
		live.Raw = []byte(c.live)
		e := &Encoder{Scope: goldenScope, Secret: func(name string) (asset.Secret, error) { return asset.NewSecret("value of " + name), nil }}
		got, err := Patch(want, live, nil, e)
		if err != nil {
			t.Fatal(err)
		}
		if string(got.Canonical()) != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got.Canonical(), c.want)
		}
	}
}
