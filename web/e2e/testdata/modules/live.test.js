import {Clock} from "./clock.js";
import {equal, test} from "./harness.js";
import {entry, hello, start} from "./wires.js";

test("each entry is handed on once and the cursor moves with it", async () => {
	const {wires, got, live} = start();
	const w = await wires.nth(0);
	equal(w.query, "cursor=e.1&topics=world");
	for (const m of [hello("e.9"), entry(2), entry(3), entry(3), entry(2), {type: "beat", cursor: "e.7"}, entry(5), entry(8)]) w.message(m);
	equal(got, [2, 3, 8]);
	equal(live.cursor, "e.8");
	live.stop();
	equal(w.closed, true);
});

test("a hello does not move the cursor of who has one, for what was missed is still to come", async () => {
	const {wires, live} = start({cursor: "e.1"});
	(await wires.nth(0)).message(hello("e.9"));
	equal(live.cursor, "e.1");
	live.stop();
	const fresh = start({cursor: ""});
	(await fresh.wires.nth(0)).message(hello("e.9"));
	equal(fresh.live.cursor, "e.9");
	fresh.live.stop();
});

test("a reset replaces what is shown, also by another epoch or an earlier cursor", async () => {
	const {wires, got, live} = start({cursor: "e.9"});
	const w = await wires.nth(0);
	for (const m of [hello("f.2"), {type: "reset", cursor: "f.2", front: []}, entry(2, "f"), entry(3, "f")]) w.message(m);
	equal(got, ["reset", 3]);
	equal(live.cursor, "f.3");
	live.stop();
});

test("a lost connection is resumed from the cursor", async () => {
	const {wires, got, states, live} = start();
	const first = await wires.nth(0);
	first.message(hello("e.1"));
	first.message(entry(2));
	first.end({code: 1006});
	const second = await wires.nth(1);
	equal(second.query, "cursor=e.2&topics=world");
	first.message(entry(3)); // too late: it is not listened to any more
	second.message(hello("e.4"));
	second.message(entry(3));
	second.message(entry(4));
	equal(got, [2, 3, 4]);
	equal(states, ["connecting", "live:websocket", "waiting", "connecting", "live:websocket:resumed"]);
	live.stop();
});

test("two failures in a row lead to the next worse way, and round again", async () => {
	const {wires, live} = start();
	for (let i = 0; i < 7; i++) (await wires.nth(i)).end({code: 1006});
	await wires.nth(7);
	equal(wires.opened.map((w) => w.name), ["websocket", "websocket", "events", "events", "poll", "poll", "websocket", "websocket"]);
	live.stop();
});

test("a way that works is kept when it breaks", async () => {
	const {wires, live} = start();
	for (let i = 0; i < 2; i++) (await wires.nth(i)).end({code: 1006});
	const events = await wires.nth(2);
	events.message(hello("e.1"));
	events.end({code: 1006});
	equal((await wires.nth(3)).name, "events");
	live.stop();
});

test("draining opens the next connection before it leaves the old one", async () => {
	const {wires, got, states, live} = start();
	const old = await wires.nth(0);
	old.message(hello("e.1"));
	old.message({type: "drain", within_ms: 10});
	const next = await wires.nth(1);
	old.message(entry(2));
	equal(old.closed, false);
	next.message(hello("e.2"));
	next.message(entry(2)); // both brought it
	next.message(entry(3));
	equal(old.closed, true);
	equal(got, [2, 3]);
	equal(states, ["connecting", "live:websocket"]); // readers see nothing of it
	live.stop();
});

test("when the old connection ends before the next one works, the next one is waited for", async () => {
	const {wires, got, live} = start();
	const old = await wires.nth(0);
	old.message(hello("e.1"));
	old.message({type: "drain", within_ms: 0});
	const next = await wires.nth(1);
	old.end({code: 1001});
	next.message(hello("e.1"));
	next.message(entry(2));
	equal(got, [2]);
	equal(wires.opened.length, 2);
	live.stop();
});

test("a server that has lost touch with the log is said to be stale, and kept", async () => {
	const {wires, got, states, live} = start();
	const w = await wires.nth(0);
	w.message(hello("e.1"));
	w.message(entry(2));
	const heard = live.heardAt;
	for (const cursor of ["e.2", "e.2"]) w.message({type: "beat", cursor, stale: true});
	equal(live.heardAt, heard); // what is shown is no newer than that
	w.message({type: "beat", stale: true}); // one without a cursor
	w.message({type: "drain", within_ms: 60_000}); // says nothing of the log
	equal(states, ["connecting", "live:websocket", "stale:websocket"]);
	w.message({type: "beat", cursor: "e.2"});
	w.message({type: "beat", cursor: "e.2", stale: true});
	w.message(entry(3));
	equal(states.slice(3), ["live:websocket:resumed", "stale:websocket", "live:websocket:resumed"]);
	equal(got, [2, 3]);
	equal([w.closed, wires.opened.length], [false, 1]);
	live.stop();
});

test("a lost connection is resumed while the log is stale, too", async () => {
	const {wires, states, live} = start();
	const first = await wires.nth(0);
	first.message(hello("e.1"));
	first.message({type: "beat", cursor: "e.1", stale: true});
	first.end({code: 1006});
	const second = await wires.nth(1);
	second.message(hello("e.1"));
	second.message({type: "beat", cursor: "e.1", stale: true});
	equal(states, ["connecting", "live:websocket", "stale:websocket", "waiting", "connecting", "live:websocket:resumed", "stale:websocket"]);
	live.stop();
});

test("after a sleep the socket is replaced without waiting for it to be missed", async () => {
	for (const [slept, states] of [
		[15_000, ["connecting", "live:websocket"]], // perhaps alive: readers see nothing of it
		[3_600_000, ["connecting", "live:websocket", "connecting", "live:websocket:resumed"]], // missed its beats
	]) {
		const {wires, got, states: seen, live} = start();
		const first = await wires.nth(0);
		first.message(hello("e.1"));
		const now = Date.now;
		try {
			Date.now = () => now() + slept; // as a clock does when the lid is opened
			const second = await wires.nth(1); // well before the old one is given up, which takes two beats
			second.message(hello("e.2"));
			second.message(entry(2));
			equal([first.closed, second.closed, got, seen], [true, false, [2], states]);
		} finally {
			Date.now = now;
			live.stop();
		}
	}
});

test("who fell behind comes back within a second, but not at once with all the others", async () => {
	for (const [lived, random, from, to] of [[2000, 0, 0, 0], [2000, 0.5, 500, 500], [2000, 1, 1000, 1000]]) {
		const clock = new Clock();
		const {wires, live, states} = start({random: () => random});
		try {
			wires.opened[0].message(hello("e.1"));
			await clock.pass(lived);
			const at = Date.now();
			wires.opened[0].end({code: 4008});
			equal([states.at(-1), live.state.retryAt - at], ["waiting", from]);
			await clock.pass(to);
			equal([wires.opened.length, wires.opened[1].name], [2, "websocket"]);
			wires.opened[1].message(hello("e.1"));
			await clock.pass(lived);
			wires.opened[1].end({code: 4008}); // again, and before it could count as steady
			equal(live.state.retryAt - Date.now(), from);
			await clock.pass(to);
			for (const n of [1, 2]) { // at once, and again: that is no place to hurry back to
				wires.opened.at(-1).message(hello("e.1"));
				await clock.pass(500);
				wires.opened.at(-1).end({code: 4008});
				equal(live.state.retryAt - Date.now(), from * n);
				await clock.pass(to * n);
			}
		} finally {
			live.stop();
			clock.restore();
		}
	}
});

test("nothing comes after stop", async () => {
	const {wires, got, states, live} = start();
	const w = await wires.nth(0);
	w.message(hello("e.1"));
	live.stop();
	w.message(entry(2));
	w.end({code: 1006});
	equal(got, []);
	equal(states.at(-1), "stopped");
	equal(wires.opened.length, 1);
});

test("who is told of a state may stop it, and nothing is left open", async () => {
	for (const at of ["connecting", "live", "stale", "waiting", "offline"]) {
		const clock = new Clock();
		let told = 0;
		const {wires, got, live, states} = start({tell: (s, live) => {
			told++;
			if (s.state === at) live.stop();
		}});
		try {
			const w = wires.opened[0];
			w.message(hello("e.1"));
			w.message({type: "beat", stale: true});
			w.message(entry(2));
			if (at === "offline") window.dispatchEvent(new Event("offline"));
			w.end({code: 1006});
			await clock.pass(1000);
			equal([states.at(-1), states.at(-2).split(":")[0], clock.running], ["stopped", at, 0], at);
			equal([wires.opened.length, w.closed || at === "waiting", got], [1, true, ["waiting", "offline"].includes(at) ? [2] : []], at);
			equal(told, states.length);
		} finally {
			clock.restore();
		}
	}
});

test("what the browser has not got is passed over", async () => {
	const clock = new Clock();
	const {wires, live, states} = start({random: () => 0.5, onOpen: (w) => {
		if (w.name !== "poll") throw new ReferenceError(w.name + " is not defined");
	}});
	try {
		await clock.pass(8000);
		wires.opened.at(-1).message({type: "beat", cursor: "e.1"});
		equal([wires.opened.length, states.at(-1)], [5, "live:poll"]);
	} finally {
		live.stop();
		clock.restore();
	}
});

test("no state is said twice", async () => {
	const clock = new Clock();
	const {wires, live, states} = start({room: async () => ({reached: false, retryAfter: null})});
	try {
		const event = (type) => window.dispatchEvent(new Event(type));
		wires.opened[0].message(hello("e.1"));
		event("offline");
		const {retryAt} = live.state;
		equal(retryAt - Date.now(), 20_000); // the browser may be wrong
		event("offline");
		equal(live.state.retryAt, retryAt);
		event("online");
		await clock.pass(500);
		event("online");
		await clock.pass(3000);
		equal(wires.opened.length > 4, true);
		wires.opened.at(-1).message(hello("e.1"));
		equal(wires.opened.filter((w) => !w.closed).length, 1);
		live.stop();
		live.stop();
		equal(states, ["connecting", "live:websocket", "offline", "connecting", "live:websocket:resumed", "stopped"]);
	} finally {
		live.stop();
		clock.restore();
	}
});

test("a page put away for the back button has no connection, and one when it is back", async () => {
	const clock = new Clock();
	const {wires, got, live, states} = start();
	try {
		for (const before of ["live", "waiting"]) {
			const w = wires.opened.at(-1);
			w.message(hello("e.1"));
			if (before === "waiting") w.end({code: 1006});
			window.dispatchEvent(new PageTransitionEvent("pagehide", {persisted: true}));
			const {length} = wires.opened;
			await clock.pass(5000);
			equal([wires.opened.length, w.closed || before === "waiting"], [length, true], before);
			clock.sleep(60_000);
			window.dispatchEvent(new PageTransitionEvent("pageshow", {persisted: true}));
			await clock.pass(500);
			equal(wires.opened.length, length + 1, before);
		}
		wires.opened.at(-1).message(hello("e.1"));
		wires.opened.at(-1).message(entry(2));
		equal([got, states.at(-1)], [[2], "live:websocket:resumed"]);
	} finally {
		live.stop();
		equal(clock.running, 0);
		clock.restore();
	}
});
