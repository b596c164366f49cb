import {longPoll} from "/assets/js/transports.js";
import {Clock} from "./clock.js";
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

test("after close nothing of a page is handed on any more", async () => {
	const got = [];
	const real = window.fetch;
	try {
		await new Promise((asked) => {
			window.fetch = async () => new Response(JSON.stringify({cursor: "e.3", messages: [{type: "entry", cursor: "e.2"}, {type: "entry", cursor: "e.3"}]}));
			const close = longPoll(location.origin, () => "", {
				message: (m) => {
					got.push(m.cursor);
					close();
					setTimeout(asked, 50); // what comes would come at once
				},
				end: () => got.push("end"),
			});
		});
	} finally {
		window.fetch = real;
	}
	equal(got, ["e.2"]);
});

test("who listens and fails does not end the way", async () => {
	const told = [];
	const hear = (e) => {
		e.preventDefault();
		told.push(e.error.message);
	};
	const real = window.fetch;
	const got = [];
	window.addEventListener("error", hear);
	try {
		await new Promise((over) => {
			const pages = [{cursor: "e.2", messages: [{type: "entry", cursor: "e.2"}]}];
			window.fetch = async () => {
				const page = pages.shift();
				if (page) return new Response(JSON.stringify(page));
				over();
				return new Promise(() => {});
			};
			longPoll(location.origin, () => "", {
				message: (m) => {
					got.push(m.type);
					if (m.type === "entry") throw new Error("mine");
				},
				end: () => got.push("end"),
			});
		});
	} finally {
		window.fetch = real;
		window.removeEventListener("error", hear);
	}
	equal([got, told], [["entry", "beat"], ["mine"]]);
});

test("who answers at once what should hang is not asked without end", async () => {
	const clock = new Clock();
	const real = window.fetch;
	const from = Date.now();
	const asked = [];
	window.fetch = async () => {
		asked.push(Date.now() - from);
		return {ok: true, json: async () => ({cursor: "e.1", messages: []})}; // in the clock's time, which a Response is not
	};
	try {
		const close = longPoll(location.origin, () => "", {message: () => {}, end: () => {}});
		await clock.pass(5000);
		close();
	} finally {
		window.fetch = real;
		clock.restore();
	}
	equal(asked, [0, 0, 1000, 2000, 3000, 4000, 5000]); // the first says whether it works
});
