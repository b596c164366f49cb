// How an item will look: as a card, and on a lock screen.

import { el } from "../dom.js";
import { renderCard } from "../render.js";
import { showTimes } from "../time.js";

/** asEntry is what a draft or a revision will be on the wire. */
export function asEntry(fields, kind = "posted", at = new Date().toISOString()) {
  const item = {
    id: "preview", version: 1, story: "preview", posted_at: at, revised_at: at, summary: "", url: "",
    ...fields,
    headline: fields.headline.trim() || "Headline",
    topics: fields.drill && fields.topics.length === 0 ? ["drill"] : fields.topics,
    language: fields.language || "en",
  };
  return { offset: 0, first: 0, kind, item };
}

/** showCard puts the card of an entry into a list. */
export function showCard(list, entry) {
  list.replaceChildren(renderCard({ key: "preview-" + list.id, lead: entry, earlier: [], more: [] }, { base: "", alone: false }));
  for (const e of list.querySelectorAll("[id]")) e.removeAttribute("id"); // the page may show the item elsewhere
  for (const e of list.querySelectorAll("[aria-labelledby]")) e.removeAttribute("aria-labelledby");
  showTimes(list);
}

/** lockWords is what a notification says: the server's own wording. */
export function lockWords({ kind, item }) {
  const words = {
    corrected: [`Correction: ${item.headline}`, item.reason],
    withdrawn: ["Withdrawn: our earlier alert", item.reason],
  }[kind] ?? [item.headline, item.summary];
  return { title: (item.drill ? "DRILL: " : "") + words[0], body: words[1] ?? "" };
}

/** showLock puts a notification of an entry into a box. */
export function showLock(box, entry) {
  const { title, body } = lockWords(entry);
  box.replaceChildren(el("div", { class: "lock-note", lang: entry.item.language },
    el("img", { src: "/icon-192.png", alt: "", width: 36, height: 36 }),
    el("div", { class: "lock-text" },
      el("p", { class: "lock-from" }, location.host),
      el("p", { class: "lock-title", dir: "auto" }, title),
      body && el("p", { class: "lock-body", dir: "auto" }, body))));
}
