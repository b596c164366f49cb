// Asking the server. An answer that refuses is told apart from no answer:
// after the latter nobody knows what happened.

/** Refused is a problem+json answer. */
export class Refused extends Error {
  constructor(status, problem, headers) {
    super(problem.title ?? `The server answered ${status}`);
    this.status = status;
    this.problem = problem;
    this.retryAfter = Number(headers?.get("Retry-After")) || 0;
  }

  /** nothingKept says that this attempt, whatever it asked for, changed nothing. */
  get nothingKept() {
    return this.status < 500 || this.kind === "log";
  }

  /** kind is the last part of the problem's type. */
  get kind() {
    return (this.problem.type ?? "").split(":").at(-1);
  }
}

/** Unanswered is a request that may or may not have been carried out. */
export class Unanswered extends Error {}

/**
 * ask sends a request with a JSON body, if there is one, and returns
 * { status, data, etag }. It throws Refused or Unanswered.
 */
export async function ask(method, path, { body, headers = {}, key, timeout = 10_000 } = {}) {
  const h = { Accept: "application/json", ...headers };
  if (body !== undefined) h["Content-Type"] = "application/json";
  if (key) h.Authorization = "Bearer " + key;
  let answer;
  let text;
  try {
    answer = await fetch(path, {
      method, headers: h, cache: "no-store", credentials: "omit",
      body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(timeout),
    });
    text = await answer.text();
  } catch (err) {
    throw new Unanswered(err.name === "TimeoutError" ? "No answer came in time." : "The server cannot be reached.");
  }
  const data = parse(text);
  if (answer.ok) return { status: answer.status, data, etag: answer.headers.get("ETag") ?? "" };
  throw new Refused(answer.status, data ?? {}, answer.headers);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** sentence is the text with a full stop. */
export const sentence = (text) => text.replace(/[.…]?$/, (end) => end || ".");

/** problemWords is an error as lines of text, the first the most important. */
export function problemWords(err) {
  if (!(err instanceof Refused)) return [err.message];
  const { detail, mend, errors } = err.problem;
  if (errors?.length) return [err.message + ".", ...errors.map((e) => `${e.field} ${e.problem}: ${e.mend}.`)];
  return [err.message + ".", detail, mend && mend[0].toUpperCase() + mend.slice(1) + "."].filter(Boolean);
}

/** showProblem puts an error into an element, or empties and hides it. */
export function showProblem(box, err) {
  box.replaceChildren();
  box.hidden = !err;
  if (!err) return;
  for (const line of problemWords(err)) box.append(Object.assign(document.createElement("p"), { textContent: line }));
}
