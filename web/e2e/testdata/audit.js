// What a machine can find wrong with a page as it stands: an array of words.
// The rules are WCAG 2.2's 1.4.3 (contrast), 1.4.10 (reflow) and 2.5.8 (size).
(() => {
	const wrong = [];
	const name = (e) => `${e.tagName.toLowerCase()}${e.id && "#" + e.id}${e.className && "." + e.className} "${e.textContent.trim().slice(0, 40)}"`;

	if (document.documentElement.scrollWidth > innerWidth) {
		const over = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1);
		wrong.push(`wider than the viewport of ${innerWidth}: ${document.documentElement.scrollWidth}, because of ${over.slice(-2).map(name)}`);
	}

	const pixel = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
	const rgba = (color) => { // whatever notation the browser computes
		pixel.clearRect(0, 0, 1, 1);
		pixel.fillStyle = color;
		pixel.fillRect(0, 0, 1, 1);
		const [r, g, b, a] = pixel.getImageData(0, 0, 1, 1).data;
		return [r, g, b, a / 255];
	};
	const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
	const luminance = (c) => {
		const [r, g, b] = c.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const ratio = (a, b) => {
		const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
		return (light + 0.05) / (dark + 0.05);
	};
	// behind is the colour under an element's text, and how opaque the text is.
	const behind = (e) => {
		const layers = [];
		let opacity = 1;
		for (let n = e; n; n = n.parentElement) {
			const s = getComputedStyle(n);
			if (s.backgroundImage !== "none") return null;
			layers.push(rgba(s.backgroundColor));
			opacity *= s.opacity;
		}
		const paper = rgba("Canvas").slice(0, 3);
		return {opacity, color: layers.reverse().reduce((under, layer) => over(layer, under), paper)};
	};
	const visible = (e) => e.checkVisibility({opacityProperty: true, visibilityProperty: true}) && e.getClientRects().length > 0;

	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (texts.nextNode()) {
		const e = texts.currentNode.parentElement;
		if (!texts.currentNode.textContent.trim() || !visible(e)) continue;
		if (e.closest(":disabled, [aria-disabled=true], [aria-hidden=true], [inert], option, noscript")) continue;
		const box = e.getBoundingClientRect();
		if (box.width <= 1 || box.height <= 1) continue; // for screen readers
		const under = behind(e);
		if (!under) continue;
		const s = getComputedStyle(e);
		const ink = rgba(s.color);
		ink[3] *= under.opacity;
		const size = parseFloat(s.fontSize);
		const large = size >= 24 || (size >= 18.66 && s.fontWeight >= 700);
		const has = ratio(over(ink, under.color), under.color);
		if (has < (large ? 3 : 4.5)) wrong.push(`contrast ${has.toFixed(2)} of ${name(e)}`);
	}

	for (const e of document.querySelectorAll("button, input, select, textarea, summary, [role=button]")) {
		if (!visible(e)) continue;
		const {width, height} = (e.closest("label") ?? e).getBoundingClientRect();
		if (width < 24 || height < 24) wrong.push(`${Math.round(width)} by ${Math.round(height)} px is little to hit ${name(e)}`);
	}
	return wrong;
})()
