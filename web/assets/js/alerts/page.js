// The preferences page: what may interrupt this reader, and when.

import { el } from "../dom.js";
import { showProblem } from "../http.js";
import { refresh, standing, turnOff, turnOn } from "./subscription.js";
import { helpSteps, stateWords } from "./states.js";
import { topicWord } from "../words.js";

const byId = (id) => document.getElementById(id);
const form = byId("alerts-form");
const submit = byId("alerts-on");
const off = byId("alerts-off");
const problem = byId("alerts-problem");

function show(now) {
  byId("standing").dataset.state = now.state;
  byId("standing-words").textContent = stateWords(now);
  const steps = helpSteps(now.state);
  byId("standing-help").hidden = steps.length === 0;
  byId("standing-help").replaceChildren(el("ol", {}, steps.map((s) => el("li", {}, s))));
  const able = now.state === "on" || now.state === "off";
  submit.disabled = !able;
  submit.textContent = now.state === "on" ? "Save these choices" : "Turn on alerts";
  byId("explain").hidden = now.state === "on";
  if (now.state !== "on" && off.matches(":focus")) submit.focus();
  off.hidden = now.state !== "on";
  off.disabled = false;
}

/** fill puts choices into the form. */
function fill({ topics, level, quiet, daily_max, flash_always, digest, zone }) {
  form.elements.level.value = level;
  for (const t of topics) {
    if (![...form.querySelectorAll("[name=topics]")].some((c) => c.value === t)) byId("alerts-topics").append(chip(t));
  }
  for (const c of form.querySelectorAll("[name=topics]")) c.checked = topics.includes(c.value);
  form.elements.quiet.checked = quiet !== null;
  form.elements.from.value = quiet?.from ?? "22:00";
  form.elements.to.value = quiet?.to ?? "07:00";
  form.elements.zone.value = zone;
  form.elements.daily_max.value = String(daily_max);
  if (form.elements.daily_max.selectedIndex < 0) form.elements.daily_max.value = "0";
  form.elements.digest.value = digest;
  form.elements.flash_always.checked = flash_always;
  showClocks();
}

const chip = (topic) => el("label", { class: "chip" }, el("input", { type: "checkbox", name: "topics", value: topic }), " ", el("span", {}, topicWord(topic)));

/** choices reads them out of the form. */
function choices() {
  const f = form.elements;
  return {
    topics: [...form.querySelectorAll("[name=topics]:checked")].map((c) => c.value),
    level: f.level.value,
    quiet: f.quiet.checked ? { from: f.from.value, to: f.to.value } : null,
    daily_max: Number(f.daily_max.value),
    flash_always: f.flash_always.checked,
    digest: f.digest.value || "18:00",
    zone: f.zone.value.trim(),
  };
}

// showClocks shows the times that the choices made so far ask for.
function showClocks() {
  const quiet = form.elements.quiet.checked;
  const bound = form.elements.daily_max.value !== "0";
  byId("quiet-hours").hidden = !quiet;
  for (const name of ["from", "to"]) form.elements[name].disabled = !quiet;
  byId("digest-time").hidden = !bound;
  byId("exceptions").hidden = !quiet && !bound;
  checkZone();
}

function checkZone() {
  const { zone } = form.elements;
  let wrong = "";
  try {
    if (zone.value.trim()) new Intl.DateTimeFormat("en", { timeZone: zone.value.trim() });
  } catch {
    wrong = "Choose a zone from the list, such as Europe/Vienna.";
  }
  zone.setCustomValidity(wrong);
}

async function act(button, work) {
  button.disabled = true;
  showProblem(problem, null);
  try {
    show(await work());
  } catch (err) {
    show(await standing());
    showProblem(problem, err);
  }
}

form.elements.quiet.addEventListener("change", showClocks);
form.elements.daily_max.addEventListener("change", showClocks);
form.elements.zone.addEventListener("input", checkZone);
form.addEventListener("submit", (e) => {
  e.preventDefault();
  byId("standing-words").textContent = "Working…";
  act(submit, () => turnOn(choices()));
});
off.addEventListener("click", () => act(off, turnOff));
for (const zone of Intl.supportedValuesOf?.("timeZone") ?? []) byId("zones").append(el("option", { value: zone }));

const now = await standing();
fill(now.prefs);
show(now);
try {
  show(await refresh({ always: true }));
} catch (err) {
  showProblem(problem, err);
}
