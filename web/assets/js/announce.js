// What a screen reader says of what arrives: little, late enough to be one
// sentence, and a flash at once.

import { el } from "./dom.js";
import { count, spoken } from "./words.js";

const gather = 1000; // ms that news is gathered for before it is said
const rest = 6000; // ms between two polite announcements

export class Announcer {
  #polite = el("div", { class: "spoken", role: "status", "aria-live": "polite" });
  #urgent = el("div", { class: "spoken", role: "alert", "aria-live": "assertive" });
  #waiting = [];
  #timer = 0;
  #last = -Infinity;

  constructor(root) {
    root.append(this.#polite, this.#urgent);
  }

  /** entry says what has just come on screen. */
  entry(entry) {
    if (entry.kind === "refiled") return;
    if (entry.item.level === "flash" && !entry.item.drill) {
      this.#put(this.#urgent, spoken(entry));
      return;
    }
    this.#waiting.push(entry);
    this.#timer ||= setTimeout(() => this.#say(), Math.max(gather, this.#last + rest - performance.now()));
  }

  /** words says something about the ticker itself. */
  words(text) {
    this.#put(this.#polite, text);
    this.#last = performance.now();
  }

  #say() {
    this.#timer = 0;
    this.words(summary(this.#waiting));
    this.#waiting = [];
  }

  // A live region speaks when its content changes, so the same words twice
  // need to be a change.
  #put(region, text) {
    region.replaceChildren(el("p", {}, text));
  }

  stop() {
    clearTimeout(this.#timer);
    this.#polite.remove();
    this.#urgent.remove();
  }
}

/** summary is some entries in as few words as will do. Corrections are never lost in a number. */
export function summary(entries) {
  if (entries.length === 1) return spoken(entries[0]);
  const amends = entries.filter((e) => e.kind === "corrected" || e.kind === "withdrawn");
  const fresh = entries.filter((e) => !amends.includes(e));
  const words = amends.slice(-2).map(spoken);
  if (fresh.length === 1) words.push(spoken(fresh[0]));
  else if (fresh.length > 1) words.push(`${count(fresh.length, "item")} came in. Latest: ${spoken(fresh.at(-1))}`);
  // A reason or a headline may bring its own full stop.
  return words.map((w, i) => (i < words.length - 1 && !/[.!?…]$/.test(w.trim()) ? `${w.trim()}.` : w.trim())).join(" ");
}
