// Times as people read them, in their own zone, kept fresh.

const minute = 60_000;
const hour = 60 * minute;

/** timeWords is "just now", "5 min ago", "3 h ago", and from half a day on the date. */
export function timeWords(then, now = Date.now(), locale = "en-GB", zone = undefined) {
  const age = now - then;
  if (age < 45_000) return "just now"; // also for clocks that are a little ahead
  if (age < hour) return `${Math.max(1, Math.round(age / minute))} min ago`;
  if (age < 12 * hour) return `${Math.floor(age / hour)} h ago`;
  const form = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone };
  const sameYear = new Date(then).getFullYear() === new Date(now).getFullYear();
  return format(locale, sameYear ? form : { ...form, year: "numeric" }, then);
}

/** exactTime is the time in full, with its zone. */
export function exactTime(then, locale = "en-GB", zone = undefined) {
  return format(locale, { dateStyle: "full", timeStyle: "long", hourCycle: "h23", timeZone: zone }, then);
}

/** clockTime is the time of day. */
export function clockTime(then, locale = "en-GB", zone = undefined) {
  return format(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone }, then);
}

const formats = new Map(); // making one is dear

function format(locale, form, then) {
  const key = locale + JSON.stringify(form);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(locale, form));
  return formats.get(key).format(then);
}

/** showTimes puts all times under root into words. */
export function showTimes(root, now = Date.now()) {
  for (const t of root.querySelectorAll("time[datetime]")) {
    const then = Date.parse(t.dateTime);
    if (Number.isNaN(then)) continue;
    const words = timeWords(then, now);
    if (t.textContent !== words) t.textContent = words;
    const exact = exactTime(then);
    if (t.title !== exact) t.title = exact;
  }
}

/** keepTimes does so until the returned function is called, while somebody can see it. */
export function keepTimes(root) {
  const show = () => document.visibilityState === "visible" && showTimes(root);
  show();
  const every = setInterval(show, 15_000);
  document.addEventListener("visibilitychange", show);
  return () => {
    clearInterval(every);
    document.removeEventListener("visibilitychange", show);
  };
}
