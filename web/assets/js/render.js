// Cards from entries, and entries back from cards. It makes the very elements
// that templates/cards.html makes, so that a page from the server is taken
// over without a change; a browser test holds the two together.

import { el, safeLink } from "./dom.js";
import { timeWords } from "./time.js";
import { kindWord, levelWord, topicWord } from "./words.js";

/**
 * renderCard makes a card. view.base is the address of the site for links,
 * "" on the site itself; view.alone says that each item has its own card,
 * with its history.
 */
export function renderCard({ key, lead, earlier, more }, view) {
  const { item } = lead;
  return el("li", {
    class: "story", "data-card": key, "data-level": item.level,
    "data-drill": flag(item.drill), "data-withdrawn": flag(item.withdrawn), part: view.base ? "story" : null,
  }, el("article", { "aria-labelledby": "h-" + item.id },
    renderItem(lead, view, true),
    earlier.length > 0 && renderEarlier(earlier, view, "Earlier in this story"),
    more.length > 0 && el("details", { class: "more" },
      el("summary", {}, `${more.length} more, earlier`),
      renderEarlier(more, view, "Still earlier in this story"))));
}

function renderEarlier(entries, view, label) {
  return el("ol", { class: "earlier", role: "list", "aria-label": label },
    entries.map((e) => el("li", {}, renderItem(e, view, false))));
}

/** renderItem makes one item; leading says it is the first of its card. */
export function renderItem(entry, view, leading) {
  const { item } = entry;
  const corrected = item.corrected_at && !item.withdrawn;
  return el("div", {
    class: "item", id: item.id, "data-item": item.id, "data-story": item.story, "data-offset": entry.offset,
    "data-first": entry.first, "data-version": item.version, "data-kind": entry.kind, "data-level": item.level,
    "data-topics": item.topics.join(","), "data-posted": item.posted_at, "data-revised": item.revised_at,
    "data-corrected": item.corrected_at, "data-link": item.url || null,
    "data-drill": flag(item.drill), "data-withdrawn": flag(item.withdrawn),
  },
  renderMeta(entry, view),
  el(leading ? "h2" : "h3", { class: "headline", id: "h-" + item.id, ...tongue(item), part: view.base ? "headline" : null }, renderHeadline(item, view)),
  item.withdrawn && renderNotice("withdrawal", "Withdrawn: ", item, item.revised_at),
  corrected && renderNotice("correction", "Correction: ", item, item.corrected_at),
  leading && item.summary && el("p", { class: "summary", ...tongue(item) }, item.withdrawn ? el("s", {}, item.summary) : item.summary),
  leading && item.topics.length > 0 && el("ul", { class: "topics", role: "list", "aria-label": "Topics" },
    item.topics.map((t) => el("li", { "data-key": t },
      el("a", { "data-key": "topic-" + t, href: `${view.base}/?topics=${encodeURIComponent(t)}` }, topicWord(t))))),
  view.alone && el("p", { class: "history" },
    el("span", {}, `Version ${item.version}`), el("span", {}, kindWord(entry.kind)), time(item.revised_at)));
}

function renderMeta({ kind, item }, view) {
  const level = levelWord(item.level);
  return el("p", { class: "meta" },
    item.drill && el("strong", { class: "tag drill", "data-key": "drill" }, "Drill: not real news"),
    item.withdrawn && el("strong", { class: "tag kill", "data-key": "kill" }, "Withdrawn"),
    level && el("strong", { class: "tag level", "data-key": "level" }, level),
    el("a", { class: "when", "data-key": "when", href: `${storyPage(item, view)}#${item.id}` }, time(item.posted_at)),
    kind === "updated" && el("span", { class: "revised", "data-key": "revised" }, el("span", {}, "Updated"), time(item.revised_at)));
}

function renderHeadline(item, view) {
  if (item.withdrawn) return el("s", { "data-key": "headline" }, item.headline); // nobody is sent on to what has been killed
  const away = safeLink(item.url);
  return el("a", { "data-key": "headline", href: away ? item.url : storyPage(item, view), rel: away ? "noopener" : null }, item.headline);
}

function renderNotice(kind, word, item, at) {
  return el("p", { class: "notice " + kind, "data-key": "notice" },
    el("strong", {}, word), el("span", { class: "reason", ...tongue(item) }, item.reason ?? ""), time(at));
}

const flag = (on) => (on ? "" : null);
const tongue = (item) => ({ lang: item.language, dir: "auto" });
const time = (at) => el("time", { datetime: at }, timeWords(Date.parse(at)));
const storyPage = (item, view) => `${view.base}/s/${encodeURIComponent(item.story)}`;

/** readEntry is the entry that an item's element was made from. */
export function readEntry(e) {
  const d = e.dataset;
  const text = (selector) => e.querySelector(":scope > " + selector)?.textContent;
  return {
    offset: Number(d.offset),
    first: Number(d.first),
    kind: d.kind,
    item: {
      id: d.item,
      version: Number(d.version),
      story: d.story,
      level: d.level,
      headline: text(".headline") ?? "",
      summary: text(".summary"),
      url: d.link,
      topics: d.topics ? d.topics.split(",") : [],
      language: e.querySelector(":scope > .headline").lang,
      posted_at: d.posted,
      revised_at: d.revised,
      corrected_at: d.corrected,
      reason: text(".notice > .reason"),
      withdrawn: "withdrawn" in d,
      drill: "drill" in d,
    },
  };
}
