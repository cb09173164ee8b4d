package faults

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"
)

// racers is how many requests want the same thing at once.
const racers = 100

// prize is something that is good once.
type prize struct {
	name    string
	racers  int
	prepare func(*track) (attempt, error)
	won     func(answer) bool
	lost    func(answer) bool // refused, when nil
	// winners is how many there must be, 1 when nil.
	winners func(*track) (int, error)
	// all says that every request must win, and with the same refresh token.
	all bool
}

// attempt is what is done at the same time, by the racer i.
type attempt func(n *node, i int) answer

// prizes are all that can be used once. Recovery codes are not among them: this
// server has none yet.
func prizes() []prize {
	redeemed := func(a answer) bool { return a.status == http.StatusOK && a.text("access_token") != "" }
	coded := func(a answer) bool { return a.status == http.StatusFound && a.query("code") != "" }
	completed := func(a answer) bool { return a.status == http.StatusOK && a.text("status") == "COMPLETED" }
	sentBack := func(a answer) bool { return a.status == http.StatusFound && a.query("error") == "invalid_request_uri" }
	failed := func(a answer) bool { return a.status == http.StatusOK && a.text("status") == "FAILED" }
	return []prize{
		{name: "code", racers: racers, prepare: (*track).code, won: redeemed},
		{name: "refresh token", racers: racers, prepare: (*track).refreshToken, won: redeemed},
		{name: "refresh token with grace", racers: racers, prepare: (*track).graceToken, won: redeemed, all: true},
		{name: "request URI", racers: racers, prepare: (*track).requestURI, won: coded, lost: sentBack},
		{name: "device code", racers: racers, prepare: (*track).deviceCode, won: redeemed},
		{name: "user code", racers: 8, prepare: (*track).userCode, won: completed, lost: failed, winners: (*track).allowed},
		{name: "flow", racers: racers, prepare: (*track).flow, won: coded},
	}
}

// track is where races are run: a cluster, and a person who is signed in.
type track struct {
	c      *cluster
	person *person
	next   int // node
	graced string
	device string // the device code whose user code was raced for
}

const racer = "racer"

func newTrack(c *cluster) (*track, error) {
	x := &track{c: c, person: &person{c: c}}
	if err := c.user(c.nodes[0], racer, goodPassword).want(http.StatusCreated); err != nil {
		return nil, err
	}
	code, a := x.person.code(through(c.nodes[0]), c.grace, racer, goodPassword)
	if code == "" {
		return nil, fmt.Errorf("the sign-on: %s", a)
	}
	a = c.redeem(c.nodes[0], c.grace, code)
	x.graced = a.text("refresh_token")
	return x, a.want(http.StatusOK)
}

// node is one after the other.
func (x *track) node() *node {
	x.next++
	return x.c.nodes[x.next%len(x.c.nodes)]
}

// newCode is a code of the session.
func (x *track) newCode(app string) (string, error) {
	a := x.person.authorize(x.node(), app)
	if a.query("code") == "" {
		return "", fmt.Errorf("no code came: %s", a)
	}
	return a.query("code"), nil
}

func (x *track) code() (attempt, error) {
	code, err := x.newCode(x.c.app)
	return func(n *node, _ int) answer { return x.c.redeem(n, x.c.app, code) }, err
}

func (x *track) refreshToken() (attempt, error) {
	code, err := x.newCode(x.c.app)
	a := x.c.redeem(x.node(), x.c.app, code)
	return func(n *node, _ int) answer { return x.c.refresh(n, x.c.app, a.text("refresh_token")) }, errors.Join(err, a.want(http.StatusOK))
}

// graceToken goes on with the token that the last race led to.
func (x *track) graceToken() (attempt, error) {
	token := x.graced
	a := x.c.refresh(x.node(), x.c.grace, token)
	x.graced = a.text("refresh_token")
	return func(n *node, _ int) answer { return x.c.refresh(n, x.c.grace, x.graced) }, a.want(http.StatusOK)
}

func (x *track) requestURI() (attempt, error) {
	a := x.c.form(x.node(), "/as/par", asked(x.c.app))
	q := url.Values{"client_id": {x.c.app}, "request_uri": {a.text("request_uri")}}
	return func(n *node, _ int) answer {
		return x.c.send(n, request{method: "GET", path: "/" + x.c.env + "/as/authorize?" + q.Encode(), session: x.person.session})
	}, a.want(http.StatusCreated)
}

// askDevice is a device that asks; the answer has both codes.
func (x *track) askDevice() answer {
	return x.c.form(x.node(), "/as/device_authorization", url.Values{"client_id": {x.c.device}, "scope": {"openid"}})
}

func (x *track) poll(n *node, device string) answer {
	return x.c.form(n, "/as/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {x.c.device}, "device_code": {device}})
}

// consents begins a flow of the person that needs only the last word on a user
// code.
func (x *track) consents(userCode string) (flow string, err error) {
	a := x.person.send(x.node(), request{method: "GET", path: "/" + x.c.env + "/device/activate"})
	flow = a.query("flowId")
	if err := a.want(http.StatusFound); err != nil {
		return "", err
	}
	a = x.person.act(x.node(), flow, "deviceAuthGrant.userCode.verify", object{"userCode": userCode})
	if a.text("status") == "USERNAME_PASSWORD_REQUIRED" {
		a = x.person.signOn(x.node(), flow, racer, goodPassword)
	}
	return flow, a.want(http.StatusOK)
}

func (x *track) deviceCode() (attempt, error) {
	device := x.askDevice()
	flow, err := x.consents(device.text("user_code"))
	if err != nil {
		return nil, err
	}
	a := x.person.act(x.node(), flow, "deviceAuthGrant.consent", object{"accept": true})
	return func(n *node, _ int) answer { return x.poll(n, device.text("device_code")) }, a.want(http.StatusOK)
}

// userCode is one that several tabs have entered, half of which allow what the
// others deny.
func (x *track) userCode() (attempt, error) {
	device := x.askDevice()
	x.device = device.text("device_code")
	flows := make([]string, 8)
	for i := range flows {
		flow, err := x.consents(device.text("user_code"))
		if err != nil {
			return nil, err
		}
		flows[i] = flow
	}
	session := x.person.session
	return func(n *node, i int) answer {
		p := &person{c: x.c, session: session}
		return p.act(n, flows[i], "deviceAuthGrant.consent", object{"accept": i%2 == 0})
	}, nil
}

func (x *track) flow() (attempt, error) {
	p := &person{c: x.c}
	a := p.authorize(x.node(), x.c.app)
	flow := a.query("flowId")
	a = p.signOn(x.node(), flow, racer, goodPassword)
	return func(n *node, _ int) answer {
		return x.c.send(n, request{method: "GET", path: "/" + x.c.env + "/as/resume?flowId=" + flow, session: p.session})
	}, a.want(http.StatusOK)
}

// allowed is how many of the tabs may have been told that they allowed it: one
// when the device gets tokens, none when it is told that it was denied.
func (x *track) allowed() (int, error) {
	told := x.poll(x.node(), x.device)
	switch {
	case told.status == http.StatusOK:
		return 1, nil
	case told.text("error") == "access_denied":
		return 0, nil
	}
	return 0, fmt.Errorf("nothing was decided: %s", told)
}

// race lets all racers go at once, spread over the nodes.
func (x *track) race(p prize) (answers []answer, took time.Duration, err error) {
	try, err := p.prepare(x)
	if err != nil {
		return nil, 0, fmt.Errorf("before the race for a %s: %w", p.name, err)
	}
	answers = make([]answer, p.racers)
	var ready, done sync.WaitGroup
	ready.Add(1)
	for i := range answers {
		done.Go(func() {
			ready.Wait()
			answers[i] = try(x.c.nodes[i%len(x.c.nodes)], i)
		})
	}
	began := time.Now()
	ready.Done()
	done.Wait()
	return answers, time.Since(began), nil
}

// tally is the races for one prize.
type tally struct {
	races, requests, wins, busy int
	slowest                     time.Duration
	wrong                       []string
}

// judge says what is wrong with the answers to one race. Who is told to come
// back later has not won, and may not have lost.
func (s *tally) judge(p prize, answers []answer, winners int) {
	wins, losses, successors := 0, 0, map[string]bool{}
	for _, a := range answers {
		switch {
		case p.won(a):
			wins++
			successors[a.text("refresh_token")] = true
		case p.lost == nil && a.refused() || p.lost != nil && p.lost(a):
			losses++
		case a.trouble() && a.wrong() == "":
			s.busy++
		default:
			s.wrong = append(s.wrong, fmt.Sprintf("neither won nor lost: %s", a))
		}
	}
	s.races, s.requests, s.wins = s.races+1, s.requests+len(answers), s.wins+wins
	switch {
	case p.all && (losses > 0 || len(successors) != 1):
		s.wrong = append(s.wrong, fmt.Sprintf("%d of %d won, with %d successors, and %d lost", wins, len(answers), len(successors), losses))
	case !p.all && wins != winners:
		s.wrong = append(s.wrong, fmt.Sprintf("%d of %d won, and %d should", wins, len(answers), winners))
	}
}

// TestRace lets a hundred requests at once want what only one may have, spread
// over two nodes and over four.
func TestRace(t *testing.T) {
	faultTest(t)
	for _, nodes := range []int{2, 4} {
		t.Run(fmt.Sprintf("%d nodes", nodes), func(t *testing.T) {
			c := started(t, postgres(t, nil), nodes)
			x, err := newTrack(c)
			must(t, err)
			for _, p := range prizes() {
				t.Run(p.name, func(t *testing.T) { x.run(t, p, rounds(t, 60)) })
			}
		})
	}
}

func (x *track) run(t *testing.T, p prize, rounds int) {
	t.Helper()
	var s tally
	began := time.Now()
	for range rounds {
		answers, took, err := x.race(p)
		must(t, err)
		winners := 1
		if p.winners != nil {
			winners, err = p.winners(x)
			must(t, err)
		}
		s.judge(p, answers, winners)
		s.slowest = max(s.slowest, took)
	}
	figures(t, "%d races, %d requests, %d won, %d told to come back; %s a race with its preparation, slowest race %s",
		s.races, s.requests, s.wins, s.busy, (time.Since(began) / time.Duration(rounds)).Round(time.Millisecond), s.slowest.Round(time.Millisecond))
	if len(s.wrong) > 0 {
		t.Error(few(s.wrong))
	}
}
