import {equal, test} from "./harness.js";

// The service worker is a classic script: it is run here with a self, a chance, a
// clock and a network of the test's own.
const source = await (await fetch("/worker.js")).text();

async function show(data, chance) {
	const did = {shown: 0, told: [], waits: []};
	const heard = {};
	const draws = [...chance];
	const self = {
		addEventListener: (kind, f) => (heard[kind] = f), location,
		registration: {showNotification: async () => void did.shown++},
	};
	const math = {...Object.fromEntries(["min", "max"].map((f) => [f, Math[f]])), random: () => draws.shift()};
	const soon = (f, ms) => { did.waits.push(ms); queueMicrotask(f); };
	const net = async (address, {body}) => { did.told.push({address, ...JSON.parse(body)}); return {status: 204}; };
	new Function("self", "Math", "setTimeout", "fetch", source)(self, math, soon, net);
	let done;
	const message = {web_push: 8030, notification: {title: "Harbour bridge closed", data}};
	heard.push({data: {json: () => message}, waitUntil: (p) => (done = p)});
	await done;
	return did;
}

test("one in so many tells that it displayed, after a random part of the time it is given", async () => {
	const data = {receipt: "AAAAAAAAAAAAAAAAAAAAAA", one_in: 100, within_ms: 30_000, kind: "posted"};
	const drawn = await show(data, [0.0099, 0.5]);
	equal(drawn.shown, 1);
	equal(drawn.waits, [15_000]);
	equal(drawn.told.map(({address, token, kind}) => ({address, token, kind})), [{address: "/v1/alerts/receipts", token: data.receipt, kind: "displayed"}]);
	for (const chance of [0.01, 0.5, 0.999]) {
		const spared = await show(data, [chance, 0.5]);
		equal([spared.shown, spared.told, spared.waits], [1, [], []], `at ${chance}`);
	}
});

test("where all are asked each tells at once", async () => {
	for (const chance of [0, 0.999]) {
		const all = await show({receipt: "AAAAAAAAAAAAAAAAAAAAAA", kind: "posted"}, [chance, 0.5]);
		equal(all.told.length, 1);
		equal(all.waits, [0]);
	}
	equal((await show({kind: "posted"}, [0, 0])).told, [], "without a token there is nothing to tell");
});
