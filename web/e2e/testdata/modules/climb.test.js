// How a reader gets back to a better transport.

import {Rungs} from "/assets/js/rungs.js";
import {Clock} from "./clock.js";
import {equal, test} from "./harness.js";
import {entry, hello, start} from "./wires.js";

// behind gives f a reader behind a network that lets only some transports
// through: those that open, which f may change, names.
async function behind(open, f, options = {}) {
	const clock = new Clock();
	const network = {open};
	const made = start({random: () => 0.5, ...options, onOpen: (w) => queueMicrotask(() => {
		if (network.open.includes(w.name)) w.message(hello("e.1"));
		else {
			w.closed = true;
			w.end({code: 1006});
		}
	})});
	try {
		await clock.pass(8000); // two misses a rung; where only polls get through that takes 7.5 s
		await f({clock, network, ...made});
		equal(made.wires.opened.filter((w) => !w.closed).length, 1, "connections");
	} finally {
		made.live.stop();
		equal(clock.running, 0, "timers left");
		clock.restore();
	}
}

const names = (wires) => wires.opened.map((w) => w.name);

test("a reader on poll gets back to events where WebSockets are blocked, and to those when they are not", () => behind(["poll"], async ({clock, network, wires, got, live, states}) => {
	equal([live.state.transport, names(wires)], ["poll", ["websocket", "websocket", "events", "events", "poll"]]);
	const poll = wires.opened.at(-1);
	poll.message(entry(2));
	network.open = ["events", "poll"];
	await clock.pass(15_000);
	equal(names(wires).slice(5), ["websocket", "events"]); // best first
	equal([live.state.transport, poll.closed], ["events", true]);
	wires.opened.at(-1).message(entry(2));
	wires.opened.at(-1).message(entry(3));
	poll.message(entry(4));
	network.open = ["websocket", "events", "poll"];
	await clock.pass(45_000);
	equal([names(wires).slice(7), live.state.transport], [["websocket"], "websocket"]);
	wires.opened.at(-1).message(entry(4));
	equal(got, [2, 3, 4]);
	equal(wires.opened.slice(5).map((w) => w.query), ["cursor=e.2&topics=world", "cursor=e.2&topics=world", "cursor=e.3&topics=world"]);
	equal(states.filter((s) => s.startsWith("live")), ["live:poll", "live:events", "live:websocket"]);
}));

test("where nothing better works it is tried ever more rarely, and the one that works is kept", () => behind(["poll"], async ({clock, wires, states}) => {
	const at = [];
	const open = wires.onOpen;
	wires.onOpen = (w) => {
		if (w.name === "websocket") at.push(Date.now());
		open(w);
	};
	const keep = wires.opened.at(-1);
	const from = Date.now() - 500;
	for (let i = 0; i < 60; i++) { // 20 min
		await clock.pass(20_000);
		keep.message({type: "beat", cursor: "e.1"});
	}
	const pauses = at.map((t, i) => Math.round((t - (at[i - 1] ?? from)) / 1000));
	equal(pauses.slice(0, 6), [15, 30, 60, 120, 240, 480]);
	equal([keep.closed, states.at(-1)], [false, "live:poll"]);
	equal(names(wires).slice(5, 9), ["websocket", "events", "websocket", "events"]);
}));

test("a full node is not climbed further on, but after the time that it asks for", async () => {
	let full = false;
	await behind(["poll"], async ({clock, wires, live}) => {
		full = true;
		const poll = wires.opened.at(-1);
		await clock.pass(14_500);
		equal(names(wires).slice(5), ["websocket"]);
		for (let i = 0; i < 4; i++) {
			poll.message({type: "beat", cursor: "e.1"});
			await clock.pass(22_000);
		}
		equal(wires.opened.length, 6); // without the asking it would have been after 30 s
		await clock.pass(2000);
		equal([names(wires).slice(5), live.state.transport], [["websocket", "websocket"], "poll"]);
	}, {room: async () => ({reached: true, retryAfter: full ? 60 : null}), random: () => 0.5});
});

test("a climb that sleep interrupts is made up for", () => behind(["events", "poll"], async ({clock, network, wires, live}) => {
	equal(live.state.transport, "events");
	const {onOpen} = wires;
	wires.onOpen = () => {}; // the climb hangs
	while (wires.opened.at(-1).name !== "websocket") await clock.pass(1000);
	const climb = wires.opened.at(-1);
	window.dispatchEvent(new Event("online"));
	equal(climb.closed, true);
	wires.opened[2].message({type: "beat", cursor: "e.1"}); // the old way is alive
	await clock.pass(12_000);
	wires.opened[2].message({type: "beat", cursor: "e.1"});
	wires.onOpen = onOpen;
	network.open = ["websocket"];
	await clock.pass(40_000);
	equal(live.state.transport, "websocket");
}));

test("a rung is left after two misses, and climbing begins anew where it gets worse", () => {
	const r = new Rungs(3);
	const wait = () => r.climbWait(() => 0.5);
	for (const [miss, next] of [[0, 0], [0, 1], [0, 1], [1, 1], [1, 2], [2, 2], [2, 0]]) {
		r.missed(miss); // the third is of a rung that was left already
		equal(r.next, next);
	}
	r.worked(1);
	equal([r.next, wait(), wait(), wait()], [1, 15_000, 30_000, 60_000]);
	r.worked(1);
	equal(wait(), 120_000);
	r.worked(2);
	equal([r.next, wait(), wait()], [2, 15_000, 30_000]);
	r.worked(1);
	equal(wait(), 60_000);
	r.worked(0);
	r.worked(1);
	equal(wait(), 15_000);
});
