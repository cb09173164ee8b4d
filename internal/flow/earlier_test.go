package flow

import (
	"testing"

	"pixy/internal/platform"
)

// TestSecondFactorByTheLastSignOn: "last sign-on older than" asks about the one
// before this flow, not about the one that has just been made.
func TestSecondFactorByTheLastSignOn(t *testing.T) {
	p := conditional(`{"secondsSince":"${session.lastSignOn.at}","greater":60}`, "LOGIN", "MULTI_FACTOR_AUTHENTICATION")
	f := Start(Flow{Policy: p}, nil, Demand{}, noon)
	if got := ends(checkPassword(f, facts()).Flow); got != noDevice {
		t.Error("who never signed on before:", got)
	}
	f = Start(Flow{Policy: p}, session(1e6), Demand{Fresh: true}, noon)
	if got := ends(checkPassword(f, facts()).Flow); got != noDevice {
		t.Error("whose last sign-on is long ago:", got)
	}
	f = Start(Flow{Policy: p}, session(10), Demand{Fresh: true}, noon)
	x := facts()
	x.UserID = "somebody else"
	if got := ends(checkPassword(f, x).Flow); got != noDevice {
		t.Error("another person at a fresh session:", got)
	}
}

// TestAddressOfTheLastStep: what conditions ask about the browser is where it is
// now.
func TestAddressOfTheLastStep(t *testing.T) {
	p := conditional(`{"not":{"ipRange":["10.0.0.0/8"],"contains":"${flow.request.http.remoteIp}"}}`, "LOGIN", "MULTI_FACTOR_AUTHENTICATION")
	x := facts()
	x.RemoteIP, x.Credential.MustChange = "10.1.2.3", true
	f := checkPassword(Start(Flow{Policy: p}, nil, Demand{}, noon), x).Flow
	x.RemoteIP = "198.51.100.1"
	if got := resetPassword(f, x).Flow; ends(got) != noDevice || got.RemoteIP != x.RemoteIP {
		t.Error(ends(got), got.RemoteIP)
	}
}

// TestDiscoveryOfWhoSignsOn: the rules hold for who signs on, not for who did
// before.
func TestDiscoveryOfWhoSignsOn(t *testing.T) {
	p := discovering("IDENTIFIER_FIRST", "@corp.example")
	p.Actions = append(p.Actions, policy("", "LOGIN 100").Actions...)
	f := Start(Flow{Policy: p}, byName(session(101)), Demand{}, noon)
	x := facts()
	x.UserID, x.User = "v", platform.User{Username: "ann@corp.example", Enabled: true}
	if got := checkPassword(f, x).Flow; got.Status != Failed {
		t.Error(got.Status)
	}
}
