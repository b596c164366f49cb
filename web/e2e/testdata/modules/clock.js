// Clock is the time of a page in the hands of a test: Date.now, setTimeout and
// clearTimeout go by it until restore.
export class Clock {
	#real = {now: Date.now, set: window.setTimeout, clear: window.clearTimeout};
	#now = this.#real.now();
	#timers = new Map(); // { at, f } by number
	#last = 0;
	#turn = new MessageChannel();

	constructor() {
		Date.now = () => this.#now;
		window.setTimeout = (f, ms = 0) => {
			// As browsers do it: what is no number of 31 bits is over at once.
			const wait = ms > 0 && ms < 2 ** 31 ? ms : 0;
			this.#timers.set(++this.#last, {at: this.#now + wait, f});
			return this.#last;
		};
		window.clearTimeout = (n) => { this.#timers.delete(n) };
	}

	restore() {
		Date.now = this.#real.now;
		window.setTimeout = this.#real.set;
		window.clearTimeout = this.#real.clear;
	}

	/** running is how many timers run. */
	get running() {
		return this.#timers.size;
	}

	/** settle waits until all that promises lead to by themselves is done. */
	async settle() {
		for (let i = 0; i < 5; i++) {
			await new Promise((on) => {
				this.#turn.port1.onmessage = on;
				this.#turn.port2.postMessage(0);
			});
		}
	}

	/** pass has ms go by, every timer in its turn, and does each(now) after every one. */
	async pass(ms, each = () => {}) {
		const until = this.#now + ms;
		await this.settle();
		for (;;) {
			const [n, next] = [...this.#timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
			if (!next || next.at > until) break;
			this.#timers.delete(n);
			this.#now = Math.max(this.#now, next.at);
			next.f();
			await this.settle();
			each(this.#now);
		}
		this.#now = until;
	}

	/** sleep has ms go by in which no timer runs, as on a device whose lid is closed. */
	sleep(ms) {
		this.#now += ms;
		for (const t of this.#timers.values()) t.at += ms;
	}
}
