package oauth

import (
	"encoding/json"
	"testing"
	"time"
)

// TestLogoutToken holds a logout token against OpenID Connect Back-Channel
// Logout §2.4.
func TestLogoutToken(t *testing.T) {
	now := time.Unix(1721834196, 0)
	n := Notice{Environment: "e", Client: "app", Subject: "ada", Issuer: "https://x/e/as", Session: "s"}
	raw, err := json.Marshal(n.Token("j", now))
	want := `{"iss":"https://x/e/as","sub":"ada","aud":"app","iat":1721834196,"exp":1721834316,"jti":"j","events":{"http://schemas.openid.net/event/backchannel-logout":{}},"sid":"s"}`
	if err != nil || string(raw) != want {
		t.Errorf("%s %v, want %s", raw, err, want)
	}
}

func TestHeard(t *testing.T) {
	for status, want := range map[int][2]bool{200: {true, false}, 204: {true, false}, 201: {}, 302: {}, 400: {}, 404: {}, 408: {false, true}, 429: {false, true}, 500: {false, true}, 503: {false, true}} {
		if heard, passing := Heard(status); heard != want[0] || passing != want[1] {
			t.Errorf("%d: heard %t, passing %t", status, heard, passing)
		}
	}
}

// TestNoticeTries tells five times at most, and waits longer each time.
func TestNoticeTries(t *testing.T) {
	n, again, now := Notice{}, true, time.Unix(0, 0)
	var waited []time.Duration
	for again {
		if n, again = n.Failed(now); again {
			waited = append(waited, n.Due.Sub(now))
			now = n.Due
		}
	}
	if n.Tries != 5 || len(waited) != 4 || now.Sub(time.Unix(0, 0)) >= NoticeLife {
		t.Errorf("%d tries, the waits are %v", n.Tries, waited)
	}
	for i := 1; i < len(waited); i++ {
		if waited[i] <= waited[i-1] {
			t.Errorf("the waits do not grow: %v", waited)
		}
	}
}
