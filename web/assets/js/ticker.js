// <news-ticker src="https://HOST" topics="world,europe"></news-ticker>
//
// Attributes
//   src      the site it reads from; the one this module came from if left out
//   topics   only items of these; everything live if left out
//   story    only items of this story, each on a card of its own
//   cursor   set by the server, with the cards inside: they are taken over
//
// Events, on the element, bubbling: "news-entry" with the entry as detail when
// it comes on screen, "news-state" with the connection's state. Style it from
// outside with the custom properties of embedstyle.js and ::part(bar, state,
// button, newer, list, story, headline).

import { Announcer } from "./announce.js";
import { Board } from "./board.js";
import { el } from "./dom.js";
import { dress } from "./embedstyle.js";
import { Live } from "./live.js";
import { StateBar } from "./statebar.js";

const unknown = "none.0"; // a cursor that no log knows: it is answered with the whole front
const quiet = 700; // ms without an entry after which a reader is caught up

export class NewsTicker extends HTMLElement {
  #running = null;

  static observedAttributes = ["src", "topics", "story"];

  connectedCallback() {
    // Moving the element in its document takes it out and puts it back.
    if (this.#running) return;
    this.#running = this.#start();
  }

  disconnectedCallback() {
    queueMicrotask(() => {
      if (!this.isConnected) this.#stop();
    });
  }

  attributeChangedCallback(name, before, after) {
    if (!this.#running || before === after) return;
    this.#stop();
    this.removeAttribute("cursor"); // what stands here is not what is asked for now
    this.#running = this.#start();
  }

  /** pause holds new items back until resume. */
  pause() {
    this.#running?.bar.pause(true);
  }

  resume() {
    this.#running?.bar.pause(false);
  }

  get #base() {
    const here = new URL(import.meta.url).origin;
    return this.getAttribute("src") ? new URL(this.getAttribute("src"), document.baseURI).origin : here;
  }

  #start() {
    const list = this.querySelector(":scope > ol.stories");
    const adopted = list !== null && this.hasAttribute("cursor");
    const home = adopted ? { root: this, list, bar: this.querySelector(":scope > .bar") } : this.#furnish();
    const base = this.#base;
    const story = this.getAttribute("story") ?? "";
    const run = { ...home, late: null, stopped: false };
    run.announcer = new Announcer(home.root);
    run.board = new Board(home.list, {
      view: { base: adopted ? "" : base, alone: story !== "" },
      onShown: (e) => {
        run.announcer.entry(e);
        this.dispatchEvent(new CustomEvent("news-entry", { detail: e, bubbles: true, composed: true }));
      },
      onHeld: (n) => run.bar.held(n),
    });
    run.bar = new StateBar(home.bar, {
      onRetry: () => run.live?.retryNow(),
      onPause: (paused) => (paused ? run.board.pause() : run.board.resume()),
      onNewer: () => run.board.toTop(),
      say: (text) => run.announcer.words(text),
      asOf: () => run.live?.heardAt ?? Date.now(),
    });
    run.follow = (cursor) => {
      run.live = new Live({
        src: base, topics: this.getAttribute("topics") ?? "", cursor,
        onMessage: (m) => this.#message(run, m, story),
        onState: (s) => this.#connection(run, s),
      });
      run.live.start();
    };
    if (adopted) {
      run.board.adopt();
      run.follow(this.getAttribute("cursor"));
    } else {
      this.#fetch(run, base, story);
    }
    return run;
  }

  // #furnish makes the shadow tree of an embedded ticker, once.
  #furnish() {
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    const bar = el("div", { class: "bar", part: "bar" });
    const list = el("ol", { class: "stories", role: "list", part: "list", "aria-label": "Stories, newest first" });
    root.replaceChildren(el("section", { class: "ticker", "aria-label": "Breaking news" }, bar, list,
      el("p", { class: "empty" }, "Nothing has been filed here yet.")));
    dress(root);
    return { root: root.firstElementChild, list, bar };
  }

  // #fetch gets what is on the front; going live begins at its cursor.
  async #fetch(run, base, story) {
    const ask = async (query) => {
      const url = new URL("/v1/items", base);
      url.search = new URLSearchParams(query);
      const answer = await fetch(url, { credentials: "omit", signal: AbortSignal.timeout(10_000) });
      if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
      return answer.json();
    };
    const topics = this.getAttribute("topics");
    let cursor = unknown;
    let items = [];
    try {
      const front = await ask(topics ? { topics } : {});
      ({ items } = story ? await ask({ story, ...(topics && { topics }) }) : front);
      cursor = front.cursor;
    } catch {
      // Live knows how to wait and try again, and gets us the whole front.
    }
    if (run.stopped) return;
    run.board.reset(items);
    run.follow(cursor);
  }

  #message(run, m, story) {
    if (m.type === "reset") {
      run.board.reset(story ? m.front.filter((e) => e.item.story === story) : m.front);
      return;
    }
    if (story && m.entry.item.story !== story) return;
    if (run.late) run.late.take();
    run.board.apply(m.entry);
  }

  #connection(run, s) {
    run.bar.connection(s);
    this.setAttribute("data-state", s.state);
    this.dispatchEvent(new CustomEvent("news-state", { detail: s, bubbles: true, composed: true }));
    clearTimeout(run.late?.timer);
    run.late = null;
    if (s.state === "live" && s.resumed) run.late = lateComers((n) => {
      run.late = null;
      run.bar.caughtUp(n);
    });
  }

  #stop() {
    const run = this.#running;
    if (!run) return;
    this.#running = null;
    run.stopped = true;
    clearTimeout(run.late?.timer);
    run.live?.stop();
    run.board.stop();
    run.bar.stop();
    run.announcer.stop();
  }
}

// lateComers counts what comes after a reconnection until it is quiet.
function lateComers(done) {
  const late = { n: 0, timer: 0 };
  const wait = () => {
    clearTimeout(late.timer);
    late.timer = setTimeout(() => done(late.n), quiet);
  };
  late.take = () => {
    late.n++;
    wait();
  };
  wait();
  return late;
}

customElements.get("news-ticker") ?? customElements.define("news-ticker", NewsTicker);
