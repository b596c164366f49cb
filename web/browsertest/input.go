package browsertest

// pierce finds the element of a CSS selector in which ">>>" steps into an open
// shadow root: "news-ticker >>> article".
const pierce = `((selector) => {
	let root = document, found = null;
	for (const part of selector.split(">>>")) {
		found = root?.querySelector(part.trim()) ?? null;
		root = found?.shadowRoot;
	}
	return found;
})`

// target is where to click: the middle of an element that is enabled, stands
// still for a frame and is on top there.
const target = `(async () => {
	const e = ` + pierce + `(args[0]);
	if (!e) throw "there is no such element";
	if (e.matches(":disabled, [aria-disabled=true]")) throw "it is disabled";
	e.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
	const before = e.getBoundingClientRect();
	await new Promise((frame) => requestAnimationFrame(frame));
	const box = e.getBoundingClientRect();
	if (box.width === 0 || box.height === 0) throw "it has no size";
	if (box.x !== before.x || box.y !== before.y) throw "it moves";
	const x = box.x + box.width / 2, y = box.y + box.height / 2;
	let top = document.elementFromPoint(x, y);
	while (top?.shadowRoot && top !== e) {
		const inner = top.shadowRoot.elementFromPoint(x, y);
		if (!inner || inner === top) break;
		top = inner;
	}
	for (let n = top; n; n = n.parentNode ?? n.host) {
		if (n === e || n.control === e) return {x, y};
	}
	throw "it is covered by " + top?.outerHTML.slice(0, 200);
})()`

// Click clicks with the mouse in the middle of an element, once it is there,
// enabled, still and not covered. In selector, ">>>" steps into an open shadow
// root.
func (p *Page) Click(selector string) {
	p.t.Helper()
	var at struct{ X, Y float64 }
	p.waitFor("to click "+selector, &at, target, []any{selector})
	ctx, cancel := limited(p.t)
	defer cancel()
	if err := p.d.click(ctx, at.X, at.Y); err != nil {
		p.t.Fatalf("click %s: %v", selector, err)
	}
}

// Type types text where the focus is, one key after the other.
func (p *Page) Type(text string) {
	p.t.Helper()
	for _, r := range text {
		p.press(chord{key: letter(r)})
	}
}

// Press presses keys one after the other: Tab, Enter, Escape, Space, ArrowDown
// and the like, or one character; "Shift+Tab" and "Control+a" hold a key
// meanwhile.
func (p *Page) Press(names ...string) {
	p.t.Helper()
	for _, n := range names {
		c, err := parseChord(n)
		if err != nil {
			p.t.Fatal(err)
		}
		p.press(c)
	}
}

func (p *Page) press(c chord) {
	p.t.Helper()
	ctx, cancel := limited(p.t)
	defer cancel()
	if err := p.d.press(ctx, c); err != nil {
		p.t.Fatalf("press %s: %v", c.key.name, err)
	}
}
