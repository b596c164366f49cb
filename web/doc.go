// Package web is what people see: the pages, the ticker element, the service
// worker and the desk. It renders and serves files; which route calls what,
// and with which headers, is the caller's business.
//
// # Words
//
// A [Site] is the pages and files of one deployment. A card is a story on
// screen: its newest item leads, earlier ones stand beneath. A page is whole
// without JavaScript; with it, the ticker element takes the cards over where
// they stand and goes live from the cursor that the page carries, so nothing
// is missed or shown twice between the two.
//
// # Files
//
//	templates/   html/template; cards.html is what assets/js/render.js makes too
//	assets/css   tokens first, then base, layout, one sheet for each page, print
//	assets/js    plain ES modules, no build step; each says what it exports
//	root/        what has a fixed address: the service worker, icons
//
// Everything under /assets/ carries the revision of the whole tree in its
// path, so modules import each other by relative address, are cached for ever
// and never mix with those of another release. /ticker.js is the stable door
// for embedding pages and only names the revision behind it.
//
// # Invariants
//
//  1. A headline is text: it reaches the page through html/template or
//     textContent, never as markup. Links are http or https, or are not links.
//  2. No inline script and no inline style, so that [ContentSecurityPolicy]
//     can forbid both.
//  3. cards.html and render.js make the same elements from the same entry.
//  4. A withdrawn item stays on screen and says in words that it is withdrawn.
//
// A Site is immutable and safe for concurrent use. Nothing here blocks except
// on the writer it is given.
package web
