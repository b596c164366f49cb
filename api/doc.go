// Package api is Crier over HTTP: the route table, who may use which route,
// strict reading of what comes in, and problem+json (RFC 9457) for what is
// refused. It joins the other packages and holds no state of its own but rate
// limits and which tickets were used. It is the only home of status codes, headers and chi.
//
// Handlers return errors; problem.go is the one place that turns an error
// into an answer and the one place that logs it. Every body is bounded in
// bytes and in the time it may take; everything that costs is limited by rate
// per address. openapi.yaml is the contract in full: the package's tests
// check it against the router and, both ways, against the traffic they make.
//
// Handlers may wait for the engine; those of live.go may wait as long as a
// reader stays.
package api
