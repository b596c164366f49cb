// How a ticker looks on somebody else's page: small, quiet, and dressed by
// the page's own custom properties. A constructed sheet, because the page's
// policy may forbid inline styles.

import { el } from "./dom.js";

const css = `
:host {
  --_ink: var(--news-ink, light-dark(#16181d, #eceae4));
  --_soft: var(--news-soft, light-dark(#5a5d66, #a9a7a1));
  --_rule: var(--news-rule, light-dark(#d8d4ca, #34373d));
  --_paper: var(--news-paper, light-dark(#fff, #16181c));
  --_signal: var(--news-signal, light-dark(#b8001f, #ff6b6b));
  --_on-signal: var(--news-on-signal, light-dark(#fff, #16181c));
  display: block; container-type: inline-size;
  color: var(--_ink); background: var(--_paper);
  font: var(--news-font, 400 1rem/1.45 system-ui, sans-serif);
  border: 1px solid var(--_rule); border-radius: var(--news-radius, 6px);
}
:host([hidden]) { display: none; }
.ticker { position: relative; max-block-size: var(--news-height, none); overflow: auto; }
.bar { position: sticky; inset-block-start: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .5em; align-items: center; padding: .5em .75em;
  background: var(--_paper); border-block-end: 1px solid var(--_rule); font-size: .8125em; }
.state { display: flex; gap: .5em; align-items: center; margin: 0; margin-inline-end: auto; color: var(--_soft); }
.dot { inline-size: .6em; block-size: .6em; border-radius: 50%; border: 2px solid currentcolor; flex: none; }
[data-state="live"] .dot { background: var(--_signal); border-color: var(--_signal); }
button { font: inherit; color: inherit; background: none; border: 1px solid var(--_soft); border-radius: 4px; padding: .25em .75em; min-block-size: 2em; cursor: pointer; }
button:hover { border-color: currentcolor; }
button.newer { background: var(--_signal); border-color: var(--_signal); color: var(--_on-signal); font-weight: 600; }
button[hidden] { display: none; }
:focus-visible { outline: 3px solid var(--_signal); outline-offset: 2px; }
.stories, .earlier, .topics { list-style: none; margin: 0; padding: 0; }
.story { padding: .75em; border-block-end: 1px solid var(--_rule); }
.story:last-child { border-block-end: 0; }
.story:focus { outline: none; }
.meta, .notice { margin: 0; font-size: .8125em; color: var(--_soft); }
.meta { display: flex; flex-wrap: wrap; gap: .25em .6em; align-items: baseline; }
.notice time { display: block; color: var(--_soft); }
.when { color: inherit; text-decoration: none; }
.when:hover { text-decoration: underline; }
.revised { display: inline-flex; gap: .3em; }
.tag { font-size: .85em; letter-spacing: .06em; text-transform: uppercase; padding: .1em .5em; border-radius: 2px; border: 1px solid var(--_signal); color: var(--_signal); }
[data-level="bulletin"] > .meta .level, [data-level="flash"] > .meta .level { background: var(--_signal); color: var(--_on-signal); }
.tag.kill, .tag.drill { border-color: currentcolor; color: var(--_ink); }
.headline { margin: .2em 0 0; font: 700 1.0625em/1.3 var(--news-headline-font, Georgia, "Times New Roman", serif); overflow-wrap: anywhere; }
.headline a { color: inherit; text-decoration: none; }
.headline a:hover { text-decoration: underline; text-decoration-thickness: 1px; text-underline-offset: .15em; }
.summary { margin: .35em 0 0; font-size: .9375em; overflow-wrap: anywhere; }
.notice { margin-block-start: .4em; padding-inline-start: .6em; border-inline-start: 3px solid var(--_signal); color: var(--_ink); }
.topics, .history { display: none; }
.earlier { margin-block-start: .5em; padding-inline-start: .75em; border-inline-start: 1px solid var(--_rule); }
.earlier .headline { font-size: .9375em; font-weight: 400; }
.earlier li + li { margin-block-start: .5em; }
.more summary { cursor: pointer; font-size: .8125em; color: var(--_soft); margin-block-start: .5em; }
.story[data-level="flash"]:not([data-drill], [data-withdrawn]) { border-inline-start: 6px solid var(--_signal); background: color-mix(in srgb, var(--_signal) 9%, var(--_paper)); }
.story[data-drill] { border: 3px dashed currentcolor; background: repeating-linear-gradient(135deg, transparent 0 14px, color-mix(in srgb, var(--_soft) 14%, transparent) 14px 28px); }
[data-withdrawn] > .headline, [data-withdrawn] > .summary { color: var(--_soft); }
.empty { display: none; margin: 0; padding: 1em .75em; color: var(--_soft); }
.stories:empty + .empty { display: block; }
.spoken { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.edge { block-size: 1px; margin-block-end: -1px; }
@media (prefers-reduced-motion: no-preference) {
  [data-fresh] { animation: arrive 1.2s ease-out; }
  @keyframes arrive { from { background-color: color-mix(in srgb, var(--_signal) 25%, var(--_paper)); } }
}
@media (forced-colors: active) { .tag, .story[data-level="flash"] { border-color: CanvasText; } }
@media print { .bar { display: none; } }
`;

let made;

/** dress gives a shadow tree the sheet, which is made when it is first needed. */
export function dress(root) {
  try {
    made ??= new CSSStyleSheet();
    if (made.cssRules.length === 0) made.replaceSync(css);
    root.adoptedStyleSheets = [made];
  } catch { // Safari before 16.4 constructs no sheets
    root.append(el("style", {}, css));
  }
}
