import {Live} from "/assets/js/live.js";

// Wires are transports whose other end is the test.
class Wires {
	opened = []; // { name, query, message, end, closed }
	#waiting = null;

	constructor(onOpen) {
		this.onOpen = onOpen;
	}

	transport(name, mute) {
		return {name, mute, open: (base, query, {message, end}) => {
			const wire = {name, query: String(query()), message, end, closed: false};
			this.opened.push(wire);
			this.onOpen?.(wire);
			this.#waiting?.();
			return () => { wire.closed = true };
		}};
	}

	/** nth waits for the nth connection, from 0. */
	async nth(n) {
		while (this.opened.length <= n) await new Promise((come) => { this.#waiting = come });
		return this.opened[n];
	}
}

/** start is a Live with wires. */
export function start({
	cursor = "e.1", names = ["websocket", "events", "poll"], mute = true, onOpen, tell = () => {},
	random = () => 0, room = async () => ({reached: true, retryAfter: null}),
} = {}) {
	const wires = new Wires(onOpen);
	const got = [];
	const states = [];
	const live = new Live({
		src: location.origin, cursor, topics: "world", random, room,
		transports: names.map((n) => wires.transport(n, mute)),
		onMessage: (m) => got.push(m.type === "entry" ? m.entry.offset : m.type),
		onState: (s) => {
			states.push(s.state + (s.transport ? ":" + s.transport : "") + (s.resumed ? ":resumed" : ""));
			tell(s, live);
		},
	});
	live.start();
	return {wires, got, states, live};
}

export const hello = (cursor) => ({type: "hello", cursor, beat_ms: 25000});
export const entry = (offset, epoch = "e") => ({type: "entry", cursor: `${epoch}.${offset}`, entry: {offset}});
