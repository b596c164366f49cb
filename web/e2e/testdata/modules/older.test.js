// What browsers lack that readers still use: Firefox 115, Safari from 16 on.

import {dress} from "/assets/js/embedstyle.js";
import {deadline} from "/assets/js/deadline.js";
import {loadPrefs, savePrefs} from "/assets/js/alerts/prefs.js";
import {longPoll} from "/assets/js/transports.js";
import {equal, test} from "./harness.js";

// without runs f in a browser that lacks a property of an object.
async function without(object, name, f) {
	const had = Object.getOwnPropertyDescriptor(object, name);
	delete object[name];
	try {
		equal(name in object, false, name);
		return await f();
	} finally {
		Object.defineProperty(object, name, had);
	}
}

test("a poll needs no AbortSignal.any", () => without(AbortSignal, "any", async () => {
	const real = window.fetch;
	let signal;
	try {
		const first = await new Promise((message, end) => {
			window.fetch = async (url, o) => {
				({signal} = o);
				return url.searchParams.get("wait") === "0s" ? new Response(`{"cursor":"e.1","messages":[]}`) : new Promise(() => {});
			};
			const close = longPoll(location.origin, () => "", {message: (m) => { message(m); queueMicrotask(() => queueMicrotask(close)) }, end});
		});
		equal(first.cursor, "e.1");
		while (!signal.aborted) await new Promise((next) => setTimeout(next));
	} finally {
		window.fetch = real;
	}
}));

test("a deadline aborts in time, with its parent, also one that has stopped, and not once it is done", async () => {
	const aborted = ({signal}) => new Promise((yes) => signal.addEventListener("abort", () => yes(true)));
	equal(await aborted(deadline(new AbortController().signal, 1)), true);
	const stop = new AbortController();
	const [one, two] = [deadline(stop.signal, 60_000), deadline(stop.signal, 60_000)];
	two.done();
	stop.abort();
	equal([one.signal.aborted, two.signal.aborted, deadline(stop.signal, 60_000).signal.aborted], [true, false, true]);
});

test("choices are kept without Response.json", () => without(Response, "json", async () => {
	await savePrefs({...(await loadPrefs()), topics: ["world"]});
	equal((await loadPrefs()).topics, ["world"]);
}));

test("a ticker is dressed without constructed sheets", async () => {
	const real = window.CSSStyleSheet;
	window.CSSStyleSheet = class { constructor() { throw new TypeError("Illegal constructor") } };
	try {
		const host = document.createElement("div");
		document.body.append(host);
		const root = host.attachShadow({mode: "open"});
		dress(root);
		equal(getComputedStyle(host).containerType, "inline-size");
	} finally {
		window.CSSStyleSheet = real;
	}
});
