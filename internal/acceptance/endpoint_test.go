package acceptance_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
)

func endpointFile(traffic string) string {
	return "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json\nname: chat\nauth_mode: key\ntraffic: " + traffic + "\n"
}

func deploymentFile(name, model string) string {
	return "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json\nname: " + name +
		"\nendpoint_name: chat\nmodel: azureml:" + model + "\ninstance_type: Standard_DS3_v2\ninstance_count: 1\n"
}

func modelFile(version string) string {
	return "$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json\nname: m\nversion: \"" + version + "\"\ntype: mlflow_model\npath: azureml://datastores/workspaceblobstore/paths/m" + version + "\n"
}

// trafficWatch looks at the endpoint all the time and notes every moment at
// which its traffic is not 0 or 100, or goes to a deployment that is not there.
func trafficWatch(t *testing.T, w *world) (stop func() (looks int, wrong []string)) {
	var wrong []string
	looks, end, done := 0, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				looks++
				wrong = append(wrong, trafficNow(w)...)
			case <-end:
				return
			}
		}
	}()
	return sync.OnceValues(func() (int, []string) {
		close(end)
		<-done
		return looks, wrong
	})
}

// trafficNow is what is wrong with the traffic at this moment.
func trafficNow(w *world) []string {
	e := w.get("onlineEndpoints/chat")
	if e == nil {
		return nil
	}
	var wrong []string
	sum := 0.0
	traffic, _ := e["properties"].(map[string]any)["traffic"].(map[string]any)
	for name, share := range traffic {
		sum += share.(float64)
		if share.(float64) > 0 && w.get("onlineEndpoints/chat/deployments/"+name) == nil {
			// It may have been moved away between the two looks.
			again, _ := w.get("onlineEndpoints/chat")["properties"].(map[string]any)["traffic"].(map[string]any)
			if again[name] == share {
				wrong = append(wrong, "traffic to "+name+", which is not there")
			}
		}
	}
	if sum != 0 && sum != 100 {
		wrong = append(wrong, fmt.Sprintf("traffic adds up to %v", sum))
	}
	return wrong
}

// order fails unless the writes contain these, as "METHOD name", in this order.
func order(t *testing.T, writes []emulator.Request, want ...string) {
	t.Helper()
	var got []string
	for _, r := range writes {
		if strings.HasPrefix(r.Collection, "onlineEndpoints") && r.Status < 300 {
			got = append(got, r.Method+" "+r.Path[strings.LastIndex(r.Path, "/")+1:])
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("written: %s\nwant: %s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
}

// An endpoint with a deployment is made, its deployment swapped in one commit,
// and both are removed; at no moment does traffic go to nothing.
func TestEndpointChoreography(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{LRO: 10 * time.Millisecond})
	w.write("m1.yml", modelFile("1"))
	w.write("m2.yml", modelFile("2"))
	w.write("chat/endpoint.yml", endpointFile("{blue: 100}"))
	w.write("chat/blue.yml", deploymentFile("blue", "m:1"))
	stop := trafficWatch(t, w)
	t.Cleanup(func() { stop() })
	w.apply()
	order(t, w.writes(), "PUT chat", "PUT blue", "PUT chat")

	// The swap: green comes, traffic moves, blue goes.
	from := len(w.writes())
	w.write("chat/endpoint.yml", endpointFile("{green: 100}"))
	w.write("chat/green.yml", deploymentFile("green", "m:2"))
	w.remove("chat/blue.yml")
	w.apply()
	order(t, w.writes()[from:], "PUT green", "PUT chat")
	w.want(exitRefused, "apply")
	w.apply("--allow", "delete:online-deployment/chat/blue")
	order(t, w.writes()[from:], "PUT green", "PUT chat", "DELETE blue")
	w.settled("--full")

	// A share for each.
	from = len(w.writes())
	w.write("chat/endpoint.yml", endpointFile("{green: 80, blue: 20}"))
	w.write("chat/blue.yml", deploymentFile("blue", "m:1"))
	w.apply()
	order(t, w.writes()[from:], "PUT blue", "PUT chat")

	// Everything goes: traffic, deployments, endpoint.
	from = len(w.writes())
	w.remove("chat")
	w.apply()
	w.want(exitRefused, "apply")
	w.apply("--allow", "delete:online-endpoint/chat", "--allow", "delete:online-deployment/chat/blue", "--allow", "delete:online-deployment/chat/green")
	writes := w.writes()[from:]
	if slices.ContainsFunc(writes, func(r emulator.Request) bool {
		return r.Method == http.MethodDelete && strings.HasSuffix(r.Path, "/green")
	}) &&
		strings.Index(joined(writes), "DELETE green") < strings.Index(joined(writes), "DELETE blue") {
		order(t, writes, "PUT chat", "DELETE green", "DELETE blue", "DELETE chat")
	} else {
		order(t, writes, "PUT chat", "DELETE blue", "DELETE green", "DELETE chat")
	}
	if looks, wrong := stop(); looks < 50 || len(wrong) > 0 {
		t.Errorf("%d looks at the traffic found: %s", looks, strings.Join(wrong, "; "))
	}
	w.settled("--full")
}

func joined(writes []emulator.Request) string {
	var out []string
	for _, r := range writes {
		out = append(out, r.Method+" "+r.Path[strings.LastIndex(r.Path, "/")+1:])
	}
	return strings.Join(out, ", ")
}

// A deployment that failed gets no traffic: blue keeps it.
func TestTrafficStaysWhenTheNewDeploymentFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.write("m1.yml", modelFile("1"))
	w.write("chat/endpoint.yml", endpointFile("{blue: 100}"))
	w.write("chat/blue.yml", deploymentFile("blue", "m:1"))
	w.apply()
	w.write("chat/endpoint.yml", endpointFile("{green: 100}"))
	w.write("chat/green.yml", deploymentFile("green", "m:1"))
	w.remove("chat/blue.yml")
	w.fault("lro-fail=OutOfCapacity,method=PUT,path=*/deployments/green")
	stop := trafficWatch(t, w)
	for range 3 {
		if r := w.mlsync("apply", "--allow", "delete:online-deployment/chat/blue"); r.code != exitFailed {
			t.Errorf("want exit code %d: %s", exitFailed, r)
		}
	}
	if _, wrong := stop(); len(wrong) > 0 {
		t.Error(strings.Join(wrong, "; "))
	}
	traffic := w.get("onlineEndpoints/chat")["properties"].(map[string]any)["traffic"].(map[string]any)
	if traffic["blue"] != 100.0 || w.get("onlineEndpoints/chat/deployments/blue") == nil {
		t.Errorf("traffic is %v", traffic)
	}
	w.em.ClearFaults()
	w.apply("--allow", "delete:online-deployment/chat/blue")
	w.apply("--allow", "delete:online-deployment/chat/blue")
	if w.get("onlineEndpoints/chat/deployments/blue") != nil {
		t.Error("blue is still there")
	}
	w.settled("--full")
}

// Traffic that names no deployment of the tree or the workspace is a problem
// with its line, and nothing is written.
func TestTrafficToNothingIsAProblem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.write("m1.yml", modelFile("1"))
	w.write("chat/endpoint.yml", endpointFile("{bleu: 100}"))
	w.write("chat/blue.yml", deploymentFile("blue", "m:1"))
	w.quiet(func() {
		r := w.want(exitProblems, "apply")
		if !strings.Contains(r.out+r.err, "chat/endpoint.yml:4:") || !strings.Contains(r.out+r.err, `"bleu"`) {
			t.Errorf("the problem is told as %s", r)
		}
	})
}
