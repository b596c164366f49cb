// Stopping all alerts, and letting them go out again.

import { showProblem } from "../http.js";
import { clockTime } from "../time.js";
import { call, isChief, me } from "./session.js";

const byId = (id) => document.getElementById(id);
const dialog = byId("halt");
const form = byId("halt-form");
const every = 10_000; // ms between looks at what others did

let timer = 0;
let stopping = true; // what the open dialog is for

/** watchHalt shows whether alerts are stopped, and to chiefs the button for it. */
export async function watchHalt() {
  clearTimeout(timer);
  try {
    const { data } = await call("GET", "/v1/stop", { timeout: 5000 });
    show(data);
  } catch {
    // the next look will tell
  }
  if (me) timer = setTimeout(watchHalt, every);
}

export function unwatchHalt() {
  clearTimeout(timer);
  byId("stopped").hidden = true;
}

const tell = ({ headline, sent, unsent, exact }) =>
  ` “${headline}”: ${sent.toLocaleString()} sent, ${exact ? "" : "at least "}${unsent.toLocaleString()} not.`;

function show({ stopped, stop, campaigns }) {
  byId("stopped").hidden = !stopped;
  byId("stop").hidden = stopped || !isChief();
  byId("resume").hidden = !stopped || !isChief();
  if (!stopped) return;
  const words = `Since ${clockTime(Date.parse(stop.at))}, by ${stop.by === me?.id ? "you" : stop.by}${stop.reason ? ": " + stop.reason : ""}. Items still go to the ticker.${campaigns.map(tell).join("")}`;
  if (byId("stopped-words").textContent !== words) byId("stopped-words").textContent = words;
}

function open(stop) {
  stopping = stop;
  byId("halt-h").textContent = stop ? "Stop all alerts?" : "Let alerts go out again?";
  byId("halt-does").textContent = stop
    ? "No notification goes out from now on, to anybody, until a chief lifts the stop. What is on its way to a phone already still arrives. The ticker goes on."
    : "What was waiting when alerts were stopped goes out now, unless its time is over.";
  byId("halt-why").hidden = !stop;
  byId("halt-go").textContent = stop ? "Stop all alerts" : "Let alerts go out";
  showProblem(byId("halt-problem"), null);
  form.reset();
  dialog.showModal();
  byId("halt-back").focus();
}

byId("stop").addEventListener("click", () => open(true));
byId("resume").addEventListener("click", () => open(false));
byId("halt-back").addEventListener("click", () => dialog.close());
form.addEventListener("submit", async (e) => {
  e.preventDefault();
  byId("halt-go").disabled = true;
  try {
    const reason = form.elements.reason.value.trim();
    const { data } = stopping
      ? await call("POST", "/v1/stop", reason ? { body: { reason } } : {})
      : await call("DELETE", "/v1/stop");
    show(data);
    dialog.close();
  } catch (err) {
    showProblem(byId("halt-problem"), err);
  } finally {
    byId("halt-go").disabled = false;
  }
});
