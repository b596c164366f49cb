// The alarms that stand, in words that help an editor, and for a chief the
// button that clears them.

import { el, morph } from "../dom.js";
import { showProblem } from "../http.js";
import { clockTime } from "../time.js";
import { serviceWord } from "../words.js";
import { call, isChief } from "./session.js";

const byId = (id) => document.getElementById(id);

/** showAlarms shows these, and nothing if there are none. */
export function showAlarms(alarms) {
  byId("alarms-clear").hidden = !isChief();
  byId("alarms-chief").hidden = isChief();
  morph(byId("alarms-list"), el("ul", { id: "alarms-list", role: "list" }, alarms.map(line)));
  byId("alarms").hidden = alarms.length === 0; // last, so that it is said with its words
  if (alarms.length === 0) showProblem(byId("alarms-problem"), null);
}

function line({ service, problem, since }) {
  const [what, then] = service === "canary"
    ? ["A test alert that we send to ourselves has failed.", "Real alerts may be late or not go out at all. Tell the operator now."]
    : problem.includes("refused")
      ? [`${serviceWord(service)} refuses our notifications.`, "Alerts may not reach its browsers. Tell the operator now. No subscriber is removed meanwhile."]
      : [`${serviceWord(service)} says that unusually many subscribers are gone.`, "That may be a mistake on its side, so no subscriber is removed until a chief has looked. Alerts go out all the same."];
  return el("li", { "data-key": service },
    el("strong", {}, what), el("span", {}, ` ${then}`), el("small", {}, ` Since ${clockTime(Date.parse(since))}: ${problem}.`));
}

byId("alarms-clear").addEventListener("click", async () => {
  const button = byId("alarms-clear");
  button.disabled = true;
  showProblem(byId("alarms-problem"), null);
  try {
    await call("DELETE", "/v1/alarms");
    showAlarms([]);
    byId("wire-h").focus();
  } catch (err) {
    showProblem(byId("alarms-problem"), err);
  } finally {
    button.disabled = false;
  }
});
