// The items on the wire, with what an editor can do to each.

import { el, morph } from "../dom.js";
import { Front } from "../front.js";
import { Live } from "../live.js";
import { ask, showProblem } from "../http.js";
import { keepTimes, timeWords } from "../time.js";
import { kindWord, levelWord, topicWord } from "../words.js";
import { showAlarms } from "./alarms.js";
import { Report } from "./report.js";
import { ways } from "./ways.js";

const byId = (id) => document.getElementById(id);
const list = byId("wire-list");
const front = new Front({ alone: true, limit: 120 });
const reports = new Map(); // by item

const states = {
  live: "The list is live.", connecting: "Connecting…", waiting: "Reconnecting…", stale: "Reconnecting…", offline: "Offline: the list may be out of date.",
};

let live = null;
let stopTimes = null;
let act = () => {};
let changed = () => {};

/** startWire calls onAct(kind, entry) for a button and onChange() when the items change. */
export async function startWire({ onAct, onChange }) {
  act = onAct;
  changed = onChange;
  stopTimes = keepTimes(list);
  showProblem(byId("wire-problem"), null);
  let cursor = "none.0"; // a cursor that no log knows is answered with the whole front
  try {
    const [all, drills] = await Promise.all([ask("GET", "/v1/items"), ask("GET", "/v1/items?topics=drill")]);
    front.reset([...all.data.items, ...drills.data.items]);
    ({ cursor } = all.data);
    draw();
  } catch (err) {
    showProblem(byId("wire-problem"), err);
  }
  live = new Live({
    src: location.origin, cursor, transports: ways,
    onAside: (m) => {
      if (m.type === "campaign") reports.get(m.report.item)?.take(m.report);
      else if (m.type === "alarms") showAlarms(m.alarms);
    },
    onMessage: (m) => {
      if (m.type === "reset") front.reset([...m.front, ...front.entries.filter((e) => e.item.drill)]);
      else front.apply(m.entry);
      showProblem(byId("wire-problem"), null);
      draw();
    },
    onState: ({ state }) => {
      byId("wire-state").textContent = states[state] ?? "";
      byId("wire-state").dataset.state = state;
    },
  });
  live.start();
}

export function stopWire() {
  live?.stop();
  stopTimes?.();
  for (const r of reports.values()) r.close();
  reports.clear();
  front.reset([]);
  list.replaceChildren();
}

/** take shows an entry that this desk has just put on the wire. */
export function take(entry) {
  front.apply(entry);
  draw();
  if (entry.alert) openReport(entry.item.id, true);
}

/** stories is the stories an item can join, newest first. */
export function stories() {
  const found = new Map();
  for (const { item } of front.entries) {
    if (!found.has(item.story) && !item.withdrawn) found.set(item.story, { story: item.story, headline: item.headline });
  }
  return [...found.values()].slice(0, 30);
}

function draw() {
  const entries = front.entries;
  const keys = new Set(entries.map((e) => e.item.id));
  for (const li of [...list.children]) {
    if (keys.has(li.dataset.card)) continue;
    reports.get(li.dataset.card)?.close();
    reports.delete(li.dataset.card);
    li.remove();
  }
  let before = null;
  for (const e of entries.reverse()) {
    let li = list.querySelector(`:scope > [data-card="${CSS.escape(e.item.id)}"]`);
    if (!li) {
      li = el("li", { class: "wire-item", "data-card": e.item.id }, el("div", { class: "wire-about" }), el("div", { class: "wire-acts" }), el("div", { class: "wire-report" }));
      list.insertBefore(li, before);
    }
    li.toggleAttribute("data-drill", Boolean(e.item.drill));
    li.toggleAttribute("data-withdrawn", Boolean(e.item.withdrawn));
    li.dataset.level = e.item.level;
    morph(li.children[0], about(e));
    morph(li.children[1], acts(e));
    if (e.item.alerted) li.children[2].replaceChildren(report(e.item.id).element);
    before = li;
  }
  changed();
}

function about({ kind, item }) {
  const time = (at) => el("time", { datetime: at }, timeWords(Date.parse(at)));
  const level = levelWord(item.level);
  return el("div", { class: "wire-about" },
    el("p", { class: "meta" },
      item.drill && el("strong", { class: "tag drill", "data-key": "drill" }, "Drill"),
      item.withdrawn && el("strong", { class: "tag kill", "data-key": "kill" }, "Withdrawn"),
      level && el("strong", { class: "tag level", "data-key": "level" }, level),
      time(item.posted_at),
      kind !== "posted" && el("span", { class: "revised", "data-key": "revised" }, el("span", {}, kindWord(kind)), time(item.revised_at)),
      item.alerted && el("span", { class: "alerted", "data-key": "alerted" }, "Alerted")),
    el("h3", { class: "headline", lang: item.language, dir: "auto" },
      item.withdrawn ? el("s", {}, item.headline) : el("a", { "data-key": "headline", href: `/s/${encodeURIComponent(item.story)}` }, item.headline)),
    item.reason && el("p", { class: "wire-reason", dir: "auto" }, `${item.withdrawn ? "Withdrawn" : "Correction"}: ${item.reason}`),
    item.topics.length > 0 && el("p", { class: "wire-topics" }, item.topics.map(topicWord).join(", ")));
}

function acts({ item }) {
  const button = (kind, word) => el("button", { type: "button", "data-key": kind, "data-act": kind, "aria-label": `${word}: ${item.headline}` }, word);
  return el("div", { class: "wire-acts" }, item.withdrawn ? [] : [
    button("updated", "Update"), button("corrected", "Correct"), button("refiled", "Refile"), button("withdrawn", "Withdraw"),
  ]);
}

function report(id) {
  if (!reports.has(id)) reports.set(id, new Report(id));
  return reports.get(id);
}

function openReport(id, open) {
  const r = report(id);
  r.restart();
  r.element.open = open;
}

list.addEventListener("click", (e) => {
  const button = e.target.closest("[data-act]");
  const entry = button && front.entry(button.closest("[data-card]").dataset.card);
  if (entry) act(button.dataset.act, entry, button);
});
