package push

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"crier/push/seal"
)

// request makes j's attempt on the connection and says what came of it: the
// message is sealed, sent and answered, or the time is up (RFC 8030 section
// 5). Redirects are answers like any other; nothing follows them. If the answer
// has a body, that is to be dropped.
func (n *network) request(ctx context.Context, cc *http.ClientConn, o *origin, j *job) (out outcome, b *leftover) {
	now := time.Now()
	p := j.page
	left := p.campaign.Deadline.Sub(now)
	if left <= 0 {
		return outcome{fate: expired, at: now}, nil
	}
	s := &p.deliveries[j.index].Subscription
	signer, out := n.keys.signer(s.Key, now)
	if signer == nil {
		return out, nil
	}
	message, err := n.stock.seal(make([]byte, 0, seal.Size), p.text(j.index, j.voice), s)
	if err != nil {
		return outcome{fate: failed, reason: FailedKeys, at: now}, nil
	}
	token, err := signer.Authorization(o.name, now)
	if err != nil {
		n.logger.Error("sign a token", "service", o.service, "error", err)
		return outcome{fate: retry, at: now}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, n.timeout)
	defer func() {
		if b == nil {
			cancel()
		}
	}()
	req := (&http.Request{
		Method: http.MethodPost, URL: j.target.url, Host: j.target.url.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Authorization":    {token},
			"Content-Encoding": {"aes128gcm"},
			"Content-Type":     {"application/octet-stream"},
			"Ttl":              {strconv.FormatInt(int64(left/time.Second), 10)},
			"Topic":            {p.topicOf(j.index)},
			"Urgency":          {p.urgency},
			"User-Agent":       {userAgent},
		},
		Body: io.NopCloser(bytes.NewReader(message)), ContentLength: int64(len(message)),
	}).WithContext(ctx)
	resp, err := cc.RoundTrip(req) //nolint:bodyclose // whoever asked drops it, see leftover
	now = time.Now()
	if errors.Is(err, context.Canceled) { // we are stopping: it may or may not have arrived
		return outcome{fate: unsent, at: now}, nil
	}
	if err != nil {
		n.logger.Debug("no answer", "service", o.service, "subscription", s.ID.String(), "error", bare(err))
		return outcome{fate: retry, at: now, timedOut: errors.Is(err, context.DeadlineExceeded)}, nil
	}
	if resp.Body != http.NoBody {
		b = &leftover{resp, cancel}
	}
	return judge(resp.StatusCode, resp.Header, now), b
}

// leftover is the body of an answer whose status has said all.
type leftover struct {
	resp   *http.Response
	cancel context.CancelFunc
}

// drop reads what usually is little, so that the connection can be used again,
// and cuts off what is long or does not come.
func (b *leftover) drop() {
	enough := time.AfterFunc(answerTime, b.cancel)
	defer enough.Stop()
	discard(b.resp)
	b.cancel()
}

const userAgent = "crier"

// discard reads what little of a body may be of use to keep the connection,
// and drops the rest, however long it is.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer) // the status has said all
	_ = resp.Body.Close()
}
