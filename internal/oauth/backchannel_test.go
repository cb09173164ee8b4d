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

func TestReplyOf(t *testing.T) {
	for status, want := range map[int]Reply{200: Heard, 204: Heard, 201: Refused, 302: Refused, 400: Refused, 404: Refused, 408: Failed, 425: Failed, 429: Failed, 500: Failed, 503: Failed} {
		if got := ReplyOf(status); got != want {
			t.Errorf("%d is %d, not %d", status, got, want)
		}
	}
}

// TestNoticeAfter tries five times at most, and waits longer each time.
func TestNoticeAfter(t *testing.T) {
	now := time.Unix(1721834196, 0)
	for _, c := range []struct {
		tries int
		reply Reply
		wait  time.Duration // of the application, 0 for none
		keep  bool
	}{
		{0, Heard, 0, false}, {0, Refused, 0, false}, {0, Failed, time.Minute, true},
		{1, Heard, 0, false}, {1, Refused, 0, false}, {1, Failed, 5 * time.Minute, true},
		{2, Failed, 15 * time.Minute, true}, {3, Failed, time.Hour, true},
		{4, Heard, 0, false}, {4, Refused, 0, false}, {4, Failed, time.Hour, false},
	} {
		next, due, keep := Notice{Session: "s", Tries: c.tries}.After(c.reply, now)
		want := time.Time{}
		if c.wait > 0 {
			want = now.Add(c.wait)
		}
		if keep != c.keep || !due.Equal(want) || keep && !next.Due.Equal(want) || next.Tries != c.tries+1 || next.Session != "s" {
			t.Errorf("%+v: %+v, due %v, keep %t", c, next, due, keep)
		}
	}
}
