// Updating, correcting, refiling and withdrawing an item that is on the wire.

import { el } from "../dom.js";
import { Refused, Unanswered, ask, sentence, showProblem } from "../http.js";
import { kindWord, levelWord } from "../words.js";
import { countLetters, markFaults, oneLine } from "./fields.js";
import { asEntry } from "./preview.js";
import { reachWords } from "./reach.js";
import { review } from "./review.js";
import { call } from "./session.js";

const byId = (id) => document.getElementById(id);
const dialog = byId("revise");
const form = byId("revise-form");
const f = form.elements;

const kinds = {
  updated: { title: "Update", does: "The news has moved on. The card shows the new text and says that it was updated.", send: "Update" },
  corrected: { title: "Correct", does: "The item was wrong. The card shows the new text and keeps a correction notice with your reason.", send: "Correct" },
  refiled: { title: "Refile", does: "A typing error. The text changes; nobody is alerted and nothing is said of it.", send: "Refile" },
  withdrawn: { title: "Withdraw", does: "The item should not stand. It stays on the page, struck out, with your reason, and takes no more changes.", send: "Withdraw" },
};

let now = null; // { kind, entry, etag, key, doubtful: an attempt may have arrived }
let busy = false;

/** revise opens the dialog for an entry; onDone(entry) is called with what became of it. */
export async function revise(kind, entry, onDone) {
  now = { kind, entry, etag: `"${entry.item.version}"`, key: crypto.randomUUID(), onDone };
  const { title, does, send } = kinds[kind];
  byId("revise-h").textContent = `${title} this item`;
  byId("revise-does").textContent = does;
  byId("revise-send").textContent = send;
  byId("revise-send").className = kind === "withdrawn" ? "danger" : "primary";
  byId("revise-content").hidden = kind === "withdrawn";
  byId("revise-why").hidden = kind !== "corrected" && kind !== "withdrawn";
  byId("revise-changed").hidden = true;
  dialog.classList.toggle("is-drill", Boolean(entry.item.drill));
  showProblem(byId("revise-problem"), null);
  fill(entry.item);
  f.reason.value = "";
  f.alert.checked = false;
  show();
  dialog.showModal();
  (kind === "withdrawn" ? f.reason : f.headline).focus();
  await freshen();
}

function fill({ headline, summary, url, level }) {
  f.headline.value = headline;
  f.summary.value = summary ?? "";
  f.url.value = url ?? "";
  f.level.value = level;
}

// freshen makes sure that what is revised is what stands.
async function freshen() {
  const mine = now;
  try {
    const { data, etag } = await ask("GET", `/v1/items/${encodeURIComponent(mine.entry.item.id)}`);
    if (mine !== now) return;
    if (data.item.version !== mine.entry.item.version) changed(data, etag);
    mine.etag = etag;
  } catch {
    // what we have may do: the server checks it in any case
  }
}

// changed takes the item as it stands now, and says what others did to it.
function changed(entry, etag) {
  const before = now.entry.item;
  const after = entry.item;
  const rows = [["Headline", "headline"], ["Summary", "summary"], ["Link", "url"], ["Level", "level"], ["Reason", "reason"]]
    .filter(([, name]) => (before[name] ?? "") !== (after[name] ?? ""))
    .map(([word, name]) => el("div", {}, el("dt", {}, word), el("dd", {}, el("del", { dir: "auto" }, before[name] || "nothing"), el("ins", { dir: "auto" }, after[name] || "nothing"))));
  const box = byId("revise-changed");
  box.replaceChildren(
    el("p", {}, el("strong", {}, `The item changed while you had it open: ${kindWord(entry.kind).toLowerCase()}, now at version ${after.version}.`)),
    rows.length > 0 && el("dl", {}, rows),
    el("p", {}, after.withdrawn ? "It has been withdrawn and takes no more changes." : "Your text is kept below. Look at both before you send."));
  box.hidden = false;
  for (const name of ["headline", "summary", "url", "level"]) {
    if (f[name].value.trim() === (before[name] ?? "")) f[name].value = after[name] ?? ""; // untouched here: theirs stands
  }
  now.entry = entry;
  now.etag = etag || `"${after.version}"`;
  now.key = crypto.randomUUID();
  now.doubtful = false;
  show();
}

// body is what is to be sent: only what differs from what stands.
function body() {
  const { kind, entry: { item } } = now;
  const out = { kind };
  if (kind === "corrected" || kind === "withdrawn") out.reason = f.reason.value.trim();
  if (kind === "withdrawn") return out;
  for (const name of ["headline", "summary", "url"]) {
    const value = f[name].value.trim();
    if (value !== (item[name] ?? "")) out[name] = value;
  }
  if (f.level.value !== item.level) out.level = f.level.value;
  if (f.alert.checked && !byId("revise-alerting").hidden) out.alert = true;
  return out;
}

// show brings what follows from the fields up to date.
function show() {
  oneLine(f.headline);
  const { kind, entry: { item } } = now;
  const told = Boolean(item.alerted);
  const amends = kind === "corrected" || kind === "withdrawn";
  byId("revise-alerting").hidden = kind === "refiled" || kind === "withdrawn" || (kind === "corrected" && told);
  f.alert.disabled = f.level.value === "regular";
  if (f.alert.disabled) f.alert.checked = false;
  byId("revise-reach").textContent = reachWords({ ...item, level: f.level.value });
  byId("revise-forced").hidden = !(amends && told);
  byId("revise-forced").textContent = "This item has alerted. Everybody who was told it is told this too, with your reason.";
  const standing = byId("revise-standing");
  standing.hidden = kind !== "withdrawn";
  standing.textContent = `${levelWord(item.level) ? levelWord(item.level) + ": " : ""}${item.headline}`;
  countLetters(form);
  byId("revise-send").textContent = alerts() ? `${kinds[kind].title}: review the alert…` : kinds[kind].send;
}

function alerts() {
  const { kind, entry: { item } } = now;
  if (kind === "refiled") return false;
  if (kind !== "updated" && item.alerted) return true;
  return kind !== "withdrawn" && f.alert.checked;
}

async function submit() {
  if (busy) return;
  showProblem(byId("revise-problem"), null);
  const { kind, entry: { item } } = now;
  const b = body();
  if ("reason" in b && !b.reason) return refuse("Give readers the reason.", "reason");
  if (!("reason" in b) && Object.keys(b).length === 1) return refuse("Nothing has changed yet.", "headline");
  if (alerts()) {
    const reach = kind !== "updated" && item.alerted ? { level: item.alerted.level, topics: item.alerted.topics, drill: item.drill } : { ...item, level: f.level.value };
    const fields = { ...item, ...b, withdrawn: kind === "withdrawn", corrected_at: kind === "corrected" ? new Date().toISOString() : item.corrected_at };
    if (!(await review(asEntry(fields, kind, item.posted_at), reachWords(reach)))) return byId("revise-send").focus();
  }
  return send(b);
}

async function send(b) {
  working(true);
  const mine = now;
  try {
    const { data } = await call("POST", `/v1/items/${encodeURIComponent(mine.entry.item.id)}/revisions`, {
      body: b, headers: { "If-Match": mine.etag, "Idempotency-Key": mine.key },
    });
    dialog.close();
    mine.onDone(data);
  } catch (err) {
    if (err instanceof Refused && err.status === 412 && err.problem.current) changed(err.problem.current);
    else if (err instanceof Unanswered || err.status >= 500) {
      mine.doubtful ||= !err.nothingKept;
      const made = mine.doubtful ? "The change may have been made." : "The change is not made.";
      showProblem(byId("revise-problem"), new Error(`${sentence(err.message)} ${made} Send it again: that is safe, it cannot be made twice.`));
    } else {
      showProblem(byId("revise-problem"), err);
      markFaults(form, err.problem);
    }
  } finally {
    working(false);
  }
}

function refuse(words, name) {
  showProblem(byId("revise-problem"), new Error(words));
  f[name].focus();
}

function working(on) {
  busy = on;
  byId("revise-send").setAttribute("aria-busy", String(on));
  byId("revise-send").setAttribute("aria-disabled", String(on));
}

form.addEventListener("input", show);
form.addEventListener("submit", (e) => {
  e.preventDefault();
  submit();
});
form.addEventListener("keydown", (e) => {
  if (e.key !== "Enter" || e.isComposing) return;
  if (e.ctrlKey || e.metaKey) {
    e.preventDefault();
    if (!e.repeat) submit();
  } else if (e.target.matches("input, #revise-headline, #revise-reason")) {
    e.preventDefault(); // a stray Enter sends nothing
  }
});
byId("revise-cancel").addEventListener("click", () => dialog.close());
