import {Front} from "/assets/js/front.js";
import {equal, test} from "./harness.js";

const entry = (offset, id, {first = offset, story = id, ...item} = {}) => ({offset, first, kind: "posted", item: {id, story, ...item}});
const ids = (front) => front.entries.map((e) => e.item.id);

test("the newest item is on top and stays in its place when revised", () => {
	const front = new Front();
	for (const e of [entry(1, "a"), entry(2, "b"), entry(3, "a", {first: 1, withdrawn: true})]) front.apply(e);
	equal(ids(front), ["b", "a"]);
	equal(front.entry("a").item.withdrawn, true);
});

test("what is older than what is shown changes nothing", () => {
	const front = new Front();
	equal(front.apply(entry(5, "a", {first: 1, headline: "new"})), ["a"]);
	equal(front.apply(entry(4, "a", {first: 1, headline: "old"})), []);
	equal(front.apply(entry(5, "a", {first: 1, headline: "again"})), []);
	equal(front.entry("a").item.headline, "new");
});

test("what falls off the end is forgotten", () => {
	const front = new Front({limit: 2});
	front.reset([entry(1, "a"), entry(2, "b")]);
	equal(front.apply(entry(3, "c")), ["c", "a"]);
	equal(ids(front), ["c", "b"]);
	equal(front.has("a"), false);
});

test("a story is one card, led by its newest item", () => {
	const front = new Front();
	for (let i = 1; i <= 5; i++) front.apply(entry(i, "i" + i, {story: "s"}));
	front.apply(entry(6, "other"));
	const cards = front.cards().map(({key, lead, earlier, more}) => [key, lead.item.id, earlier.map((e) => e.item.id), more.map((e) => e.item.id)]);
	equal(cards, [["other", "other", [], []], ["s", "i5", ["i4", "i3"], ["i2", "i1"]]]);
});

test("an item that moves to another story changes both cards", () => {
	const front = new Front();
	front.apply(entry(1, "a", {story: "s"}));
	equal(front.apply(entry(2, "a", {first: 1, story: "t"})).sort(), ["s", "t"]);
});
