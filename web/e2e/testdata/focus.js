// Whether one can see that the focus is where it is: { what, seen, end }.
(() => {
	let e = document.activeElement;
	while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
	if (!e || e === document.body || e === document.documentElement) return {end: true};
	const marked = (n) => {
		if (!n) return false;
		const s = getComputedStyle(n);
		return (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2) || s.boxShadow !== "none";
	};
	// A control may be drawn by what stands beside it in its label.
	const label = e.closest("label");
	const seen = marked(e) || marked(label) || [...(label?.children ?? [])].some(marked);
	return {what: e.outerHTML.slice(0, 160), seen, end: false};
})()
