import {summary} from "/assets/js/announce.js";
import {spoken, topicWord} from "/assets/js/words.js";
import {equal, test} from "./harness.js";

const entry = (kind, headline, item = {}) => ({kind, item: {headline, level: "regular", ...item}});

test("spoken is one sentence that says what happened", () => {
	equal(spoken(entry("posted", "News")), "News");
	equal(spoken(entry("posted", "News", {level: "flash"})), "Flash: News");
	equal(spoken(entry("updated", "News")), "Update: News");
	equal(spoken(entry("corrected", "News", {reason: "It was wrong."})), "Correction: News. It was wrong.");
	equal(spoken(entry("withdrawn", "News", {reason: "A hoax."})), "Withdrawn: News. A hoax.");
	equal(spoken(entry("posted", "News", {drill: true})), "Drill, not real news. News");
});

test("a summary never loses a correction in a number", () => {
	const fresh = [1, 2, 3].map((n) => entry("posted", "News " + n));
	equal(summary(fresh.slice(0, 1)), "News 1");
	equal(summary(fresh), "3 items came in. Latest: News 3");
	const all = summary([...fresh, entry("withdrawn", "Old", {reason: "A hoax"})]);
	equal(all, "Withdrawn: Old. A hoax. 3 items came in. Latest: News 3");
	const stopped = summary([...fresh, entry("withdrawn", "Old", {reason: "A hoax."})]);
	equal(stopped, all);
});

test("topicWord is for people", () => {
	equal(["world", "new-york"].map(topicWord), ["World", "New york"]);
});
