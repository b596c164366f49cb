import {Front} from "/assets/js/front.js";
import {Live} from "/assets/js/live.js";
import {equal, test} from "./harness.js";

// What the hub sends, as its own tests hold it.
const frame = async (name) => (await fetch(`/frames/${name}.json`)).json();

test("the hub's messages are understood", async () => {
	const epoch = "e4s1m8zv0k2c9t6w";
	const front = new Front();
	const states = [];
	let wire;
	const live = new Live({
		src: location.origin, cursor: `${epoch}.11`,
		transports: [{name: "websocket", open: (base, query, to) => { wire = to; return () => {} }}],
		onMessage: (m) => (m.type === "reset" ? front.reset(m.front) : front.apply(m.entry)),
		onState: ({state}) => states.push(state),
	});
	live.start();
	const send = async (name) => wire.message(await frame(name));
	await send("hello");
	equal(live.cursor, `${epoch}.11`);
	await send("entry-posted");
	equal(live.cursor, `${epoch}.12`);
	await send("beat-stale-bare");
	equal(live.cursor, `${epoch}.12`);
	await send("entry");
	await send("beat-stale");
	await send("beat");
	equal(live.cursor, `${epoch}.13`);
	equal(states, ["connecting", "live", "stale", "live", "stale", "live"]);
	equal(front.entries.map((e) => e.item.headline), ["Polls close in the capital", 'Turnout is 61 %, not 71 %: "a slip" <of> the pen & more']);
	await send("reset-empty");
	equal(front.entries, []);
	await send("reset");
	equal(front.entries.length, 2);
	await send("drain");
	equal(states.length, 6);
	live.stop();
});
