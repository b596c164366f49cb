// The cards on screen: what shows at once, what waits, and where the reader's
// place and focus stay while it changes.

import { el, focusedIn, morph, place } from "./dom.js";
import { Front } from "./front.js";
import { readEntry, renderCard } from "./render.js";
import { keepTimes, showTimes } from "./time.js";

const freshFor = 6000; // ms that a card is marked as new

/**
 * Board shows entries in list. It calls onShown(entry) for each that comes on
 * screen and onHeld(n) when the number of items that wait changes.
 */
export class Board {
  #o;
  #list;
  #front;
  #held = new Map(); // entries by item
  #paused = false;
  #stopTimes;
  #edge = el("div", { class: "edge" }); // in sight when the list's top is
  #sight;

  constructor(list, { view, onShown = () => {}, onHeld = () => {} }) {
    this.#o = { view, onShown, onHeld };
    this.#list = list;
    this.#front = new Front({ alone: view.alone });
    this.#stopTimes = keepTimes(list);
    this.#sight = new IntersectionObserver(() => this.#maybeRelease());
    list.before(this.#edge);
    this.#sight.observe(this.#edge);
  }

  /** adopt takes over the cards that the server made. */
  adopt() {
    this.#front.reset([...this.#list.querySelectorAll("[data-item]")].map(readEntry));
  }

  get paused() {
    return this.#paused;
  }

  get held() {
    return this.#held.size;
  }

  /** newest is when the newest item on screen was posted, or undefined. */
  get newest() {
    return this.#front.entries[0]?.item.posted_at;
  }

  reset(entries) {
    this.#held.clear();
    this.#front.reset(entries);
    const cards = this.#front.cards();
    const keys = new Set(cards.map((c) => c.key));
    for (const li of [...this.#list.children]) if (!keys.has(li.dataset.card)) li.remove();
    this.#draw(keys);
    this.#o.onHeld(0);
  }

  /**
   * apply takes an entry in. News waits while the reader has paused or is
   * reading further down; a change to what is on screen never waits, least of
   * all a correction.
   */
  apply(entry) {
    const { id } = entry.item;
    if (this.#front.has(id)) {
      this.#show([entry], false);
    } else if (this.#paused || !this.#atTop()) {
      this.#held.set(id, entry);
      this.#o.onHeld(this.#held.size);
    } else {
      this.#show([entry], true);
    }
  }

  pause() {
    this.#paused = true;
  }

  resume() {
    this.#paused = false;
    this.release();
  }

  /** release shows what waits. */
  release() {
    if (this.#held.size === 0) return;
    const entries = [...this.#held.values()].sort((a, b) => a.offset - b.offset);
    this.#held.clear();
    this.#show(entries, true);
    this.#o.onHeld(0);
  }

  /** toTop shows what waits, and moves reader and focus there. */
  toTop() {
    this.release();
    this.#list.parentElement.scrollIntoView({ block: "start" });
    const first = this.#list.firstElementChild;
    if (!first) return;
    first.tabIndex = -1;
    first.focus({ preventScroll: true });
  }

  stop() {
    this.#stopTimes();
    this.#sight.disconnect();
    this.#edge.remove();
  }

  #show(entries, fresh) {
    const changed = new Set();
    for (const e of entries) for (const key of this.#front.apply(e)) changed.add(key);
    this.#draw(changed);
    for (const e of entries) {
      if (fresh) this.#mark(this.#card(this.#front.keyOf(e)));
      this.#o.onShown(e);
    }
  }

  // #draw makes the cards with these keys as they should be, where they should be.
  #draw(keys) {
    const back = this.#bookmark();
    const cards = this.#front.cards();
    const standing = new Set(cards.map((c) => c.key));
    for (const key of keys) if (!standing.has(key)) this.#card(key)?.remove();
    let at = this.#list.firstElementChild; // forwards, so that only what has moved is moved
    for (const card of cards) {
      let li = this.#card(card.key);
      if (keys.has(card.key)) {
        const made = renderCard(card, this.#o.view);
        if (li) morph(li, made);
        else li = made;
      }
      if (!li) continue;
      if (li === at) at = at.nextElementSibling;
      else place(this.#list, li, at);
    }
    for (const key of keys) if (this.#card(key)) showTimes(this.#card(key));
    back();
  }

  // #bookmark remembers which part of which item has the focus and returns
  // what puts it back, should its element have been replaced.
  #bookmark() {
    const focused = focusedIn(this.#list);
    const item = focused?.closest("[data-item]")?.dataset.item;
    const key = focused?.dataset.key;
    return () => {
      if (!focused || focusedIn(this.#list) || (focused.isConnected && focused.offsetParent)) return;
      const home = item && this.#list.querySelector(`[data-item="${CSS.escape(item)}"]`);
      const same = key && home?.querySelector(`a[data-key="${CSS.escape(key)}"]`);
      const to = same || home?.querySelector("a") || this.#list.firstElementChild;
      if (!to) return;
      if (to.tagName !== "A") to.tabIndex = -1;
      to.focus({ preventScroll: true });
    };
  }

  #card(key) {
    return this.#list.querySelector(`:scope > [data-card="${CSS.escape(key)}"]`);
  }

  #mark(li) {
    if (!li) return;
    li.dataset.fresh = "";
    setTimeout(() => delete li.dataset.fresh, freshFor);
  }

  // #atTop reports whether new cards would appear in sight, not above it.
  #atTop() {
    return this.#list.getBoundingClientRect().top >= 0 || document.documentElement.scrollTop === 0;
  }

  #maybeRelease() {
    if (!this.#paused && this.#held.size > 0 && this.#atTop()) this.release();
  }
}
