package push

import (
	"context"
	"time"
)

// MaxLetters is how many dead letters of a campaign are kept.
const MaxLetters = 10_000

// Letter is a dead letter: a delivery that was given up.
type Letter struct {
	ID      ID        // of the subscription
	Service string    // the push service; "" if it is none that is known
	Reason  string    // one of Failed…
	Status  int       // of the push service's answer; 0 if it was not one
	At      time.Time // when it was given up
}

// Letters are the dead letters of a campaign.
type Letters struct {
	Campaign Campaign
	Kept     map[string]int64 // by reason; those beyond MaxLetters are only in Tally.Failed
	First    []Letter         // some of them, by ID
}

// DeadLetters keeps deliveries that were given up, until ReceiptLife after the
// campaign's deadline. Methods wait for the engine and honour ctx; all are safe
// for concurrent use.
type DeadLetters interface {
	// Letters is the dead letters of an item's last campaign, and the first of
	// them, at most limit, of the reason if one is given. Errors: ErrNoCampaign.
	Letters(ctx context.Context, item, reason string, limit int) (Letters, error)
	// Replay turns the dead letters of an item's last campaign, of the reason
	// if one is given, into retries that are due now, and says how many. Each is
	// in one place at any time: what is a retry again is no letter and counts as
	// queued, not as failed; should it be given up again it is a letter again.
	// Racing calls replay each letter once. One whose subscription no longer
	// stands ends as gone. Errors: ErrNoCampaign, ErrCampaignOver.
	Replay(ctx context.Context, item, reason string, now time.Time) (n int64, err error)
}
