package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"crier/api"
	"crier/engine/redis"
	"crier/hub"
	"crier/news"
	"crier/push"
)

// metrics is what /metrics shows. It is read when asked for, from the counts
// that the parts keep; only appends are measured here.
type metrics struct {
	appends  *prometheus.HistogramVec
	promises *promises
	trimmed  atomic.Int64
	refused  api.Refusals
}

func newMetrics() *metrics {
	return &metrics{promises: newPromises(), appends: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "crier_append_seconds", Help: "Time until an append was acknowledged or refused.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16), // 0.1 ms to 3.3 s
	}, []string{"outcome"})}
}

// measured is an engine whose appends are timed.
type measured struct {
	engine
	m *metrics
}

func (e measured) Append(ctx context.Context, key news.Key, d news.Draft) (news.Receipt, error) {
	begun := time.Now()
	r, err := e.engine.Append(ctx, key, d)
	e.m.appends.WithLabelValues(outcome(r, err)).Observe(time.Since(begun).Seconds())
	return r, err
}

func outcome(r news.Receipt, err error) string {
	switch {
	case err == nil && r.Replayed:
		return "replayed"
	case err == nil:
		return "appended"
	case errors.Is(err, news.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "unknown"
	}
	return "refused"
}

// registry is all that a node shows of itself.
func (n *node) registry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		n.metrics.appends, n.metrics.promises.judged, n.metrics.promises.to90, collector(n.collect))
	return r
}

// collector makes a function a prometheus.Collector without fixed metrics:
// which there are depends on what the node does.
type collector func(sink)

func (collector) Describe(chan<- *prometheus.Desc)      {}
func (c collector) Collect(to chan<- prometheus.Metric) { c(sink(to)) }

// sink takes metrics.
type sink chan<- prometheus.Metric

func (s sink) gauge(name, help string, v float64, labels ...string) {
	s.put(prometheus.GaugeValue, name, help, v, labels)
}

func (s sink) counter(name, help string, v float64, labels ...string) {
	s.put(prometheus.CounterValue, name, help, v, labels)
}

// put adds a metric; labels are names and values by turns.
func (s sink) put(kind prometheus.ValueType, name, help string, v float64, labels []string) {
	var names, values []string
	for i := 0; i < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	s <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, names, nil), kind, v, values...)
}

func (n *node) collect(s sink) {
	s.gauge("crier_build_info", "The version that runs.", 1, "version", version)
	s.gauge("crier_leader", "1 on the node that does the chores of all.", truth(n.leader.leads.Load()))
	s.counter("crier_log_trimmed_total", "Entries that this node has trimmed from the log.", float64(n.metrics.trimmed.Load()))
	if e, ok := n.engine.(measured); ok {
		if shared, ok := e.engine.(*redis.Engine); ok {
			collectRedis(s, shared.Stats())
		}
	}
	if n.hub != nil {
		collectHub(s, n.hub.Stats())
		collectAudience(s, n.hub.Audience())
		for why, times := range n.metrics.refused.Counts() {
			s.counter("crier_joins_refused_total", "Readers who were not let in, by why: all places or all of an address taken, too many joining at once or from an address, the node starting or going down.", float64(times), "reason", why)
		}
	}
	if n.alerts != nil {
		collectAlerts(s, n.alerts.Status())
	}
}

func collectRedis(s sink, st redis.Stats) {
	s.counter("crier_log_history_lost_total", "Times that Redis was found to have lost history: the log got a new epoch and all readers a reset.", float64(st.HistoryLost))
	s.counter("crier_redis_doorbell_replaced_total", "Times that the doorbell's connection was made anew.", float64(st.BellReplaced))
	s.counter("crier_redis_appends_asked_total", "Times that an append was asked after because its answer was lost.", float64(st.AppendsAsked))
}

func collectHub(s sink, st hub.Stats) {
	for why, n := range st.Closed {
		s.counter("crier_readers_closed_total", "Readers who have left or been told to, by cause.", float64(n), "cause", why.String())
	}
	s.counter("crier_messages_total", "Messages given to readers by broadcast.", float64(st.Messages))
	s.counter("crier_message_bytes_total", "Bytes of these.", float64(st.Bytes))
	s.counter("crier_resets_total", "Fronts sent in place of lost or too many entries.", float64(st.Resets))
	s.gauge("crier_log_offset", "Offset of the last entry that the hub has broadcast.", float64(st.Head.Offset))
	s.gauge("crier_log_stale", "1 while the log cannot be read, and readers know.", truth(st.Stale))
}

func collectAudience(s sink, a hub.Audience) {
	for transport, n := range map[string]int{"websocket": a.WebSockets, "eventstream": a.EventStreams, "poll": a.Polls} {
		s.gauge("crier_readers", "Readers now, by transport.", float64(n), "transport", transport)
	}
	s.gauge("crier_readers_compressed", "Readers now who get their messages compressed.", float64(a.Compressed))
	s.gauge("crier_readers_everything", "Readers now who name no topic.", float64(a.Everything))
	for topic, n := range a.Topics {
		s.gauge("crier_readers_topic", "Readers now who name a topic, among others perhaps.", float64(n), "topic", topic)
	}
	s.gauge("crier_readers_other_topics", "Readers now who name a topic that is not counted by itself.", float64(a.Others))
}

func collectAlerts(s sink, st push.Status) {
	s.gauge("crier_keys_ready", "Sender keys prepared and not used yet.", float64(st.Keys.Ready))
	s.counter("crier_keys_hits_total", "Notifications sealed with a prepared key.", float64(st.Keys.Hits))
	s.counter("crier_keys_misses_total", "Notifications of campaigns for which none was prepared.", float64(st.Keys.Misses))
	s.gauge("crier_alarms", "Alarms that stand: while one of a push service does no subscription is removed.", float64(len(st.Alarms)))
	s.gauge("crier_canary_seconds", "How long the canary's last flight from this node took; 0 before the first.", st.Canary.Took.Seconds())
	s.counter("crier_canary_runs_total", "Times that this node sent the canary.", float64(st.Canary.Runs))
	s.counter("crier_canary_failures_total", "Times that it failed or was late.", float64(st.Canary.Failures))
	for service, rate := range st.Rates {
		s.gauge("crier_alert_rate", "Learned rate of a push service, in requests a second.", rate, "service", service)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
