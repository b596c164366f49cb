package chaos

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"crier/push/pushtest"
)

// sink is a push service that counts.
type sink struct {
	service *pushtest.Service

	mu       sync.Mutex
	attempts map[string]int // by endpoint
	hook     func()
}

func startSink(t testing.TB) *sink {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	origin := "http://" + server.Listener.Addr().String()
	k := &sink{service: pushtest.New(origin), attempts: map[string]int{}}
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		k.attempts[origin+r.URL.Path]++
		hook := k.hook
		k.mu.Unlock()
		if hook != nil {
			hook()
		}
		k.service.ServeHTTP(w, r)
	})
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(k.service.Close)
	return k
}

func (k *sink) host() string { return k.service.Host() }

// before has f called before each answer.
func (k *sink) before(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hook = f
}
