// How long to wait before trying again, in milliseconds.

const first = 1000;
const longest = 30_000;
const longestAsked = 300; // seconds that we wait because a server says so

/**
 * fullJitter is a random wait between nothing and a bound that doubles with
 * each attempt. Readers who were all cut off together must not come back
 * together, so the whole wait is random and not just its end.
 */
export function fullJitter(attempt, random = Math.random) {
  return Math.round(random() * Math.min(longest, first * 2 ** Math.min(attempt, 10)));
}

/**
 * reliefWait is the pause between the attempt'th try for a connection that is to
 * take over and the next: about a second, and from attempt 0 on doubling.
 */
export function reliefWait(attempt, random = Math.random) {
  const doublings = Math.min(Math.max(attempt, 0), 10);
  return Math.round((0.75 + random() / 2) * Math.min(longest, first * 2 ** doublings));
}

/** climbWait is the pause before the attempt'th try of a better transport. */
export function climbWait(attempt, random = Math.random) {
  return Math.round((0.5 + random()) * Math.min(600_000, 15_000 * 2 ** Math.min(attempt, 10)));
}

/**
 * retryAfter is how many seconds a Retry-After header asks for, which is a number
 * of them or a date: at most five minutes, and null if it asks for nothing.
 */
export function retryAfter(text, now = Date.now()) {
  let s = NaN;
  if (/^\s*\d+\s*$/.test(text)) s = Number(text);
  else if (/GMT\s*$/.test(text)) s = (Date.parse(text) - now) / 1000;
  return Number.isNaN(s) ? null : Math.min(Math.max(s, 0), longestAsked);
}
