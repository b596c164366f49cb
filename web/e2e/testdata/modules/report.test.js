import {equal, test} from "./harness.js";

// The desk's modules look for its elements when they are loaded.
document.body.append(...["alarms", "alarms-list", "alarms-chief", "alarms-clear", "alarms-problem"].map((id) =>
	Object.assign(document.createElement(id === "alarms-list" ? "ul" : "div"), {id})));
const {Report} = await import("/assets/js/desk/report.js");
const {showAlarms} = await import("/assets/js/desk/alarms.js");

const campaign = {
	campaign: "e.1", item: "n1", kind: "posted", state: "sending", opened_at: "2026-03-01T12:00:00Z", at: "2026-03-01T12:00:20Z",
	audience: 600, audience_estimate: 1000, swept: 0.6, queued: 100, accepted: 480, retried: 4, throttled: 2, gone: 15, failed: {too_large: 5},
	expired: 0, cancelled: 0, rate: 40, eta_seconds: 12.5, oldest_waiting_seconds: 20, seconds_to_50: null, seconds_to_90: null, seconds_to_99: null,
	displayed: 30, displayed_one_in: 10, displayed_estimate: {number: 300, low: 210, high: 428}, clicked: 7,
	promise: {share: 0.9, seconds: 120, verdict: "open"},
	services: [{service: "fcm.googleapis.com", audience: 600, queued: 100, accepted: 480, gone: 15, failed: {too_large: 5}, expired: 0, cancelled: 0, seconds_to_90: null, rate: 40, eta_seconds: 12.5, oldest_waiting_seconds: 20}],
};

function open() {
	const r = new Report("n1");
	document.body.append(r.element);
	r.take(campaign); // it is closed, and shows nothing
	r.element.open = true;
	return r;
}
const text = (r, selector) => r.element.querySelector(selector)?.innerText.replace(/\s+/g, " ");

test("what is estimated is said to be, and what browsers say is told apart", () => {
	const r = open();
	r.take(campaign);
	equal(text(r, ".report-big"), "480 of about 1,000 accepted, 48 %");
	equal(text(r, ".report-promise"), "Promise open 90 % within 120 s");
	equal(text(r, "[data-word=displayed] b"), "~300");
	equal(text(r, "[data-word=displayed] small"), "estimated: 210 to 428; 30 receipts, from 1 browser in 10");
	equal(text(r, "[data-word=clicked] b"), "7");
	equal(text(r, "[data-word='to go'] b"), "about 13 s");
	equal(text(r, "tbody tr"), "Google (Chrome, Android) 600 480 100 20 – 40/s 13 s 20 s");
	equal(r.element.querySelector("[role=progressbar]").getAttribute("aria-valuenow"), "48");
	r.close();
});

test("a screen reader is not told every second, but told the end", () => {
	const r = open();
	r.take(campaign);
	const said = () => text(r, ".spoken");
	equal(said(), "Sending: 480 of about 1,000 accepted");
	for (let n = 481; n < 490; n++) r.take({...campaign, accepted: n});
	equal(said(), "Sending: 480 of about 1,000 accepted");
	equal(text(r, ".report-big b"), "489");
	const details = r.element.querySelector(".report-more");
	details.open = true;
	r.take({...campaign, state: "done", swept: 1, audience: 1000, accepted: 985, queued: 0, eta_seconds: null, oldest_waiting_seconds: null, seconds_to_90: 21.3, promise: {...campaign.promise, verdict: "kept"}});
	equal(said(), "Sent: 985 of 1,000 accepted");
	equal(text(r, "[data-word='90 %'] b"), "21.3 s");
	equal(text(r, ".report-promise strong"), "Promise kept");
	equal([details.open, text(r, "[data-word=now]")], [true, undefined]);
	r.close();
});

test("alarms are in words an editor understands", () => {
	const since = "2026-03-01T12:00:00Z";
	showAlarms([
		{service: "canary", problem: "the canary failed: it got no answer in time", since},
		{service: "push.apple.com", problem: "25 % of the last 80 subscriptions are said to be gone", since},
		{service: "fcm.googleapis.com", problem: "30 % of the last 80 notifications were refused with 401 or 403", since},
	]);
	const list = document.getElementById("alarms-list");
	equal([...list.querySelectorAll("strong")].map((e) => e.innerText), ["A test alert that we send to ourselves has failed.",
		"Apple (Safari, iPhone) says that unusually many subscribers are gone.", "Google (Chrome, Android) refuses our notifications."]);
	equal([document.getElementById("alarms").hidden, document.getElementById("alarms-clear").hidden], [false, true]); // nobody is a chief here
	showAlarms([]);
	equal(document.getElementById("alarms").hidden, true);
});
