package test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"pixy/internal/server"
	"pixy/internal/store"
)

// surplus is how many tickets there may be past the limit of an address.
const surplus = 300

// crowded is a world behind a proxy, with small limits, whose chance is the same
// in every run: it decides when the limits are looked at.
func crowded(t *testing.T, l store.Limits) *world {
	t.Helper()
	var mu sync.Mutex
	chance := rand.NewChaCha8([32]byte{})
	return newWorld(t, func(c *server.Config) {
		c.Chance = func(b []byte) {
			mu.Lock()
			defer mu.Unlock()
			_, _ = chance.Read(b) // never fails
		}
		c.TrustedProxies, c.Untouched = []netip.Prefix{netip.MustParsePrefix(peer + "/32")}, l
	})
}

func via(address string) header { return header{"X-Forwarded-For": address} }

// begin begins a sign-on from an address, and returns the flow.
func (p *person) begin(app, address string) string {
	p.w.t.Helper()
	p.w.pass(time.Millisecond)
	q := url.Values{"response_type": {"code"}, "client_id": {app}, "redirect_uri": {callback}, "scope": {"openid"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}
	return p.send("GET", "/"+p.w.env+"/as/authorize?"+q.Encode(), "", via(address)).want(302).query("flowId")
}

// flood begins sign-ons without a session, each from an address.
func (w *world) flood(app string, n int, address func(i int) string) {
	w.t.Helper()
	for i := range n {
		(&person{w: w}).begin(app, address(i))
	}
}

// tickets is how many there are of a kind.
func (w *world) tickets(kind string) int {
	w.t.Helper()
	w.must(w.db.CountTickets(w.t.Context()))
	return int(w.db.Stats().Tickets[kind])
}

func always(address string) func(int) string { return func(int) string { return address } }

// TestFlowsOfAnAddressAreLimited: past the limit of an address, what nobody has
// come back for goes, and nothing else does.
func TestFlowsOfAnAddressAreLimited(t *testing.T) {
	const most = 100
	w := crowded(t, store.Limits{Source: most})
	w.user("ada")
	app := w.application(nil)
	tried, done, read, elsewhere, near := &person{w: w}, &person{w: w}, &person{w: w}, &person{w: w}, &person{w: w}
	const here = "2001:db8:1:2::7"
	attempt, end, gone := tried.begin(app, here), done.begin(app, here), read.begin(app, here)
	kept, lost := elsewhere.begin(app, "2001:db8:1:3::7"), near.begin(app, "2001:db8:1:2:ffff::1")
	tried.signOn(attempt, "ada", "wrong password").want(400)
	done.signOn(end, "ada", goodPassword).want(200)
	read.send("GET", "/"+w.env+"/flows/"+gone, "").want(200)

	w.flood(app, 1000, always(here))
	if n := w.tickets("flow") - 3; n < most || n > most+surplus {
		t.Errorf("%d flows are kept, and should be %d, or some more", n, most)
	}
	tried.signOn(attempt, "ada", goodPassword).want(200)
	for _, code := range []string{tried.resume(attempt).want(302).query("code"), done.resume(end).want(302).query("code")} {
		w.redeem(app, code, nil).want(200)
	}
	elsewhere.signOn(kept, "ada", goodPassword).want(200)
	const says = "Start again at the application"
	for _, r := range []response{read.send("GET", "/"+w.env+"/flows/"+gone, ""), read.signOn(gone, "ada", goodPassword), near.signOn(lost, "ada", goodPassword)} {
		if r.StatusCode != 404 || !strings.Contains(r.raw, says) {
			t.Errorf("a flow that is gone: %d %s", r.StatusCode, r.raw)
		}
	}
	for _, r := range []response{read.send("GET", "/"+w.env+"/signon/?flowId="+gone, ""), read.resume(gone)} {
		if r.StatusCode != 404 || !strings.Contains(r.raw, "This sign-on has expired") || !strings.Contains(r.raw, "Go back to the application and sign in again") {
			t.Errorf("the page of a flow that is gone: %d %s", r.StatusCode, r.raw)
		}
	}
	if dropped := w.db.Stats().Dropped; dropped["source"] < 1000-most-surplus || dropped["environment"] != 0 {
		t.Errorf("%v are counted", dropped)
	}
}

// TestFlowsOfAnEnvironmentAreLimited: however many addresses there are.
func TestFlowsOfAnEnvironmentAreLimited(t *testing.T) {
	const most = 640
	w := crowded(t, store.Limits{Source: 100, Env: most})
	app := w.application(nil)
	w.flood(app, 3000, func(i int) string { return fmt.Sprintf("10.0.%d.%d", i>>8, i&255) })
	if n := w.tickets("flow"); n < most/2 || n > 2*most {
		t.Errorf("%d flows are kept, and should be about %d", n, most)
	}
	if dropped := w.db.Stats().Dropped; dropped["source"] != 0 || dropped["environment"] == 0 {
		t.Errorf("%v are counted", dropped)
	}
}

// TestRequestsOfPublicClientsAreLimited: anybody may push requests and ask for
// device codes in the name of a public client; not in that of one with a secret.
func TestRequestsOfPublicClientsAreLimited(t *testing.T) {
	const most, all = 50, 600
	w := crowded(t, store.Limits{Source: most})
	public, device := w.application(nil), w.device(nil)
	private := w.application(object{"tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC"})
	basic := header{"Authorization": "Basic " + basicOf(private, w.secretOf(private))}
	first := w.push(private, nil, basic).want(201).text("request_uri")
	used := w.push(public, nil).want(201).text("request_uri")
	(&person{w: w}).pushed(public, used, nil).want(302)
	unused := w.push(public, nil).want(201).text("request_uri")
	for range all {
		w.pass(time.Millisecond)
		w.push(private, nil, basic).want(201)
		w.push(public, nil).want(201)
		w.askDevice(device, nil).want(200)
	}
	if n := w.tickets("pushed") - all - 2; n < most || n > most+surplus {
		t.Errorf("%d pushed requests of the public client are kept, and should be %d, or some more", n, most)
	}
	if n := w.tickets("device"); n < most || n > most+surplus {
		t.Errorf("%d device codes are kept, and should be %d, or some more", n, most)
	}
	(&person{w: w}).pushed(private, first, nil).want(302)
	if r := (&person{w: w}).pushed(public, unused, nil); r.StatusCode != 400 || !strings.Contains(r.raw, "request_uri") {
		t.Errorf("a pushed request that is gone: %d %s", r.StatusCode, r.raw)
	}
}

// TestCheapTouchesCount: what anybody may do to what he has left does not take it
// out of the limits: a poll, a new start, the wish to stop and its end.
func TestCheapTouchesCount(t *testing.T) {
	const most, all = 50, 600
	w := crowded(t, store.Limits{Source: most})
	app, device := w.application(nil), w.device(nil)
	for i := range all {
		p := &person{w: w}
		flow := p.begin(app, peer)
		if i%2 == 0 {
			p.act(flow, "session.reset", object{}).want(200)
		} else {
			p.send("POST", "/"+w.env+"/signon/?flowId="+flow, "action=cancel", header{"Content-Type": "application/x-www-form-urlencoded"}).want(303)
			p.resume(flow).want(302)
		}
		code := w.askDevice(device, nil).want(200).text("device_code")
		w.form("POST", "/"+w.env+"/as/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {code}, "client_id": {device}}).want(400)
	}
	for _, kind := range []string{"flow", "device"} {
		if n := w.tickets(kind); n < most || n > most+surplus {
			t.Errorf("%d tickets %q are kept, and should be %d, or some more", n, kind, most)
		}
	}
}
