import {retryAfter} from "/assets/js/backoff.js";
import {Live} from "/assets/js/live.js";
import {askRoom} from "/assets/js/room.js";
import {longPoll} from "/assets/js/transports.js";
import {Clock} from "./clock.js";
import {equal, test} from "./harness.js";
import {hello, start} from "./wires.js";

// full has every connection refused by a node that wants readers in so many
// seconds, for so long, and returns what became of it.
async function full({seconds, end, names, mute = true, ms, random}) {
	const clock = new Clock();
	let asked = 0;
	const waits = [];
	const room = async () => {
		asked++;
		return {reached: true, retryAfter: seconds};
	};
	const {wires, live} = start({room, random, names, mute, onOpen: (w) => queueMicrotask(() => w.end(end))});
	let seen = null;
	const look = () => {
		if (live.state.state === "waiting" && live.state.retryAt !== seen) waits.push((seen = live.state.retryAt) - Date.now());
	};
	try {
		await clock.settle();
		look();
		await clock.pass(ms, look);
		return {asked, waits, names: wires.opened.map((w) => w.name)};
	} finally {
		live.stop();
		clock.restore();
	}
}

test("a full node is asked when, and is waited for on the same way", async () => {
	for (const names of [["websocket", "events", "poll"], ["events", "websocket", "poll"]]) {
		const got = await full({seconds: 40, end: {code: 1006}, names, ms: 130_000, random: () => 1});
		equal(got.names, Array(4).fill(names[0]));
		equal(got.asked, 4);
		equal(got.waits, [41_000, 42_000, 44_000, 48_000]); // jitter on top
	}
});

test("a poll knows by itself when it is wanted", async () => {
	const got = await full({seconds: 1, end: {code: 503, retryAfter: 40}, names: ["poll", "websocket"], mute: false, ms: 130_000, random: () => 1});
	equal(got, {asked: 0, waits: [41_000, 42_000, 44_000, 48_000], names: Array(4).fill("poll")});
});

test("a node with room means that the way is bad", async () => {
	const got = await full({seconds: null, end: {code: 1006}, ms: 1, random: () => 0.0001});
	equal(got.names.slice(0, 3), ["websocket", "websocket", "events"]);
});

test("a connection that says nothing is asked after too", async () => {
	const clock = new Clock();
	const {wires, live, states} = start({room: async () => ({reached: true, retryAfter: 7})});
	try {
		await clock.pass(10_000);
		equal([wires.opened[0].closed, states.at(-1)], [true, "waiting"]);
		await clock.pass(7000);
		equal(wires.opened.map((w) => w.name), ["websocket", "websocket"]);
	} finally {
		live.stop();
		clock.restore();
	}
});

test("who has been greeted asks nothing, and what is stopped is not asked for", async () => {
	let signal = null;
	const room = (_, s) => {
		signal = s;
		return new Promise((done) => s.addEventListener("abort", () => done({reached: false, retryAfter: null})));
	};
	const {wires, live, states} = start({room});
	const first = await wires.nth(0);
	first.message(hello("e.1"));
	first.end({code: 1006});
	equal(signal, null);
	(await wires.nth(1)).end({code: 1006});
	equal(signal.aborted, false);
	live.stop();
	equal(signal.aborted, true);
	await new Promise((on) => setTimeout(on));
	equal([states.at(-1), wires.opened.length], ["stopped", 2]);
});

test("retryAfter reads seconds and dates, and stays in bounds", () => {
	const now = Date.parse("2026-11-27T18:00:00Z");
	for (const [text, want] of [
		["7", 7], [" 7 ", 7], ["0", 0], ["301", 300], ["99999999999999999999", 300], ["9".repeat(400), 300],
		["Fri, 27 Nov 2026 18:00:30 GMT", 30], ["Friday, 27-Nov-26 18:00:30 GMT", 30], ["Fri, 27 Nov 2026 17:00:00 GMT", 0], ["Fri, 01 Jan 2100 00:00:00 GMT", 300],
		[null, null], ["", null], ["-1", null], ["1.5", null], ["1e3", null], ["soon", null], ["NaN", null], ["Infinity", null], ["nonsense GMT", null], ["7, 9", null],
	]) equal(retryAfter(text, now), want, String(text));
});

// answering has fetch answer so while f runs.
async function answering(answer, f) {
	const real = window.fetch;
	window.fetch = async (url, o) => answer(new URL(url), o);
	try {
		return await f();
	} finally {
		window.fetch = real;
	}
}

test("askRoom reads the answer, whatever it is", async () => {
	const stop = new AbortController().signal;
	for (const [answer, want] of [
		[() => new Response(null, {status: 204, headers: {"Retry-After": "9"}}), {reached: true, retryAfter: null}],
		[() => new Response("", {status: 503, headers: {"Retry-After": "9"}}), {reached: true, retryAfter: 9}],
		[() => new Response("", {status: 503, headers: {"Retry-After": "1e9"}}), {reached: true, retryAfter: null}],
		[() => new Response("", {status: 503}), {reached: true, retryAfter: null}],
		[() => new Response("", {status: 404}), {reached: true, retryAfter: null}],
		[() => { throw new TypeError("no network") }, {reached: false, retryAfter: null}],
	]) {
		let asked = "";
		equal(await answering((url, o) => { asked = url.pathname; return answer(o) }, () => askRoom("https://news.example", stop)), want);
		equal(asked, "/v1/live/room");
	}
});

test("askRoom does not wait for long, nor after it was stopped", async () => {
	const hang = (_, {signal}) => new Promise((_done, fail) => signal.addEventListener("abort", () => fail(new DOMException("", "AbortError"))));
	const clock = new Clock();
	try {
		await answering(hang, async () => {
			const late = askRoom("https://news.example", new AbortController().signal);
			await clock.pass(3000);
			equal(await late, {reached: false, retryAfter: null});
			const stop = new AbortController();
			const stopped = askRoom("https://news.example", stop.signal);
			stop.abort();
			equal(await stopped, {reached: false, retryAfter: null});
			equal(clock.running, 0);
		});
	} finally {
		clock.restore();
	}
});

test("a poll that is refused passes on when to come", async () => {
	const how = await answering(() => new Response("", {status: 503, headers: {"Retry-After": "12"}}), () => new Promise((end) => {
		longPoll(location.origin, () => "", {message: () => {}, end});
	}));
	equal([how.code, how.retryAfter], [503, 12]);
});

// The node behind the tests' page is full: see TestModules.
test("real connections to a full node: the browser hides the answer, and it is known all the same", async () => {
	const states = [];
	const at = Date.now();
	await new Promise((told) => {
		const live = new Live({
			src: location.origin, cursor: "e.1", onMessage: () => {},
			onState: (s) => {
				states.push(s.state);
				if (s.state !== "waiting") return;
				equal(s.retryAt - at >= 40_000, true, "wait");
				told();
				queueMicrotask(() => live.stop());
			},
		});
		live.start();
	});
	equal(states, ["connecting", "waiting"]);
});
