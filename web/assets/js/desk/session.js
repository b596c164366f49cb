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
export async function subscriptions() {
  const n = (await lookAround())?.subscriptions;
  return Number.isInteger(n) ? n : null;
}

/** lookAround is what GET /v1/me says now, or null if that is not known. */
export async function lookAround() {
  try {
    return (await call("GET", "/v1/me", { timeout: 3000 })).data;
  } catch {
    return null;
  }
}

/** file is what a GET answers, in the media type, as a file. */
export async function file(path, type) {
  const answer = await fetch(path, { headers: { Accept: type, Authorization: "Bearer " + key }, credentials: "omit", cache: "no-store", signal: AbortSignal.timeout(20_000) });
  if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
  return answer.blob();
}
