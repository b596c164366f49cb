// What became of an alert, as far as it is known, while it is being sent.

import { el } from "../dom.js";
import { Refused } from "../http.js";
import { clockTime } from "../time.js";
import { call } from "./session.js";

const sending = 1000; // ms between looks while it is being sent
const settled = 5000; // ms afterwards: displays and clicks still come in

const states = {
  sending: "Sending", done: "Sent", cancelled: "Cancelled: a later version of the item replaced it", stopped: "Stopped: all alerts are stopped",
};

/** Report is a campaign's numbers in a <details>; it asks only while it is open. */
export class Report {
  element;
  #id;
  #body = el("div", { class: "report-body" });
  #timer = 0;
  #asking = false;

  constructor(id) {
    this.#id = id;
    this.element = el("details", { class: "report" }, el("summary", {}, "Alert report"), this.#body);
    this.#body.append(el("p", {}, "Looking…"));
    this.element.addEventListener("toggle", () => (this.element.open ? this.#look() : clearTimeout(this.#timer)));
  }

  /** restart looks anew: another campaign of the item has begun. */
  restart() {
    clearTimeout(this.#timer);
    if (this.element.open) this.#look();
  }

  close() {
    clearTimeout(this.#timer);
    this.element.open = false;
  }

  async #look() {
    clearTimeout(this.#timer);
    if (this.#asking) return;
    this.#asking = true;
    let next = sending;
    try {
      const { data } = await call("GET", `/v1/items/${encodeURIComponent(this.#id)}/campaign`, { timeout: 5000 });
      this.#show(data);
      if (data.state === "done" || data.state === "cancelled") next = settled;
    } catch (err) {
      this.#say(err instanceof Refused && err.kind === "no-campaign" ? "The alert is about to be sent." : err.message);
    }
    this.#asking = false;
    if (this.element.open && this.element.isConnected) this.#timer = setTimeout(() => this.#look(), next);
  }

  #say(text) {
    if (!this.#body.querySelector("dl")) this.#body.replaceChildren(el("p", {}, text));
  }

  #show(c) {
    const failed = Object.values(c.failed ?? {}).reduce((a, b) => a + b, 0);
    const lost = c.gone + failed + c.expired + c.cancelled;
    const bar = el("div", { class: "report-bar", "aria-hidden": "true" },
      part("accepted", c.accepted), part("lost", lost), part("queued", c.queued));
    this.#body.replaceChildren(
      el("p", { class: "report-state", "data-state": c.state },
        el("strong", {}, states[c.state] ?? c.state), el("span", {}, `since ${clockTime(Date.parse(c.opened_at))}`)),
      bar,
      el("dl", { class: "report-numbers" },
        number("Audience", c.audience), number("Accepted", c.accepted, "by push services"),
        number("Displayed", c.displayed, "at least, say browsers"), number("Clicked", c.clicked, "at least"),
        number("Queued", c.queued), number("Gone", c.gone, "unsubscribed since"),
        number("Failed", failed, reasons(c.failed)), number("Expired", c.expired, "too late to send"),
        number("Cancelled", c.cancelled, "replaced before sending")),
      el("p", { class: "report-pace" }, pace(c)),
      el("p", { class: "hint" }, "Accepted means that a push service took it, not that anybody saw it. Displayed and clicked are what browsers reported back."));
  }
}

function part(kind, n) {
  const e = el("span", { class: "report-part", "data-part": kind });
  e.style.flexGrow = String(n);
  return e;
}

function number(word, n, more) {
  return el("div", { "data-word": word.toLowerCase() }, el("dt", {}, word), el("dd", {}, el("b", {}, n.toLocaleString("en")), more && el("small", {}, more)));
}

function reasons(failed) {
  return Object.entries(failed ?? {}).map(([why, n]) => `${n} ${why}`).join(", ");
}

function pace(c) {
  const reached = [["50 %", c.seconds_to_50], ["90 %", c.seconds_to_90], ["99 %", c.seconds_to_99]].filter(([, s]) => s !== null && s !== undefined);
  const words = reached.length ? [`Accepted for ${reached.map(([share, s]) => `${share} after ${s.toFixed(1)} s`).join(", ")}.`] : [];
  if (c.audience === 0 && c.state === "done") words.push("Nobody subscribes to this.");
  if (c.retried) words.push(`${c.retried.toLocaleString("en")} tried again.`);
  if (c.throttled) words.push(`${c.throttled.toLocaleString("en")} times a push service asked us to slow down.`);
  return words.join(" ");
}
