// Package emulator is a working twin of the parts of Azure that a workspace client talks to: the ARM endpoint of
// Azure Machine Learning, the blob endpoint behind its datastores and the two token routes of the login service.
//
// It answers as the service was recorded and documented to answer: bodies are filled with the fields the service
// adds and rewritten where the service rewrites, long-running operations take time, secrets never come back, and
// what the service refuses is refused. On top of that it injects faults, throttles and counts requests.
//
// The package knows nothing of the product that uses it and imports none of its packages: it is a second, independent
// reading of the service, so that a wrong path or field name in a client is found and not confirmed.
//
// Facts are cited by their origin: "recorded" was seen on the wire, "spec" is in the ARM type definitions, "inferred"
// is our conclusion and can be switched where it matters.
package emulator
