package browsertest

// Offline cuts the page off the network, or connects it again, as far as
// Chromium's own switch goes: navigator.onLine and its events follow. Cut a
// Proxy for connections that stand.
func (p *ChromiumPage) Offline(off bool) {
	p.t.Helper()
	p.do("Network.emulateNetworkConditions", map[string]any{
		"offline": off, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
	}, nil)
}

// Scheme sets the user's preference for a colour scheme, "light" or "dark".
func (p *ChromiumPage) Scheme(scheme string) {
	p.t.Helper()
	p.media("prefers-color-scheme", scheme)
}

// Calm sets the user's preference for reduced motion.
func (p *ChromiumPage) Calm() {
	p.t.Helper()
	p.media("prefers-reduced-motion", "reduce")
}

func (p *ChromiumPage) media(name, value string) {
	p.t.Helper()
	p.features[name] = value
	var all []any
	for n, v := range p.features {
		all = append(all, map[string]any{"name": n, "value": v})
	}
	p.do("Emulation.setEmulatedMedia", map[string]any{"features": all}, nil)
}

// NoScript loads the page again with its scripts turned off for good. Timers
// and frames stop with them, so that Click, and Wait for what is not so yet,
// do not work on it any more.
func (p *ChromiumPage) NoScript() {
	p.t.Helper()
	p.do("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	p.Reload()
}

// do makes a call in the page's session.
func (p *ChromiumPage) do(method string, params map[string]any, out any) {
	p.t.Helper()
	ctx, cancel := limited(p.t)
	defer cancel()
	if err := p.tab.call(ctx, method, params, out); err != nil {
		p.t.Fatal(err)
	}
}
