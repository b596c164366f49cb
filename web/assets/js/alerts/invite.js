// The small invitation beside the news: one button to turn alerts on, one to
// turn them off, and the browser is never asked unless the first is pressed.

import { Refused, problemWords } from "../http.js";
import { refresh, standing, turnOff, turnOn } from "./subscription.js";
import { stateWords } from "./states.js";

const on = document.getElementById("invite-on");
const off = document.getElementById("invite-off");
const words = document.getElementById("invite-state");

function show(now) {
  words.textContent = now.state === "off" ? "" : stateWords(now);
  swap(on, now.state !== "off");
  swap(off, now.state !== "on");
  if (now.state === "on" && document.activeElement === document.body && show.acted) off.focus();
  if (now.state === "off" && document.activeElement === document.body && show.acted) on.focus();
}

function swap(button, hidden) {
  button.hidden = hidden;
  button.disabled = false;
}

function act(button, busy, work) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    show.acted = true;
    words.textContent = busy;
    try {
      show(await work());
    } catch (err) {
      show(await standing());
      words.textContent = err instanceof Refused ? problemWords(err).join(" ") : `That did not work: ${err.message}`;
    }
  });
}

act(on, "Your browser asks whether we may notify you…", async () => turnOn((await standing()).prefs));
act(off, "Turning off…", turnOff);

try {
  show(await refresh());
} catch {
  show(await standing()); // the server did not answer: next visit
}
