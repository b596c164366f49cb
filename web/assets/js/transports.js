// The three ways a message can travel, best first. Each opener has one form:
//
//   open(base, query, { message, end }) returns close()
//
// query() is the address's query with the cursor as it is now. message(m) is
// called with each parsed message, end({ code, reached, retryAfter }) once when
// the way is lost, and neither after close(). reached says that the server has
// answered, retryAfter the seconds that it asks for, or null; a way that is mute
// can know neither.

import { retryAfter } from "./backoff.js";
import { deadline } from "./deadline.js";

/** webSocket is one socket; it only listens. */
export function webSocket(base, query, { message, end }) {
  const url = new URL("/v1/live?" + query(), base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const ws = new WebSocket(url);
  const done = (how) => {
    ws.onmessage = ws.onclose = null;
    ws.close();
    end(how);
  };
  ws.onmessage = (e) => {
    const m = parse(e.data);
    if (m) message(m);
    else done({ code: 1007 });
  };
  ws.onclose = (e) => done({ code: e.code });
  return () => {
    ws.onmessage = ws.onclose = null;
    ws.close(1000);
  };
}

/**
 * eventStream is server-sent events. The browser's own reconnecting is not
 * used: it knows nothing of backing off.
 */
export function eventStream(base, query, { message, end }) {
  const es = new EventSource(new URL("/v1/live?" + query(), base));
  const close = () => {
    es.onmessage = es.onerror = null;
    es.close();
  };
  const done = (how) => {
    close();
    end(how);
  };
  es.onmessage = (e) => {
    const m = parse(e.data);
    if (m) message(m);
    else done({ code: 1007 });
  };
  es.onerror = () => done({ code: 1006 });
  return close;
}

const wait = 25; // seconds that a poll may hang
const patience = 10; // seconds more before it is given up
const breath = 1000; // ms between two polls if the first came back early and empty

/** longPoll asks again as soon as it is answered: what every proxy lets through. */
export function longPoll(base, query, { message, end }) {
  const stop = new AbortController();
  // hand passes a message on while somebody listens. What listens may fail by
  // itself: that is no fault of the way, and is told as what nobody caught.
  const hand = (m) => {
    if (stop.signal.aborted) return;
    try {
      message(m);
    } catch (err) {
      queueMicrotask(() => { throw err; });
    }
  };
  const done = (how) => {
    if (stop.signal.aborted) return;
    stop.abort();
    end(how);
  };
  (async () => {
    // The first poll does not hang, so that we know at once that this works.
    for (let hang = 0; !stop.signal.aborted; hang = wait) {
      const asked = Date.now();
      const { page, how } = await poll(base, query(), hang, stop.signal);
      if (!page) return done(how);
      for (const m of page.messages) hand(m);
      hand({ type: "beat", cursor: page.cursor, stale: page.messages.at(-1)?.stale === true });
      // A cache that answers in place of the server must not be asked without end.
      const early = hang > 0 && page.messages.length === 0 && Date.now() - asked < breath;
      if (early) await new Promise((on) => setTimeout(on, breath));
    }
    return undefined;
  })();
  return () => stop.abort();
}

// poll asks once. It is { page }, or { how } it failed.
async function poll(base, query, hang, stop) {
  const url = new URL("/v1/live/poll?" + query, base);
  url.searchParams.set("wait", hang + "s");
  const { signal, done } = deadline(stop, (hang + patience) * 1000);
  try {
    const answer = await fetch(url, { signal, credentials: "omit", cache: "no-store" });
    if (!answer.ok) return { how: { code: answer.status, reached: true, retryAfter: retryAfter(answer.headers.get("Retry-After")) } };
    const page = await answer.json();
    return Array.isArray(page?.messages) ? { page } : { how: { code: 1007 } };
  } catch {
    return { how: { code: 1006 } };
  } finally {
    done();
  }
}

/** ladder is the ways in order of preference. */
export const ladder = [
  { name: "websocket", open: webSocket, mute: true },
  { name: "events", open: eventStream, mute: true },
  { name: "poll", open: longPoll },
];

function parse(text) {
  try {
    const m = JSON.parse(text);
    return typeof m?.type === "string" ? m : null;
  } catch {
    return null;
  }
}
