package push

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestEndpoints(t *testing.T) {
	named, err := ParseHosts([]string{"127.0.0.1:9000", "[::1]:9001", "Push.Example", "up.example:8443"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ endpoint, origin, service, problem string }{
		{"https://fcm.googleapis.com/fcm/send/abc:def", "https://fcm.googleapis.com", "fcm.googleapis.com", ""},
		{"https://FCM.googleapis.com:443/x", "https://fcm.googleapis.com", "fcm.googleapis.com", ""},
		{"https://android.googleapis.com/gcm/send/abc", "https://android.googleapis.com", "fcm.googleapis.com", ""},
		{"https://jmt17.google.com/fcm/send/abc", "https://jmt17.google.com", "fcm.googleapis.com", ""},
		{"https://updates.push.services.mozilla.com/wpush/v2/abc", "https://updates.push.services.mozilla.com", "updates.push.services.mozilla.com", ""},
		{"https://web.push.apple.com/abc", "https://web.push.apple.com", "push.apple.com", ""},
		{"https://db5p.notify.windows.com/w/?token=abc%2b", "https://db5p.notify.windows.com", "notify.windows.com", ""},
		{"http://127.0.0.1:9000/push/1", "http://127.0.0.1:9000", "127.0.0.1:9000", ""},
		{"https://[::1]:9001/push/1", "https://[::1]:9001", "[::1]:9001", ""},
		{"https://push.example/1", "https://push.example", "push.example:443", ""},
		{"http://push.example/1", "http://push.example", "push.example:80", ""},
		{"https://up.example:8443/1", "https://up.example:8443", "up.example:8443", ""},

		{"https://evil.example/x.google.com/", "", "", `"evil.example", which is no push service`},
		{"https://127.0.0.1/x", "", "", "no push service"},
		{"http://127.0.0.1:9001/x", "", "", "no push service"},
		{"https://127.1:9000/x", "", "", "no push service"},
		{"https://[::ffff:127.0.0.1]:9000/x", "", "", "no push service"},
		{"https://localhost:9000/x", "", "", "no push service"},
		{"https://up.example/1", "", "", "no push service"},
		{"https://push.apple.com/x", "", "", "no push service"},
		{"https://evilpush.apple.com.evil.example/x", "", "", "no push service"},
		{"https://evil-push.apple.com/x", "", "", "no push service"},
		{"https://fcm.googleapis.com./x", "", "", "no push service"},
		{"https://fcm.googleapis.com.evil.example/x", "", "", "no push service"},
		{"https://xfcm.googleapis.com/x", "", "", "no push service"},
		{"https://fcm.googleapis.com@evil.example/x", "", "", "user name"},
		{"https://user@fcm.googleapis.com/x", "", "", "user name"},
		{"https://fcm.googleapis.com\\@evil.example/x", "", "", "not an address"},
		{"http://fcm.googleapis.com/x", "", "", "not https"},
		{"ftp://fcm.googleapis.com/x", "", "", "scheme"},
		{"https://fcm.googleapis.com:444/x", "", "", "port 444"},
		{"https://fcm.googleapis.com/x#y", "", "", "not an address"},
		{"https://fcm.googleapis.com/x#", "", "", "not an address"},
		{"https://fcm.googleapis.com/x y", "", "", "not an address"},
		{"https://fcm.googleapis.com/\n", "", "", "not an address"},
		{"https://fcm.googleapis.com/ü", "", "", "not an address"},
		{"https://fcm.googleapis.com", "", "", "no path"},
		{"https://fcm.googleapis.com/", "", "", "no path"},
		{"https:fcm.googleapis.com/x", "", "", "not an address"},
		{"//fcm.googleapis.com/x", "", "", "scheme"},
		{"", "", "", "not an address"},
		{"https://fcm.googleapis.com/" + strings.Repeat("x", maxEndpoint), "", "", "too long"},
	} {
		got, fault := named.target(tt.endpoint)
		switch {
		case fault == nil && tt.problem != "":
			t.Errorf("%.60q is taken", tt.endpoint)
		case fault != nil && (tt.problem == "" || !strings.Contains(fault.Problem, tt.problem) || fault.Mend == ""):
			t.Errorf("%.60q: %+v, want %q", tt.endpoint, *fault, tt.problem)
		case got.origin != tt.origin || got.service != tt.service:
			t.Errorf("%.60q: origin %q of %q, want %q of %q", tt.endpoint, got.origin, got.service, tt.origin, tt.service)
		}
	}
}

func TestAFaultNamesNoMoreThanTheHost(t *testing.T) {
	for _, endpoint := range []string{"https://evil.example/s3cret", "https://s3cret@fcm.googleapis.com/", "http://fcm.googleapis.com/s3cret", "https://fcm.googleapis.com/s3cret#", "s3cret"} {
		if _, fault := (Hosts{}).target(endpoint); fault == nil || strings.Contains(fault.Problem+fault.Mend, "s3cret") {
			t.Errorf("%q: %+v", endpoint, fault)
		}
	}
}

func TestParseHostsRefuses(t *testing.T) {
	for _, entry := range []string{"", " ", ":9000", "host:", "host:0", "host:65536", "host:http", "http://host", "host/path", "user@host", "a b", "*.example"} {
		if _, err := ParseHosts([]string{entry}); err == nil {
			t.Errorf("%q is taken", entry)
		}
	}
}

func TestPublicAddresses(t *testing.T) {
	for addr, want := range map[string]bool{
		"8.8.8.8": true, "142.250.74.106": true, "2a00:1450:4001:830::200a": true, "2620:149:a44::1": true,
		"0.0.0.0": false, "0.1.2.3": false, "127.0.0.1": false, "127.8.8.8": false, "10.0.0.1": false, "172.16.0.1": false,
		"172.31.255.255": false, "172.32.0.1": true, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false,
		"100.127.255.255": false, "100.128.0.1": true, "192.0.0.1": false, "192.0.2.1": false, "198.18.0.1": false,
		"198.51.100.7": false, "203.0.113.7": false, "192.88.99.1": false, "224.0.0.1": false, "239.1.1.1": false,
		"240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd12::1": false,
		"fec0::1": false, "ff02::1": false, "2001:db8::1": false, "100::1": false, "2001::1": false, "3fff::1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:8.8.8.8": true, "::127.0.0.1": false, "::8.8.8.8": false,
		"64:ff9b::7f00:1": false, "64:ff9b::a00:1": false, "64:ff9b::808:808": true, "64:ff9b:1::808:808": false,
		"2002:7f00:1::1": false, "2002:a00:1::1": false, "2002:a9fe:a9fe::1": false, "2002:808:808::1": true,
	} {
		if got := public(netip.MustParseAddr(addr)); got != want {
			t.Errorf("public(%s) = %v", addr, got)
		}
	}
}

func TestDialRefusesWhatIsNotPublic(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "0.0.0.0", "::ffff:127.0.0.1"} {
		if c, err := (Hosts{}).dial(context.Background(), "tcp", net.JoinHostPort(host, port)); !errors.Is(err, errNotPublic) {
			t.Errorf("%s: %v, %v", host, c, err)
		}
	}
	named, err := ParseHosts([]string{"LOCALHOST:" + port})
	if err != nil {
		t.Fatal(err)
	}
	c, err := named.dial(context.Background(), "tcp", "localhost:"+port)
	if err != nil {
		t.Fatalf("a named host is refused: %v", err)
	}
	_ = c.Close()
	if _, err := named.dial(context.Background(), "tcp", "127.0.0.1:"+port); !errors.Is(err, errNotPublic) {
		t.Errorf("another name of a named host: %v", err)
	}
}

func TestErrorsCarryNoEndpoint(t *testing.T) {
	const secret = "https://push.example/s3cret"
	for _, inner := range []error{
		&net.DNSError{Err: "no such host", Name: "push.example"},
		&net.OpError{Op: "dial", Err: errNotPublic},
		&net.OpError{Op: "read", Err: net.ErrClosed},
		context.DeadlineExceeded, errors.New("malformed answer"),
	} {
		got := bare(&url.Error{Op: "Post", URL: secret, Err: inner})
		if got == nil || strings.Contains(got.Error(), "s3cret") {
			t.Errorf("%v becomes %v", inner, got)
		}
	}
	if bare(nil) != nil {
		t.Error("no error becomes one")
	}
}
