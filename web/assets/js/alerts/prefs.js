// What the reader chose, kept where both pages and the service worker can
// read it: the cache storage. worker.js knows the same two names.

const store = "crier-alerts";
const address = "/alerts/choices";

/** defaults is every alert of every topic, with sound. */
export const defaults = { on: false, topics: [], level: "urgent", quiet: null, daily_max: 0, put_at: 0 };

/** loadPrefs is the choices of this browser. */
export async function loadPrefs() {
  try {
    const kept = await (await caches.open(store)).match(address);
    return kept ? { ...defaults, ...(await kept.json()) } : defaults;
  } catch {
    return defaults; // storage is off or damaged: the reader chooses anew
  }
}

/** savePrefs keeps them. */
export async function savePrefs(prefs) {
  await (await caches.open(store)).put(address, Response.json(prefs));
}
