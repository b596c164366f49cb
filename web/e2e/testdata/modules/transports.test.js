import {longPoll} from "/assets/js/transports.js";
import {equal, test} from "./harness.js";

// poll answers with pages in turn and returns the messages handed on.
async function poll(...pages) {
	const got = [];
	const real = window.fetch;
	let close = () => {};
	await new Promise((over) => {
		window.fetch = async () => {
			const page = pages.shift();
			if (page) return new Response(JSON.stringify(page));
			over();
			return new Promise(() => {}); // it waits
		};
		close = longPoll(location.origin, () => "", {message: (m) => got.push(m), end: () => got.push("end")});
	});
	close();
	window.fetch = real;
	return got;
}

test("each page of a poll ends with a beat that has its cursor", async () => {
	const entry = {type: "entry", cursor: "e.2"};
	equal(await poll({cursor: "e.1", messages: []}, {cursor: "e.3", messages: [entry]}), [
		{type: "beat", cursor: "e.1", stale: false},
		entry, {type: "beat", cursor: "e.3", stale: false},
	]);
});

test("a page that says that the log is silent is not contradicted", async () => {
	const stale = {type: "beat", stale: true};
	equal(await poll({cursor: "e.1", messages: [stale]}, {cursor: "e.1", messages: [{type: "beat"}]}), [
		stale, {type: "beat", cursor: "e.1", stale: true},
		{type: "beat"}, {type: "beat", cursor: "e.1", stale: false},
	]);
});
