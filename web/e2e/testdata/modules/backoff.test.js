import {climbWait, fullJitter, reliefWait} from "/assets/js/backoff.js";
import {equal, test} from "./harness.js";

test("fullJitter is anywhere below a bound that doubles up to half a minute", () => {
	equal([0, 1, 2, 3, 4, 5, 6, 100].map((n) => fullJitter(n, () => 1)), [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
	equal([0, 5, 100].map((n) => fullJitter(n, () => 0)), [0, 0, 0]);
	equal(fullJitter(1, () => 0.25), 500);
});

test("climbWait starts at some seconds and ends at some minutes", () => {
	equal([0, 1, 100].map((n) => climbWait(n, () => 0.5)), [15000, 30000, 600000]);
	equal([climbWait(0, () => 0), climbWait(0, () => 1)], [7500, 22500]);
});

test("reliefWait is about a second, and from attempt 0 on doubles", () => {
	equal([-15, -1, 0, 1, 4, 5, 100].map((n) => reliefWait(n, () => 0.5)), [1000, 1000, 1000, 2000, 16000, 30000, 30000]);
	equal([reliefWait(-1, () => 0), reliefWait(-1, () => 1)], [750, 1250]);
});
