import {StateBar} from "/assets/js/statebar.js";
import {equal, test} from "./harness.js";

function make() {
	const home = document.createElement("div");
	document.body.append(home);
	const said = [];
	const nothing = () => {};
	const bar = new StateBar(home, {onRetry: nothing, onPause: nothing, onNewer: nothing, say: (text) => said.push(text), asOf: () => 0});
	const state = home.querySelector(".state");
	return {bar, said, shows: () => [state.dataset.state, state.innerText.trim(), home.querySelector(".retry").hidden]};
}

const until = async (ok) => {
	while (!ok()) await new Promise((next) => requestAnimationFrame(next));
};

test("a stale log shows at once, is said politely, and is over in words", async () => {
	const {bar, said, shows} = make();
	bar.connection({state: "live", transport: "websocket"});
	equal(shows(), ["live", "Live", true]);
	bar.connection({state: "stale", transport: "websocket"});
	equal(shows(), ["stale", "Reconnecting…", true]); // the connection is good: there is nothing to retry
	equal(said, []); // it may be over before anybody needs to hear of it
	await until(() => said.length > 0);
	equal(said, ["The connection is lost. What you see is not live."]);
	bar.connection({state: "live", transport: "websocket", resumed: true});
	bar.caughtUp(0);
	equal(shows(), ["live", "Live. You missed nothing.", true]);
	equal(said[1], "Live. You missed nothing.");
	bar.stop();
});

test("a connection that is tried again can be tried now", async () => {
	const {bar, shows} = make();
	bar.connection({state: "live", transport: "websocket"});
	bar.connection({state: "waiting", retryAt: Date.now() + 60_000});
	equal(shows()[0], "live"); // a blip is not worth a word
	await until(() => shows()[0] === "waiting");
	equal(shows()[2], false);
	bar.stop();
});
