package redis

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"crier/desk"
)

// said is what a node has said of its readers, as it is kept.
type said struct {
	desk.Audience
	Ends int64 `json:"ends"` // ms since 1970, by the node's own clock
}

// PutAudience implements desk.Audiences. Nodes that crashed are swept out by
// those that say something later.
func (e *Engine) PutAudience(ctx context.Context, a desk.Audience, now, ends time.Time) error {
	all, err := e.audiences(ctx)
	if err != nil {
		return failed("read the audiences", err)
	}
	var over []string
	for node, s := range all {
		if s.Ends <= at(now) && node != a.Node {
			over = append(over, node)
		}
	}
	js, err := json.Marshal(said{a, at(ends)})
	if err != nil {
		return fmt.Errorf("keep an audience: %w", err)
	}
	_, err = pipelined(ctx, e, func(p redis.Pipeliner) (done []redis.Cmder) {
		if ends.After(now) {
			done = append(done, p.HSet(ctx, e.keys.audiences(), a.Node, js))
		} else {
			over = append(over, a.Node)
		}
		if len(over) > 0 {
			done = append(done, p.HDel(ctx, e.keys.audiences(), over...))
		}
		return done
	})
	if err != nil {
		return failed("keep an audience", err)
	}
	return nil
}

// Audiences implements desk.Audiences.
func (e *Engine) Audiences(ctx context.Context, now time.Time) (out []desk.Audience, err error) {
	all, err := e.audiences(ctx)
	if err != nil {
		return nil, failed("read the audiences", err)
	}
	for _, s := range all {
		if s.Ends > at(now) {
			out = append(out, s.Audience)
		}
	}
	slices.SortFunc(out, func(a, b desk.Audience) int { return cmp.Compare(a.Node, b.Node) })
	return out, nil
}

func (e *Engine) audiences(ctx context.Context) (map[string]said, error) {
	kept, err := again(ctx, e, func(ctx context.Context) (map[string]string, error) {
		return e.client.HGetAll(ctx, e.keys.audiences()).Result()
	})
	if err != nil {
		return nil, err
	}
	all := make(map[string]said, len(kept))
	for node, js := range kept {
		var s said
		if err := json.Unmarshal([]byte(js), &s); err != nil {
			return nil, fmt.Errorf("of %q: %w", node, err)
		}
		all[node] = s
	}
	return all, nil
}
