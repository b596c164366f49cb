// Who an alert reaches, in words.

import { topicWord } from "../words.js";

const takers = {
  urgent: "subscribers who take urgent alerts",
  bulletin: "subscribers who take urgent or bulletin alerts",
  flash: "everybody with alerts on",
};

/** reachWords says who gets an alert of the level and topics. */
export function reachWords({ level, topics, drill }) {
  if (level === "regular") return "Regular items never alert: choose a higher level.";
  if (drill) return `Goes only to subscribers who asked for a drill topic (${topics.length ? topics.join(", ") : "drill"}).`;
  const who = takers[level] ?? "subscribers";
  if (topics.length === 0) return `Goes to ${who}, of all topics. Nobody who chose topics gets it: it has none.`;
  return `Goes to ${who}, of all topics or of ${or(topics.map(topicWord))}.`;
}

function or(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
