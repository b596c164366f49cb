package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/coder/websocket"
)

// wire is a JSON-RPC connection over a WebSocket as CDP and WebDriver BiDi
// both speak it: calls with an id, answers with the same id, events without.
type wire struct {
	conn  *websocket.Conn
	event func(event)
	ended chan struct{} // closed when nothing more will be read

	mu    sync.Mutex
	last  int64
	calls map[int64]chan answer
	err   error // why the connection ended
}

// event is something the browser says unasked. Events come in order, and
// before the answer to any call made after they happened.
type event struct {
	Session string // CDP: of which attached target
	Method  string
	Params  json.RawMessage
}

type answer struct {
	result json.RawMessage
	err    error
}

// request is a call as both protocols write it.
type request struct {
	ID      int64  `json:"id"`
	Session string `json:"sessionId,omitempty"`
	Method  string `json:"method"`
	Params  any    `json:"params"`
}

// reply is an answer or an event of either protocol.
type reply struct {
	ID      *int64          `json:"id"`
	Session string          `json:"sessionId"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   json.RawMessage `json:"error"`   // CDP: an object; BiDi: a word
	Message string          `json:"message"` // BiDi: the sentence that goes with the word
}

// dial connects to a browser. Events are handed to f one at a time, on the
// goroutine that reads: f must not wait for a call.
func dial(ctx context.Context, url string, f func(event)) (*wire, error) {
	conn, _, err := websocket.Dial(ctx, url, nil) //nolint:bodyclose // Dial documents that it never needs closing
	if err != nil {
		return nil, fmt.Errorf("connect to the browser: %w", err)
	}
	conn.SetReadLimit(-1) // a screenshot has no bound worth naming
	w := &wire{conn: conn, event: f, ended: make(chan struct{}), calls: map[int64]chan answer{}}
	go w.read()
	return w, nil
}

func (w *wire) read() {
	defer close(w.ended)
	for {
		_, b, err := w.conn.Read(context.Background())
		if err == nil {
			var r reply
			if err = json.Unmarshal(b, &r); err == nil {
				w.handle(r)
				continue
			}
		}
		w.end(fmt.Errorf("the browser's connection ended: %w", err))
		return
	}
}

func (w *wire) handle(r reply) {
	if r.ID == nil {
		w.event(event{r.Session, r.Method, r.Params})
		return
	}
	a := answer{result: r.Result}
	if r.Error != nil {
		a.err = fmt.Errorf("the browser refused: %s %s", r.Error, r.Message)
	}
	w.mu.Lock()
	c := w.calls[*r.ID]
	delete(w.calls, *r.ID)
	w.mu.Unlock()
	if c != nil {
		c <- a
	}
}

// end answers every open call, and all later ones, with err.
func (w *wire) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
	for id, c := range w.calls {
		c <- answer{err: err}
		delete(w.calls, id)
	}
}

// call makes one call and decodes its result into out, if that is not nil.
func (w *wire) call(ctx context.Context, session, method string, params, out any) error {
	c, id, err := w.send(ctx, session, method, params)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case a := <-c:
		if a.err != nil {
			return fmt.Errorf("%s: %w", method, a.err)
		}
		if out == nil {
			return nil
		}
		if err := json.Unmarshal(a.result, out); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		return nil
	case <-ctx.Done():
		w.mu.Lock()
		delete(w.calls, id)
		w.mu.Unlock()
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// send writes a call and returns where its answer will come. The answer may
// be left there.
func (w *wire) send(ctx context.Context, session, method string, params any) (<-chan answer, int64, error) {
	if params == nil {
		params = struct{}{}
	}
	c := make(chan answer, 1)
	w.mu.Lock()
	if w.err != nil {
		w.mu.Unlock()
		return nil, 0, w.err
	}
	w.last++
	id := w.last
	w.calls[id] = c
	w.mu.Unlock()
	b, err := json.Marshal(request{id, session, method, params})
	if err == nil {
		err = w.conn.Write(ctx, websocket.MessageText, b)
	}
	if err != nil {
		return nil, 0, err
	}
	return c, id, nil
}

// close ends the connection and returns when nothing reads from it any more.
func (w *wire) close() {
	_ = w.conn.CloseNow() // the browser is about to be killed
	<-w.ended
}
