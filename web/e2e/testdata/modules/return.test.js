// How a reader comes back: from sleep, with the network, from a node that drains.

import {Clock} from "./clock.js";
import {equal, test} from "./harness.js";
import {entry, hello, start} from "./wires.js";

const unreachable = async () => ({reached: false, retryAfter: null});

// seeing has the page be hidden or visible.
const seeing = {
	set(state) {
		Object.defineProperty(document, "visibilityState", {configurable: true, get: () => state});
		document.dispatchEvent(new Event("visibilitychange"));
	},
	restore() {
		delete document.visibilityState;
	},
};

// reading gives f a reader who is live, on a clock in its hands.
async function reading(f, options = {}) {
	const clock = new Clock();
	const made = start({room: unreachable, ...options});
	try {
		made.wires.opened[0].message(hello("e.1"));
		await clock.pass(10_500); // steady, and between two looks at the clock
		made.wires.opened[0].message({type: "beat", cursor: "e.1"});
		await f({clock, ...made});
	} finally {
		made.live.stop();
		equal(clock.running, 0, "timers left");
		clock.restore();
		seeing.restore();
	}
}

// network has what is opened from now on hang or fail until at, and answer in
// rtt ms after. It returns when something was answered.
function network(wires, {at, rtt, fails}) {
	const came = {at: null};
	wires.onOpen = (w) => {
		if (Date.now() < at) {
			if (fails) queueMicrotask(() => {
				w.closed = true;
				w.end({code: 1006});
			});
			return;
		}
		setTimeout(() => {
			if (w.closed) return;
			came.at ??= Date.now();
			w.message(hello("e.2"));
			w.message(entry(2));
		}, rtt);
	};
	return came;
}

const wakings = {
	"a short sleep": (clock) => clock.sleep(15_000),
	"a long sleep": (clock) => clock.sleep(3_600_000),
	"a new network": () => window.dispatchEvent(new Event("online")),
};

test("a socket is replaced within 2 s of the network being there, whenever it comes", async () => {
	for (const [name, wake] of Object.entries(wakings)) {
		for (const fails of [true, false]) {
			for (const random of [0.01, 0.5, 0.999]) {
				for (let after = 0; after < 11_000; after += 1370) {
					await reading(async ({clock, wires, got, live}) => {
						const at = Date.now();
						wake(clock);
						const up = Date.now() + after;
						const came = network(wires, {at: up, rtt: 300, fails});
						await clock.pass(after + 4000);
						const late = came.at - Math.max(up, at);
						equal([came.at !== null && late <= 2000, got, live.state.state], [true, [2], "live"], `${name}, fails ${fails}, random ${random}, after ${after}: ${late} ms`);
						equal(wires.opened[0].closed, true);
						equal(wires.opened.filter((w) => !w.closed).length, 1, "connections left");
					}, {random: () => random});
				}
			}
		}
	}
});

test("a sleep is noticed by a page that was hidden, too", async () => {
	for (const [name, f] of [
		["shown at once", async (clock) => {
			clock.sleep(15_000);
			seeing.set("visible");
		}],
		["shown later", async (clock) => {
			clock.sleep(15_000);
			await clock.pass(3000);
			seeing.set("visible");
		}],
		["never shown", async (clock) => {
			clock.sleep(15_000);
			await clock.pass(3000);
		}],
	]) {
		await reading(async ({clock, wires, states}) => {
			seeing.set("hidden");
			await clock.pass(2500);
			const came = network(wires, {at: 0, rtt: 100});
			await f(clock);
			await clock.pass(200);
			equal([came.at !== null, wires.opened.length, wires.opened[0].closed], [true, 2, true], name);
			equal(states, ["connecting", "live:websocket"], name);
		});
	}
});

test("what came just before a sleep does not vouch for the socket after it", () => reading(async ({clock, wires}) => {
	wires.opened[0].message(entry(2)); // after the last look at the clock
	clock.sleep(15_000);
	network(wires, {at: 0, rtt: 100});
	await clock.pass(1200);
	equal([wires.opened.length, wires.opened[0].closed], [2, true]);
}));

test("slow timers of a hidden page are no sleep, if something was heard meanwhile", () => reading(async ({clock, wires}) => {
	seeing.set("hidden");
	clock.sleep(40_000); // to timers it is the same
	wires.opened[0].message({type: "beat", cursor: "e.1"});
	clock.sleep(15_000);
	await clock.pass(1000);
	seeing.set("visible");
	await clock.pass(1000);
	equal(wires.opened.length, 1);
}));

test("who waits while hidden is not hurried by slow timers", () => reading(async ({clock, wires}) => {
	seeing.set("hidden");
	network(wires, {at: Infinity, fails: true});
	wires.opened[0].end({code: 1006});
	await clock.pass(60_000);
	const {length} = wires.opened;
	clock.sleep(60_000); // to timers it is the same
	await clock.pass(20_000);
	equal(wires.opened.length, length + 1);
}, {random: () => 0.7}));

test("a suspect that is heard from is suspect no more", () => reading(async ({clock, wires, got, states}) => {
	network(wires, {at: Infinity, fails: true});
	window.dispatchEvent(new Event("online"));
	await clock.pass(3000);
	const tried = wires.opened.length;
	equal(tried > 2, true);
	wires.opened[0].message(entry(2));
	await clock.pass(20_000);
	equal([wires.opened.length, wires.opened[0].closed, got, states], [tried, false, [2], ["connecting", "live:websocket"]]);
}));

test("the tries back off, and are few at a time", () => reading(async ({clock, wires}) => {
	const times = [];
	let most = 0;
	wires.onOpen = () => {
		times.push(Date.now());
		most = Math.max(most, wires.opened.slice(1).filter((w) => !w.closed).length);
	};
	wires.opened[0].message({...hello("e.1"), beat_ms: 600_000}); // it takes long to be missed
	window.dispatchEvent(new Event("online"));
	await clock.pass(300_000);
	const pauses = times.slice(1).map((t, i) => t - times[i]);
	equal(pauses.slice(0, 22), [...Array(16).fill(1000), 2000, 4000, 8000, 16_000, 30_000, 30_000]);
	equal(most, 3);
}, {random: () => 0.5}));

test("without a connection the hurry ends in the usual waiting", async () => {
	await reading(async ({clock, wires, states, live}) => {
		network(wires, {at: Infinity, fails: true});
		clock.sleep(3_600_000);
		await clock.pass(21_000);
		equal(states.slice(0, 4), ["connecting", "live:websocket", "connecting", "waiting"]);
		equal(new Set(wires.opened.slice(0, 17).map((w) => w.name)).size, 1, "a network that is not there blocks no WebSockets");
		await clock.pass(60_000);
		equal(wires.opened.length < 30, true, `${wires.opened.length} tries`);
		equal(["waiting", "connecting"].includes(live.state.state), true);
	}, {random: () => 0.9});
});

test("woken behind a network that blocks WebSockets, the reader finds another way", () => reading(async ({clock, wires, live}) => {
	wires.onOpen = (w) => (queueMicrotask(() => (w.name === "events" ? w.message(hello("e.1")) : w.end({code: 1006}))));
	clock.sleep(3_600_000);
	await clock.pass(5000);
	equal(live.state, {state: "live", transport: "events", resumed: true});
}, {room: async () => ({reached: true, retryAfter: null})}));

test("a full node is not hurried", () => reading(async ({clock, wires, live}) => {
	wires.onOpen = (w) => queueMicrotask(() => w.end({code: 1006}));
	const at = Date.now();
	clock.sleep(15_000); // the old socket may live: it is kept
	await clock.pass(40_000);
	equal([wires.opened.length, live.state.state], [2, "live"]);
	await clock.pass(45_000); // it does not
	equal(live.state.state, "waiting");
	equal(wires.opened.length <= 4, true, `${wires.opened.length} tries in ${Date.now() - at} ms`);
}, {room: async () => ({reached: true, retryAfter: 60})}));

test("a draining node is left once a successor works, however often that fails", () => reading(async ({clock, wires, got, states}) => {
	const old = wires.opened[0];
	network(wires, {at: Infinity, fails: true});
	old.message({type: "drain", within_ms: 1000});
	await clock.pass(10_000);
	const tries = wires.opened.length - 1;
	equal([tries, old.closed], [4, false]); // after 0.5 s, and 1, 2 and 4 s later
	old.message(entry(2)); // it is alive, and will end all the same
	const came = network(wires, {at: 0, rtt: 100});
	await clock.pass(8000);
	equal([came.at !== null, old.closed, got, states], [true, true, [2], ["connecting", "live:websocket"]]);
}, {random: () => 0.5}));

test("a drain asks for one successor at a time", () => reading(async ({clock, wires}) => {
	wires.opened[0].message({type: "drain", within_ms: 0});
	await clock.pass(9000); // it hangs
	equal(wires.opened.length, 2);
	await clock.pass(20_000); // it was given up
	equal([wires.opened[1].closed, wires.opened.length > 2], [true, true]);
}));

test("when a draining node ends before a successor works, there is one way back", () => reading(async ({clock, wires, states}) => {
	network(wires, {at: Infinity, fails: true});
	wires.opened[0].message({type: "drain", within_ms: 0});
	await clock.pass(100);
	wires.opened[0].end({code: 1012});
	equal(states.at(-1), "waiting");
	const {length} = wires.opened;
	network(wires, {at: 0, rtt: 10});
	await clock.pass(5000);
	equal([wires.opened.length, states.at(-1)], [length + 1, "live:websocket:resumed"]);
}, {random: () => 0.5}));
