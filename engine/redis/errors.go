package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"crier/news"

	"github.com/redis/go-redis/v9"
)

// Errors of opening. Test with errors.Is.
var (
	// ErrAddress: the text is no address of a Redis.
	ErrAddress = errors.New("not a Redis URL: want redis://, rediss:// (TLS), unix:///path, redis+sentinel://host,host/mastername or redis+cluster://host,host")
	// ErrPrefix: the prefix has a character that it must not have.
	ErrPrefix = errors.New("not a prefix of keys: use 1 to 40 of a–z, A–Z, 0–9, '.', '_' and '-'")
	// ErrTooOld: the server is older than Redis 7.0 and no Valkey.
	ErrTooOld = errors.New("the server is too old: Crier needs Redis 7.0 or later, or Valkey")
	// ErrReplica: the server is a read-only replica.
	ErrReplica = errors.New("the server is a read-only replica: give the address of its master, or of the sentinels")
	// ErrEvicts: the server may throw away what it was given to keep.
	ErrEvicts = errors.New("the server evicts keys when memory is short: set maxmemory-policy noeviction")
	// ErrForeign: another program uses a key of ours.
	ErrForeign = errors.New("a key is not Crier's: use another prefix or another database")
	// ErrNewer: a newer Crier has written to the server.
	ErrNewer = errors.New("written by a newer version of Crier: run that one")
)

var errClosed = fmt.Errorf("%w: the engine is closed", news.ErrUnavailable)

// busy is what a server answers that does not take the command just now, and
// how an operator mends it where it does not pass by itself. The server has
// not run the command: all our scripts declare themselves, so that it refuses
// them before their first line.
var busy = []struct{ answer, mend string }{
	{"LOADING ", ""},
	{"READONLY ", "it is a replica: give the address of its master, or of the sentinels"},
	{"MISCONF ", "it cannot write to its disk: see its own log"},
	{"OOM ", "it has reached its maxmemory: raise that, or keep less of the log (--log-age, --log-entries)"},
	{"CLUSTERDOWN ", "see CLUSTER INFO on its nodes"},
	{"MASTERDOWN ", ""},
	{"NOREPLICAS ", "it wants more replicas to be connected (min-replicas-to-write)"},
	{"TRYAGAIN ", ""},
	{"BUSY ", "a script of another program holds it up"},
	{"MOVED ", "it is one of a Cluster: use redis+cluster://"},
	{"ASK ", ""},
	{"NOAUTH ", "give user and password in the URL"},
	{"WRONGPASS ", "mend user and password in the URL"},
	{"NOPERM ", "let the user have the keys and channels that begin with {crier: (or your prefix), and the commands of the categories read, write, pubsub, connection and scripting, and info, time and wait"},
	{"ERR max number of clients", "raise its maxclients"},
}

// answered reports whether err is the server's answer, and whether it says
// that the command was not taken.
func answered(err error) (is, refused bool) {
	var e redis.Error
	if !errors.As(err, &e) {
		return false, false
	}
	// Its slot is being moved, as 7.0 says it and as later ones do. Our scripts
	// look before they write.
	if strings.Contains(e.Error(), "non local key") || strings.Contains(e.Error(), "during rehashing of the slot") {
		return true, true
	}
	for _, b := range busy {
		if strings.HasPrefix(e.Error(), b.answer) {
			return true, true
		}
	}
	return true, false
}

// mend is what an operator can do about err, "" if nothing.
func mend(err error) string {
	var e redis.Error
	if errors.As(err, &e) {
		for _, b := range busy {
			if strings.HasPrefix(e.Error(), b.answer) {
				return b.mend
			}
		}
	}
	if unsent(err) && !errors.Is(err, redis.ErrClosed) {
		return "is it running, and is the address right?"
	}
	return ""
}

// unsent reports whether err, of one attempt, says that the command never
// left: there was no connection for it.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || errors.Is(err, redis.ErrPoolTimeout) ||
		errors.Is(err, redis.ErrPoolExhausted) || errors.Is(err, redis.ErrClosed)
}

// lost reports whether err is a failure of the connection.
func lost(err error) bool {
	if err == nil || errors.Is(err, redis.Nil) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var e net.Error
	return errors.As(err, &e) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || unsent(err)
}

// timedOut reports whether err is the end of a wait for an answer.
func timedOut(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// failed wraps err with the operation that failed. What may pass without
// anybody changing the call becomes news.ErrUnavailable.
func failed(op string, err error) error {
	is, refused := answered(err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, news.ErrUnavailable):
	case errors.Is(err, redis.ErrClosed):
		err = errClosed
	case refused, !is && lost(err):
		if m := mend(err); m != "" {
			err = fmt.Errorf("%w (%s)", err, m)
		}
		err = fmt.Errorf("%w: %w", news.ErrUnavailable, err)
	case is && strings.Contains(err.Error(), "WRONGTYPE"):
		err = fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}
