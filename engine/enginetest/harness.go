package enginetest

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"crier/desk"
	"crier/news"
	"crier/push"
)

// Engine is all that an engine is.
type Engine interface {
	news.Log
	news.Archive
	desk.Keyring
	push.Store
	desk.Audiences

	// Writable is nil if an append would be taken just now, and else says why
	// not.
	Writable(ctx context.Context) error

	// Trim removes the oldest entries of the log and says how many, but never
	// one of the last keep, nor one appended within young of now, nor one that
	// has not become a campaign yet (once any has).
	Trim(ctx context.Context, keep int, young time.Duration) (trimmed int64, err error)

	// Kept is what is kept under name for all nodes, nil if that is nothing.
	Kept(ctx context.Context, name string) ([]byte, error)
	// Keep returns what is kept under name; if that is nothing, it is fresh from
	// now on.
	Keep(ctx context.Context, name string, fresh []byte) (kept []byte, created bool, err error)
	// Replace keeps fresh under name if old is what is kept.
	Replace(ctx context.Context, name string, old, fresh []byte) (replaced bool, err error)

	// Lead makes node the leader of job until now+term and reports whether it
	// is: of the nodes that ask one leads, and stays leader as long as it asks
	// in time.
	Lead(ctx context.Context, job, node string, now time.Time, term time.Duration) (leads bool, err error)
	// Resign gives job up, if node leads it.
	Resign(ctx context.Context, job, node string) error

	Close() error
}

// Harness is how the suite reaches the stores of an engine.
type Harness struct {
	// Create makes an empty store, which goes when t ends, and returns its
	// address. No node has it open.
	Create func(t testing.TB) (address string)
	// Open opens a node on the store. It is called in other processes too.
	Open func(ctx context.Context, address string) (Engine, error)
	// Nodes is how many nodes may have a store open at a time: 1 for an
	// embedded engine.
	Nodes int
	// Save copies the store, which no node has open. Restore puts the copy in
	// the store's place by the engine's own means, again with no node open.
	Save func(t testing.TB, address string) (restore func(t testing.TB))
}

// Run runs the suite. It starts the test's own binary again as child
// processes, in which this very test is run and Run does not return.
func Run(t *testing.T, h Harness) {
	if isChild() {
		runChild(h)
	}
	for _, c := range []struct {
		name string
		test func(*testing.T, *store)
	}{
		{"EmptyStore", testEmptyStore},
		{"AppendAndRead", testAppendAndRead},
		{"RefusedAppendLeavesNoTrace", testRefusedAppend},
		{"OneRevisionWins", testOneRevisionWins},
		{"OffsetsWithoutGaps", testOffsets},
		{"OneAppendPerKey", testOneAppendPerKey},
		{"KeyReused", testKeyReused},
		{"KeyOutlivesCallers", testAbandonedCalls},
		{"FollowMangledHints", testFollow},
		{"Doorbell", testDoorbell},
		{"DoorbellWaitsForNobody", testDeafListener},
		{"FrontIsTheFold", testFront},
		{"FrontAtomicWithCursor", testFrontAtomic},
		{"ItemsByStoryAndPage", testItems},
		{"CursorLost", testCursorLost},
		{"TrimKeepsWhatIsNeeded", testTrimKeeps},
		{"FollowAcrossTrim", testFollowTrimmed},
		{"RewoundStore", testRewound},
		{"Reopen", testReopen},
		{"KillAppending", testKillAppending},
		{"KillSending", testKillSending},
		{"MemoryOfTheLog", testLogMemory},
		{"MemoryOfTheStore", testStoreMemory},
		{"AbandonedWrites", testAbandonedWrites},
		{"Keyring", testKeyring},
		{"Secrets", testSecrets},
		{"OneLeads", testLead},
		{"Writable", testWritable},
		{"Subscriptions", testSubscriptions},
		{"Confirmation", testConfirmation},
		{"Unseen", testUnseen},
		{"Changes", testChanges},
		{"OpenCampaigns", testOpenCampaigns},
		{"Followed", testFollowed},
		{"CorrectionCancels", testCancel},
		{"ErrorUnderWay", testErrorUnderWay},
		{"StoryUnderWay", testStoryUnderWay},
		{"StoryInOrder", testStoryInOrder},
		{"ReachedFirst", testReachedFirst},
		{"Lanes", testLanes},
		{"StopAndResume", testStop},
		{"EveryStandingSubscription", testEveryStanding},
		{"AbandonedLease", testAbandonedLease},
		{"StaleLeaseChangesNothing", testStaleLease},
		{"CheckpointWrittenAgain", testCheckpointAgain},
		{"WorkersShareOut", testWorkers},
		{"RetriesInOrder", testRetries},
		{"GoneOnce", testGoneOnce},
		{"DepartedWhileWaiting", testDeparted},
		{"DepartedWhileLate", testDepartedLate},
		{"ReportCloses", testReport},
		{"DeadLetters", testLetters},
		{"DeadLettersAreBounded", testLettersAreBounded},
		{"Unfinished", testUnfinished},
		{"Receipts", testReceipts},
		{"WhenDisplayed", testWhenDisplayed},
		{"Swept", testSwept},
		{"Receivers", testReceivers},
		{"WorkersAttend", testAttend},
		{"Audiences", testAudiences},
		{"WantedBlocksFirst", testWanted},
		{"Alarms", testAlarms},
		{"AlarmStopsRemovals", testAlarmStopsRemovals},
		{"CanarysAlarm", testCanarysAlarm},
		{"Rates", testRates},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, h.newStore(t)) })
	}
	t.Run("Model", func(t *testing.T) { testModel(t, h) })
}

// store is a store with its nodes open.
type store struct {
	h       Harness
	address string
	nodes   []Engine
}

func (h Harness) newStore(t *testing.T) *store {
	t.Helper()
	s := &store{h: h, address: h.Create(t)}
	s.open(t)
	t.Cleanup(func() { s.close(t) })
	return s
}

// node is one of the nodes: tests that race spread themselves over all.
func (s *store) node(i int) Engine { return s.nodes[i%len(s.nodes)] }

func (s *store) open(t testing.TB) {
	t.Helper()
	for range max(s.h.Nodes, 1) {
		e, err := s.h.Open(context.Background(), s.address)
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		s.nodes = append(s.nodes, e)
	}
}

func (s *store) close(t testing.TB) {
	t.Helper()
	for _, e := range s.nodes {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	s.nodes = nil
}

// state is all that can be seen of a store, for coming back to.
type state struct {
	Head        news.Cursor
	Log         []news.Entry // nil when trimmed
	Front       news.Snapshot
	Items       []news.Entry
	Editors     []desk.Editor
	Subscribers int64
	Followed    news.Cursor
	Stop        *push.Stop
	Alarms      push.Alarms
	Rates       []push.Rate
	Campaigns   []push.Campaign
	Reports     []push.Report
	Unfinished  []push.Unfinished
	Letters     []push.Letters
	NextDue     time.Time
}

func look(t testing.TB, e Engine) (s state) {
	t.Helper()
	ctx := t.Context()
	s.Head = must(e.Head(ctx))(t)
	if log, err := e.Since(ctx, news.Cursor{}, 1e6); err == nil {
		s.Log = log
	}
	s.Front = must(e.Front(ctx, news.FrontSize))(t)
	s.Items = must(e.Items(ctx, news.Query{Limit: 1e6}))(t)
	s.Editors = must(e.Keys(ctx))(t)
	s.Subscribers = must(e.CountSubscriptions(ctx))(t)
	s.Followed = must(e.Followed(ctx))(t)
	s.Stop = must(e.Stopped(ctx))(t)
	s.Alarms = must(e.Alarms(ctx))(t)
	s.Rates = must(e.Rates(ctx))(t)
	s.Campaigns = must(e.CampaignsSince(ctx, time.Time{}))(t)
	for _, c := range s.Campaigns {
		s.Reports = append(s.Reports, must(e.Reports(ctx, c.Entry.Item.ID, 100))(t)...)
		s.Letters = append(s.Letters, must(e.Letters(ctx, c.Entry.Item.ID, "", push.MaxLetters))(t))
	}
	s.Unfinished = must(e.Unfinished(ctx, base.Add(time.Hour)))(t) // when all leases have ended: they are no part of it
	s.NextDue = must(e.NextDue(ctx, base))(t)
	return s
}

// must unwraps a result whose error fails the test.
func must[V any](v V, err error) func(testing.TB) V {
	return func(t testing.TB) V {
		t.Helper()
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
		return v
	}
}

// ok fails the test on an error.
func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// equal fails the test unless got is want.
func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %s\nwant %s", what, show(got), show(want))
	}
}

func show(v any) string {
	s := fmt.Sprintf("%+v", v)
	return s[:min(len(s), 2000)]
}

// together runs f n times at once and waits for all.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}
