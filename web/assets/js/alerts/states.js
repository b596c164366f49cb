// What the reader is told of where alerts stand, in one place.

import { topicWord } from "../words.js";

const levels = { urgent: "urgent items and above", bulletin: "bulletins and flashes", flash: "flashes only" };

/** stateWords is one sentence. */
export function stateWords({ state, prefs }) {
  switch (state) {
    case "on":
      return `Alerts are on: ${choiceWords(prefs)}.`;
    case "off":
      return "Alerts are off.";
    case "blocked":
      return "Your browser blocks notifications from this site.";
    case "home":
      return "On iPhone and iPad, alerts work once this site is on your Home Screen.";
    case "insecure":
      return "Alerts need a secure (https) connection to this site.";
    default:
      return "This browser cannot receive alerts.";
  }
}

/** helpSteps is what the reader can do about it; none if nothing is wrong. */
export function helpSteps(state) {
  switch (state) {
    case "blocked":
      return [
        "Open the site’s settings from the icon beside the address.",
        "Set Notifications to Allow. On a phone, also look in the system’s settings for your browser.",
        "Reload this page.",
      ];
    case "home":
      return ["Tap Share, then Add to Home Screen.", "Open the site from its new icon.", "Come back to Alerts and turn them on."];
    case "unsupported":
      return ["A private window often cannot: try a normal one.", "Or use a current Firefox, Chrome, Edge or Safari."];
    default:
      return [];
  }
}

/** choiceWords is the choices in words. */
export function choiceWords({ topics, level, quiet, daily_max, flash_always, digest, zone }) {
  const what = topics.length ? topics.map(topicWord).join(", ") : "all topics";
  const words = [`${levels[level] ?? level} from ${what}`];
  if (quiet) words.push(`silent from ${quiet.from} to ${quiet.to}`);
  if (daily_max) words.push(`at most ${daily_max} a day, the rest at ${digest}`);
  if (flash_always && (quiet || daily_max)) words.push("flashes always");
  if (quiet || daily_max) words[words.length - 1] += ` (${zone})`;
  return words.join("; ");
}
