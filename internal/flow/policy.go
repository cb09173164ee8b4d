package flow

import (
	"fmt"
	"slices"
	"time"

	"pixy/internal/platform"
)

// The types of the policy actions that Pixy names itself.
const (
	actionLogin      = "LOGIN"
	actionIdentifier = "IDENTIFIER_FIRST"
	actionMFA        = "MULTI_FACTOR_AUTHENTICATION"
)

func signsOn(actionType string) bool {
	return actionType == actionLogin || actionType == actionIdentifier
}

// advance moves a flow to the first action of its policy that is due. When none
// is, it completes it, or lets the person decide on what was asked for. What Pixy
// can't evaluate ends the flow: a demand that is not understood is never passed
// over.
func (f Flow) advance(now time.Time) Flow {
	signedOn := false
	for _, a := range f.Policy.Actions {
		due, unknown := f.isDue(a, now)
		switch {
		case unknown:
			return f.fail("REQUEST_FAILED", "The sign-on policy has a condition that this server does not evaluate yet")
		case !due:
			signedOn = signedOn || signsOn(a.Type)
		case signsOn(a.Type):
			f.Status = map[string]string{actionLogin: UsernamePasswordRequired, actionIdentifier: SignOnRequired}[a.Type]
			f.User, f.Session, f.Population, f.Done, f.Fresh, f.AMR, f.AuthTime = "", "", "", nil, nil, nil, time.Time{}
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
	if f.Approves() {
		f.Status = DAGConsentRequired
	}
	return f
}

// isDue decides whether an action must be done. What was done in this flow is
// not due again. A sign-on that the session has not is always due; everything
// else is due when its condition holds, and without a condition when the
// session has not done it. unknown is true for a condition that Pixy does not
// evaluate.
func (f Flow) isDue(a platform.SignOnPolicyAction, now time.Time) (due, unknown bool) {
	conditional := len(a.Condition) > 0 && string(a.Condition) != "null"
	done := f.User != "" && slices.Contains(f.Done, a.Type)
	evidence := platform.Evidence{Now: now, RemoteIP: f.RemoteIP, User: f.User, Population: f.Population}
	if f.User == f.BeforeUser {
		evidence.SignedOn = f.Before
	}
	holds := platform.Evaluate(a.Condition, evidence)
	switch {
	case holds == platform.Unevaluated:
		return false, true
	case f.User != "" && slices.Contains(f.Fresh, a.Type):
		return false, false
	case signsOn(a.Type) && !done:
		return true, false
	case holds == platform.Undecided:
		return false, true
	case !conditional:
		return !done, false
	}
	return holds == platform.Holding, false
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
