// The service worker: it shows what the push service brings, tells the server
// that it did, and leads a click to the story. A classic script, because not
// every browser runs modules here. It keeps no pages and answers no fetches.
"use strict";

const choices = { store: "crier-alerts", address: "/alerts/choices" }; // see assets/js/alerts/prefs.js
const icon = "/icon-192.png";
const badge = "/badge-96.png";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (e) => e.waitUntil(self.clients.claim()));

self.addEventListener("push", (e) => e.waitUntil(show(read(e))));
self.addEventListener("notificationclick", (e) => {
  e.notification.close();
  e.waitUntil(Promise.all([lead(e.notification.data), receipt("clicked", e.notification.data)]));
});
self.addEventListener("pushsubscriptionchange", (e) => e.waitUntil(renew(e.oldSubscription, e.newSubscription)));

// show shows something for every message: a browser takes the permission away
// from a site that stays silent, and an honest word is better than none.
async function show(n) {
  if (!n) {
    await self.registration.showNotification("News has come in", {
      body: "An alert arrived that this browser could not read. Open the live page to see what it was about.",
      tag: "unreadable", icon, badge, data: { navigate: "/" },
    });
    return;
  }
  const { title, ...rest } = options(n);
  await self.registration.showNotification(title, rest);
  await Promise.all([displayed(rest.data), confirm(n.data?.confirm)]);
}

// read is the notification of a Declarative Web Push message, or null. A browser
// that has read the message itself gives the notification it would show.
function read(e) {
  try {
    if (!e.data && e.notification?.title) return e.notification;
    const { web_push, notification: n } = e.data.json();
    return web_push === 8030 && typeof n.title === "string" && n.title.trim() !== "" ? n : null;
  } catch {
    return null;
  }
}

function options(n) {
  const words = (v) => (typeof v === "string" ? v : "");
  const data = n.data && typeof n.data === "object" ? n.data : {};
  const o = {
    title: n.title,
    body: words(n.body),
    tag: words(n.tag),
    lang: words(n.lang),
    dir: ["ltr", "rtl"].includes(n.dir) ? n.dir : "auto",
    silent: n.silent === true,
    icon: safe(n.icon) ? n.icon : icon,
    badge,
    data: { ...data, navigate: words(n.navigate), nonce: crypto.randomUUID() },
  };
  if (Number.isFinite(n.timestamp)) o.timestamp = n.timestamp;
  if (o.tag && !o.silent) o.renotify = true; // the second item of a story buzzes too
  if (data.level === "flash" && !o.silent && !data.drill) o.requireInteraction = true;
  return o;
}

function safe(address) {
  try {
    return ["https:", "http:"].includes(new URL(address, self.location.origin).protocol);
  } catch {
    return false;
  }
}

// confirm tells the server that the greeting has arrived: only then does it
// send alerts here.
async function confirm(what) {
  if (!what) return;
  const { subscription, nonce } = what;
  await tell("/v1/alerts/confirmation", () => ({ subscription, nonce }));
}

// displayed sends the receipt of displaying, if this browser is one of those that
// are asked for it, and after a while, so that they do not all come at once.
async function displayed({ one_in = 1, within_ms = 0, ...data }) {
  if (!(Math.random() * one_in < 1)) return;
  await receipt("displayed", data, Math.random() * within_ms);
}

// receipt tells the server that a notification was displayed or clicked, after
// so many ms. A repeat counts once, by its nonce, so it is safe to try again.
async function receipt(kind, data, first = 0) {
  if (!data?.receipt) return;
  const begun = Date.now();
  await tell("/v1/alerts/receipts", () => {
    const waited_ms = Math.min(Math.max(Date.now() - begun, 0), 60_000);
    return { token: data.receipt, kind, nonce: data.nonce, waited_ms };
  }, first);
}

// tell posts what there is to say, after so many ms, and tries again where
// nobody has taken it.
async function tell(address, say, first = 0) {
  for (const pause of [first, 1000, 5000]) {
    await new Promise((done) => setTimeout(done, pause));
    const body = JSON.stringify(say());
    try {
      const answer = await fetch(address, {
        method: "POST", body, keepalive: true, credentials: "omit", headers: { "Content-Type": "application/json" },
      });
      if (answer.status < 500 && answer.status !== 429) return;
    } catch {
      // no network just now
    }
  }
}

// lead brings the reader to the story: to the page that shows it already, or
// to a new one.
async function lead(data) {
  const to = new URL(safe(data?.navigate) ? data.navigate : "/", self.location.origin);
  const open = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = (address) => address.origin + address.pathname;
  const there = open.find((c) => page(new URL(c.url)) === page(to));
  if (there) await there.focus();
  else await self.clients.openWindow(to.href);
}

// renew tells the server of the subscription that the browser made in place
// of an old one, with the choices the reader has made. One that was made with a
// key which is not the newest any more is made anew.
async function renew(old, fresh) {
  const kept = await (await caches.open(choices.store)).match(choices.address);
  const prefs = kept && (await kept.json());
  if (!prefs?.on) return;
  const { key } = await (await fetch("/v1/alerts/key", { credentials: "omit" })).json();
  if (fresh && text(fresh.options.applicationServerKey) !== key) {
    await fresh.unsubscribe();
    fresh = null;
  }
  fresh ??= await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const { topics, level, quiet, daily_max, digest, zone, language } = prefs;
  const flash_always = prefs.flash_always ?? !quiet; // see prefs.js
  const put = await send("PUT", { ...fresh.toJSON(), key, topics, level, quiet, daily_max, flash_always, digest, zone, language });
  if (put.ok && old && old.endpoint !== fresh.endpoint) {
    const { endpoint, keys } = old.toJSON();
    await send("DELETE", { endpoint, keys: { auth: keys.auth } });
  }
}

// text is bytes in base64url.
function text(buffer) {
  return btoa(String.fromCharCode(...new Uint8Array(buffer ?? []))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function send(method, body) {
  return fetch("/v1/alerts/subscription", {
    method, credentials: "omit", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
}
