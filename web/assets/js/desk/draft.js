// The item being written: it survives a reload, and it carries the
// idempotency key that makes posting it twice impossible.

const place = "crier-draft";

/** blank is a draft of nothing. */
export const blank = () => ({
  headline: "", summary: "", url: "", level: "regular", topics: [], story: "", language: "en", alert: false, drill: false,
  key: crypto.randomUUID(), // of the post that this draft becomes
  sent: false, // it has been sent at least once, and nobody knows whether it arrived
});

/** load is the draft that was kept, or a blank one. */
export function load() {
  try {
    return { ...blank(), ...JSON.parse(localStorage.getItem(place) ?? "{}") };
  } catch {
    return blank();
  }
}

export function keep(draft) {
  localStorage.setItem(place, JSON.stringify(draft));
}

export function discard() {
  localStorage.removeItem(place);
}

/**
 * whenPostedElsewhere calls f when another tab has posted the draft with the
 * key: whatever is written here is then another item.
 */
export function whenPostedElsewhere(f) {
  addEventListener("storage", (e) => {
    if (e.key !== place || !e.oldValue) return;
    const before = JSON.parse(e.oldValue).key;
    if (!e.newValue || JSON.parse(e.newValue).key !== before) f(before);
  });
}

/** body is a draft as POST /v1/items wants it: nothing that is empty. */
export function body(draft) {
  const { headline, summary, url, level, topics, story, language, alert, drill } = draft;
  const out = { headline: headline.trim(), level, topics, language: language.trim() };
  if (summary.trim()) out.summary = summary.trim();
  if (url.trim()) out.url = url.trim();
  if (story) out.story = story;
  if (alert) out.alert = true;
  if (drill) out.drill = true;
  return out;
}

/** letters counts as the server does: code points, not UTF-16 units. */
export const letters = (text) => [...text.trim()].length;
