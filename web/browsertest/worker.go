package browsertest

import "encoding/json"

// DeliverPush makes the service worker with the scope receive a push message
// with the data, as if it had come, decrypted, from a push service. It waits
// until there is such a worker and it is active, not until it has done
// anything. For that, wait for the worker's own word and not for
// getNotifications: asked while a notification is on its way to the screen,
// Chromium has been seen to forget it.
func (p *ChromiumPage) DeliverPush(scope, data string) {
	p.t.Helper()
	p.do("ServiceWorker.enable", nil, nil) // Chromium tells of the workers, first of those there are
	ctx, cancel := limited(p.t)
	defer cancel()
	var id string
	err := p.tab.await(ctx, func() bool {
		id = p.tab.scopes[scope]
		return p.tab.active[id]
	})
	if err != nil {
		p.t.Fatalf("there is no active service worker with the scope %s: %v", scope, err)
	}
	p.do("ServiceWorker.deliverPushMessage", map[string]any{
		"origin": p.Text("location.origin"), "registrationId": id, "data": data,
	}, nil)
}

// handleWorker takes what Chromium tells of service workers.
func (c *chromiumTab) handleWorker(e event) {
	var told struct {
		Registrations []struct {
			ID      string `json:"registrationId"`
			Scope   string `json:"scopeURL"`
			Deleted bool   `json:"isDeleted"`
		}
		Versions []struct {
			ID     string `json:"registrationId"`
			Status string
		}
	}
	if json.Unmarshal(e.Params, &told) != nil {
		return
	}
	c.tell(func() {
		for _, r := range told.Registrations {
			if r.Deleted {
				delete(c.scopes, r.Scope)
			} else {
				c.scopes[r.Scope] = r.ID
			}
		}
		for _, v := range told.Versions {
			if v.Status == "activated" {
				c.active[v.ID] = true
			}
		}
	})
}
