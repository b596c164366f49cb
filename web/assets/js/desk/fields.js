// What the forms of the desk have in common: counted text and topic chips.

import { el } from "../dom.js";
import { topicWord } from "../words.js";
import { letters } from "./draft.js";

/** countLetters keeps the counts of a form's texts true. */
export function countLetters(form) {
  for (const p of form.querySelectorAll(".count[data-for]")) {
    const text = document.getElementById(p.dataset.for);
    const n = letters(text.value);
    const most = Number(text.dataset.most);
    const over = n > most;
    p.textContent = over ? `${n} of ${most} characters: ${n - most} too many` : `${n} of ${most} characters`;
    p.dataset.over = over ? "yes" : "";
    if (over) text.setAttribute("aria-invalid", "true");
    else text.removeAttribute("aria-invalid");
  }
}

/** oneLine takes line breaks out of a headline as it is written or pasted. */
export function oneLine(text) {
  if (!/[\r\n]/.test(text.value)) return;
  const at = text.selectionStart;
  text.value = text.value.replace(/\s*[\r\n]+\s*/g, " ");
  text.setSelectionRange(at, at);
}

/** chip is a topic to choose. */
export function chip(topic, checked = false) {
  const input = el("input", { type: "checkbox", name: "topics", value: topic });
  input.checked = checked;
  return el("label", { class: "chip" }, input, " ", el("span", {}, topicWord(topic)));
}

/** isDrillTopic reports whether a topic lies in the namespace of drills. */
export const isDrillTopic = (topic) => topic === "drill" || topic.startsWith("drill-");

/** topicName is text as a topic's name, or "" if it cannot be one. */
export function topicName(text) {
  const t = text.trim().toLowerCase().replace(/\s+/g, "-");
  return /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(t) ? t : "";
}

/** markFaults points out the fields that a problem names, and goes to the first. */
export function markFaults(form, problem) {
  for (const e of form.querySelectorAll("[aria-invalid]")) e.removeAttribute("aria-invalid");
  let first = null;
  for (const { field } of problem?.errors ?? []) {
    const named = form.elements.namedItem(field.replace(/\[.*$/, ""));
    const input = named instanceof RadioNodeList ? named[0] : named;
    if (!input) continue;
    input.setAttribute("aria-invalid", "true");
    first ??= input;
  }
  first?.focus();
}
