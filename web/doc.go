// Package web is the HTTP API of the daemon: what targets, runs, plans, drift,
// assets, approvals and events there are, and the few things that people do to
// them. One table says of each route who may ask it, what it takes and what it
// answers; the router, the OpenAPI document, the reference and the test of every
// route × role × project are made of that table.
//
// Everything is denied by default: a request without a principal gets nothing,
// and a project that a principal may not read is not there for it.
//
// The package must not know the database, the client of the service nor files:
// what it answers comes through the small interfaces of Options.
package web
