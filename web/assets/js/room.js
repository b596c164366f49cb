// Whether there is room for a reader. Browsers hide the status and the headers
// of a WebSocket or an event stream that was refused, so who wants to know why
// asks again in a way whose answer can be read.

import { retryAfter } from "./backoff.js";
import { deadline } from "./deadline.js";

const patience = 3000; // ms: what is known by then has to do

/**
 * askRoom is { reached, retryAfter }: whether a server answered, and in how many
 * seconds it wants us to come, null if it did not say. It never fails.
 */
export async function askRoom(base, stop) {
  const { signal, done } = deadline(stop, patience);
  try {
    const answer = await fetch(new URL("/v1/live/room", base), { signal, credentials: "omit", cache: "no-store" });
    return { reached: true, retryAfter: answer.ok ? null : retryAfter(answer.headers.get("Retry-After")) };
  } catch {
    return { reached: false, retryAfter: null };
  } finally {
    done();
  }
}
