package push

import (
	"context"
	"time"
)

// errand is a job with the connection that it goes over.
type errand struct {
	conn *conn
	job  *job
}

// carry makes one attempt after another for as long as there are some. A
// goroutine that has grown its stack for TLS once need not for each message.
func (o *origin) carry(ctx context.Context, e errand) {
	rest := time.NewTimer(carrierRest)
	defer rest.Stop()
	for {
		o.attempt(ctx, e.conn, e.job)
		rest.Reset(carrierRest)
		select {
		case e = <-o.hand:
		case <-rest.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// carrierRest is how long a goroutine waits for the next attempt.
const carrierRest = 100 * time.Millisecond

// attempt makes j's request on c.
func (o *origin) attempt(ctx context.Context, c *conn, j *job) {
	start := time.Now()
	out, b := o.net.request(ctx, c.cc, o, j)
	out.again = j.page.deliveries[j.index].Attempts > 1 // of one that was put off it is 1
	out.echo = out.fate == retry && !out.answered && !out.timedOut && o.lostWith(c)
	out = o.learn(start, out)
	if b != nil { // nobody waits for that
		j.page.settle(j.index, out)
		b.drop()
		o.release(c, start, out)
		return
	}
	o.release(c, start, out)
	j.page.settle(j.index, out)
}
