package acceptance_test

import (
	"context"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"
)

// anyToken is a credential that the emulator takes.
type anyToken struct{}

func (anyToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "tester", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// sdk are clients of Microsoft's SDK for the world's emulator.
func (w *world) sdk() *ml.ClientFactory {
	w.t.Helper()
	f, err := ml.NewClientFactory(subscription, anyToken{}, &arm.ClientOptions{DisableRPRegistration: true, ClientOptions: policy.ClientOptions{
		InsecureAllowCredentialWithHTTP: true,
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: w.em.URL(), Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: w.em.URL(), Audience: "https://management.azure.com"},
		}},
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// must is for calls of the SDK that must succeed; guard makes its panic a
// failure of the test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func guard(t *testing.T) {
	if r := recover(); r != nil {
		if err, ok := r.(error); ok {
			t.Fatalf("%v", err)
		}
		panic(r)
	}
}

// done waits for an operation of the SDK without the seconds between two looks.
func done[T any](p *runtime.Poller[T], err error) T {
	ctx := context.Background()
	for must(p, err); !p.Done(); {
		must(p.Poll(ctx))
	}
	return must(p.Result(ctx))
}
