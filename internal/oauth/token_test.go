package oauth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

func TestReadCredentials(t *testing.T) {
	// covers: RFC 6749 §2.3/2, RFC 6749 §3.2/5
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	form := func(id, secret string) Form { return Form{"client_id": {id}, "client_secret": {secret}} }
	byBasic := func(id, secret string) Credentials {
		return Credentials{Method: platform.AuthBasic, ID: id, Secret: secret}
	}
	cases := []struct {
		name, header string
		form         Form
		want         Credentials
		refused      *fault.Fault
	}{
		{"nothing", "", Form{}, Credentials{Method: platform.AuthNone}, nil},
		{"public", "", form("me", ""), Credentials{Method: platform.AuthNone, ID: "me", Secret: ""}, nil},
		{"post", "", form("me", "s"), Credentials{Method: platform.AuthPost, ID: "me", Secret: "s"}, nil},
		{"post keeps every character", "", form("me", "s:%2B+ \x00"), Credentials{Method: platform.AuthPost, ID: "me", Secret: "s:%2B+ \x00"}, nil},
		{"basic", basic("me:s"), Form{}, byBasic("me", "s"), nil},
		{"basic and the same client_id", basic("me:s"), form("me", ""), byBasic("me", "s"), nil},
		{"scheme without case", "bAsIc " + basic("me:s")[6:], Form{}, byBasic("me", "s"), nil},
		{"two spaces", "Basic  " + basic("me:s")[6:], Form{}, byBasic("me", "s"), nil},
		{"form-decoded (RFC 6749 §2.3.1)", basic("m%20e:s%3A%25+x%2B"), Form{}, byBasic("m e", "s:% x+"), nil},
		{"colon in the secret", basic("me:a:b:c"), Form{}, byBasic("me", "a:b:c"), nil},
		{"empty secret", basic("me:"), Form{}, byBasic("me", ""), nil},
		{"NUL is part of the secret", basic("me:s\x00"), Form{}, byBasic("me", "s\x00"), nil},
		{"escaped NUL too", basic("me:s%00"), Form{}, byBasic("me", "s\x00"), nil},
		{"no colon", basic("me"), Form{}, Credentials{}, fault.ClientDenied},
		{"broken escape", basic("me:%zz"), Form{}, Credentials{}, fault.ClientDenied},
		{"broken base64", "Basic !!!", Form{}, Credentials{}, fault.ClientDenied},
		{"base64url", "Basic bWU6_-8=", Form{}, Credentials{}, fault.ClientDenied},
		{"no padding", "Basic bWU6cw", Form{}, Credentials{}, fault.ClientDenied},
		{"empty", "Basic", Form{}, Credentials{}, fault.ClientDenied},
		{"another scheme", "Bearer abc", Form{}, Credentials{}, fault.ClientDenied},
		{"another scheme beside a public client", "Bearer abc", form("me", ""), Credentials{}, fault.ClientDenied},
		{"another client_id", basic("me:s"), form("you", ""), Credentials{}, fault.ClientDenied},
		{"both ways", basic("me:s"), form("me", "s"), Credentials{}, fault.ClientTwice},
		{"both ways, even when the header is broken", "Bearer x", form("me", "s"), Credentials{}, fault.ClientTwice},
		{"an assertion of no type", "", Form{"client_assertion": {"x"}}, Credentials{}, fault.ClientMethod},
		{"an assertion of another type", "", Form{"client_assertion_type": {"x"}}, Credentials{}, fault.ClientMethod},
		{"no assertion", "", Form{"client_assertion_type": {AssertionType}}, Credentials{}, fault.ClientDenied},
		{"no JWT", "", Form{"client_assertion_type": {AssertionType}, "client_assertion": {"x"}}, Credentials{}, fault.ClientDenied},
		{"an assertion beside Basic", basic("me:s"), Form{"client_assertion_type": {AssertionType}, "client_assertion": {"x"}}, Credentials{}, fault.ClientTwice},
		{"an assertion beside a secret", "", Form{"client_assertion_type": {AssertionType}, "client_assertion": {"x"}, "client_secret": {"s"}}, Credentials{}, fault.ClientTwice},
	}
	for _, c := range cases {
		got, err := ReadCredentials(c.header, c.form)
		if !refuses(err, c.refused) || got != c.want {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestAuthenticate(t *testing.T) {
	// covers: RFC 6749 §2.3.2/1
	client := func(method string, enabled bool) *Client {
		return &Client{ID: "me", Application: platform.Application{TokenEndpointAuthMethod: method, Enabled: enabled}}
	}
	secrets := []string{"current", "previous"}
	cases := []struct {
		name    string
		c       Credentials
		client  *Client
		secrets []string
		refused *fault.Fault
	}{
		{"public", Credentials{Method: platform.AuthNone}, client(platform.AuthNone, true), nil, nil},
		{"current secret by Basic", Credentials{Method: platform.AuthBasic, Secret: "current"}, client(platform.AuthBasic, true), secrets, nil},
		{"previous secret by Basic", Credentials{Method: platform.AuthBasic, Secret: "previous"}, client(platform.AuthBasic, true), secrets, nil},
		{"current secret by post", Credentials{Method: platform.AuthPost, Secret: "current"}, client(platform.AuthPost, true), secrets, nil},
		{"wrong secret", Credentials{Method: platform.AuthBasic, Secret: "x"}, client(platform.AuthBasic, true), secrets, fault.ClientDenied},
		{"longer by a NUL", Credentials{Method: platform.AuthBasic, Secret: "current\x00"}, client(platform.AuthBasic, true), secrets, fault.ClientDenied},
		{"prefix", Credentials{Method: platform.AuthPost, Secret: "curren"}, client(platform.AuthPost, true), secrets, fault.ClientDenied},
		{"another case", Credentials{Method: platform.AuthPost, Secret: "Current"}, client(platform.AuthPost, true), secrets, fault.ClientDenied},
		{"empty", Credentials{Method: platform.AuthPost}, client(platform.AuthPost, true), secrets, fault.ClientDenied},
		{"no secret kept", Credentials{Method: platform.AuthPost, Secret: "current"}, client(platform.AuthPost, true), nil, fault.ClientDenied},
		{"no secret kept, none sent", Credentials{Method: platform.AuthBasic}, client(platform.AuthBasic, true), nil, fault.ClientDenied},
		{"unknown", Credentials{Method: platform.AuthNone}, nil, nil, fault.ClientDenied},
		{"disabled", Credentials{Method: platform.AuthNone}, client(platform.AuthNone, false), nil, fault.ClientDenied},
		{"disabled, right secret", Credentials{Method: platform.AuthPost, Secret: "current"}, client(platform.AuthPost, false), secrets, fault.ClientDenied},
	}
	// A client authenticates by its own method and no other.
	for _, has := range []string{platform.AuthNone, platform.AuthBasic, platform.AuthPost, "PRIVATE_KEY_JWT", "CLIENT_SECRET_JWT", ""} {
		for _, uses := range []string{platform.AuthNone, platform.AuthBasic, platform.AuthPost} {
			if has != uses {
				cases = append(cases, struct {
					name    string
					c       Credentials
					client  *Client
					secrets []string
					refused *fault.Fault
				}{has + " by " + uses, Credentials{Method: uses, Secret: "current"}, client(has, true), secrets, fault.ClientMethod})
			}
		}
	}
	for _, c := range cases {
		if err := Authenticate(c.c, c.client, Keys{Secrets: c.secrets}, "https://i", noon); !refuses(err, c.refused) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// redemption is a request that redeems a good code.
func redemption() Exchange {
	return Exchange{
		Form:   Form{"code": {"c"}, "redirect_uri": {"https://a/cb"}, "code_verifier": {rfcVerifier}},
		Client: Client{ID: "me"}, Now: noon, UserActive: true,
		Code: &Code{ClientID: "me", RedirectURI: "https://a/cb", Challenge: Challenge{rfcChallenge, MethodS256}, Scopes: []string{"openid"}, Nonce: "n",
			User: "u", Session: "s", Family: "f", ACR: "Single_Factor", AMR: []string{"pwd"}, AuthTime: noon.Add(-time.Minute), ExpiresAt: noon.Add(time.Second)},
	}
}

// flaw is one thing wrong with a redemption, in the order in which a redemption
// is refused. From "expired" on a mistake is the code's own client's.
type flaw struct {
	name    string
	make    func(*Exchange)
	refused *fault.Fault
}

func flaws() []flaw {
	verifier := func(v string) func(*Exchange) { return func(x *Exchange) { x.Form["code_verifier"] = []string{v} } }
	return []flaw{
		{"no code", func(x *Exchange) { delete(x.Form, "code") }, fault.CodeMissing},
		{"unknown", func(x *Exchange) { x.Code = nil }, fault.CodeUnknown},
		{"another client's", func(x *Exchange) { x.Client.ID = "you" }, fault.CodeForeign},
		{"another redirect_uri", func(x *Exchange) { x.Form["redirect_uri"] = []string{"https://a/cb/"} }, fault.CodeRedirect},
		{"expired", func(x *Exchange) { x.Now = x.Now.Add(time.Second) }, fault.CodeExpired},
		{"spent", func(x *Exchange) { x.Code.Spent = true }, fault.CodeSpent},
		{"burnt", func(x *Exchange) { x.Code.Failures = 5 }, fault.CodeBurnt},
		{"wrong verifier", verifier(strings.Repeat("z", 43)), fault.VerifierMismatch},
		{"another key", func(x *Exchange) { x.Code.JKT, x.JKT = "k", "l" }, fault.ProofForeign},
		{"user gone", func(x *Exchange) { x.UserActive = false }, fault.CodeUserGone},
	}
}

// TestRedemptionOrder makes every pair of mistakes at once: the earlier one is
// told. A spent code never expires, so that its late reuse still revokes.
func TestRedemptionOrder(t *testing.T) {
	all := flaws()
	for i, first := range all {
		x := redemption()
		first.make(&x)
		if out := decideCode(x); !refuses(out.Refuse, first.refused) {
			t.Errorf("%s: %v", first.name, out.Refuse)
		}
		for _, second := range all[i+1:] {
			x := redemption()
			second.make(&x)
			if x.Code == nil {
				continue // what is unknown has no further properties
			}
			first.make(&x)
			want := first.refused
			if first.name == "expired" && second.name == "spent" {
				want = fault.CodeSpent
			}
			if out := decideCode(x); !refuses(out.Refuse, want) {
				t.Errorf("%s and %s: %v", first.name, second.name, out.Refuse)
			}
		}
	}
}

// TestRedemptionOutcome says what each mistake changes: nothing before it is
// sure that the client is the code's own.
func TestRedemptionOutcome(t *testing.T) {
	x := redemption()
	want := Outcome{Spend: true, Issue: Issue{Subject: "u", Scopes: []string{"openid"}, Session: "s", Family: "f", Nonce: "n", ACR: "Single_Factor", AMR: []string{"pwd"}, AuthTime: noon.Add(-time.Minute)}}
	if out := decideCode(x); !reflect.DeepEqual(out, want) {
		t.Errorf("a good redemption became %+v", out)
	}
	for _, f := range flaws() {
		x := redemption()
		f.make(&x)
		out := decideCode(x)
		if out.Spend || !reflect.DeepEqual(out.Issue, Issue{}) {
			t.Errorf("%s: something is issued: %+v", f.name, out)
		}
		if wantRevoke := f.name == "spent"; (out.End != nil && *out.End == (End{Family: "f"})) != wantRevoke || !wantRevoke && out.End != nil {
			t.Errorf("%s: revokes %v", f.name, out.End)
		}
		if wantKeep := f.name == "wrong verifier"; (out.Code != nil) != wantKeep {
			t.Errorf("%s: keeps %+v", f.name, out.Code)
		}
	}
	// Nobody but the code's own client, with its redirect URI, can revoke.
	for _, f := range flaws()[:4] {
		x := redemption()
		x.Code.Spent = true
		code := x.Code
		if f.make(&x); x.Code != code {
			continue
		}
		if out := decideCode(x); out.End != nil || out.Code != nil {
			t.Errorf("%s changed a spent code: %+v", f.name, out)
		}
	}
}

func TestVerifierFailuresAreCounted(t *testing.T) {
	wrong := map[string]*fault.Fault{"": fault.VerifierMissing, "short": fault.VerifierMalformed, strings.Repeat("z", 43): fault.VerifierMismatch}
	for verifier, refused := range wrong {
		x := redemption()
		x.Form["code_verifier"] = []string{verifier}
		for n := 1; n <= 5; n++ {
			before := *x.Code
			out := decideCode(x)
			if !refuses(out.Refuse, refused) || out.Code == nil || out.Code.Failures != n || !reflect.DeepEqual(*x.Code, before) {
				t.Fatalf("failure %d of %q: %+v", n, verifier, out)
			}
			x.Code = out.Code
		}
		x.Form["code_verifier"] = []string{rfcVerifier}
		if out := decideCode(x); !refuses(out.Refuse, fault.CodeBurnt) || out.Code != nil || out.Spend {
			t.Errorf("after five failures: %+v", out)
		}
	}
	x := redemption()
	x.Code.Failures = 4
	if out := decideCode(x); !out.Spend {
		t.Errorf("four failures leave the code to the true client: %v", out.Refuse)
	}
	x = redemption()
	x.Code.Challenge = Challenge{}
	if out := decideCode(x); !refuses(out.Refuse, fault.VerifierUnasked) || out.Code.Failures != 1 {
		t.Errorf("a verifier nobody asked for: %+v", out)
	}
	delete(x.Form, "code_verifier")
	if out := decideCode(x); !out.Spend {
		t.Errorf("no challenge, no verifier: %v", out.Refuse)
	}
}

func TestCodeEdges(t *testing.T) {
	// covers: RFC 6749 §4.1.3/12
	x := redemption()
	x.Now = x.Code.ExpiresAt.Add(-1)
	if out := decideCode(x); !out.Spend {
		t.Errorf("good until it expires: %v", out.Refuse)
	}
	x = redemption()
	x.Code.RedirectURI = ""
	if out := decideCode(x); !refuses(out.Refuse, fault.CodeRedirect) {
		t.Errorf("a redirect_uri that the authorize request had not: %v", out.Refuse)
	}
	delete(x.Form, "redirect_uri")
	if out := decideCode(x); !out.Spend {
		t.Errorf("none then, none now: %v", out.Refuse)
	}
	x = redemption()
	delete(x.Form, "redirect_uri")
	if out := decideCode(x); !refuses(out.Refuse, fault.CodeRedirect) {
		t.Errorf("left out now: %v", out.Refuse)
	}
	// The answer to a refusal tells nothing of the code.
	x = redemption()
	x.Form["code_verifier"] = []string{strings.Repeat("z", 43)}
	if text := fmt.Sprint(decideCode(x).Refuse); strings.Contains(text, rfcChallenge) {
		t.Errorf("the refusal tells the challenge: %s", text)
	}
}

func TestCheckNamesAreRules(t *testing.T) {
	// The names are what a list of checks shows; each must be that of the
	// refusal, or the beginning of it.
	for i, f := range flaws() {
		if name := codeChecks()[i].Rule; !strings.HasPrefix(f.refused.Rule, name) {
			t.Errorf("check %d is called %q, its refusal %q", i, name, f.refused.Rule)
		}
	}
}

func TestPick(t *testing.T) {
	client := func(grants ...string) *Client { return &Client{Application: platform.Application{GrantTypes: grants}} }
	cases := []struct {
		grant   string
		client  *Client
		refused *fault.Fault
	}{
		{"", nil, fault.GrantTypeMissing},
		{"password", nil, fault.GrantTypeUnknown},
		{"Authorization_Code", nil, fault.GrantTypeUnknown},
		{"refresh_token", client("REFRESH_TOKEN"), nil},
		{"refresh_token", client("AUTHORIZATION_CODE"), fault.GrantTypeDenied},
		{"refresh_token", &Client{Scopes: ofOpenID("offline_access")}, nil},
		{"authorization_code", nil, nil},
		{"authorization_code", client("AUTHORIZATION_CODE"), nil},
		{"authorization_code", client("CLIENT_CREDENTIALS"), fault.GrantTypeDenied},
		{"authorization_code", client(), fault.GrantTypeDenied},
		{"client_credentials", client("AUTHORIZATION_CODE", "CLIENT_CREDENTIALS"), nil},
		{"client_credentials", client("AUTHORIZATION_CODE"), fault.GrantTypeDenied},
	}
	for _, c := range cases {
		g, err := Pick(Form{"grant_type": {c.grant}}, c.client)
		if !refuses(err, c.refused) || err == nil && g.Type != c.grant {
			t.Errorf("%q: %q, %v", c.grant, g.Type, err)
		}
	}
}

func TestForm(t *testing.T) {
	f := Form{"one": {"1"}, "empty": {""}, "none": {}, "two": {"a", "b"}, "nul": {"a\x00"}, "bytes": {"\xff"}, "long": {strings.Repeat("a", 4097)}, "fits": {strings.Repeat("a", 4096)},
		"lots": make([]string, 12)}
	for name, want := range map[string]string{"one": "1", "empty": "", "none": "", "two": "a", "missing": ""} {
		if got := f.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	for name, refused := range map[string]*fault.Fault{"one": nil, "empty": nil, "none": nil, "missing": nil, "fits": nil,
		"two": fault.ParameterRepeated, "lots": fault.ParameterRepeated, "nul": fault.ParameterBroken, "bytes": fault.ParameterBroken, "long": fault.ParameterBroken} {
		err := f.Wrong([]string{"missing", name})
		if !refuses(err, refused) || err != nil && !strings.Contains(err.Error(), "parameter "+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := f.Wrong([]string{"two"}); !strings.Contains(err.Error(), "came 2 values") {
		t.Error(err)
	}
	if err := f.Wrong([]string{"lots"}); !strings.Contains(err.Error(), "came many values") {
		t.Error(err)
	}
	if err := f.Misplaced([]string{"none", "missing"}); err != nil {
		t.Error(err)
	}
	if err := f.Misplaced([]string{"missing", "empty"}); !errors.Is(err, fault.ParameterInQuery) {
		t.Error(err)
	}
	if got, want := f.Given(), (Form{"one": f["one"], "two": f["two"], "nul": f["nul"], "bytes": f["bytes"], "long": f["long"], "fits": f["fits"]}); !reflect.DeepEqual(got, want) {
		t.Errorf("given: %q", got)
	}
	if got := Words("  b a  b c "); !reflect.DeepEqual(got, []string{"b", "a", "c"}) {
		t.Errorf("words: %q", got)
	}
}
