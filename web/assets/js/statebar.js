// The line above the cards: whether what you see is live, and the controls.
// It is calm: a blip is not worth a word.

import { el } from "./dom.js";
import { clockTime } from "./time.js";
import { count } from "./words.js";

const blip = 1500; // ms that trouble must last to be shown
const worthSaying = 6000; // ms that it must last to be said aloud
const afterglow = 8000; // ms that "you're caught up" stands

export class StateBar {
  #o;
  #state = el("p", { class: "state", part: "state", "data-state": "connecting" });
  #words = el("span", { class: "state-words" });
  #retry = el("button", { type: "button", class: "retry", hidden: true, part: "button" }, "Retry now");
  #pause = el("button", { type: "button", class: "pause", part: "button", "aria-pressed": "false" });
  #pauseWords = el("span", {}, "Pause");
  #newer = el("button", { type: "button", class: "newer", hidden: true, part: "newer" });
  #seconds = 0;
  #later = 0;
  #loud = 0;
  #current = { state: "connecting" };
  #told = false; // that the connection is lost

  /** Controls call onRetry, onPause(paused) and onNewer; say(text) speaks. */
  constructor(bar, { onRetry, onPause, onNewer, say, asOf }) {
    this.#o = { onPause, say, asOf };
    this.#state.append(el("span", { class: "dot", "aria-hidden": "true" }), this.#words);
    this.#pause.append(el("span", { class: "pause-mark", "aria-hidden": "true" }), this.#pauseWords);
    this.#retry.addEventListener("click", onRetry);
    this.#pause.addEventListener("click", () => this.pause(!this.paused));
    this.#newer.addEventListener("click", onNewer);
    bar.replaceChildren(this.#state, this.#retry, this.#pause, this.#newer);
    this.#words.textContent = "Connecting…";
  }

  get paused() {
    return this.#pause.getAttribute("aria-pressed") === "true";
  }

  /** held says how many items wait. */
  held(n) {
    this.#newer.hidden = n === 0;
    this.#newer.textContent = `Show ${count(n, "new item")}`;
    this.#pauseWords.textContent = !this.paused ? "Pause" : n > 0 ? `Paused, ${n} waiting` : "Paused";
  }

  /** connection shows what Live says of itself. */
  connection(s) {
    this.#current = s;
    clearTimeout(this.#later);
    if (s.state === "live" || s.state === "offline" || s.state === "stale") this.#show(); // a server waits before it says stale
    else this.#later = setTimeout(() => this.#show(), blip);
  }

  /** caughtUp says that nothing was missed, n being how many items came late. */
  caughtUp(n) {
    const words = n === 0 ? "Live. You missed nothing." : `Live. You’re caught up: ${count(n, "item")} came while you were away.`;
    this.#put("live", words);
    if (this.#told) this.#o.say(words);
    this.#told = false;
    this.#later = setTimeout(() => this.#show(), afterglow);
  }

  stop() {
    for (const t of [this.#later, this.#loud]) clearTimeout(t);
    clearInterval(this.#seconds);
  }

  #show() {
    const { state, retryAt } = this.#current;
    clearInterval(this.#seconds);
    const troubled = state !== "live";
    if (!troubled) {
      clearTimeout(this.#loud);
      this.#loud = 0;
    } else {
      this.#loud ||= setTimeout(() => this.#tell(), worthSaying);
    }
    switch (state) {
      case "live":
        return this.#put("live", "Live");
      case "connecting":
        return this.#put("connecting", "Connecting…");
      case "waiting":
        this.#count(retryAt);
        this.#seconds = setInterval(() => this.#count(retryAt), 500);
        return undefined;
      case "stale":
        return this.#put("stale", "Reconnecting…");
      case "offline":
        return this.#put("offline", `You’re offline. This is the news as of ${clockTime(this.#o.asOf())}.`);
      default:
        return this.#put("still", "Not live");
    }
  }

  #count(retryAt) {
    const s = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
    this.#put("waiting", s > 0 ? `Reconnecting in ${s} s` : "Reconnecting…");
  }

  #tell() {
    this.#told = true;
    this.#o.say("The connection is lost. What you see is not live.");
  }

  #put(state, words) {
    this.#state.dataset.state = state;
    if (this.#words.textContent !== words) this.#words.textContent = words;
    const hide = state !== "waiting" && state !== "offline"; // there is nothing to retry
    if (hide && this.#retry.matches(":focus")) this.#pause.focus(); // not lost with the button
    this.#retry.hidden = hide;
  }

  /** pause is what the button does. */
  pause(paused) {
    if (paused === this.paused) return;
    this.#pause.setAttribute("aria-pressed", String(paused));
    this.#o.onPause(paused);
    this.held(0);
  }
}
