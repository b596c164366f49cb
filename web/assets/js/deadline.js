// What a request to the server may take.

/**
 * deadline is a signal that aborts when stop does, and after so many ms. done()
 * lets go of both. By hand, because AbortSignal.any is missing in browsers that
 * are still in use (Firefox 115, Safari 17.3).
 */
export function deadline(stop, ms) {
  const both = new AbortController();
  const abort = () => both.abort();
  const timer = setTimeout(abort, ms);
  stop.addEventListener("abort", abort);
  if (stop.aborted) abort();
  return {
    signal: both.signal,
    done() {
      clearTimeout(timer);
      stop.removeEventListener("abort", abort);
    },
  };
}
