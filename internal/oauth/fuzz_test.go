package oauth

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// FuzzAuthorize sends arbitrary queries. What is accepted under S256_REQUIRED
// has an S256 challenge of 43 characters, and goes to a registered URI or, for
// pi.flow, nowhere.
func FuzzAuthorize(f *testing.F) {
	// covers: RFC 6749 §4.1.2/7
	const good = "client_id=me&redirect_uri=https%3A%2F%2Fa%2Fcb&response_type=code&scope=openid&state=s&nonce=n&code_challenge=" + rfcChallenge + "&code_challenge_method=S256"
	for _, seed := range []string{
		good, good + "&prompt=login%20consent&max_age=60&login_hint=joe&acr_values=a%20b", good + "&code_challenge_method=plain", strings.Replace(good, "S256", "plain", 1), strings.Replace(good, "&code_challenge_method=S256", "", 1),
		strings.Replace(good, "https%3A%2F%2Fa%2Fcb", "http%3A%2F%2F127.0.0.1%3A1234%2Fcb", 1), strings.Replace(good, "https%3A%2F%2Fa%2Fcb", "http%3A%2F%2F127.0.0.1%3A80%40evil%2Fcb", 1),
		strings.Replace(good, "https%3A%2F%2Fa%2Fcb", "http%3A%2F%2F%5B%3A%3A1%5D%3A9%2Fcb", 1), strings.Replace(good, "&redirect_uri=https%3A%2F%2Fa%2Fcb", "&response_mode=pi.flow", 1), good + "&response_mode=pi.flow&redirect_uri=x",
		good + "&state=%00", good + "&nonce=%ff", good + "&max_age=-1", good + "&prompt=none%20login", good + "&request=x", good + "&request_uri=x", "", "&&&", "client_id", "%zz", good + ";x=y", "client_id=me&client_id=me",
	} {
		f.Add(seed, uint8(0))
		f.Add(seed, uint8(1))
		f.Add(seed, uint8(5))
	}
	shape := regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	native := regexp.MustCompile(`^http://(127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?/cb$`)
	registered := []string{"https://a/cb", "http://127.0.0.1/cb", "http://[::1]:7000/cb", "com.example.app:/cb"}
	enforcements := []string{platform.PKCES256Required, platform.PKCERequired, platform.PKCEOptional}
	f.Fuzz(func(t *testing.T, query string, variant uint8) {
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		enforcement, kind := enforcements[int(variant)%3], []string{"WEB_APP", "NATIVE_APP"}[int(variant)/3%2]
		a := Authorization{Form: Form(form), Client: &Client{ID: "me", Scopes: ofOpenID("profile"), Application: platform.Application{Enabled: true, Type: kind, RedirectURIs: registered,
			GrantTypes: []string{"AUTHORIZATION_CODE"}, ResponseTypes: []string{"CODE"}, PKCEEnforcement: enforcement}}}
		if Form(form).Get("client_id") != "me" {
			a.Client = nil
		}
		var refused *fault.Fault
		if err := First(ClientChecks(), a); err != nil {
			if !errors.As(err, &refused) || refused.Form != fault.Platform {
				t.Errorf("before the redirect URI is proven: %v", err)
			}
			return
		}
		uri := a.Form.Get("redirect_uri")
		if !slices.Contains(registered, uri) && !(kind == "NATIVE_APP" && native.MatchString(uri)) && !(uri == "" && a.Mode() == ModeFlow) {
			t.Errorf("%q is not registered", uri)
		}
		r, err := a.Accept()
		if err != nil {
			if !errors.As(err, &refused) || refused.Form != fault.OAuth || strings.ContainsAny(refused.Message, "\"\\\r\n\x00") {
				t.Errorf("after the redirect URI is proven: %v", err)
			}
			return
		}
		c := r.Challenge
		switch {
		case enforcement == platform.PKCES256Required && (c.Method != MethodS256 || !shape.MatchString(c.Value)):
			t.Errorf("accepted under S256_REQUIRED: %+v", c)
		case enforcement == platform.PKCERequired && c.Value == "":
			t.Error("accepted under REQUIRED without a challenge")
		case c.Value == "" && (c.Method != "" || form.Get("code_challenge") != ""):
			t.Errorf("a challenge was lost: %+v", c)
		case c.Value != "" && c.Verify("") == nil:
			t.Error("a challenge that needs no verifier")
		}
		if r.RedirectURI != uri || r.ClientID != "me" || r.State != form.Get("state") || r.MaxAge != nil && *r.MaxAge < 0 {
			t.Errorf("accepted as %+v", r)
		}
		for _, s := range r.Scopes {
			if s != "openid" && s != "profile" {
				t.Errorf("the scope %q was granted", s)
			}
		}
		if uri != "" {
			answer := Append(uri, url.Values{"code": {"c"}, "state": {r.State}})
			if !strings.HasPrefix(answer, uri) {
				t.Errorf("the answer goes to %s", answer)
			}
			if u, err := url.Parse(answer); err != nil || u.Query().Get("state") != r.State || u.Query().Get("code") != "c" {
				t.Errorf("the answer %s can't be read: %v", answer, err)
			}
		}
	})
}

// FuzzToken sends arbitrary token requests for one good code. Only the right
// verifier of the right client spends it, whatever else is sent.
func FuzzToken(f *testing.F) {
	const good = "grant_type=authorization_code&code=c&redirect_uri=https%3A%2F%2Fa%2Fcb&client_id=me&code_verifier=" + rfcVerifier
	for _, seed := range []string{
		good, good + "x", strings.Replace(good, rfcVerifier, rfcChallenge, 1), strings.Replace(good, "&code_verifier="+rfcVerifier, "", 1), good + "&code_verifier=x", good + "&client_secret=s", good + "&code_verifier", good + "%00", good + "%3D",
		"grant_type=client_credentials", "grant_type=client_credentials&scope=openid", "grant_type=refresh_token", "grant_type=", "", "code=c", "%zz", "grant_type=authorization_code&grant_type=client_credentials",
		good + "&client_assertion=x", strings.Replace(good, "me", "you", 1), strings.Replace(good, "cb", "cb2", 1),
	} {
		for _, header := range []string{"", "Basic bWU6cw==", "Basic bWU6", "basic  bWU6czp0", "Basic !", "Bearer x", "Basic bWUlMzpz"} {
			f.Add(seed, header, uint8(0))
		}
		f.Add(seed, "", uint8(3))
	}
	f.Fuzz(func(t *testing.T, body, header string, variant uint8) {
		values, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		form := Form(values)
		if form.Wrong(TokenParameters()) != nil {
			return
		}
		credentials, err := ReadCredentials(header, form)
		if err != nil {
			return
		}
		method := []string{platform.AuthNone, platform.AuthBasic, platform.AuthPost}[int(variant)%3]
		client := &Client{ID: "me", Application: platform.Application{Enabled: true, TokenEndpointAuthMethod: method, GrantTypes: []string{"AUTHORIZATION_CODE", "CLIENT_CREDENTIALS"}}}
		if credentials.ID != "me" {
			client = nil
		}
		if err := Authenticate(credentials, client, Keys{Secrets: []string{"s"}}, "https://i", noon); err != nil {
			return
		}
		if method != platform.AuthNone && credentials.Secret != "s" || method != credentials.Method {
			t.Errorf("%+v authenticated a client of the method %s", credentials, method)
		}
		grant, err := Pick(form, client)
		if err != nil {
			return
		}
		x := redemption()
		x.Form, x.Client = form, *client
		if variant%2 == 1 {
			x.Code.Challenge = Challenge{rfcVerifier, MethodPlain}
		}
		if form.Get("code") != "c" {
			x.Code = nil
		}
		out := grant.Decide(x)
		verifier := form.Get("code_verifier")
		if grant.Spends == "" {
			if out.Spend || out.Code != nil || out.End != nil || out.Refuse == nil {
				t.Errorf("a client without roles: %+v", out)
			}
			return
		}
		right := x.Code != nil && verifier == rfcVerifier && form.Get("redirect_uri") == "https://a/cb"
		if out.Spend != right || (out.Refuse == nil) != right {
			t.Errorf("verifier %q, redirect_uri %q: spends %v, %v", verifier, form.Get("redirect_uri"), out.Spend, out.Refuse)
		}
		if out.End != nil || (out.Code != nil) != failedVerifier(out.Refuse) || !out.Spend && out.Issue.Subject != "" {
			t.Errorf("the outcome is %+v", out)
		}
		if out.Refuse != nil && len(verifier) > 20 && strings.Contains(out.Refuse.Error(), verifier) {
			t.Errorf("the refusal repeats the verifier: %v", out.Refuse)
		}
	})
}

// FuzzAccessToken: no text panics, and none but a signed one is believed.
func FuzzAccessToken(f *testing.F) {
	s := keys()[0]
	good, err := s.Sign(realm().AccessClaims(issue(), target(), "c", "j", noon), "")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, "", "..", "a.b.c", strings.Replace(good, ".", "..", 1), "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJSUzI1NiIsImtpZCI6Im9uZSJ9.e30.", `{"payload":""}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		_, _ = Peek(token)
		claims, err := verify(token, nil, issuer, platform.PlatformAudience, time.Time{})
		if err == nil {
			t.Errorf("believed without a key: %+v", claims)
		}
	})
}
