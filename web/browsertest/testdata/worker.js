self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("push", (event) => {
	const text = event.data.text();
	if (text === "fail") throw new Error("the worker failed");
	event.waitUntil((async () => {
		await self.registration.showNotification(text);
		for (const client of await self.clients.matchAll()) client.postMessage("shown " + text);
	})());
});
