// Package push keeps who is to be notified and notifies them: subscriptions,
// campaigns, and the way of each notification to its push service.
//
// # Words
//
// A [Subscription] is a browser that granted notifications. A [Campaign] is
// the sending of one entry of the log to the subscriptions that want it. It is
// cut into ranges of shards, never into an entry per subscriber; a worker
// holds a [Lease] on a range and walks it page by page. A push service is the
// browser vendor's server; an origin is one scheme, host and port of it. What
// became of a delivery is counted in a [Tally], for all and by push service; a
// [Report] is a campaign's, with what can be estimated of the rest, and a
// [Promise] is what it is held against. A [Watch] follows the reports of what
// is under way. What is beyond a subscriber's daily bound is held for their
// digest, a campaign of its own every quarter of an hour. The [Canary] is a
// test alert to ourselves.
//
// # The way of a notification
//
// [Service] follows the log and opens a campaign for each entry that alerts.
// Its dispatcher claims ranges, of the highest lane first, for its workers. A
// worker reads a page, has [Decide] say who gets it and how loudly, and
// submits the deliveries to their origins. Each origin hands out its jobs,
// highest lane first, at the pace its push service was found to bear, over
// connections that it owns; each job is sealed (package seal), sent and
// judged. What would have to wait longer than a second there is put off at once,
// see line. When all of a page are judged, or all but a few whose answers are late, the
// worker checkpoints it in one atomic write and goes on.
//
// When a campaign of a higher lane is opened, workers of lower ones make room at
// once: their pages drain behind it in the origins while others claim its ranges,
// and then they let go of theirs. A campaign that replaces one goes first to those
// whom that had reached. What is given up is kept as dead letters, which a chief
// may have replayed. While all is stopped, what was not scanned yet is counted, so
// that sent and unsent are exact.
//
// While there is nothing to send, a sender key is prepared for each
// subscription of the shards that the node wants first, see stock and fleet.
// What other nodes and operators say (a stop, alarms, rates, who is there) is
// asked of the store every quarter of a second to three seconds.
//
// # Invariants
//
//   - Every subscription that wants a campaign, and stands and is confirmed when
//     it opens, gets at least one attempt before the deadline, whenever we crash, or
//     the item in its next digest. A crash repeats at most
//     one page per worker, and a repeat replaces the first on the device: same
//     Topic, same tag.
//   - Every subscription in the audience ends in exactly one of accepted,
//     gone, failed, expired and cancelled.
//   - 404 and 410 remove a subscription; no other answer ever does. A burst of
//     them, or of refusals, stops all removals and raises an [Alarm].
//   - A correction or withdrawal calls back what is unsent of the entry it
//     replaces, goes first to those whom that had reached, never overtakes what is on its way to the same device, never
//     travels in a lower lane than the error did, and lives at least as long.
//   - An item of a story never comes after a newer one of it: whoever gets the newer
//     campaign is not sent what is left of the older one, which counts as cancelled.
//     A correction of the older one comes beside it.
//   - We connect to push services' hosts and to those the operator named, and
//     to public addresses only unless the host was named. Redirects are not
//     followed, every request is limited in time, every answer in size.
//   - A notification is signed with the VAPID key that its subscription was made
//     with. A key goes when no subscription of its own is left.
//   - Endpoints and keys never appear in logs or errors; IDs may.
//
// # Who may block
//
// Methods of [Service] wait for the store and for nothing else; greetings are
// sent in the background. A worker waits for its page, at most a third of the
// lease and one request's time, and for the store. What an origin cannot send
// just now it puts off rather than wait.
//
// # Locks
//
// In this order: tidier.mu, which is held while a walk waits for the store;
// stopAnswers.mu, underway.mu, network.mu, origin.mu. Those of guard, pace, line, zones, gathering,
// perch, counted, a shelf of the stock and seal.Signer are taken last and nothing is
// locked under them.
package push
