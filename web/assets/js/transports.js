// The three ways a message can travel, best first. Each opener has one form:
//
//   open(base, query, { message, end }) returns close()
//
// query() is the address's query with the cursor as it is now. message(m) is
// called with each parsed message, end({ code, retryAfter }) once when the
// way is lost, and neither after close().

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

/** longPoll asks again as soon as it is answered: what every proxy lets through. */
export function longPoll(base, query, { message, end }) {
  const stop = new AbortController();
  (async () => {
    try {
      // The first poll does not hang, so that we know at once that this works.
      for (let hang = 0; !stop.signal.aborted; hang = wait) {
        const url = new URL("/v1/live/poll?" + query(), base);
        url.searchParams.set("wait", hang + "s");
        const signal = AbortSignal.any([stop.signal, AbortSignal.timeout((hang + patience) * 1000)]);
        const answer = await fetch(url, { signal, credentials: "omit", cache: "no-store" });
        if (!answer.ok) {
          if (!stop.signal.aborted) end({ code: answer.status, retryAfter: seconds(answer.headers.get("Retry-After")) });
          return;
        }
        const page = await answer.json();
        if (stop.signal.aborted) return;
        for (const m of page.messages) message(m);
        message({ type: "beat", cursor: page.cursor, stale: page.messages.at(-1)?.stale === true });
      }
    } catch {
      if (!stop.signal.aborted) end({ code: 1006 });
    }
  })();
  return () => stop.abort();
}

/** ladder is the ways in order of preference. */
export const ladder = [
  { name: "websocket", open: webSocket },
  { name: "events", open: eventStream },
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

function seconds(text) {
  const n = Number(text);
  return text && Number.isFinite(n) ? n : 0;
}
