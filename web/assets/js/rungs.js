// Which transport to try: the one that last worked, after failures the next
// worse, and now and then a better one. A rung is a transport's place on the
// ladder, 0 the best.

import { climbWait } from "./backoff.js";

const missesPerRung = 2; // failed tries before the next worse transport

export class Rungs {
  #count;
  #home = 0; // the rung that last worked
  #misses = 0; // failures since
  #climbs = 0; // since the network last looked different

  constructor(count) {
    this.#count = count;
  }

  /** next is the rung to try when there is no connection. */
  get next() {
    return (this.#home + Math.floor(this.#misses / missesPerRung)) % this.#count;
  }

  /** missed counts a failure that the transport may be to blame for. */
  missed(rung) {
    if (rung === this.next) this.#misses++;
  }

  worked(rung) {
    if (rung === 0 || rung > this.#home) this.#climbs = 0;
    this.#home = rung;
    this.#misses = 0;
  }

  /** climbWait is how long to leave it before a better rung is tried, in ms. */
  climbWait(random) {
    return climbWait(this.#climbs++, random);
  }
}
