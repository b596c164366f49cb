// What became of an alert, as far as it is known, while it is being sent. The
// live stream brings it every second; where it does not, we ask.

import { el, morph } from "../dom.js";
import { Refused } from "../http.js";
import { clockTime } from "../time.js";
import { serviceWord } from "../words.js";
import { save } from "./export.js";
import { call, isChief } from "./session.js";

const sending = 1000; // ms between looks while it is being sent
const settled = 5000; // ms afterwards: displays and clicks still come in
const fresh = 3000; // ms for which what the stream brought needs no look
const quiet = 10_000; // ms between two things that are said

const states = {
  sending: "Sending", done: "Sent", cancelled: "Cancelled: a later version of the item replaced it", stopped: "Stopped: all alerts are stopped",
};
const kinds = { posted: "Posted", updated: "Updated", corrected: "Corrected", withdrawn: "Withdrawn" };
const verdicts = { open: "Promise open", kept: "Promise kept", broken: "Promise broken" };

/** Report is a campaign's numbers in a <details>; it asks only while it is open. */
export class Report {
  element;
  #id;
  #body = el("div", { class: "report-body" });
  #parts = null; // of the body, once there is something to show
  #timer = 0;
  #asking = false;
  #brought = -Infinity; // when the stream brought the last one
  #said = -Infinity;
  #state = "";
  #earlier = []; // the stream does not bring them

  constructor(id) {
    this.#id = id;
    this.element = el("details", { class: "report" }, el("summary", {}, "Alert report"), this.#body);
    this.#body.append(el("p", {}, "Looking…"));
    this.element.addEventListener("toggle", () => (this.element.open ? this.#look() : clearTimeout(this.#timer)));
  }

  /** restart looks anew: another campaign of the item has begun. */
  restart() {
    clearTimeout(this.#timer);
    this.#brought = this.#said = -Infinity;
    if (this.element.open) this.#look();
  }

  /** take shows a report that the live stream has brought. */
  take(report) {
    this.#brought = performance.now();
    if (this.element.open) this.#show(report);
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
      if (!this.#parts || performance.now() - this.#brought > fresh) {
        const { data } = await call("GET", `/v1/items/${encodeURIComponent(this.#id)}/campaign`, { timeout: 5000 });
        this.#show(data);
      }
      if (this.#state === "done" || this.#state === "cancelled") next = settled;
    } catch (err) {
      this.#say(err instanceof Refused && err.kind === "no-campaign" ? "The alert is about to be sent." : err.message);
    }
    this.#asking = false;
    if (this.element.open && this.element.isConnected) this.#timer = setTimeout(() => this.#look(), next);
  }

  #say(text) {
    if (!this.#parts) this.#body.replaceChildren(el("p", {}, text));
  }

  #show(c) {
    this.#parts ??= this.#build();
    const { head, bar, browsers, pace, numbers, again, services, earlier, spoken } = this.#parts;
    this.#earlier = c.earlier ?? this.#earlier;
    morph(head, headline(c));
    const all = Math.max(audience(c), 1);
    const lost = c.gone + failures(c) + c.expired + c.cancelled;
    bar.setAttribute("aria-valuenow", String(Math.round((100 * c.accepted) / all)));
    bar.setAttribute("aria-valuetext", reached(c));
    [c.accepted, lost, Math.max(all - c.accepted - lost, 0)].forEach((n, i) => (bar.children[i].style.flexGrow = String(n)));
    morph(pace, paceOf(c));
    morph(browsers, browsersOf(c));
    morph(numbers, numbersOf(c));
    morph(services, servicesOf(c));
    services.parentElement.hidden = c.services.length === 0;
    again.hidden = !(isChief() && failures(c) > 0 && c.state !== "cancelled" && Date.parse(c.deadline) > Date.now());
    earlier.hidden = this.#earlier.length === 0;
    morph(earlier.lastChild, earlierOf(this.#earlier));
    const over = c.state !== this.#state && (c.state === "done" || c.state === "cancelled");
    if (over || performance.now() - this.#said > quiet) {
      const words = `${states[c.state] ?? c.state}: ${reached(c)}`;
      if (spoken.textContent !== words) spoken.textContent = words;
      this.#said = performance.now();
    }
    this.#state = c.state;
  }

  // #replay has what was given up attempted again.
  async #replay(button) {
    const said = button.nextSibling;
    button.disabled = true;
    try {
      const { data } = await call("POST", `/v1/items/${encodeURIComponent(this.#id)}/campaign/replay`, { timeout: 10_000 });
      said.textContent = data.replayed === 0 ? " None can be tried again." : ` ${whole(data.replayed)} are tried again.`;
      this.restart();
    } catch (err) {
      said.textContent = ` ${err.message}`;
    } finally {
      button.disabled = false;
    }
  }

  #build() {
    const part = (kind) => el("span", { class: "report-part", "data-part": kind });
    const button = (word, table) => el("button", { type: "button", class: "link", onclick: (e) => save(this.#id, table, e.target) }, word);
    const parts = {
      head: el("div", {}), pace: el("dl", {}), browsers: el("dl", {}), numbers: el("dl", {}), services: el("table", {}),
      again: el("p", { hidden: true }, el("button", { type: "button", onclick: (e) => this.#replay(e.target) }, "Try the failed ones again"), el("span", { role: "status" })),
      earlier: el("section", { class: "report-earlier", hidden: true }, el("h4", {}, "Earlier alerts of this item"), el("ul", {})),
      bar: el("div", { class: "report-bar", role: "progressbar", "aria-label": "Accepted by push services", "aria-valuemin": "0", "aria-valuemax": "100" },
        part("accepted"), part("lost"), part("open")),
      spoken: el("p", { class: "spoken", role: "status", "aria-live": "polite" }),
    };
    this.#body.replaceChildren(parts.head, parts.bar, parts.pace, parts.browsers,
      el("p", { class: "hint" }, "Accepted: a push service took it, which is not yet a screen. Displayed and clicked are what browsers told us, so there are at least as many."),
      el("div", { class: "report-scroll", tabindex: "0", role: "region", "aria-label": "By push service" }, parts.services),
      el("details", { class: "report-more" }, el("summary", {}, "All numbers"), parts.numbers, parts.again),
      parts.earlier,
      el("p", { class: "report-save" }, el("span", {}, "Download: "), button("seconds, CSV", "series"), button("totals, CSV", "services"), button("everything, JSON", "")),
      parts.spoken);
    return parts;
  }
}

const whole = (n) => Math.round(n).toLocaleString("en");
const failures = (c) => Object.values(c.failed ?? {}).reduce((a, b) => a + b, 0);
const audience = (c) => c.audience_estimate ?? c.audience;

// reached is how far it has come, in words.
function reached(c) {
  const known = c.swept === 1;
  if (c.audience === 0) return known ? "nobody subscribes to this" : "counting";
  return `${whole(c.accepted)} of ${known ? "" : "about "}${whole(audience(c))} accepted`;
}

function headline(c) {
  const p = c.promise;
  const share = Math.floor((100 * c.accepted) / Math.max(audience(c), 1));
  return el("div", { class: "report-head" },
    el("p", { class: "report-state", "data-state": c.state },
      el("strong", {}, states[c.state] ?? c.state), el("span", {}, ` since ${clockTime(Date.parse(c.opened_at))}`)),
    p && verdicts[p.verdict] && el("p", { class: "report-promise", "data-verdict": p.verdict },
      el("strong", {}, verdicts[p.verdict]), el("span", {}, ` ${Number((100 * p.share).toFixed(2))} % within ${p.seconds} s`)),
    el("p", { class: "report-big", "data-word": "accepted" }, el("b", {}, whole(c.accepted)),
      el("span", {}, c.audience === 0 ? ` ${reached(c)}` : ` of ${c.swept === 1 ? "" : "about "}${whole(audience(c))} accepted, ${share} %`)));
}

function fact(word, value, more) {
  return el("div", { "data-key": word, "data-word": word.toLowerCase() }, el("dt", {}, word), el("dd", {}, el("b", {}, value), more && el("small", {}, more)));
}

const after = (s) => (s === null || s === undefined ? "–" : `${s.toFixed(1)} s`);

function span(s) {
  if (s < 90) return `${Math.round(s)} s`;
  return s < 5400 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
}

function paceOf(c) {
  const under = c.state === "sending";
  return el("dl", { class: "report-facts" },
    fact("50 %", after(c.seconds_to_50), "accepted after"), fact("90 %", after(c.seconds_to_90), "accepted after"), fact("99 %", after(c.seconds_to_99), "accepted after"),
    under && fact("Now", `${whole(c.rate)}/s`, "accepted a second"),
    under && fact("To go", c.eta_seconds === null ? "–" : `about ${span(c.eta_seconds)}`, "at this rate"),
    under && c.oldest_waiting_seconds !== null && fact("Waiting", span(c.oldest_waiting_seconds), "the longest of all"));
}

function browsersOf(c) {
  const { number, low, high } = c.displayed_estimate;
  const asked = c.displayed_one_in;
  const estimated = asked > 1;
  return el("dl", { class: "report-numbers" },
    fact("Displayed", estimated ? `~${whole(number)}` : whole(c.displayed),
      estimated ? `estimated: ${whole(low)} to ${whole(high)}; ${whole(c.displayed)} receipts, from 1 browser in ${asked}` : "at least, say browsers"),
    fact("Clicked", whole(c.clicked), "at least, say browsers"));
}

function numbersOf(c) {
  return el("dl", { class: "report-numbers" },
    fact("Audience", whole(c.audience), c.swept === 1 ? "all counted" : `so far; ${Math.round(100 * c.swept)} % looked at`),
    fact("Queued", whole(c.queued), "to be sent yet"),
    c.held > 0 && fact("Held", whole(c.held), "beyond a daily bound: in their digest"),
    fact("Gone", whole(c.gone), "unsubscribed since"), fact("Failed", whole(failures(c)), reasons(c.failed)),
    fact("Expired", whole(c.expired), "too late to send"), fact("Cancelled", whole(c.cancelled), "replaced before sending"),
    fact("Retried", whole(c.retried), "attempts beyond the first"), fact("Slowed", whole(c.throttled), "times a push service asked us to"));
}

// earlierOf is what became of the alerts of earlier versions.
function earlierOf(all) {
  return el("ul", {}, all.map((c) => el("li", { "data-key": c.campaign },
    el("strong", {}, kinds[c.kind] ?? c.kind), el("span", {}, ` ${clockTime(Date.parse(c.opened_at))}: ${whole(c.accepted)} accepted`),
    c.cancelled > 0 && el("span", {}, `, ${whole(c.cancelled)} called back unsent`), c.displayed > 0 && el("span", {}, `, displayed at least ${whole(c.displayed)} times`))));
}

function reasons(failed) {
  return Object.entries(failed ?? {}).map(([why, n]) => `${whole(n)} ${why.replaceAll("_", " ")}`).join(", ");
}

function servicesOf(c) {
  const cell = (text) => el("td", {}, text);
  const under = c.state === "sending";
  const about = (s) => (s === null || s === undefined ? "–" : span(s));
  return el("table", { class: "report-services" },
    el("caption", {}, "By push service"),
    el("thead", {}, el("tr", {}, ["Service", "Audience", "Accepted", "Waiting", "Lost", "90 %", ...(under ? ["Now", "To go", "Longest"] : [])].map((word) => el("th", { scope: "col" }, word)))),
    el("tbody", {}, c.services.map((s) => el("tr", { "data-key": s.service }, el("th", { scope: "row" }, serviceWord(s.service)),
      cell(whole(s.audience)), cell(whole(s.accepted)), cell(whole(s.queued)), cell(whole(s.gone + failures(s) + s.expired + s.cancelled)), cell(after(s.seconds_to_90)),
      under && cell(`${whole(s.rate)}/s`), under && cell(about(s.eta_seconds)), under && cell(about(s.oldest_waiting_seconds))))));
}
