// How many readers are here now, in the desk's bar.

import { count } from "../words.js";
import { me, readers } from "./session.js";

const place = document.getElementById("readers");
const every = 10_000; // ms between looks

let timer = 0;

/** watchReaders shows how many there are, and nothing while that is not known. */
export async function watchReaders() {
  clearTimeout(timer);
  const n = await readers();
  if (!me) return;
  place.textContent = n === null ? "" : `${count(n, "reader")} on this node`;
  timer = setTimeout(watchReaders, every);
}

export function unwatchReaders() {
  clearTimeout(timer);
  place.textContent = "";
}
