// Who is signed in. The key lives in this tab's session storage and goes
// nowhere but into the Authorization header.

import { Refused, ask } from "../http.js";

const place = "crier-editor-key";

let key = sessionStorage.getItem(place) ?? "";
let onLeave = () => {};

/** me is the signed-in editor: { id, name, role }, and null if nobody is. */
export let me = null;

/** signIn checks the key with the server and keeps it if it is right. */
export async function signIn(secret) {
  const { data } = await ask("GET", "/v1/me", { key: secret });
  key = secret;
  sessionStorage.setItem(place, secret);
  me = data;
  return me;
}

/** resume signs in with the key of this tab, if there is one. */
export async function resume() {
  return key ? signIn(key) : null;
}

/** signOut forgets the key. */
export function signOut(why = null) {
  key = "";
  me = null;
  sessionStorage.removeItem(place);
  onLeave(why);
}

/** whenSignedOut calls f, with the error if the server sent the editor away. */
export function whenSignedOut(f) {
  onLeave = f;
}

/** isChief reports whether the editor may stop all alerts. */
export const isChief = () => me?.role === "chief" || me?.role === "admin";

/** call is ask with the key. A key that is no longer known signs out. */
export async function call(method, path, options = {}) {
  try {
    return await ask(method, path, { ...options, key });
  } catch (err) {
    if (err instanceof Refused && err.status === 401) signOut(err);
    throw err;
  }
}

/** subscriptions is how many subscriptions stand now, or null if that is not known. */
export const subscriptions = () => count("subscriptions");

/** readers is how many readers are on this node now, or null if that is not known. */
export const readers = () => count("readers");

async function count(name) {
  try {
    const { data } = await call("GET", "/v1/me", { timeout: 3000 });
    return Number.isInteger(data[name]) ? data[name] : null;
  } catch {
    return null;
  }
}
