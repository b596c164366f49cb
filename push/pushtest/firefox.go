package pushtest

// FirefoxPrefs is the preferences with which Firefox subscribes to s, without
// asking its user, and shows notifications where there is no desktop.
func FirefoxPrefs(s *Service) map[string]any {
	return map[string]any{
		"dom.push.serverURL":                       s.BrowserURL(),
		"dom.push.testing.allowInsecureServerURL":  true,
		"dom.push.connection.enabled":              true, // automation turns it off
		"dom.push.retryBaseInterval":               500,
		"permissions.default.desktop-notification": 1,     // granted
		"alerts.useSystemBackend":                  false, // it would wait for a notification daemon
	}
}
