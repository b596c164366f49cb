import {isNews, parseCursor} from "/assets/js/cursor.js";
import {equal, test} from "./harness.js";

test("parseCursor reads what the server writes and nothing else", () => {
	equal(parseCursor("e1x-9.12"), {epoch: "e1x-9", offset: 12});
	equal(parseCursor("e.0"), {epoch: "e", offset: 0});
	for (const bad of ["", null, undefined, "e", ".1", "e.", "e.-1", "e.1.2", "E.1", "e.1 ", "e.12345678901234567", "e".repeat(33) + ".1"]) {
		equal(parseCursor(bad), null, String(bad));
	}
});

test("isNews knows what has been seen", () => {
	for (const [cursor, seen, want] of [
		["e.2", "e.1", true],
		["e.1", "e.1", false],
		["e.1", "e.2", false],
		["e.10", "e.9", true], // numbers, not text
		["f.1", "e.9", true], // of another epoch nothing has been seen
		["e.1", "", true],
		["nonsense", "e.1", false],
	]) equal(isNews(cursor, seen), want, `${cursor} after ${seen}`);
});
