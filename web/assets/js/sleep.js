// Time that passes unseen: a lid is closed, or a page frozen. No timer runs
// meanwhile, and connections die with nobody to say so. Only the clock tells.

const glance = 1000; // ms between two looks at it
const nap = 10_000; // ms that it jumps when the device has slept

/** Sleep calls onWake(since) after a sleep that began at since or before. */
export class Sleep {
  #onWake;
  #seen = Date.now();
  #timer = 0;

  constructor(onWake) {
    this.#onWake = onWake;
    this.look();
  }

  /** look looks at the clock now, and returns whether there was a sleep. */
  look() {
    const before = this.#seen;
    this.#seen = Date.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.look(), glance);
    const slept = this.#seen - before > nap;
    if (slept) this.#onWake(before + 2 * glance); // it may have been awake for one glance more
    return slept;
  }

  stop() {
    clearTimeout(this.#timer);
  }
}
