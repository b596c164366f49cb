import {exactTime, timeWords} from "/assets/js/time.js";
import {equal, test} from "./harness.js";

const now = Date.parse("2026-03-08T12:00:00Z");
const ago = (s) => timeWords(now - s * 1000, now, "en", "UTC");

test("timeWords says how long ago, and from half a day on when", () => {
	for (const [seconds, want] of [
		[-30, "just now"], [0, "just now"], [44, "just now"], [45, "1 min ago"], [90, "2 min ago"],
		[3600, "1 h ago"], [3600 * 11.9, "11 h ago"],
	]) equal(ago(seconds), want, `${seconds} s`);
	equal(ago(3600 * 24).includes("7"), true, ago(3600 * 24));
	equal(ago(3600 * 24).includes("2026"), false);
	equal(ago(3600 * 24 * 365).includes("2025"), true);
});

test("exactTime names the zone", () => {
	equal(exactTime(now, "en", "UTC").includes("UTC"), true);
	equal(exactTime(now, "en", "UTC").includes("12:00:00"), true);
});
