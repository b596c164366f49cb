// This browser's subscription: whether it can have one, has one, and how to
// get and be rid of it. Nothing here asks for permission unless told to.

import { ask } from "../http.js";
import { loadPrefs, savePrefs, wishes } from "./prefs.js";

const patience = 20_000; // ms that a browser may take to subscribe
const refreshAfter = 12 * 60 * 60 * 1000; // ms after which a visit tells the server again

/**
 * standing is { state, prefs } with state one of
 *   unsupported  this browser cannot
 *   insecure     the page is not on https
 *   home         an iPhone or iPad: only from the home screen
 *   blocked      the reader has said no to the browser
 *   off, on
 */
export async function standing() {
  const prefs = await loadPrefs();
  if (!window.isSecureContext) return { state: "insecure", prefs };
  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) {
    return { state: isIOS() && !navigator.standalone ? "home" : "unsupported", prefs };
  }
  if (Notification.permission === "denied") return { state: "blocked", prefs };
  const subscription = await current();
  return { state: subscription && prefs.on && Notification.permission === "granted" ? "on" : "off", prefs };
}

/**
 * turnOn asks for permission if need be, subscribes and tells the server. Call
 * it from a click. It returns the new standing; a refusal by the server throws.
 */
export async function turnOn(choices) {
  const permission = await Notification.requestPermission(); // first: the browser wants to see the click
  if (permission !== "granted") return standing();
  await subscribe(choices);
  return standing();
}

/** turnOff ends it, here even if the server cannot be told: it will find out. */
export async function turnOff() {
  const subscription = await current();
  const prefs = await loadPrefs();
  await savePrefs({ ...prefs, on: false, put_at: 0 });
  if (subscription) {
    await forget(subscription.toJSON()).catch(() => {});
    await subscription.unsubscribe();
  }
  return standing();
}

/**
 * refresh mends what was lost between visits: the browser's subscription, the
 * server's memory of it, or the key it was made with. always says to tell the
 * server even if it was told lately.
 */
export async function refresh({ always = false } = {}) {
  const now = await standing();
  if (!now.prefs.on || now.state === "blocked" || Notification.permission !== "granted") return now;
  if (now.state === "on" && !always && Date.now() - now.prefs.put_at < refreshAfter) return now;
  await subscribe(now.prefs);
  return standing();
}

async function subscribe(choices) {
  const registration = await register();
  const { data } = await ask("GET", "/v1/alerts/key");
  const key = bytes(data.key);
  let subscription = await registration.pushManager.getSubscription();
  let old = null;
  if (subscription && !sameBytes(subscription.options.applicationServerKey, key)) {
    old = subscription.toJSON(); // the server's key has been rotated, or it is another server's
    await subscription.unsubscribe();
    subscription = null;
  }
  const fresh = !subscription;
  subscription ??= await inTime(registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
  const language = document.documentElement.lang;
  try {
    await ask("PUT", "/v1/alerts/subscription", { body: { ...subscription.toJSON(), key: data.key, ...wishes(choices), language } });
  } catch (err) {
    if (fresh) await subscription.unsubscribe(); // a subscription nobody knows of would look like one that works
    throw err;
  }
  await savePrefs({ ...wishes(choices), language, on: true, put_at: Date.now() });
  if (old) await forget(old).catch(() => {}); // else its push service says that it is gone
}

// forget has the server let a subscription go.
function forget({ endpoint, keys }) {
  return ask("DELETE", "/v1/alerts/subscription", { body: { endpoint, keys: { auth: keys.auth } } });
}

// inTime gives up on a browser whose own service cannot be reached: it would
// try for ever without a word.
function inTime(promise) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error("Your browser cannot reach its notification service just now. Try again later.")), patience);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function current() {
  const registration = await navigator.serviceWorker.getRegistration("/");
  return (await registration?.pushManager.getSubscription()) ?? null;
}

async function register() {
  await navigator.serviceWorker.register(workerAddress(), { scope: "/", updateViaCache: "none" });
  return navigator.serviceWorker.ready;
}

// workerAddress satisfies our own policy: the one script address a string may become.
function workerAddress() {
  const address = "/worker.js";
  if (!window.trustedTypes) return address;
  policy ??= window.trustedTypes.createPolicy("crier-worker", { createScriptURL: () => address });
  return policy.createScriptURL(address);
}

let policy; // a name can be used once a page

/** bytes is base64url as bytes. */
export function bytes(text) {
  const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}

function sameBytes(buffer, want) {
  const have = new Uint8Array(buffer ?? []);
  return have.length === want.length && have.every((b, i) => b === want[i]);
}

function isIOS() {
  return /iPhone|iPad|iPod/.test(navigator.userAgent) || (/Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);
}
