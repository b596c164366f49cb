package push

import (
	"context"
	"errors"
	"time"

	"crier/news"
)

// Errors of the store's contract. Engines return them wrapped; test with errors.Is.
var (
	// ErrNoSubscription: there is no such subscription.
	ErrNoSubscription = errors.New("no such subscription")
	// ErrNotYours: the subscription stands with another auth secret.
	ErrNotYours = errors.New("the subscription belongs to another browser")
	// ErrLeaseLost: another worker has claimed the range since; what the
	// caller wanted to write was not written.
	ErrLeaseLost = errors.New("the lease on this range is lost")
	// ErrNoCampaign: there is no such campaign.
	ErrNoCampaign = errors.New("no such campaign")
	// ErrCampaignOver: the campaign's deadline has passed, or a later entry of
	// the item has replaced it. Nothing is sent for it any more.
	ErrCampaignOver = errors.New("the campaign is over")
	// ErrReceiptRefused: the receipt's token is of no campaign, its campaign
	// ended longer than ReceiptLife ago, or has had as many receipts of the
	// kind as subscriptions stood when it opened.
	ErrReceiptRefused = errors.New("receipt refused")
)

// ReceiptLife is how long after a campaign's deadline receipts still count: a
// notification may wait on a lock screen for days.
const ReceiptLife = 7 * 24 * time.Hour

// Subscriptions keeps who is to be notified. Methods wait for the engine and
// honour ctx; all are safe for concurrent use. What they return shares no
// memory with the engine.
type Subscriptions interface {
	// PutSubscription keeps s, checked by Subscription.Check. One that stands
	// with the same ID and the same Auth is refreshed: keys, preferences and
	// SeenAt change, CreatedAt stays, and what was confirmed stays confirmed.
	// Errors: ErrNotYours.
	PutSubscription(ctx context.Context, s Subscription) (created bool, err error)
	// Subscription is one by its ID. Errors: ErrNoSubscription.
	Subscription(ctx context.Context, id ID) (Subscription, error)
	// DeleteSubscription forgets it, if auth is its Auth. Errors:
	// ErrNoSubscription, ErrNotYours.
	DeleteSubscription(ctx context.Context, id ID, auth [16]byte) error
	// ConfirmSubscription notes that notifications arrive, if auth is its Auth.
	// Errors: ErrNoSubscription, ErrNotYours.
	ConfirmSubscription(ctx context.Context, id ID, auth [16]byte) error
	// ForgetUnseen forgets those of ids that were last put before the time
	// before; if unconfirmed, only those that are Unconfirmed. It says how many
	// there were. ids are at most 1000.
	ForgetUnseen(ctx context.Context, ids []ID, before time.Time, unconfirmed bool) (n int64, err error)
	// Lives is the subscriptions after an ID, in order of ID and at most limit.
	Lives(ctx context.Context, after ID, limit int) ([]Life, error)
	// CountSubscriptions is how many stand, confirmed or not.
	CountSubscriptions(ctx context.Context) (int64, error)
	// Changes is a number that is another one after somebody who stood has
	// departed, wants something else or was confirmed. Who comes is in no campaign
	// that is open, and who comes again as they were changes nothing.
	Changes(ctx context.Context) (int64, error)
	// Receivers is what sealing takes to know of the subscriptions after an ID
	// that are in the shards of r, in order of ID and at most limit.
	Receivers(ctx context.Context, r Range, after ID, limit int) ([]Receiver, error)
}

// Campaigns keeps the sending of entries, so that a crash at any point costs
// at most the repeat of one page per worker. A campaign is cut into ranges of
// shards, see [Range]; a worker claims a range, walks it page by page in order
// of ID and checkpoints after each page. Methods wait for the engine and
// honour ctx; all are safe for concurrent use.
type Campaigns interface {
	// Followed is the cursor up to which entries have become campaigns: zero
	// at first.
	Followed(ctx context.Context) (news.Cursor, error)
	// OpenCampaigns opens each of cs over every subscription that stands now,
	// cancels what is unsent of older campaigns of the same items, and moves
	// Followed to upto, all in one atomic write. A campaign whose ID is known
	// is left as it is, so nodes may race. cs may be empty; the zero upto moves
	// nothing. A campaign that replaces one goes first to those whom that had
	// reached: in each range to those up to whom it had been walked, and to the
	// others when all ranges have come that far or are being worked on.
	OpenCampaigns(ctx context.Context, upto news.Cursor, cs []Campaign) error

	// Claim takes a range that is not done, has work due by now and is leased
	// to nobody, or whose lease has ended by now: of a campaign of the highest
	// Lane first, then of the oldest; cancelled campaigns, of which the rest is
	// only counted, come after all others so that a correction waits for no
	// counting. Of the ranges of one campaign one whose walk has not come past
	// those whom the replaced campaign had reached comes first, then one that
	// begins in w.Blocks. ok is false if there is none, or while all campaigns are
	// stopped. Each claim has a Token above all earlier ones of its range.
	// Where another worker holds a range of an older campaign of the item, or of
	// its Campaign.Story if it has one, ranges with shards in common are not given
	// out until it lets go or its lease ends: what may be on its way to a device
	// must not come after what takes its place. Nor are they while one of the
	// story that is older, in a higher Lane and not cancelled has not been scanned
	// there.
	Claim(ctx context.Context, w Worker, now time.Time, lease time.Duration) (l Lease, ok bool, err error)
	// Deliveries is the next page of l, at most limit: retries due by now
	// first, then subscriptions after the range's cursor that stood when the
	// campaign opened. It changes nothing. Errors: ErrLeaseLost.
	Deliveries(ctx context.Context, l Lease, now time.Time, limit int) (Page, error)
	// Checkpoint writes what became of a page, in one atomic write: cursor,
	// retries, removals, dead letters, counts, and the lease's new end. It is refused whole
	// with ErrLeaseLost unless l.Token is the range's last one. While an Alarm
	// stands, other than CanaryService's, nothing is removed, whatever Progress says. A range is
	// done, and its lease free, when it is scanned and no retry waits. A retry
	// whose subscription no longer stands is not delivered: the next Checkpoint
	// or Claim of its range counts it as gone. st says what has changed
	// meanwhile.
	Checkpoint(ctx context.Context, l Lease, p Progress) (st State, err error)
	// Release gives a range back before its lease ends, if l still holds it.
	Release(ctx context.Context, l Lease) error
	// Attend says that a worker is there until ends, or no more if that is not
	// after now, and returns the names of all who are there at the time now,
	// sorted.
	Attend(ctx context.Context, worker string, now, ends time.Time) (workers []string, err error)
	// NextDue is when Claim may next find work: at or before now if it may at
	// once, even if all that is due waits for another worker, the zero time if all ranges are done or all campaigns are stopped.
	NextDue(ctx context.Context, now time.Time) (time.Time, error)

	// Stop halts the sending of all campaigns, Resume lets it go on. Both are
	// idempotent; the first Stop is the one kept.
	Stop(ctx context.Context, s Stop) error
	Resume(ctx context.Context) error
	// Stopped is the stop in force, nil if there is none.
	Stopped(ctx context.Context) (*Stop, error)

	// Report is the last campaign of an item, as far as it is known. Errors:
	// ErrNoCampaign.
	Report(ctx context.Context, item string) (Report, error)
	// Reports is the last campaigns of an item, at most limit, the newest first;
	// none if there are none.
	Reports(ctx context.Context, item string, limit int) ([]Report, error)
	// Unfinished is the campaigns that are not done and not cancelled, in the
	// order of Claim, with their ranges that are not done at the time now.
	Unfinished(ctx context.Context, now time.Time) ([]Unfinished, error)
	// Standing is the subscriptions after an ID in the shards of r that stood
	// when the campaign opened and stand now, in order of ID and at most limit.
	// Errors: ErrNoCampaign.
	Standing(ctx context.Context, campaign string, r Range, after ID, limit int) ([]Subscription, error)
	// CampaignsSince is the campaigns opened at or after t, oldest first.
	CampaignsSince(ctx context.Context, t time.Time) ([]Campaign, error)
	// AddReceipt counts r once per campaign, kind and nonce; a repeat is no
	// error. A receipt may come before the checkpoint that counts what it is
	// of. Errors: ErrReceiptRefused.
	AddReceipt(ctx context.Context, r Receipt) error
}

// Services keeps what was learned of push services, for all nodes and across
// restarts. Methods wait for the engine and honour ctx; all are safe for
// concurrent use.
type Services interface {
	// RaiseAlarm keeps a, unless one of its service stands or a.Since is before
	// what Alarms.Trusted says. That does not hold back CanaryService's.
	RaiseAlarm(ctx context.Context, a Alarm) error
	// LowerAlarm forgets the alarm of the service, if one stands.
	LowerAlarm(ctx context.Context, service string) error
	// Alarms is those that stand.
	Alarms(ctx context.Context) (Alarms, error)
	// ClearAlarms forgets those that stand, and no other is raised until then.
	ClearAlarms(ctx context.Context, until time.Time) error
	// KeepRate keeps r, unless a rate of its service is kept that is as late.
	KeepRate(ctx context.Context, r Rate) error
	// Rates is those that are kept, by service.
	Rates(ctx context.Context) ([]Rate, error)
}

// Store is all that an engine keeps for this package. Times are kept to the
// millisecond and returned in UTC.
type Store interface {
	Subscriptions
	Campaigns
	DeadLetters
	Services
}

// Campaign is the sending of one entry to its subscriptions.
type Campaign struct {
	ID       string // the cursor of its entry, in text
	Entry    news.Entry
	Reach    news.Reach // who is to get it
	Lane     int        // the higher goes first: by the rank of the level it travels with, corrections and withdrawals before others
	Token    string     // what its receipts must carry: 128 random bits
	Sample   int        // one browser in so many is asked to tell that it displayed it, within some seconds; 0 for all of them, at once
	Promise  Promise    // what was promised when it opened
	OpenedAt time.Time
	Deadline time.Time // no attempt is made after it
}

// Worker is who claims ranges.
type Worker struct {
	Name   string
	Blocks Blocks // what it wants first
}

// BlockShards is how many shards are in a block: as many as in the smallest
// range that an engine cuts a campaign into.
const BlockShards = 16

// Blocks is a set of blocks of shards: bit n stands for the shards from
// n*BlockShards on.
type Blocks uint64

// Has reports whether the shard is in a block of the set.
func (b Blocks) Has(shard int) bool { return b>>(shard/BlockShards)&1 == 1 }

// Lease is a worker's hold on a range of a campaign.
type Lease struct {
	Campaign  Campaign
	Range     Range
	Token     int64     // the fencing token
	Ends      time.Time // when others may claim the range
	Cancelled bool      // the campaign is cancelled: what is left is to be counted, not sent
}

// Page is a run of deliveries.
type Page struct {
	Deliveries []Delivery
	Cursor     ID        // the last subscription scanned; where a page holds only retries, the range's cursor as it was
	Scanned    bool      // no subscription is left after Cursor in the range
	NextDue    time.Time // when the first retry not in this page is due; zero if none waits
	Pause      bool      // with Cursor ends the part of the range that goes first: when it is checkpointed, other ranges have their turn
}

// Delivery is one notification to be attempted.
type Delivery struct {
	Subscription Subscription
	Attempts     int // made before; above 0 it is a retry, see Retry.Attempts
}

// Progress is what became of a page.
type Progress struct {
	// Number is the checkpoint's among those of the lease, from 1 on. One that is
	// written again, as nobody could say whether it was, is written once. Those of
	// number 0 are never known again. Where the range was done with it the answer
	// may be ErrLeaseLost.
	Number  int64
	Cursor  ID   // the page's
	Scanned bool // the page's
	// Settled is retries of the page, or of one before, that are over or to be
	// replaced by one in Retries. One that was counted as gone meanwhile, as its
	// subscription had departed, is so no more.
	Settled []ID
	Retries []Retry
	Gone    []ID     // subscriptions to remove: their push service said 404 or 410
	Letters []Letter // deliveries that were given up
	Tally   Tally
	Ends    time.Time // the lease's new end
}

// Retry is a delivery to be attempted again.
type Retry struct {
	ID       ID
	Attempts int // made; also 1 where the first was put off, so that it is known as a retry
	Due      time.Time
}

// State is what a worker has to know after a checkpoint.
type State struct {
	Done      bool // the range is done and the lease is over
	Cancelled bool // count the rest as cancelled
	Stopped   bool // release the range and wait
}

// Unfinished is a campaign that is not done.
type Unfinished struct {
	Report
	Ranges []RangeState // that are not done, by Low
}

// RangeState is where a range stands.
type RangeState struct {
	Range
	Cursor  ID   // the last subscription scanned
	Scanned bool // no subscription is left after Cursor
	Held    bool // a worker has it: what it has sent may not be counted yet
}

// Alarms is what an operator should look at, and what stands in the way of
// removing subscriptions.
type Alarms struct {
	Standing []Alarm   // by service
	Trusted  time.Time // an operator has looked: until then none is raised
}

// Rate is what a push service was found to bear, of all nodes together.
type Rate struct {
	Service   string
	PerSecond float64
	At        time.Time // when it was learned
}

// Stop is the order that halts all campaigns.
type Stop struct {
	By     string    `json:"by"` // the editor's ID
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// Receipt is a browser's word that a notification was displayed or clicked.
type Receipt struct {
	Token string // of the campaign
	Kind  ReceiptKind
	Nonce string    // made up by the browser for this notification: a repeat counts once
	At    time.Time // when it was displayed or clicked, as far as we know
}

// ReceiptKind is what a receipt tells.
type ReceiptKind string

// The kinds of receipt.
const (
	Displayed ReceiptKind = "displayed"
	Clicked   ReceiptKind = "clicked"
)
