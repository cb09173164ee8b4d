package flow

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"pixy/internal/platform"
)

// The types of the policy actions that Pixy names itself.
const (
	actionLogin = "LOGIN"
	actionMFA   = "MULTI_FACTOR_AUTHENTICATION"
)

// advance moves a flow to the first action of its policy that is due, and
// completes it when none is. What Pixy can't evaluate ends the flow: a demand
// that is not understood is never passed over.
func (f Flow) advance(now time.Time) Flow {
	signedOn := false
	for _, a := range f.Policy.Actions {
		due, unknown := f.isDue(a, now)
		switch {
		case unknown:
			return f.fail("REQUEST_FAILED", "The sign-on policy has a condition that this server does not evaluate yet")
		case !due:
			signedOn = signedOn || a.Type == actionLogin
		case a.Type == actionLogin:
			f.Status, f.User, f.Session, f.Done, f.AMR, f.AuthTime = UsernamePasswordRequired, "", "", nil, nil, time.Time{}
			return f
		case a.Type == actionMFA:
			return f.fail("NO_USABLE_DEVICES", "The sign-on policy asks for a second factor, and the user has no device that can be used")
		default:
			return f.fail("REQUEST_FAILED", fmt.Sprintf("The sign-on policy asks for the action %s, which this server does not support yet", a.Type))
		}
	}
	if !signedOn {
		return f.fail("REQUEST_FAILED", "The sign-on policy has no action that signs a user on")
	}
	f.Status = Completed
	return f
}

// isDue decides whether an action must be done. One that was done, in this flow
// or in the session it began with, is due again only when its condition says
// so; one that was not done is always due. unknown is true for a condition that
// Pixy does not evaluate.
func (f Flow) isDue(a platform.SignOnPolicyAction, now time.Time) (due, unknown bool) {
	after, ok := maxSessionAge(a.Condition)
	if !ok {
		return false, true
	}
	if f.User == "" || !slices.Contains(f.Done, a.Type) {
		return true, false
	}
	return after > 0 && now.Sub(f.AuthTime) > after, false
}

// maxSessionAge reads the one condition that Pixy evaluates: seconds since the
// last sign-on. 0 stands for no condition; any other condition is not ok.
func maxSessionAge(raw json.RawMessage) (age time.Duration, ok bool) {
	if len(raw) == 0 || string(raw) == "null" {
		return 0, true
	}
	var c map[string]any
	if err := json.Unmarshal(raw, &c); err != nil {
		return 0, false
	}
	since, _ := c["secondsSince"].(string)
	greater, isNumber := c["greater"].(float64)
	known := since == "${session.lastSignOn.at}" || since == "${session.lastSignOn.withAuthenticator.pwd.at}"
	if len(c) != 2 || !known || !isNumber || greater < 1 || greater > 1e9 {
		return 0, false
	}
	return time.Duration(greater) * time.Second, true
}

// Choose picks the policy of a sign-on. acr are the names the request prefers;
// assigned are the policies of the application, by priority; fallback is the
// environment's default; all are the environment's. An application without
// assignments may ask for any policy that demands at least what the default
// does: a request can't talk the server into less.
func Choose(acr []string, assigned []Policy, fallback Policy, all []Policy) Policy {
	candidates := assigned
	if len(assigned) == 0 {
		candidates = append([]Policy{fallback}, slices.DeleteFunc(slices.Clone(all), func(p Policy) bool { return !p.demands(fallback) })...)
	}
	for _, name := range acr {
		if i := slices.IndexFunc(candidates, func(p Policy) bool { return p.Name == name }); i >= 0 {
			return candidates[i]
		}
	}
	return candidates[0]
}

// demands reports whether every action of the other policy stands in this one
// under the same condition.
func (p Policy) demands(other Policy) bool {
	for _, a := range other.Actions {
		if !slices.ContainsFunc(p.Actions, func(b platform.SignOnPolicyAction) bool {
			return a.Type == b.Type && string(a.Condition) == string(b.Condition)
		}) {
			return false
		}
	}
	return true
}
