// The desk: signing in and out, and what the parts have to know of each other.

import { Refused, showProblem } from "../http.js";
import { unwatchAround, watchAround } from "./audience.js";
import { offerStories, startComposing, toHeadline } from "./compose.js";
import { unwatchHalt, watchHalt } from "./halt.js";
import { revise } from "./revise.js";
import { me, resume, signIn, signOut, whenSignedOut } from "./session.js";
import { startWire, stopWire, stories, take } from "./wire.js";

const byId = (id) => document.getElementById(id);
const form = byId("signin-form");

async function enter() {
  byId("who").textContent = `${me.name} (${me.role})`;
  byId("signin").hidden = true;
  byId("desk").hidden = false;
  startComposing(take);
  toHeadline();
  watchHalt();
  watchAround();
  await startWire({ onAct: (kind, entry, button) => act(kind, entry, button), onChange: () => offerStories(stories()) });
}

async function act(kind, entry, button) {
  await revise(kind, entry, (done) => {
    take(done);
    if (!button.isConnected) byId("wire-h").focus();
  });
}

whenSignedOut((err) => {
  for (const d of document.querySelectorAll("dialog[open]")) d.close();
  stopWire();
  unwatchHalt();
  unwatchAround();
  byId("desk").hidden = true;
  byId("signin").hidden = false;
  document.body.classList.remove("drilling");
  showProblem(byId("signin-problem"), err);
  form.elements.key.focus();
});

form.addEventListener("submit", async (e) => {
  e.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  showProblem(byId("signin-problem"), null);
  try {
    await signIn(form.elements.key.value.trim());
    form.reset();
    await enter();
  } catch (err) {
    showProblem(byId("signin-problem"), err instanceof Refused && err.status === 401 ? new Error("This key is not known. Check it, or ask for a new one.") : err);
    form.elements.key.focus();
  } finally {
    button.disabled = false;
  }
});
byId("signout").addEventListener("click", () => signOut());

addEventListener("keydown", (e) => {
  if (!me || document.querySelector("dialog[open]")) return;
  if (e.key === "F2") toHeadline();
  else if (e.key === "F4" && !e.altKey) byId("wire-h").focus();
  else return;
  e.preventDefault();
});

try {
  if (await resume()) await enter();
} catch (err) {
  if (err instanceof Refused && err.status === 401) signOut();
  showProblem(byId("signin-problem"), err);
}
