// The smallest thing that runs tests: each file calls test(), then the page
// calls run() for what became of them.

const tests = [];

export function test(name, f) {
	tests.push({name, f});
}

/** run is [{ name, problem }], problem "" for a test that passed. */
export async function run() {
	const results = [];
	for (const {name, f} of tests) {
		let problem = "";
		try {
			await f();
		} catch (e) {
			problem = e.stack ?? String(e);
		}
		results.push({name, problem});
	}
	return results;
}

/** equal compares by way of JSON. */
export function equal(got, want, what = "") {
	const [g, w] = [JSON.stringify(got), JSON.stringify(want)];
	if (g !== w) throw new Error(`${what && what + ": "}got ${g}, want ${w}`);
}
