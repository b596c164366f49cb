// One connection over one transport. It notices when nothing comes any more,
// and finds out why it came to nothing.

const patience = 10_000; // ms to say hello in
const overdue = 3000; // ms beyond its beat after which it must be dead
const pollBeat = 25_000; // ms: a poll says no hello, and hangs for so long

export class Connection {
  climbing = false; // it is tried while a worse one works
  draining = false; // its node is going down
  since = Date.now();
  heard = Date.now();
  #way;
  #greeted = false; // something has come
  #over = false;
  #beat = patience / 2;
  #timer = 0;
  #asking = new AbortController();
  #close = () => {};

  /**
   * A Connection calls onMessage(m) with each message and onEnd(how) once: how
   * is a transport's, with room's answer if the transport is mute. It calls
   * neither after close().
   */
  constructor({ way, rung, src, query, room, onMessage, onEnd }) {
    this.#way = way;
    this.rung = rung;
    const end = (how) => this.#ended(how, src, room, onEnd);
    this.#watch(end);
    try {
      this.#close = way.open(src, query, {
        message: (m) => {
          if (this.#over) return;
          this.#heard(m);
          this.#watch(end);
          onMessage(m);
        },
        end,
      });
    } catch { // the browser has not got it, or forbids it here
      queueMicrotask(() => end({ code: 1006 }));
    }
  }

  get name() {
    return this.#way.name;
  }

  /** dead says that its silence has no other explanation. */
  get dead() {
    return Date.now() - this.heard > this.#beat + overdue;
  }

  close() {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#asking.abort();
    this.#close();
  }

  #heard(m) {
    this.heard = Date.now();
    if (m.type === "hello" && m.beat_ms > 0) this.#beat = m.beat_ms;
    else if (!this.#greeted && this.name === "poll") this.#beat = pollBeat;
    this.#greeted = true;
  }

  // #watch ends a connection that has been silent for two beats.
  #watch(end) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#close();
      end({ code: 1006 });
    }, this.#beat * 2);
  }

  // #ended asks for the reason where the browser hides it: a node that is full
  // and a network that lets nothing through look the same.
  async #ended(how, src, room, onEnd) {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    const { signal } = this.#asking;
    const why = this.#way.mute && !this.#greeted ? await room(src, signal) : {};
    if (!signal.aborted) onEnd({ ...how, ...why });
  }
}
