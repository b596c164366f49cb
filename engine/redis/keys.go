package redis

import (
	"strconv"

	"crier/push"
)

// keys names the keys. What is between braces decides a key's slot on a
// Cluster: keys that have it in common are on the same server, and a script
// can change them together. The scripts know the endings too.
type keys struct {
	prefix string
	log    string // of the log, campaigns and editors: one slot
	bell   string // the channel; the database's number is in it, as channels know none
}

func newKeys(prefix string, db int) keys {
	log := "{" + prefix + ":log}"
	return keys{prefix: prefix, log: log, bell: log + ":bell:" + strconv.Itoa(db)}
}

func (k keys) entries() string            { return k.log + ":entries" }
func (k keys) items() string              { return k.log + ":items" }
func (k keys) live() string               { return k.log + ":live" }
func (k keys) drills() string             { return k.log + ":drills" }
func (k keys) story(story string) string  { return k.log + ":story:" + story }
func (k keys) once(value string) string   { return k.log + ":key:" + value }
func (k keys) call(name string) string    { return k.log + ":call:" + name } // as once, of a call without a key
func (k keys) editors() string            { return k.log + ":editors" }
func (k keys) sums() string               { return k.log + ":sums" }
func (k keys) stop() string               { return k.log + ":stop" }
func (k keys) kept() string               { return k.log + ":kept" }
func (k keys) leaders() string            { return k.log + ":leaders" }
func (k keys) workers() string            { return k.log + ":workers" }
func (k keys) audiences() string          { return k.log + ":audiences" }
func (k keys) alarms() string             { return k.log + ":alarms" }
func (k keys) rates() string              { return k.log + ":rates" }
func (k keys) opened() string             { return k.log + ":opened" }
func (k keys) removals() string           { return k.log + ":removals" }
func (k keys) campaign(seq string) string { return k.log + ":c:" + seq }

// shard is the key of a part of the subscriptions. Each is in a slot of its
// own, so that the parts spread over a Cluster.
func (k keys) shard(n int) string { return "{" + k.prefix + ":s" + strconv.Itoa(n) + "}" }

func (k keys) shardOf(id push.ID) string { return k.shard(id.Shard()) }

// receipts is the key of a campaign's receipts, by its token; each campaign's
// are in a slot of their own.
func (k keys) receipts(token string) string { return "{" + k.prefix + ":r:" + token + "}" }

// types is what the fixed keys have to be, if they are there.
func (k keys) types() map[string]string {
	return map[string]string{
		k.log: "hash", k.entries(): "stream", k.items(): "hash", k.live(): "zset", k.drills(): "zset",
		k.editors(): "hash", k.sums(): "hash", k.stop(): "hash", k.kept(): "hash", k.leaders(): "hash",
		k.workers(): "zset", k.audiences(): "hash", k.alarms(): "hash", k.rates(): "hash", k.opened(): "zset", k.removals(): "set",
		k.log + ":ids": "hash", k.log + ":reports": "hash", k.log + ":active": "zset", k.shard(0): "zset",
	}
}
