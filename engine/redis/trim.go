package redis

import (
	"context"
	"fmt"
	"time"
)

// trimStep is how many entries one script trims, so that no append waits long
// for it.
const trimStep = 200

// Trim removes the oldest entries of the log and says how many, but never one
// of the last keep, nor one appended within young of now. Cursors from before
// what is left are lost from then on. Items keep their last entries, and
// idempotency keys answer with their own copy. Trim also stays behind what
// has not become a campaign yet (once anything has).
func (e *Engine) Trim(ctx context.Context, keep int, young time.Duration) (trimmed int64, err error) {
	for {
		v, err := e.run(ctx, e.scripts.trim, []string{e.keys.log, e.keys.entries()}, max(keep, 0), e.now().Add(-young).UnixMilli(), trimStep)
		n, ok := v.(int64)
		if err == nil && !ok {
			err = fmt.Errorf("the script answered %T", v)
		}
		if err != nil {
			return trimmed, failed("trim the log", err)
		}
		if trimmed += n; n < trimStep {
			return trimmed, nil
		}
	}
}
