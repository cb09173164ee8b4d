// Package watch shows an operator what the program does: metrics, which a
// Prometheus server reads, and traces, which are sent to a collector.
//
// Every label has few values, all of them the program's own words: a route as
// the table of routes writes it, the name of a rule, a status. Nothing of a
// person, no id, no address and no token gets into a metric or a trace.
package watch

import (
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/store"
)

// Metrics are what the program counts. A nil one counts nothing.
type Metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	inFlight  prometheus.Gauge
	refusals  *prometheus.CounterVec
	steps     *prometheus.CounterVec
	signOns   *prometheus.CounterVec
	tokens    *prometheus.CounterVec
	notices   *prometheus.CounterVec
	sweeps    *prometheus.CounterVec
	sweepTime prometheus.Histogram
	exports   *prometheus.CounterVec
}

// Unknown is the route of a request for which there is none.
const Unknown = "unknown"

// NewMetrics makes metrics that say which version of the program they are of.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: counter("pixy_http_requests_total", "Requests answered. The status is gone when the client had left.", "route", "method", "status"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "pixy_http_request_duration_seconds", Help: "How long requests took.",
			Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "pixy_http_requests_in_flight", Help: "Requests under way."}),
		refusals: counter("pixy_refusals_total", "Refusals, by the rule that refused.", "rule"),
		steps:    counter("pixy_flow_steps_total", "Actions taken in sign-ons, and the status of the flow after each.", "action", "status"),
		signOns:  counter("pixy_sign_ons_total", "Sign-ons: succeeded, or failed at a password that was not accepted.", "result"),
		tokens:   counter("pixy_tokens_issued_total", "Tokens issued: access_token, refresh_token, id_token.", "grant_type", "token"),
		notices:  counter("pixy_logout_notices_total", "Back-channel logout tokens sent: heard, failed (sent again later) or given_up.", "result"),
		sweeps:   counter("pixy_sweeps_total", "Sweeps of what has expired.", "result"),
		sweepTime: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "pixy_sweep_duration_seconds", Help: "How long sweeps took.",
			Buckets: []float64{0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60}}),
		exports: counter("pixy_trace_exports_total", "Batches of spans sent to the collector of traces.", "result"),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "pixy_build_info", Help: "1; the versions of Pixy and of Go."}, []string{"version", "go"})
	build.WithLabelValues(version, runtime.Version()).Set(1)
	m.registry.MustRegister(m.requests, m.durations, m.inFlight, m.refusals, m.steps, m.signOns, m.tokens, m.notices, m.sweeps, m.sweepTime, m.exports, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.begin()
	return m
}

// begin shows what an alert waits for as 0 before the first, which its rate would
// miss.
func (m *Metrics) begin() {
	m.refusals.WithLabelValues(fault.Unexpected.Rule)
	for _, c := range []struct {
		of     *prometheus.CounterVec
		values []string
	}{
		{m.signOns, []string{"succeeded", "failed"}}, {m.sweeps, []string{"ok", "failed"}}, {m.exports, []string{"ok", "failed"}}, {m.notices, []string{"heard", "failed", "given_up"}},
	} {
		for _, v := range c.values {
			c.of.WithLabelValues(v)
		}
	}
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// The bounds on who reads the metrics.
const (
	maxScrapes = 4
	scrapeTime = 10 * time.Second
)

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes, Timeout: scrapeTime})
}

// Database shows what a database counts, read at each scrape.
func (m *Metrics) Database(stats func() store.Stats) {
	if m != nil {
		m.registry.MustRegister(newCollector(stats, databaseRows()))
	}
}

// Hashes shows how the hashing of passwords is, read at each scrape.
func (m *Metrics) Hashes(hashes func() facts.Hashes) {
	if m != nil {
		m.registry.MustRegister(newCollector(hashes, hashRows()))
	}
}

// methods are those that a label may have.
func methods() []string {
	return []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
}

// method is a method as a label: one that somebody made up is "other".
func method(name string) string {
	if slices.Contains(methods(), name) {
		return name
	}
	return "other"
}

// Began counts a request that is under way.
func (m *Metrics) Began() {
	if m != nil {
		m.inFlight.Inc()
	}
}

// Answered counts a request that is over. The route is one of the table, or
// Unknown; gone says that the client has left.
func (m *Metrics) Answered(route, name string, status int, gone bool, took time.Duration) {
	if m == nil {
		return
	}
	code := strconv.Itoa(status)
	if gone {
		code = "gone"
	}
	m.inFlight.Dec()
	m.requests.WithLabelValues(route, method(name), code).Inc()
	m.durations.WithLabelValues(route, method(name)).Observe(took.Seconds())
}

// Refused counts a refusal by the name of its rule in the catalogue.
func (m *Metrics) Refused(rule string) {
	if m != nil {
		m.refusals.WithLabelValues(rule).Inc()
	}
}

// Stepped counts an action of the table of flows and the status it led to.
func (m *Metrics) Stepped(action, status string) {
	if m != nil {
		m.steps.WithLabelValues(action, status).Inc()
	}
}

// SignedOn counts a sign-on that came to its end, well or not.
func (m *Metrics) SignedOn(well bool) {
	if m == nil {
		return
	}
	result := "failed"
	if well {
		result = "succeeded"
	}
	m.signOns.WithLabelValues(result).Inc()
}

// Issued counts the tokens that stand in an answer, under a grant type of the
// table.
func (m *Metrics) Issued(grant string, answer map[string]any) {
	if m == nil {
		return
	}
	for _, token := range []string{"access_token", "refresh_token", "id_token"} {
		if _, there := answer[token]; there {
			m.tokens.WithLabelValues(grant, token).Inc()
		}
	}
}

// Told counts a logout token that was sent.
func (m *Metrics) Told(heard, givenUp bool) {
	if m == nil {
		return
	}
	result := "failed"
	switch {
	case heard:
		result = "heard"
	case givenUp:
		result = "given_up"
	}
	m.notices.WithLabelValues(result).Inc()
}

// Swept counts a sweep.
func (m *Metrics) Swept(took time.Duration, err error) {
	if m == nil {
		return
	}
	m.sweepTime.Observe(took.Seconds())
	m.sweeps.WithLabelValues(resultOf(err)).Inc()
}

// exported counts a batch of spans.
func (m *Metrics) exported(err error) {
	if m != nil {
		m.exports.WithLabelValues(resultOf(err)).Inc()
	}
}

func resultOf(err error) string {
	if err != nil {
		return "failed"
	}
	return "ok"
}
