// The ways to the live stream for a desk: the reader's, joined with a ticket, as
// a browser cannot send the key with a socket. Without one the desk is a reader
// like any other, and asks for its reports.

import { ladder } from "../transports.js";
import { call } from "./session.js";

const patience = 3000; // ms for the ticket

const withTicket = (open) => (base, query, ears) => {
  let close = null;
  let over = false;
  (async () => {
    let ticket = "";
    try {
      ({ ticket } = (await call("POST", "/v1/live/ticket", { timeout: patience })).data);
    } catch {
      // the news matters more
    }
    if (over) return;
    close = open(base, () => {
      const q = query();
      if (ticket) q.set("ticket", ticket);
      return q;
    }, ears);
  })();
  return () => {
    over = true;
    close?.();
  };
};

/** ways is the ladder of a desk. A poll brings news only. */
export const ways = ladder.map((way) => (way.name === "poll" ? way : { ...way, open: withTicket(way.open) }));
