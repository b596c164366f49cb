package chaos

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"

	"crier/engine/redis/redistest"
	"crier/news"
)

// TestChaosOneKey has 100 clients race with one idempotency key on three
// nodes: one entry, one 201, and the same entry for all.
func TestChaosOneKey(t *testing.T) {
	url := redistest.Start(t).URL()
	f := startFleet(t, 3, "--redis", url)
	const clients = 100
	var mu sync.Mutex
	statuses, entries := map[int]int{}, map[string]int{}
	var all sync.WaitGroup
	gun := make(chan struct{})
	for i := range clients {
		all.Go(func() {
			<-gun
			status, entry, err := postOnce(f, f.nodes[i%3])
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			statuses[status]++
			entries[entry]++
		})
	}
	close(gun)
	all.Wait()
	if statuses[http.StatusCreated] != 1 || statuses[http.StatusOK] != clients-1 || len(entries) != 1 {
		t.Errorf("answers %v, entries %v", statuses, entries)
	}
	log, _ := readLog(t, url)
	if len(log) != 1 {
		t.Errorf("%d entries in the log", len(log))
	}
	results.add(row{fault: "100 clients race with one key", items: len(log), repeated: len(log) - 1})
}

func postOnce(f *fleet, n *node) (status int, entry string, err error) {
	r, err := http.NewRequest(http.MethodPost, n.URL+"/v1/items", bytes.NewReader([]byte(`{"headline":"River bursts its banks","topics":["world"]}`)))
	if err != nil {
		return 0, "", err
	}
	r.Header = http.Header{"Authorization": {"Bearer " + f.key}, "Idempotency-Key": {"one"}, "Content-Type": {"application/json"}}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = w.Body.Close() }()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		return w.StatusCode, "", err
	}
	var e news.Entry
	err = json.Unmarshal(b, &e)
	return w.StatusCode, e.Item.ID, err
}
