import {el, morph, safeLink} from "/assets/js/dom.js";
import {equal, test} from "./harness.js";

test("text stays text", () => {
	const e = el("p", {title: "<b>", lang: null, hidden: false}, "<img src=x onerror=alert(1)>");
	equal([e.children.length, e.textContent], [0, "<img src=x onerror=alert(1)>"]);
	equal(e.getAttributeNames(), ["title"]);
	equal(e.title, "<b>");
});

test("safeLink lets only the web through", () => {
	equal(safeLink("https://news.example/a"), "https://news.example/a");
	equal(safeLink("http://news.example/"), "http://news.example/");
	for (const bad of ["javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "//news.example", "/a", "", undefined]) {
		equal(safeLink(bad), "", String(bad));
	}
});

test("morph keeps the elements that stay, with the focus and what is open", () => {
	const card = (headline, more) => el("div", {}, el("p", {"data-key": "a"}, el("a", {href: "#", "data-key": "link"}, headline)),
		more && el("details", {"data-key": "more"}, el("summary", {}, "more"), el("p", {}, "text")));
	const old = card("old", true);
	document.body.append(old);
	const link = old.querySelector("a");
	link.focus();
	old.querySelector("details").open = true;
	morph(old, card("new", true));
	equal(old.querySelector("a") === link && document.activeElement === link, true, "the focused link");
	equal(link.textContent, "new");
	equal(old.querySelector("details").open, true, "the opened details");
	morph(old, card("last", false));
	equal(old.querySelector("details"), null);
	old.remove();
});
