package azureml

import "context"

// fenceKey is where a context says who may still write.
type fenceKey struct{}

// Fenced lets requests that change something be asked about right before they are
// sent, each attempt anew: an error of sure keeps them back, such as that the
// right to write was lost while the request waited, or the process was stopped.
func Fenced(ctx context.Context, sure func() error) context.Context {
	return context.WithValue(ctx, fenceKey{}, sure)
}

func stands(ctx context.Context) error {
	if sure, ok := ctx.Value(fenceKey{}).(func() error); ok {
		return sure()
	}
	return nil
}
