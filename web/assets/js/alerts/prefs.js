// What the reader chose, kept where both pages and the service worker can
// read it: the cache storage. worker.js knows the same two names.

const store = "crier-alerts";
const address = "/alerts/choices";

/** defaults is every alert of every topic, with sound. */
export const defaults = {
  on: false, topics: [], level: "urgent", quiet: null, daily_max: 0, flash_always: false, digest: "18:00", zone: "", put_at: 0,
};

/** wishes is what of them the server is told. worker.js does the same. */
export function wishes({ topics, level, quiet, daily_max, flash_always, digest, zone }) {
  return { topics, level, quiet: quiet && { from: quiet.from, to: quiet.to }, daily_max, flash_always, digest, zone };
}

/** loadPrefs is the choices of this browser. */
export async function loadPrefs() {
  try {
    const kept = await (await caches.open(store)).match(address);
    const chosen = kept ? await kept.json() : {};
    const prefs = { ...defaults, ...chosen };
    // Choices from before there was a digest: a flash heeded quiet hours and no
    // number a day, and the zone was kept with the quiet hours.
    if (chosen.topics) prefs.flash_always = chosen.flash_always ?? !chosen.quiet;
    prefs.zone ||= prefs.quiet?.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
    return prefs;
  } catch {
    return defaults; // storage is off or damaged: the reader chooses anew
  }
}

/** savePrefs keeps them. */
export async function savePrefs(prefs) {
  // Not Response.json: Safari 16 has alerts, but not that.
  await (await caches.open(store)).put(address, new Response(JSON.stringify(prefs), { headers: { "Content-Type": "application/json" } }));
}
