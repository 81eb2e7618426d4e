package kind

import "testing"

// TestTwins: a marketplace subscription has the keys of a serverless endpoint;
// only its folder, a rule or $schema tells it.
func TestTwins(t *testing.T) {
	const keys = "name: a\nmodel_id: azureml://registries/r/models/m\n"
	for _, c := range []struct{ text, folder, want string }{
		{keys, "", "serverless-endpoint"},
		{keys, "jobs", "serverless-endpoint"},
		{keys, "serverless-endpoints", "serverless-endpoint"},
		{keys, "marketplace-subscriptions", "marketplace-subscription"},
		{keys, "marketplace-subscription", "marketplace-subscription"},
		{"$schema: https://x/marketplaceSubscription.schema.json\n" + keys, "", "marketplace-subscription"},
		{"$schema: https://x/serverlessEndpoint.schema.json\n" + keys, "marketplace-subscriptions", "serverless-endpoint"},
	} {
		v := Identify(ParseDocument(c.text), c.folder)
		if v.Variant == nil || string(v.Variant.Table().Kind) != c.want {
			t.Errorf("%q in %q: %+v, want %s", c.text, c.folder, v, c.want)
		}
	}
}

// TestConnectionOrDatastore: some types are of both kinds.
func TestConnectionOrDatastore(t *testing.T) {
	for text, want := range map[string]string{
		"name: a\ntype: azure_blob\naccount_name: a\ncontainer_name: c\n":                                         "datastore",
		"name: a\ntype: azure_blob\naccount_name: a\ncontainer_name: c\ncredentials: {sas_token: x}\n":            "datastore",
		"name: a\ntype: azure_blob\nurl: u\naccount_name: a\ncontainer_name: c\n":                                 "connection",
		"name: a\ntype: azure_data_lake_gen2\naccount_name: a\nfilesystem: f\n":                                   "datastore",
		"name: a\ntype: azure_data_lake_gen2\ntarget: t\n":                                                        "connection",
		"name: a\ntype: snowflake\ntarget: t\n":                                                                   "connection",
		"name: a\ntype: snowflak\ntarget: t\ncredentials: {type: username_password, username: u, password: p}\n":  "connection",
		"name: a\ntype: serp\napi_key: k\n":                                                                       "connection",
		"name: a\ntype: serverless\nendpoint: e\napi_key: k\n":                                                    "connection",
		"type: git\ntarget: main\n":                                                                               "",
		"name: a\ntype: redis\ntarget: t\n":                                                                       "",
		"$schema: http://azureml/sdk-2-0/Connection.json\nname: a\n":                                              "connection",
		"$schema: https://azuremlschemas.azureedge.net/promptflow/latest/OpenAIConnection.schema.json\nname: a\n": "",
	} {
		got := ""
		if v := Identify(ParseDocument(text), ""); v.Variant != nil {
			got = string(v.Variant.Table().Kind)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
