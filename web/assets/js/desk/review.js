// The step before an alert: what goes out and to whom, and a button that
// neither a double click nor a stray Enter can press.

import { count } from "../words.js";
import { showCard, showLock } from "./preview.js";
import { subscriptions } from "./session.js";

const arming = 1200; // ms before the button works: longer than a double click

const byId = (id) => document.getElementById(id);
const dialog = byId("review");
const send = byId("review-send");
const back = byId("review-back");

/** review shows an entry and who it reaches, and says whether to send it. */
export function review(entry, reach) {
  showCard(byId("review-card"), entry);
  showLock(byId("review-lock"), entry);
  byId("review-reach").textContent = reach;
  byId("review-count").textContent = "";
  subscriptions().then((n) => {
    if (n !== null) byId("review-count").textContent = `${count(n, "subscription")} stand now: the most it can reach.`;
  });
  dialog.classList.toggle("is-drill", Boolean(entry.item.drill));
  send.setAttribute("aria-disabled", "true");
  dialog.returnValue = "";
  dialog.showModal();
  dialog.scrollTop = 0;
  back.focus();
  const armed = setTimeout(() => send.setAttribute("aria-disabled", "false"), arming);
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      clearTimeout(armed);
      done(dialog.returnValue === "send");
    }, { once: true });
  });
}

back.addEventListener("click", () => dialog.close());
send.addEventListener("click", () => {
  if (send.getAttribute("aria-disabled") === "false") dialog.close("send");
});
// A held Enter repeats; only a fresh press counts.
send.addEventListener("keydown", (e) => {
  if (e.repeat) e.preventDefault();
});
