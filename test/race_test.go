package test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// atOnce runs f n times at the same time and counts what the calls return.
func atOnce(n int, f func() string) map[string]int {
	var begin, done sync.WaitGroup
	var mu sync.Mutex
	came := map[string]int{}
	begin.Add(1)
	for range n {
		done.Go(func() {
			begin.Wait()
			s := f()
			mu.Lock()
			defer mu.Unlock()
			came[s]++
		})
	}
	begin.Done()
	done.Wait()
	return came
}

// TestParallelVerifiers counts wrong verifiers exactly, however many are tried
// at once: an attacker has five tries and not one more.
func TestParallelVerifiers(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	code := p.code(app, "ada", nil)
	came := atOnce(100, func() string {
		r := w.redeem(app, code, url.Values{"code_verifier": {strings.Repeat("w", 43)}})
		sentence, _, _ := strings.Cut(r.text("error_description"), " (")
		return r.text("error") + sentence[strings.LastIndex(sentence, " "):]
	})
	if came["invalid_grant request"] != 5 || came["invalid_grant it"] != 95 {
		t.Errorf("5 must be told that the verifier does not match and 95 that the code is burnt: %v", came)
	}
	w.redeem(app, code, nil).refused(400, "invalid_grant", "five wrong code_verifiers")
}

// TestParallelResumes lets a flow issue one code.
func TestParallelResumes(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	flow := p.tab(app, nil)
	p.signOn(flow, "ada", goodPassword).want(200)
	came := atOnce(50, func() string {
		r := w.send("GET", "/"+w.env+"/as/resume?flowId="+flow, "", header{"Cookie": "ST=" + p.st})
		return fmt.Sprint(r.StatusCode, strings.Contains(r.Header.Get("Location"), "code="))
	})
	if came["302 true"] != 1 || came["409 false"] != 49 {
		t.Errorf("%v", came)
	}
	if n := w.number("SELECT count(*) FROM ticket WHERE kind = 'code'"); n != 1 {
		t.Errorf("%d codes for one flow", n)
	}
}

// TestParallelSignOns completes a flow once: there is one session, and its
// token is known to one answer only.
func TestParallelSignOns(t *testing.T) {
	w := newWorld(t)
	w.user("ada")
	app := w.application(nil)
	p := &person{w: w}
	flow := p.tab(app, nil)
	came := atOnce(20, func() string {
		r := (&person{w: w, st: p.st}).signOn(flow, "ada", goodPassword)
		return fmt.Sprint(r.StatusCode, " ", r.text("status"), len(r.Cookies()))
	})
	if came["200 COMPLETED1"] != 1 || len(came) != 2 {
		t.Errorf("%v", came)
	}
	if n := w.number("SELECT count(*) FROM ticket WHERE kind = 'session'"); n != 1 {
		t.Errorf("%d sessions for one sign-on", n)
	}
}

// TestParallelNames gives a username to one of many who want it.
func TestParallelNames(t *testing.T) {
	w := newWorld(t)
	came := atOnce(30, func() string {
		r := w.manage("POST", "/users", object{"username": "ada", "email": "ada@example.com"})
		return fmt.Sprint(r.StatusCode, " ", r.detail()["code"])
	})
	if came["201 <nil>"] != 1 || came["400 UNIQUENESS_VIOLATION"] != 29 {
		t.Errorf("%v", came)
	}
}
