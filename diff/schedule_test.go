package diff

import (
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

func scheduleOf(t *testing.T, createJob string) *asset.Asset {
	t.Helper()
	return &asset.Asset{ID: asset.ID{Kind: "schedule", Name: "s"}, Variant: "job", Body: body(t, "'create_job':"+createJob)}
}

// TestCompareOfEmbedded: a definition is compared field by field, all of which
// can be changed although those of the asset itself cannot.
func TestCompareOfEmbedded(t *testing.T) {
	const one = `{'type':'command','command':'a','environment':'azureml:e:1','inputs':{'x':'1'}}`
	for _, tt := range []struct{ name, want, live, last, out string }{
		{"equal", one, one, one, ""},
		{"git changed what a job cannot change", `{'type':'command','command':'b','environment':'azureml:e:1','inputs':{'x':'1'}}`, one, one, "create_job.command a>b git"},
		{"live changed", one, `{'type':'command','command':'a','environment':'azureml:e:2','inputs':{'x':'1'}}`, one, "create_job.environment azureml:e:2>azureml:e:1 drift"},
		{"what the service fills in", one, `{'type':'command','command':'a','environment':'azureml:e:1','inputs':{'x':'1'},'resources':{'instance_count':1},'experiment_name':'Default'}`, one, ""},
		{
			"released", one, `{'type':'command','command':'a','environment':'azureml:e:1','inputs':{'x':'1'},'description':'d'}`,
			`{'type':'command','command':'a','environment':'azureml:e:1','inputs':{'x':'1'},'description':'d'}`, "create_job.description d>- default",
		},
		{
			"another form", `{'type':'sweep','objective':{'goal':'minimize'}}`, one, one,
			"create_job {command:a,environment:azureml:e:1,inputs:{x:1},type:command}>{objective:{goal:minimize},type:sweep} git",
		},
		{"the same job", `'azureml:j'`, `'azureml:j'`, `'azureml:j'`, ""},
		{"the same job, changed by others", `'azureml:j'`, `{'job':'azureml:j','type':'pipeline','description':'d'}`, `'azureml:j'`, ""},
		{"another job", `'azureml:k'`, `'azureml:j'`, `'azureml:j'`, "create_job azureml:j>azureml:k git"},
		{"a copy with changes", `{'job':'azureml:j','type':'pipeline','description':'e'}`, `{'job':'azureml:j','type':'pipeline','description':'d'}`, `-`, "create_job.description d>e adopt"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var last *asset.Value
			if tt.last != "-" {
				last = scheduleOf(t, tt.last).Body
			}
			got := Compare(scheduleOf(t, tt.want), scheduleOf(t, tt.live), last)
			if show(got) != tt.out {
				t.Errorf("got  %s\nwant %s", show(got), tt.out)
			}
			for _, c := range got {
				if c.Class != kind.InPlace || c.Ignored != "" {
					t.Errorf("%s: %s %s", c.Dotted(), c.Class, c.Ignored)
				}
			}
		})
	}
}
