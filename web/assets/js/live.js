// A reader's connection to the log. It follows from a cursor, whatever
// happens to the network, and hands on each message exactly once.

import { climbWait, fullJitter } from "./backoff.js";
import { isNews, parseCursor } from "./cursor.js";
import { askRoom } from "./room.js";
import { ladder } from "./transports.js";

const patience = 10_000; // ms for a connection to say hello
const steady = 10_000; // ms after which a connection counts as a good one
const fellBehind = 4008; // close code: resume by cursor, soon
const missesPerRung = 2; // failed tries before the next worse transport
const glance = 1000; // ms between two looks at the clock
const nap = 10_000; // ms that the clock jumps when the device has slept

/**
 * Live reports { state, transport, retryAt, resumed } to onState:
 *   connecting  trying now
 *   live        messages come in; resumed if there was an interruption
 *   stale       the server is there, but has lost touch with the news
 *   waiting     will try again at retryAt (ms since 1970)
 *   offline     the browser says there is no network
 *   stopped
 * and entries and resets to onMessage, in order, each newer than the last, and
 * what is told to desks alone to onAside.
 */
export class Live {
  #o;
  #cursor;
  #now = null; // the connection in use
  #next = null; // one that is to replace it
  #state = { state: "stopped" };
  #home = 0; // the rung that last worked
  #misses = 0; // tries since that never got a hello
  #attempts = 0; // tries since the last steady connection
  #climbs = 0;
  #lived = false;
  #heardAt = Date.now();
  #timers = new Map();
  #ears = new AbortController();
  #tick = 0;

  constructor({ src, topics = "", cursor = "", onMessage, onState, onAside, transports = ladder, room = askRoom, random = Math.random }) {
    this.#o = { src, topics, onMessage, onState, onAside, transports, room, random };
    this.#cursor = cursor;
  }

  get cursor() {
    return this.#cursor;
  }

  /** heardAt is when the server last vouched for what there is, in ms since 1970. */
  get heardAt() {
    return this.#heardAt;
  }

  get state() {
    return this.#state;
  }

  start() {
    if (this.#state.state !== "stopped") return;
    this.#ears = new AbortController();
    const on = (target, type, f) => target.addEventListener(type, f, { signal: this.#ears.signal });
    on(window, "online", () => this.#networkCame());
    on(window, "offline", () => this.#networkWent());
    on(document, "visibilitychange", () => {
      this.#tick = Date.now(); // hidden pages' timers are slow: that was no sleep
      if (document.visibilityState === "visible") this.#woke();
    });
    // A page with an open socket is not kept for the back button, so the
    // socket is put down while the page is out of sight and taken up again.
    on(window, "pagehide", () => this.#drop());
    on(window, "pageshow", (e) => e.persisted && this.retryNow());
    this.#tick = Date.now();
    this.#watchSleep();
    this.#connect();
  }

  stop() {
    this.#ears.abort();
    this.#drop();
    this.#clear();
    this.#say({ state: "stopped" });
  }

  /** retryNow tries at once, unless the connection is good. */
  retryNow() {
    if (this.#state.state === "stopped" || this.#now?.greeted) return;
    this.#connect();
  }

  #say(s) {
    this.#state = s;
    this.#o.onState?.(s);
  }

  #connect() {
    this.#drop();
    this.#clear("retry");
    const { transports } = this.#o;
    const rung = (this.#home + Math.floor(this.#misses / missesPerRung)) % transports.length;
    this.#say({ state: "connecting" });
    this.#now = this.#open(rung);
  }

  #open(rung) {
    const conn = { rung, greeted: false, heard: Date.now(), since: Date.now(), beat: patience / 2, close: null, watch: 0 };
    const query = () => {
      const q = new URLSearchParams();
      if (this.#cursor) q.set("cursor", this.#cursor);
      if (this.#o.topics) q.set("topics", this.#o.topics);
      return q;
    };
    const close = this.#o.transports[rung].open(this.#o.src, query, {
      message: (m) => this.#heard(conn, m),
      end: (how) => this.#ended(conn, how),
    });
    conn.close = () => {
      clearTimeout(conn.watch);
      close();
    };
    this.#watch(conn);
    return conn;
  }

  // #watch replaces a connection that has been silent for two beats.
  #watch(conn) {
    clearTimeout(conn.watch);
    conn.watch = setTimeout(() => {
      conn.close();
      this.#ended(conn, { code: 1006 });
    }, conn.beat * 2);
  }

  // #ended asks for the reason where the browser hides it: a node that is full
  // and a network that lets nothing through look the same.
  async #ended(conn, how) {
    clearTimeout(conn.watch);
    if (conn.greeted || !this.#o.transports[conn.rung].mute) {
      this.#lost(conn, how);
      return;
    }
    const asking = new AbortController();
    conn.close = () => asking.abort();
    const { retryAfter } = await this.#o.room(this.#o.src, asking.signal);
    if (!asking.signal.aborted) this.#lost(conn, { ...how, retryAfter });
  }

  #heard(conn, m) {
    if (conn !== this.#now && conn !== this.#next) return;
    conn.heard = Date.now();
    if (!m.stale) this.#heardAt = conn.heard;
    if (m.type === "hello" && m.beat_ms > 0) conn.beat = m.beat_ms;
    if (!conn.greeted) this.#greet(conn);
    this.#watch(conn);
    if (conn === this.#now && m.type !== "drain") this.#freshness(conn, m.stale === true);
    switch (m.type) {
      case "hello":
        // With a cursor of ours, what we have missed is still to come.
        if (!this.#cursor) this.#cursor = m.cursor;
        return;
      case "beat":
        if (m.cursor && isNews(m.cursor, this.#cursor)) this.#cursor = m.cursor;
        return;
      case "entry":
        if (!isNews(m.cursor, this.#cursor)) return;
        this.#cursor = m.cursor;
        this.#o.onMessage(m);
        return;
      case "reset":
        if (!parseCursor(m.cursor)) return;
        this.#cursor = m.cursor;
        this.#o.onMessage(m);
        return;
      case "drain":
        this.#after("succeed", this.#o.random() * m.within_ms, () => this.#succeed(conn.rung));
        return;
      default: // for desks: it is no news, and has no cursor
        this.#o.onAside?.(m);
    }
  }

  // #freshness follows what the server says of its own view of the log. The
  // connection is good either way, so it is kept.
  #freshness(conn, stale) {
    if (stale === (this.#state.state === "stale")) return;
    const { name } = this.#o.transports[conn.rung];
    this.#say(stale ? { state: "stale", transport: name } : { state: "live", transport: name, resumed: true });
  }

  #greet(conn) {
    conn.greeted = true;
    if (this.#o.transports[conn.rung].name === "poll") conn.beat = 25_000;
    if (conn === this.#next) {
      this.#now?.close();
      this.#now = conn;
      this.#next = null;
    }
    this.#clear("retry", "succeed");
    this.#home = conn.rung;
    this.#misses = 0;
    this.#after("steady", steady, () => (this.#attempts = 0));
    if (conn.rung > 0) this.#after("climb", climbWait(this.#climbs++, this.#o.random), () => this.#succeed(0));
    else this.#climbs = 0;
    const { name } = this.#o.transports[conn.rung];
    const smooth = this.#state.state === "live"; // one connection took over from another
    if (!smooth || this.#state.transport !== name) {
      this.#say({ state: "live", transport: name, resumed: this.#lived && !smooth });
    }
    this.#lived = true;
  }

  // #succeed opens a connection that takes over once it works: nothing is
  // lost if it does not.
  #succeed(rung) {
    this.#next?.close();
    this.#next = this.#open(rung);
  }

  #lost(conn, { code, retryAfter = null }) {
    if (conn === this.#next) {
      this.#next = null;
      if (conn.rung < this.#home) this.#after("climb", climbWait(this.#climbs++, this.#o.random), () => this.#succeed(0));
      return;
    }
    if (conn !== this.#now) return;
    this.#now = null;
    this.#clear("steady", "climb");
    if (this.#next) { // already on its way
      this.#now = this.#next;
      this.#next = null;
      this.#say({ state: "connecting" });
      return;
    }
    // Who is asked to come later has got through: that is no fault of the way.
    if (!conn.greeted && retryAfter === null) this.#misses++;
    if (navigator.onLine === false) {
      this.#networkWent();
      return;
    }
    // Readers fall behind together, when much is sent; they do not come back so.
    if (code === fellBehind && Date.now() - conn.since > 1000) this.#wait(1000 * this.#o.random(), "waiting");
    else this.#wait((retryAfter ?? 0) * 1000 + fullJitter(this.#attempts++, this.#o.random), "waiting");
  }

  #wait(ms, state) {
    this.#say({ state, retryAt: Date.now() + ms });
    this.#after("retry", ms, () => this.#connect());
  }

  #networkWent() {
    this.#drop();
    // The browser can be wrong about the network, so we try now and then.
    this.#wait(20_000 + 20_000 * this.#o.random(), "offline");
  }

  #networkCame() {
    this.#attempts = 0;
    if (this.#now?.greeted) this.#succeed(this.#home); // the old path may be dead without a word
    else this.#connect();
  }

  // #woke is for when time may have passed that we did not see.
  #woke() {
    const conn = this.#now;
    if (!conn) {
      if (navigator.onLine !== false) this.#connect();
      return;
    }
    if (Date.now() - conn.heard > conn.beat + 3000) this.#connect();
  }

  // #watchSleep notices a lid that was closed: the clock has jumped. The socket
  // may have died with nobody to say so, so a new one takes over, and a good
  // one that turns out to be alive is in use until then.
  #watchSleep() {
    this.#after("sleep", glance, () => {
      const slept = Date.now() - this.#tick > nap && document.visibilityState === "visible";
      this.#tick = Date.now();
      if (slept) {
        this.#woke();
        if (this.#now?.greeted && !this.#next) this.#succeed(this.#home);
      }
      this.#watchSleep();
    });
  }

  #drop() {
    this.#now?.close();
    this.#next?.close();
    this.#now = this.#next = null;
    this.#clear("steady", "climb", "succeed");
  }

  #after(name, ms, f) {
    clearTimeout(this.#timers.get(name));
    this.#timers.set(name, setTimeout(f, ms));
  }

  #clear(...names) {
    for (const name of names.length ? names : [...this.#timers.keys()]) {
      clearTimeout(this.#timers.get(name));
      this.#timers.delete(name);
    }
  }
}
