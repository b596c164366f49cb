// How many readers are here now, in the desk's bar, and the alarms that stand.

import { count } from "../words.js";
import { showAlarms } from "./alarms.js";
import { lookAround, me } from "./session.js";

const place = document.getElementById("readers");
const every = 10_000; // ms between looks

let timer = 0;

/** watchAround shows what there is, and nothing of what is not known. */
export async function watchAround() {
  clearTimeout(timer);
  const now = await lookAround();
  if (!me) return;
  place.textContent = Number.isInteger(now?.readers) ? `${count(now.readers, "reader")} on this node` : "";
  if (now) showAlarms(now.alarms);
  timer = setTimeout(watchAround, every);
}

export function unwatchAround() {
  clearTimeout(timer);
  place.textContent = "";
  showAlarms([]);
}
