// Making elements from text, and changing them without disturbing who is
// reading them. Strings become text, never markup.

// Nothing: what is left out of properties and children.
const nothing = (v) => v === null || v === undefined || v === false;

/** el makes an element. Properties and children that are null, undefined or false are left out. */
export function el(tag, props = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (nothing(value)) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else e.setAttribute(name, value === true ? "" : String(value));
  }
  e.append(...children.flat().filter((c) => !nothing(c) && c !== ""));
  return e;
}

/** safeLink is the address if it is http or https, else "". */
export function safeLink(text) {
  try {
    const u = new URL(text);
    return u.protocol === "https:" || u.protocol === "http:" ? u.href : "";
  } catch {
    return "";
  }
}

// What the reader or the page sets on an element and a new version must not undo.
const kept = new Set(["open", "data-fresh", "tabindex", "title"]);

const keyOf = (e) => e.dataset.card ?? e.dataset.item ?? e.dataset.key ?? "";
const alike = (a, b) => a.tagName === b.tagName && keyOf(a) === keyOf(b);

/**
 * morph makes the element old equal to fresh. What is the same element stays
 * the same element, so focus, selection and opened details survive. Elements
 * hold either text or elements, never both.
 */
export function morph(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !kept.has(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (!fresh.firstElementChild) {
    if (old.firstElementChild || old.textContent !== fresh.textContent) old.textContent = fresh.textContent;
    return;
  }
  if (!old.firstElementChild) old.textContent = "";
  let at = old.firstElementChild;
  for (const want of [...fresh.children]) {
    let have = at;
    while (have && !alike(have, want)) have = have.nextElementSibling;
    if (!have) {
      old.insertBefore(want, at);
      continue;
    }
    while (at !== have) at = dropped(at);
    morph(have, want);
    at = have.nextElementSibling;
  }
  while (at) at = dropped(at);
}

function dropped(e) {
  const next = e.nextElementSibling;
  e.remove();
  return next;
}

/** focusedIn is the focused element under root, also inside a shadow tree, or null. */
export function focusedIn(root) {
  const f = root.getRootNode().activeElement;
  return f && root.contains(f) ? f : null;
}

/** place puts a child before another and gives back the focus if moving took it. */
export function place(parent, child, before) {
  if (child === before || (child.parentNode === parent && child.nextElementSibling === before)) return;
  const focused = child.parentNode === parent ? focusedIn(child) : null;
  parent.insertBefore(child, before);
  focused?.focus({ preventScroll: true });
}
