// Package load measures a running service from outside, as its readers and
// editors see it: crier bench.
//
// # Words
//
// A run is one measurement. Its readers join by WebSocket over the ramp, and
// its poster posts exercises (drills), which no live reader sees, at a rate.
// The latency of a delivery is from the moment that an item was due, which its
// headline tells, until a reader has its message. An item is out when its last
// reader has it. In a storm many connections break in the middle of the run and
// their readers come back at once; the others have stayed. Before the run the same readers have joined just as fast, which is
// what it is compared with. A crowd is the part of those readers that one
// process of its own has. A stalled reader has joined and reads nothing.
//
// Alerts sends campaigns instead: a crowd of subscriptions is made in a store, and
// sinks are the push services, each a process that checks, and opens a sample of,
// what it is sent and answers with the faults that the crowd is given. A proof
// kills the sender in the middle of a campaign and holds every count to what it
// must be. Beside measures live delivery of a node that prepares sender keys
// against one that has nothing to prepare.
//
// # Rules
//
// A run loads only what it is told to by name: loopback, or the hosts that
// Options.Hosts repeats. It follows no redirects. Every delivery is accounted for: readers know which
// items they are to get, those that came back by cursor too, and what is
// missing or came twice is counted. What the load generator itself could not
// keep up with is part of the latency, and is told apart where the kernel says
// when a message came (Linux): the rest is the service's and the network's. On
// one machine they still share its processors.
package load
