// A reader's connection to the log. It follows from a cursor, whatever
// happens to the network, and hands on each message exactly once.

import { fullJitter, reliefWait } from "./backoff.js";
import { Connection } from "./connection.js";
import { isNews, parseCursor } from "./cursor.js";
import { askRoom } from "./room.js";
import { Rungs } from "./rungs.js";
import { Sleep } from "./sleep.js";
import { ladder } from "./transports.js";

const steady = 10_000; // ms after which a connection counts as a good one
const fellBehind = 4008; // close code: resume by cursor, soon
const hurried = 15; // tries about a second apart, when the network is coming
const atOnce = 3; // of which so many may be unanswered

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
  #now = null; // the connection in use: the last that said hello
  #tries = []; // those that have yet to, oldest first
  #relief = null; // { hurry, n }: the tries for one that is to take over
  #state = { state: "stopped" };
  #rungs;
  #attempts = 0; // tries since the last steady connection
  #lived = false;
  #heardAt = Date.now();
  #timers = new Map();
  #ears = new AbortController();
  #sleep = null;

  constructor({ src, topics = "", cursor = "", onMessage, onState, onAside, transports = ladder, room = askRoom, random = Math.random }) {
    this.#o = { src, topics, onMessage, onState, onAside, transports, room, random };
    this.#cursor = cursor;
    this.#rungs = new Rungs(transports.length);
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
    on(window, "online", () => this.#rush()); // the old path may be dead without a word
    on(window, "offline", () => this.#networkWent());
    on(document, "visibilitychange", () => document.visibilityState === "visible" && this.#shown());
    // A page with an open socket is not kept for the back button, so the
    // socket is put down while the page is out of sight and taken up again.
    on(window, "pagehide", () => this.#drop());
    on(window, "pageshow", (e) => {
      if (!e.persisted) return;
      this.#sleep.look();
      if (this.#tries.length === 0) this.retryNow();
    });
    this.#sleep = new Sleep((since) => this.#woke(since));
    this.#connect();
  }

  stop() {
    if (this.#state.state === "stopped") return;
    this.#ears.abort();
    this.#sleep.stop();
    this.#drop();
    this.#say({ state: "stopped" });
  }

  /** retryNow tries at once, unless the connection is good. */
  retryNow() {
    if (this.#state.state === "stopped" || this.#now) return;
    this.#connect();
  }

  // #say comes last wherever it is called: who is told may stop us.
  #say(s) {
    if (s.state === "connecting" && this.#state.state === "connecting") return;
    this.#state = s;
    this.#o.onState?.(s);
  }

  #connect() {
    this.#drop();
    this.#open(this.#rungs.next);
    this.#say({ state: "connecting" });
  }

  #open(rung, climbing = false) {
    const { src, topics, transports, room } = this.#o;
    const query = () => {
      const q = new URLSearchParams();
      if (this.#cursor) q.set("cursor", this.#cursor);
      if (topics) q.set("topics", topics);
      return q;
    };
    const conn = new Connection({
      way: transports[rung], rung, src, query, room,
      onMessage: (m) => this.#heard(conn, m),
      onEnd: (how) => this.#lost(conn, how),
    });
    conn.climbing = climbing;
    this.#tries.push(conn);
  }

  #heard(conn, m) {
    if (!m.stale) this.#heardAt = conn.heard;
    if (conn !== this.#now) this.#greet(conn);
    else if (!conn.draining) this.#relieved(); // it was under suspicion, and is alive
    if (conn === this.#now && m.type !== "drain") this.#freshness(conn, m.stale === true);
    if (conn !== this.#now) return; // who was told has stopped us
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
        conn.draining = true;
        this.#relief ??= { hurry: false, n: 0 };
        if (!this.#relief.hurry) this.#relieveIn(this.#o.random() * m.within_ms);
        return;
      default: // for desks: it is no news, and has no cursor
        this.#o.onAside?.(m);
    }
  }

  // #freshness follows what the server says of its own view of the log. The
  // connection is good either way, so it is kept.
  #freshness(conn, stale) {
    if (stale === (this.#state.state === "stale")) return;
    const { name } = conn;
    this.#say(stale ? { state: "stale", transport: name } : { state: "live", transport: name, resumed: true });
  }

  #greet(conn) {
    const { name } = conn;
    this.#tries = this.#tries.filter((t) => t !== conn);
    this.#drop(); // what it takes over from, and what else was tried
    this.#now = conn;
    this.#rungs.worked(conn.rung);
    this.#after("steady", steady, () => (this.#attempts = 0));
    if (conn.rung > 0) this.#climbLater();
    const smooth = this.#state.state === "live"; // one connection took over from another
    const resumed = this.#lived && !smooth;
    this.#lived = true;
    if (!smooth || this.#state.transport !== name) this.#say({ state: "live", transport: name, resumed });
  }

  // #relieve tries for a connection, again and again until one works. In a hurry
  // it does not wait to hear of one try before the next: while a network is
  // coming back, some are never answered.
  #relieve() {
    const { hurry, n } = this.#relief;
    if (hurry && n > hurried && !this.#now) { // the network is there, or will not be soon
      this.#connect();
      return;
    }
    this.#relief.n++;
    if (hurry && this.#tries.length >= atOnce) this.#giveUp(this.#tries[0]);
    if (hurry || this.#tries.length === 0) this.#open(this.#rungs.next);
    this.#relieveIn(reliefWait(hurry ? n - hurried : n, this.#o.random));
  }

  #relieveIn(ms) {
    this.#after("relief", ms, () => this.#relieve());
  }

  #relieved() {
    this.#relief = null;
    this.#clear("relief");
  }

  // #rush is for when the network has come, or may have changed unseen. What is
  // in use stays so until something works, for it may be alive.
  #rush() {
    for (const t of [...this.#tries]) this.#giveUp(t); // they went out to the old network
    this.#clear("retry");
    this.#attempts = 0;
    this.#relief = { hurry: true, n: 0 };
    this.#relieve();
    if (!this.#now) this.#say({ state: "connecting" });
  }

  #giveUp(conn) {
    conn.close();
    this.#tries = this.#tries.filter((t) => t !== conn);
    if (conn.climbing && this.#now) this.#climbLater();
  }

  #climbLater(asked = 0) {
    this.#after("climb", asked + this.#rungs.climbWait(this.#o.random), () => this.#climb());
  }

  // #climb tries the better transports, best first, without letting go of the
  // one that works.
  #climb(rung = 0) {
    if (this.#tries.length > 0) this.#climbLater(); // something is on its way as it is
    else this.#open(rung, true);
  }

  #lost(conn, { code, reached = false, retryAfter = null }) {
    const asked = (retryAfter ?? 0) * 1000;
    if (conn !== this.#now) {
      this.#tries = this.#tries.filter((t) => t !== conn);
      if (this.#now) { // all that is lost is a try
        if (conn.climbing && retryAfter === null && conn.rung + 1 < this.#now.rung) this.#climb(conn.rung + 1);
        else if (conn.climbing) this.#climbLater(asked);
        else if (this.#relief && retryAfter !== null) this.#relieveIn(asked + fullJitter(this.#relief.n, this.#o.random));
        return;
      }
    }
    const inUse = conn === this.#now;
    this.#now = null;
    this.#clear("steady", "climb");
    if (!this.#relief?.hurry || retryAfter !== null) this.#relieved();
    // Who is asked to come later has got through, and who goes out to a network
    // that is only coming never did: that is no fault of the transport.
    if (!inUse && retryAfter === null && (reached || !this.#relief)) this.#rungs.missed(conn.rung);
    if (this.#tries.length > 0) this.#say({ state: "connecting" });
    else if (navigator.onLine === false) this.#networkWent();
    else if (this.#relief) this.#say({ state: "connecting" });
    // Readers fall behind together, when much is sent; they do not come back so.
    else if (code === fellBehind && Date.now() - conn.since > 1000) this.#wait(1000 * this.#o.random(), "waiting");
    else this.#wait(asked + fullJitter(this.#attempts++, this.#o.random), "waiting");
  }

  #wait(ms, state) {
    this.#after("retry", ms, () => this.#connect());
    this.#say({ state, retryAt: Date.now() + ms });
  }

  #networkWent() {
    if (this.#state.state === "offline") return;
    this.#drop();
    // The browser can be wrong about the network, so we try now and then.
    this.#wait(20_000 + 20_000 * this.#o.random(), "offline");
  }

  // #woke is for when time has passed that we did not see, from since on.
  #woke(since) {
    const conn = this.#now;
    if (!conn && (navigator.onLine === false || document.visibilityState !== "visible")) return; // hidden pages' timers are slow: that was no sleep
    if (conn?.dead) this.#drop();
    else if (conn && conn.heard > since) return;
    this.#rush();
  }

  // #shown is for when the reader comes to see the page.
  #shown() {
    if (this.#sleep.look()) return;
    if (this.#now) this.#woke(-Infinity);
    else if (this.#tries.length === 0 && navigator.onLine !== false) this.#connect();
  }

  // #drop lets go of all connections, and of what was planned with them.
  #drop() {
    const all = [this.#now, ...this.#tries];
    this.#now = this.#relief = null;
    this.#tries = [];
    for (const conn of all) conn?.close();
    this.#clear();
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
