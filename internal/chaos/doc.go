// Package chaos is a proxy for tests that stands between a client and the
// service and spoils what goes through it, as networks, gateways and tired
// services do: refusals, cut connections, pages of HTML, torn and slow
// answers, before and after a request had its effect.
//
// It knows nothing of the domain: it spoils any HTTP.
package chaos
