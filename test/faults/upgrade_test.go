package faults

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pixy/internal/server"
	"pixy/internal/store"
)

// kept are the tables that every release keeps.
var kept = []string{"document", "ticket", "event", "tally"}

// content is all rows of the tables, of the columns that they have now or had
// when it was read before.
type content struct {
	columns map[string]string // by table
	rows    map[string][]string
}

func (d database) content(t testing.TB, before content) content {
	t.Helper()
	db := d.open(t)
	defer db.Close()
	c := content{columns: map[string]string{}, rows: map[string][]string{}}
	for _, table := range kept {
		columns := before.columns[table]
		if columns == "" {
			columns = "*"
		}
		rows, err := db.Query("SELECT " + columns + " FROM " + table)
		must(t, err)
		names, err := rows.Columns()
		must(t, err)
		c.columns[table] = strings.Join(names, ", ")
		c.rows[table] = texts(t, rows, len(names))
	}
	return c
}

// texts are rows as texts, in their order.
func texts(t testing.TB, rows *sql.Rows, columns int) (all []string) {
	t.Helper()
	defer rows.Close()
	values, into := make([]any, columns), make([]any, columns)
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		must(t, rows.Scan(into...))
		text := ""
		for _, v := range values {
			text += fmt.Sprintf("%s\x00", v)
		}
		all = append(all, text)
	}
	must(t, rows.Err())
	slices.Sort(all)
	return all
}

// TestUpgrade starts nodes, two at once on PostgreSQL, on a database of the
// release before: no row is changed by that, and whatever that release gave to
// people and clients is good still, while others are at work. The clock is that of
// the time at which the database was written.
func TestUpgrade(t *testing.T) {
	released(t, func(t *testing.T, d database, m remains) {
		before := d.content(t, content{})
		k := &clock{by: time.Until(m.Written.Add(5 * time.Second))}
		began := time.Now()
		c := newInside(t)
		for _, db := range openAtOnce(t, d, k) {
			if after := d.content(t, before); !maps.EqualFunc(after.rows, before.rows, slices.Equal) {
				t.Error("the rows are not what they were")
			}
			c.serve(db, k)
		}
		took := time.Since(began)
		k.set(time.Until(m.Written.Add(5 * time.Second))) // a request URI does not live long
		c.admin, c.app, c.device = m.Admin, m.App, m.Device
		l := newLedger()
		clients, err := c.newLoad(l, chance(t), 6)
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		done := make(chan struct{})
		go func() { work(ctx, clients); close(done) }()
		m.stillGood(t, c)
		<-done
		sum := c.check(c.nodes[0], l)
		figures(t, "%d rows of the release before, served after %s; beside its clients %d writes acknowledged, %d looked for, %d lost, %d doubles",
			before.count(), took.Round(time.Millisecond), l.total(), sum.checked, sum.lost, sum.doubles)
		if found := l.findings(); len(found) > 0 {
			t.Error(few(found))
		}
		after := d.content(t, before)
		for _, table := range []string{"document", "event"} {
			if len(after.rows[table]) < len(before.rows[table]) {
				t.Errorf("%s had %d rows, and has %d", table, len(before.rows[table]), len(after.rows[table]))
			}
		}
	})
}

func (c content) count() (n int) {
	for _, rows := range c.rows {
		n += len(rows)
	}
	return n
}

// openAtOnce opens a database for as many nodes as it may have.
func openAtOnce(t *testing.T, d database, k *clock) []*store.DB {
	t.Helper()
	dbs := make([]*store.DB, 1)
	if d.server != nil {
		dbs = make([]*store.DB, 2)
	}
	failed := make([]error, len(dbs))
	var all sync.WaitGroup
	for i := range dbs {
		all.Go(func() {
			dbs[i], failed[i] = store.Open(t.Context(), d.source, store.Options{Now: k.now, Remember: server.Remembered()})
		})
	}
	all.Wait()
	for _, err := range failed {
		must(t, err)
	}
	return dbs
}

// stillGood uses everything that clients have, at any node.
func (m remains) stillGood(t *testing.T, c *cluster) {
	t.Helper()
	step := 0
	n := func() *node { step++; return c.nodes[step%len(c.nodes)] }
	good := func(what string, a answer) answer {
		t.Helper()
		if !a.acked() {
			t.Errorf("%s of the release before: %s", what, a)
		}
		return a
	}
	dead := func(what string, a answer) {
		t.Helper()
		if !a.refused() {
			t.Errorf("%s of the release before is good: %s", what, a)
		}
	}
	good("the access token", c.userinfo(n(), m.Good.Access))
	renewed := good("the refresh token", c.refresh(n(), c.app, m.Good.Refresh))
	good("the successor of the refresh token", c.refresh(n(), c.app, renewed.text("refresh_token")))
	dead("a revoked refresh token", c.refresh(n(), c.app, m.Ended.Refresh))
	dead("a revoked access token", c.userinfo(n(), m.Ended.Access))
	dead("a code that was redeemed", c.redeem(n(), c.app, m.Ended.Code))
	good("the code", c.redeem(n(), c.app, m.Code))
	dead("the code, redeemed twice,", c.redeem(n(), c.app, m.Code))

	m.finish(t, c, n)
	good("the password that was changed", c.checkPassword(n(), m.Changed, changedPassword))
	dead("the password before the change", c.checkPassword(n(), m.Changed, goodPassword))
	for _, name := range m.Users {
		p := &person{c: c}
		code, a := p.code(route{n(), n(), n(), nil}, c.app, name, goodPassword)
		good("the user "+name, a)
		good("the code of "+name, c.redeem(n(), c.app, code))
	}
	// This ends the family.
	dead("a refresh token that was rotated", c.refresh(n(), c.app, m.Good.Old))
	dead("a family one of whose tokens came twice", c.refresh(n(), c.app, m.Good.Refresh))
}

// finish goes on with what was begun.
func (m remains) finish(t *testing.T, c *cluster, n func() *node) {
	t.Helper()
	want := func(what string, a answer, status int) answer {
		t.Helper()
		if err := a.want(status); err != nil {
			t.Errorf("%s of the release before: %v", what, err)
		}
		return a
	}
	coded := func(what string, a answer) {
		t.Helper()
		want("the code of "+what, c.redeem(n(), c.app, want(what, a, http.StatusFound).query("code")), http.StatusOK)
	}
	begun := &person{c: c, session: m.FlowSession}
	want("a flow", begun.signOn(n(), m.Flow, m.Users[1], goodPassword), http.StatusOK)
	coded("a flow", begun.resume(n(), m.Flow))
	complete := &person{c: c, session: m.CompleteSession}
	coded("a flow that was complete", complete.resume(n(), m.Complete))
	first := &person{c: c, session: m.Session}
	coded("the session", first.authorize(n(), c.app))
	coded("the request URI", first.send(n(), request{method: "GET", path: "/" + c.env + "/as/authorize?client_id=" + c.app + "&request_uri=" + m.RequestURI}))
	x := &track{c: c, person: first}
	flow, err := x.consents(m.UserCode)
	must(t, err)
	want("the user code", first.act(n(), flow, "deviceAuthGrant.consent", object{"accept": true}), http.StatusOK)
	want("the device code", x.poll(n(), m.DeviceCode), http.StatusOK)
}
