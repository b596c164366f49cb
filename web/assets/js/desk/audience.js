// Who is here now, in the desk's bar: how many readers, of what and where, and
// the alarms that stand.

import { el } from "../dom.js";
import { count, topicWord } from "../words.js";
import { showAlarms } from "./alarms.js";
import { lookAround, me } from "./session.js";

const place = document.getElementById("readers");
const every = 10_000; // ms between looks
const most = 12; // topics that are shown

let timer = 0;

/** watchAround shows what there is, and nothing of what is not known. */
export async function watchAround() {
  clearTimeout(timer);
  const now = await lookAround();
  if (!me) return;
  show(now);
  if (now) showAlarms(now.alarms);
  timer = setTimeout(watchAround, every);
}

export function unwatchAround() {
  clearTimeout(timer);
  show(null);
  showAlarms([]);
}

function show(now) {
  place.hidden = !now?.audience;
  if (place.hidden) return;
  place.querySelector("summary").textContent = count(now.audience.readers, "reader");
  const lists = [list("By topic", topics(now.audience))];
  if (now.nodes?.length > 1) lists.push(list("By node", now.nodes.map((n) => [n.node, n.readers])));
  place.querySelector(".audience-of").replaceChildren(...lists);
}

// topics are the rows of who reads what, most first.
function topics({ everything, topics, others }) {
  const named = Object.entries(topics).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  const rest = named.slice(most).reduce((sum, [, n]) => sum + n, others);
  return [["All topics", everything], ...named.slice(0, most).map(([topic, n]) => [topicWord(topic), n]), ...(rest > 0 ? [["Other topics", rest]] : [])];
}

const list = (title, rows) =>
  el("section", {}, el("h2", {}, title), el("dl", {}, rows.map(([name, n]) => [el("dt", {}, name), el("dd", {}, n.toLocaleString("en"))]).flat()));
