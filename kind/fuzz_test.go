package kind

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// FuzzReference: any text is a reference of each kind or says what is wrong with
// it, and its normal spelling is read as the same reference.
func FuzzReference(f *testing.F) {
	found := regexp.MustCompile(`azureml:[^\s'",}]+`)
	for _, pattern := range []string{"testdata/*/*.yml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			for _, ref := range found.FindAll(data, 5) {
				f.Add(string(ref), "")
			}
		}
	}
	for _, s := range []string{"azureml:a@latest", "azureml://registries/r/models/m/versions/1", "azureml:/subscriptions/s/resourceGroups/g", "file:../x", "azureml:a:b:c", "azureml:", "azureml:@", "${{parent.inputs.x}}", "azureml:\x00"} {
		f.Add(s, "r")
	}
	f.Fuzz(func(t *testing.T, text, registry string) {
		s := Scope{Subscription: "s", ResourceGroup: "g", Workspace: "w"}
		if registry != "" {
			s = Scope{Subscription: "s", ResourceGroup: "g", Registry: "r"}
		}
		for _, tbl := range All() {
			r := Ref{To: tbl.Kind}
			ref, bad := r.Parse(text, s)
			if bad != "" || ref.Form == Keep || ref.Form == File {
				continue // these stand as they are
			}
			again, bad := r.Parse(ref.String(), s)
			if bad != "" || again.String() != ref.String() || again.Form != ref.Form {
				t.Fatalf("%s %q is %#v, whose spelling %q is %#v %s", tbl.Kind, text, ref, ref, again, bad)
			}
		}
	})
}
