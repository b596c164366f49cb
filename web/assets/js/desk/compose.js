// Writing and posting a new item.

import { Refused, Unanswered, sentence, showProblem } from "../http.js";
import { blank, body, discard, keep, letters, load, whenPostedElsewhere } from "./draft.js";
import { chip, countLetters, isDrillTopic, markFaults, oneLine, topicName } from "./fields.js";
import { asEntry, showCard, showLock } from "./preview.js";
import { reachWords } from "./reach.js";
import { review } from "./review.js";
import { call } from "./session.js";

const byId = (id) => document.getElementById(id);
const form = byId("compose");
const post = byId("post");
const f = form.elements;

let draft = load();
let posted = () => {};
let busy = false;

/** startComposing calls onPosted(entry) for each item that is on the wire. */
export function startComposing(onPosted) {
  posted = onPosted;
  fill();
  if (draft.sent) unsure("This item was sent before the page was loaded anew, and no answer came: it may have been posted.");
}

/** offerStories lists the stories an item can join: [{ story, headline }]. */
export function offerStories(stories) {
  const options = stories.map(({ story, headline }) => new Option(headline.length > 70 ? headline.slice(0, 69) + "…" : headline, story));
  if (draft.story && !stories.some((s) => s.story === draft.story)) options.push(new Option(draft.story, draft.story));
  f.story.replaceChildren(new Option("A new story", ""), ...options);
  f.story.value = draft.story;
}

/** toHeadline puts the caret where writing begins. */
export const toHeadline = () => f.headline.focus();

function fill() {
  for (const name of ["headline", "summary", "url", "language", "story"]) f[name].value = draft[name];
  f.level.value = draft.level;
  f.drill.checked = draft.drill;
  f.alert.checked = draft.alert;
  for (const t of draft.topics) if (!topicInput(t)) byId("topics").append(chip(t));
  for (const input of byId("topics").querySelectorAll("input")) input.checked = draft.topics.includes(input.value);
  show();
}

function read() {
  oneLine(f.headline);
  for (const name of ["headline", "summary", "url", "language", "story", "level"]) draft[name] = f[name].value;
  draft.drill = f.drill.checked;
  draft.topics = [...byId("topics").querySelectorAll("input:checked")].map((c) => c.value);
  if (draft.drill !== draft.topics.some(isDrillTopic)) draft.topics = draft.topics.filter((t) => isDrillTopic(t) === draft.drill);
  draft.alert = f.alert.checked && draft.level !== "regular";
  keep(draft);
}

// show brings everything that follows from the draft up to date.
function show() {
  form.classList.toggle("is-drill", draft.drill);
  document.body.classList.toggle("drilling", draft.drill);
  byId("drill-note").hidden = !draft.drill;
  byId("compose-h").textContent = draft.drill ? "New drill item" : "New item";
  if (draft.drill && !topicInput("drill")) byId("topics").prepend(chip("drill"));
  for (const label of byId("topics").querySelectorAll("label")) {
    const input = label.querySelector("input");
    label.hidden = isDrillTopic(input.value) !== draft.drill; // no drill reaches a live topic
    if (label.hidden) input.checked = false;
  }
  f.alert.disabled = draft.level === "regular";
  f.alert.checked = draft.alert;
  byId("reach").textContent = reachWords(draft);
  byId("alerting").classList.toggle("is-on", draft.alert);
  post.textContent = draft.alert ? "Review the alert…" : draft.drill ? "Post the drill" : "Post to the ticker";
  countLetters(form);
  const entry = asEntry(draft);
  showCard(byId("preview-card"), entry);
  byId("lock-h").hidden = byId("preview-lock").hidden = !draft.alert;
  if (draft.alert) showLock(byId("preview-lock"), entry);
}

const topicInput = (t) => [...byId("topics").querySelectorAll("input")].find((i) => i.value === t);

function addTopic() {
  const name = topicName(byId("topic-new").value);
  if (!name || isDrillTopic(name) !== draft.drill) {
    byId("topic-hint").textContent = draft.drill ? "a drill’s topic is drill or begins with drill-" : "a–z, 0–9 and inner hyphens, not drill";
    byId("topic-new").setAttribute("aria-invalid", "true");
    return;
  }
  byId("topic-new").removeAttribute("aria-invalid");
  byId("topic-new").value = "";
  if (!topicInput(name)) byId("topics").append(chip(name));
  topicInput(name).checked = true;
  read();
  show();
}

// submit posts the draft, after a review if it alerts.
async function submit() {
  if (busy) return;
  read();
  byId("compose-done").textContent = "";
  showProblem(byId("compose-problem"), null);
  if (letters(draft.headline) === 0) {
    showProblem(byId("compose-problem"), new Error("Write a headline first."));
    markFaults(form, { errors: [{ field: "headline" }] });
    return;
  }
  if (draft.alert && !(await review(asEntry(draft), reachWords(draft)))) {
    post.focus();
    return;
  }
  await send();
}

// send sends the draft with its key: again and again, if need be, and yet
// once.
async function send() {
  if (busy) return;
  working(true);
  const inDoubt = draft.sent;
  draft.sent = true;
  keep(draft);
  byId("unsure").hidden = true;
  try {
    const { status, data } = await call("POST", "/v1/items", { body: body(draft), headers: { "Idempotency-Key": draft.key } });
    done(data, status);
  } catch (err) {
    failed(err, inDoubt);
  } finally {
    working(false);
  }
}

function done(entry, status) {
  const { drill, language, headline } = draft;
  discard();
  draft = { ...blank(), drill, language };
  fill();
  byId("compose-done").textContent = (status === 200 ? "Was posted already, once: " : "Posted: ") + headline.trim();
  f.headline.focus();
  posted(entry);
}

function failed(err, inDoubt) {
  if (err instanceof Unanswered || err.status >= 500) {
    // It is known to be nowhere only if no earlier attempt is in doubt either.
    draft.sent = inDoubt || !err.nothingKept;
    keep(draft);
    unsure(sentence(err.message) + (draft.sent ? " The item may have been posted." : " The item is not posted."));
    return;
  }
  draft.sent = false;
  keep(draft);
  if (err instanceof Refused && err.kind === "key-reused") {
    draft.key = crypto.randomUUID();
    keep(draft);
    showProblem(byId("compose-problem"), new Error(
      "The earlier version of this item did arrive and is on the wire; what you changed since is not. Update the item there. Posting now makes a second item."));
    return;
  }
  showProblem(byId("compose-problem"), err);
  markFaults(form, err.problem);
}

function unsure(words) {
  byId("unsure-words").textContent = `${words} Trying again is safe: it cannot be posted twice.`;
  byId("unsure").hidden = false;
  byId("unsure-retry").focus();
}

function working(on) {
  busy = on;
  for (const b of [post, byId("unsure-retry")]) {
    b.setAttribute("aria-busy", String(on));
    b.setAttribute("aria-disabled", String(on));
  }
}

form.addEventListener("input", (e) => {
  if (e.target.id === "topic-new") return;
  read();
  show();
});
form.addEventListener("submit", (e) => {
  e.preventDefault();
  submit();
});
form.addEventListener("keydown", (e) => {
  if (e.key !== "Enter" || e.isComposing) return;
  if (e.ctrlKey || e.metaKey) {
    e.preventDefault();
    if (!e.repeat) submit();
  } else if (e.target.id === "topic-new") {
    e.preventDefault();
    addTopic();
  } else if (e.target.matches("input, #headline")) {
    e.preventDefault(); // a stray Enter posts nothing
  }
});
byId("topic-add").addEventListener("click", addTopic);
byId("unsure-retry").addEventListener("click", send);
byId("clear").addEventListener("click", () => {
  const { drill, language } = draft;
  discard();
  draft = { ...blank(), drill, language };
  fill();
  showProblem(byId("compose-problem"), null);
  byId("unsure").hidden = true;
  f.headline.focus();
});
whenPostedElsewhere((key) => {
  if (draft.key === key) draft.key = crypto.randomUUID();
});
