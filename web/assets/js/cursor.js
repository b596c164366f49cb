// A cursor is "epoch.offset": how a reader says what it has seen.

/** parseCursor reads a cursor, or returns null for what is not one. */
export function parseCursor(text) {
  const m = /^([a-z0-9-]{1,32})\.(\d{1,16})$/.exec(text ?? "");
  return m && { epoch: m[1], offset: Number(m[2]) };
}

/**
 * isNews reports whether what stands at the cursor has not been seen by a
 * reader at seen. Of another epoch nothing has been seen.
 */
export function isNews(cursor, seen) {
  const c = parseCursor(cursor);
  const s = parseCursor(seen);
  if (!c) return false;
  return !s || c.epoch !== s.epoch || c.offset > s.offset;
}
