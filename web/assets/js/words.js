// What is said to readers, where more than one module says it.

const levels = { flash: "Flash", bulletin: "Bulletin", urgent: "Urgent" };
const kinds = { posted: "Posted", updated: "Updated", corrected: "Corrected", refiled: "Typing error mended", withdrawn: "Withdrawn" };

/** levelWord is the label of a level; regular items need none. */
export const levelWord = (level) => levels[level] ?? "";

export const kindWord = (kind) => kinds[kind] ?? "";

/** topicWord is a topic's name as people read it. */
export function topicWord(topic) {
  const t = topic.replaceAll("-", " ");
  return t.slice(0, 1).toUpperCase() + t.slice(1);
}

const services = {
  "fcm.googleapis.com": "Google (Chrome, Android)", "updates.push.services.mozilla.com": "Mozilla (Firefox)",
  "push.apple.com": "Apple (Safari, iPhone)", "notify.windows.com": "Microsoft (Edge)", other: "All others",
};

/** serviceWord is whose push service that is. */
export const serviceWord = (service) => services[service] ?? service;

/** count is a number with its noun. */
export const count = (n, one, many = one + "s") => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

/** spoken is an entry in one sentence, for who does not see the card. */
export function spoken({ kind, item }) {
  const what = item.drill ? "Drill, not real news. " : "";
  switch (kind) {
    case "corrected":
      return `${what}Correction: ${item.headline}. ${item.reason ?? ""}`;
    case "withdrawn":
      return `${what}Withdrawn: ${item.headline}. ${item.reason ?? ""}`;
    case "updated":
      return `${what}Update: ${item.headline}`;
  }
  const level = levelWord(item.level);
  return `${what}${level ? level + ": " : ""}${item.headline}`;
}
