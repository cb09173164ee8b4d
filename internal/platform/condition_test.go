package platform

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func words(v Verdict) string {
	return [...]string{"unevaluated", "holding", "not holding", "undecided"}[v]
}

// The leaves of conditions by what they come to for the evidence of known():
// t holds, f does not, u is not evaluated; of a stranger() d asks about the user.
const (
	leafT = `{"ipRange":["10.0.0.0/8"],"contains":"${flow.request.http.remoteIp}"}`
	leafF = `{"ipRange":["192.168.0.0/16"],"contains":"${flow.request.http.remoteIp}"}`
	leafU = `{"anonymousNetwork":["x"],"valid":false}`
	leafD = `{"value":"${user.population.id}","equals":"p"}`
)

func known() Evidence {
	return Evidence{Now: noon, SignedOn: noon.Add(-time.Hour), RemoteIP: "10.1.2.3", User: "u", Population: "p"}
}

func stranger() Evidence { return Evidence{Now: noon, RemoteIP: "10.1.2.3"} }

func TestEvaluateLeaves(t *testing.T) {
	at := func(ago time.Duration) Evidence { e := known(); e.SignedOn = noon.Add(-ago); return e }
	from := func(ip string) Evidence { e := known(); e.RemoteIP = ip; return e }
	since := func(greater string) string {
		return `{"secondsSince":"${session.lastSignOn.at}","greater":` + greater + `}`
	}
	ranges := func(list string) string { return `{"ipRange":` + list + `,"contains":"${flow.request.http.remoteIp}"}` }
	cases := []struct {
		raw  string
		e    Evidence
		want Verdict
	}{
		// None holds.
		{``, known(), Holding},
		{`null`, known(), Holding},
		{`null`, Evidence{}, Holding},
		// Since the last sign-on.
		{since("3600"), at(time.Hour), NotHolding},
		{since("3600"), at(time.Hour + time.Second), Holding},
		{since("3600"), at(time.Hour - time.Second), NotHolding},
		{since("3600"), at(0), NotHolding},
		{since("3600"), stranger(), Holding}, // nobody has signed on
		{since("1"), at(2 * time.Second), Holding},
		{since("1e3"), at(1001 * time.Second), Holding},
		{since("1000000000"), at(1e9 * time.Second), NotHolding},
		{`{"secondsSince":"${session.lastSignOn.withAuthenticator.pwd.at}","greater":3600}`, at(2 * time.Hour), Holding},
		{`{"secondsSince":"${session.lastSignOn.withAuthenticator.pwd.at}","greater":3600}`, at(time.Minute), NotHolding},
		{since("0"), known(), Unevaluated},
		{since("0.5"), known(), Unevaluated},
		{since("-1"), known(), Unevaluated},
		{since("1000000001"), known(), Unevaluated},
		{since("1e300"), known(), Unevaluated},
		{since(`"3600"`), known(), Unevaluated},
		{since("null"), known(), Unevaluated},
		{`{"secondsSince":"${session.lastSignOn.withAuthenticator.mfa.at}","greater":3600}`, known(), Unevaluated},
		{`{"secondsSince":"","greater":3600}`, known(), Unevaluated},
		{`{"secondsSince":7,"greater":3600}`, known(), Unevaluated},
		{`{"secondsSince":"${session.lastSignOn.at}"}`, known(), Unevaluated},
		{`{"secondsSince":"${session.lastSignOn.at}","less":3600}`, known(), Unevaluated},
		{`{"secondsSince":"${session.lastSignOn.at}","greater":3600,"also":1}`, known(), Unevaluated},
		// The address of the request.
		{ranges(`["10.0.0.0/8"]`), from("10.255.255.255"), Holding},
		{ranges(`["10.0.0.0/8"]`), from("11.0.0.0"), NotHolding},
		{ranges(`["192.168.0.0/16","10.1.2.3/32"]`), from("10.1.2.3"), Holding},
		{ranges(`["192.168.0.0/16","10.1.2.3/32"]`), from("10.1.2.4"), NotHolding},
		{ranges(`["10.9.9.9/8"]`), from("10.1.2.3"), Holding},
		{ranges(`["0.0.0.0/0"]`), from("10.1.2.3"), Holding},
		{ranges(`["0.0.0.0/0"]`), from("2001:db8::1"), NotHolding},
		{ranges(`["2001:db8::/32"]`), from("2001:db8:ffff::1"), Holding},
		{ranges(`["2001:db8::/32"]`), from("2001:db9::1"), NotHolding},
		{ranges(`["10.0.0.0/8"]`), from("::ffff:10.1.2.3"), Holding}, // as a socket of both families names it
		{ranges(`["10.0.0.0/8"]`), from(""), Unevaluated},
		{ranges(`["10.0.0.0/8"]`), from("somewhere"), Unevaluated},
		{ranges(`["10.0.0.0/8"]`), from("10.1.2.3:443"), Unevaluated},
		{ranges(`["10.1.2.3"]`), from("10.1.2.3"), Unevaluated},
		{ranges(`["10.0.0.0/33"]`), from("10.1.2.3"), Unevaluated},
		{ranges(`["x"]`), from("10.1.2.3"), Unevaluated},
		{ranges(`[""]`), from("10.1.2.3"), Unevaluated},
		{ranges(`[null]`), from("10.1.2.3"), Unevaluated},
		{ranges(`[7]`), from("10.1.2.3"), Unevaluated},
		{ranges(`"10.0.0.0/8"`), from("10.1.2.3"), Unevaluated},
		{ranges(`null`), from("10.1.2.3"), Unevaluated},
		{`{"ipRange":["10.0.0.0/8"]}`, known(), Unevaluated},
		{`{"ipRange":["10.0.0.0/8"],"contains":"${flow.request.http.header}"}`, known(), Unevaluated},
		{`{"ipRange":["10.0.0.0/8"],"contains":"${flow.request.http.remoteIp}","not":null}`, known(), Unevaluated},
		// The user.
		{`{"value":"${user.population.id}","equals":"p"}`, known(), Holding},
		{`{"value":"${user.population.id}","equals":"q"}`, known(), NotHolding},
		{`{"value":"${user.population.id}","equals":"P"}`, known(), NotHolding},
		{`{"value":"${user.id}","equals":"u"}`, known(), Holding},
		{`{"value":"${user.id}","equals":"p"}`, known(), NotHolding},
		{`{"value":"${user.id}","equals":"u"}`, stranger(), Undecided},
		{`{"value":"${user.population.id}","equals":"p"}`, stranger(), Undecided},
		{`{"value":"${user.population.id}","equals":""}`, stranger(), Undecided},
		{`{"value":"${user.lifecycle.status}","equals":"p"}`, known(), Unevaluated},
		{`{"value":"${user.lifecycle.status}","equals":"p"}`, stranger(), Unevaluated},
		{`{"value":"user.id","equals":"u"}`, known(), Unevaluated},
		{`{"value":"","equals":""}`, known(), Unevaluated},
		{`{"value":"${user.id}","equals":7}`, known(), Unevaluated},
		{`{"value":"${user.id}","equals":["u"]}`, known(), Unevaluated},
		{`{"value":"${user.id}","equals":true}`, known(), Unevaluated},
		{`{"value":"${user.id}"}`, known(), Unevaluated},
		{`{"value":"${user.id}","equals":"u","greater":1}`, known(), Unevaluated},
		// What is not known.
		{`{}`, known(), Unevaluated},
		{leafU, known(), Unevaluated},
		{`{"geoVelocity":{},"valid":true}`, known(), Unevaluated},
		{`{"ipRisk":{"minScore":80,"maxScore":100},"valid":true}`, known(), Unevaluated},
		{`{"something":"else"}`, known(), Unevaluated},
		{`[]`, known(), Unevaluated},
		{`"text"`, known(), Unevaluated},
		{`true`, known(), Unevaluated},
		{`7`, known(), Unevaluated},
		{`{`, known(), Unevaluated},
		{`not JSON`, known(), Unevaluated},
	}
	for _, c := range cases {
		if got := Evaluate(json.RawMessage(c.raw), c.e); got != c.want {
			t.Errorf("%s with %+v is %s, not %s", c.raw, c.e, words(got), words(c.want))
		}
	}
}

// TestEvaluateCombinations is Kleene's logic: of each pair, and of their
// negations.
func TestEvaluateCombinations(t *testing.T) {
	leaf := map[string]string{"t": leafT, "f": leafF, "u": leafU, "d": leafD}
	verdicts := map[string]Verdict{"t": Holding, "f": NotHolding, "u": Unevaluated, "d": Undecided}
	and := map[string]string{"tt": "t", "tf": "f", "tu": "u", "td": "d", "ff": "f", "fu": "f", "fd": "f", "uu": "u", "ud": "u", "dd": "d"}
	or := map[string]string{"tt": "t", "tf": "t", "tu": "t", "td": "t", "ff": "f", "fu": "u", "fd": "d", "uu": "u", "ud": "u", "dd": "d"}
	not := map[string]string{"t": "f", "f": "t", "u": "u", "d": "d"}
	check := func(raw, want string) {
		t.Helper()
		if got := Evaluate(json.RawMessage(raw), stranger()); got != verdicts[want] {
			t.Errorf("%s is %s, not %s", raw, words(got), words(verdicts[want]))
		}
	}
	for a := range leaf {
		check(leaf[a], a)
		check(`{"not":`+leaf[a]+`}`, not[a])
		check(`{"not":{"not":`+leaf[a]+`}}`, a)
		check(`{"and":[`+leaf[a]+`]}`, a)
		check(`{"or":[`+leaf[a]+`]}`, a)
		for b := range leaf {
			pair := a + b
			if and[pair] == "" {
				pair = b + a
			}
			check(`{"and":[`+leaf[a]+`,`+leaf[b]+`]}`, and[pair])
			check(`{"or":[`+leaf[a]+`,`+leaf[b]+`]}`, or[pair])
			check(`{"not":{"and":[`+leaf[a]+`,`+leaf[b]+`]}}`, not[and[pair]])
			check(`{"not":{"or":[`+leaf[a]+`,`+leaf[b]+`]}}`, not[or[pair]])
			check(`{"and":[{"not":`+leaf[a]+`},{"not":`+leaf[b]+`}]}`, not[or[pair]]) // De Morgan
		}
	}
	// Nothing else stands beside a combination.
	for _, raw := range []string{`{"and":[%s],"or":[%s]}`, `{"and":[%s],"x":1,"y":[%s]}`, `{"not":%s,"and":[%s]}`, `{"or":[%s],"value":"","z":%s}`} {
		check(fmt.Sprintf(raw, leafT, leafT), "u")
	}
	for _, raw := range []string{`{"not":null}`, `{"and":[null]}`, `{"or":[null]}`, `{"not":[]}`, `{"not":"x"}`, `{"and":{}}`, `{"or":"x"}`, `{"and":null}`, `{"or":null}`} {
		check(raw, "u")
	}
}

// A random tree is never taken for an answer that another value of what is not
// known would turn: it is Holding only when it holds whatever the unknown
// leaves are, and NotHolding likewise. And it is decided whenever that is so:
// each leaf is a condition of its own.
func TestUnknownLeavesNeverDecide(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	decided, spoilt := 0, 0
	for range 5000 {
		unknown := 0
		var grow func(depth int) (raw string, value func(assigned uint) bool)
		grow = func(depth int) (string, func(uint) bool) {
			n := random.IntN(7)
			if depth == 0 {
				n %= 4
			}
			switch n {
			case 0:
				return leafT, func(uint) bool { return true }
			case 1:
				return leafF, func(uint) bool { return false }
			case 2, 3:
				if unknown == 8 {
					return leafT, func(uint) bool { return true }
				}
				bit := uint(1) << unknown
				unknown++
				return []string{leafU, leafD}[n-2], func(assigned uint) bool { return assigned&bit != 0 }
			case 4:
				raw, value := grow(depth - 1)
				return `{"not":` + raw + `}`, func(a uint) bool { return !value(a) }
			}
			var raws []string
			var values []func(uint) bool
			for range 1 + random.IntN(3) {
				raw, value := grow(depth - 1)
				raws, values = append(raws, raw), append(values, value)
			}
			all := n == 5
			return `{"` + map[bool]string{true: "and", false: "or"}[all] + `":[` + strings.Join(raws, ",") + `]}`, func(a uint) bool {
				for _, v := range values {
					if v(a) != all {
						return !all
					}
				}
				return all
			}
		}
		raw, value := grow(4)
		may := map[bool]bool{}
		for assigned := range uint(1) << unknown {
			may[value(assigned)] = true
		}
		got := Evaluate(json.RawMessage(raw), stranger())
		want := got
		switch {
		case !may[false]:
			want = Holding
		case !may[true]:
			want = NotHolding
		case got == Holding || got == NotHolding:
			want = Unevaluated
		}
		if got != want {
			t.Fatalf("%s is %s, not %s", raw, words(got), words(want))
		}
		if len(may) == 1 {
			decided++
		} else {
			spoilt++
		}
		if !strings.Contains(raw, "anonymousNetwork") && got == Unevaluated {
			t.Fatalf("%s is unevaluated, though all of it is known later", raw)
		}
		if wrong := wrongCondition(json.RawMessage(raw)); wrong != "" {
			t.Fatalf("%s: %s", raw, wrong)
		}
	}
	if decided < 500 || spoilt < 500 {
		t.Errorf("%d trees are decided, %d are not: the trees are too alike", decided, spoilt)
	}
}

func TestWrongCondition(t *testing.T) {
	const object, list = "must be an object such as", "must have a list of 1 to 100 conditions, and nothing else, beside "
	const since, ranges = "must have an expression under secondsSince", "must have ranges such as 10.0.0.0/8"
	many := func(n int) string { return `[` + strings.TrimSuffix(strings.Repeat(leafT+",", n), ",") + `]` }
	cases := []struct{ raw, says string }{
		{``, ""}, {`null`, ""}, {leafT, ""}, {leafU, ""}, {leafD, ""}, {`{"geoVelocity":{},"valid":true}`, ""}, {`{"not":` + leafT + `}`, ""},
		{`{"and":` + many(1) + `}`, ""}, {`{"and":` + many(100) + `}`, ""}, {`{"or":[{"and":` + many(2) + `},{"not":{"or":` + many(2) + `}}]}`, ""},
		{`{}`, object}, {`[]`, object}, {`[{}]`, object}, {`"x"`, object}, {`7`, object}, {`true`, object}, {`{`, object},
		{`{"and":[]}`, list + "and"}, {`{"or":[]}`, list + "or"}, {`{"and":null}`, list + "and"}, {`{"or":"x"}`, list + "or"}, {`{"and":{}}`, list + "and"},
		{`{"and":` + many(101) + `}`, list + "and"}, {`{"or":` + many(101) + `}`, list + "or"},
		{`{"and":` + many(1) + `,"or":` + many(1) + `}`, list + "and"}, {`{"or":` + many(1) + `,"x":1}`, list + "or"},
		{`{"and":[{}]}`, object}, {`{"or":[` + leafT + `,7]}`, object}, {`{"not":{}}`, object}, {`{"not":[]}`, object}, {`{"not":{"not":"x"}}`, object},
		{`{"or":[{"and":[{"not":{"or":[]}}]}]}`, list + "or"},
		{`{"not":null}`, object}, {`{"and":[null]}`, object}, {`{"or":[{"not":null}]}`, object},
		{`{"secondsSince":null,"greater":5}`, since}, {`{"secondsSince":"${session.lastSignOn.at}","greater":"5"}`, since}, {`{"secondsSince":"${session.lastSignOn.at}","greater":0}`, since},
		{`{"ipRange":["10.0.0.0/8"],"contains":7}`, ranges}, {`{"ipRange":[],"contains":"x"}`, ranges}, {`{"ipRange":["10.0.0.0"],"contains":"x"}`, ranges}, {`{"ipRange":["::ffff:10.0.0.0/104"],"contains":"x"}`, ranges},
		{`{"geoVelocity":{}}`, "must be and, or, not"}, {`{"geoVelocity":{},"valid":true,"more":1}`, "must be and, or, not"}, {`{"value":"x"}`, "must be and, or, not"},
	}
	for _, c := range cases {
		if got := wrongCondition(json.RawMessage(c.raw)); (got == "") != (c.says == "") || !strings.HasPrefix(got, c.says) {
			t.Errorf("%.100s: %q, not %q", c.raw, got, c.says)
		}
	}
}

// FuzzCondition: no condition makes evaluating panic, one that can't be read
// has no answer, and a negation never has the same answer.
func FuzzCondition(f *testing.F) {
	for _, s := range []string{``, `null`, leafT, leafF, leafU, leafD, `{"and":[` + leafT + `,` + leafU + `]}`, `{"or":[{"not":` + leafD + `}]}`, `{"and":[null,{}]}`, `{"secondsSince":"${session.lastSignOn.at}","greater":1e400}`, `{"not":{"not":{"not":null}}}`, `[`, strings.Repeat(`{"not":`, 1000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		wrongCondition(json.RawMessage(raw))
		for _, e := range []Evidence{known(), stranger(), {}} {
			got := Evaluate(json.RawMessage(raw), e)
			if !json.Valid([]byte(raw)) && raw != "" && got != Unevaluated {
				t.Errorf("%q is %s", raw, words(got))
			}
			if raw == "" || strings.TrimSpace(raw) == "null" {
				continue
			}
			opposite := map[Verdict]Verdict{Holding: NotHolding, NotHolding: Holding, Unevaluated: Unevaluated, Undecided: Undecided}
			if not := Evaluate(json.RawMessage(`{"not":`+raw+`}`), e); json.Valid([]byte(raw)) && not != opposite[got] {
				t.Errorf("%q is %s, and its negation %s", raw, words(got), words(not))
			}
		}
	})
}
