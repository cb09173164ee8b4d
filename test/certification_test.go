package test

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// The modules of the certification of OpenID Connect that sign on by a code, as
// a relying party plays them: with the answer in the query, and by form_post.

// party is a relying party: a client of one response mode, and the browser of a
// person who is ada.
type party struct {
	w                 *world
	p                 *person
	app, secret, auth string
	mode              string
}

func (w *world) party(mode, auth string) *party {
	w.t.Helper()
	app := w.application(object{"type": "WEB_APP", "tokenEndpointAuthMethod": auth, "pkceEnforcement": "OPTIONAL", "grantTypes": []string{"AUTHORIZATION_CODE", "REFRESH_TOKEN"}})
	w.grantScopes(app, "profile", "email", "address", "phone")
	return &party{w, &person{w: w}, app, w.clientSecret(app), auth, mode}
}

// ask begins a sign-on, without PKCE.
func (x *party) ask(change url.Values) response {
	x.w.t.Helper()
	q := url.Values{"response_mode": {x.mode}, "nonce": {"n0nce"}, "code_challenge": {""}, "code_challenge_method": {""}}
	for k, v := range change {
		q[k] = v
	}
	return x.p.authorize(x.app, q)
}

// silent expects that a request is answered without a page, and asks is that it
// is not.
func (x *party) silent(change url.Values) response {
	x.w.t.Helper()
	r := x.ask(change)
	r.inPlace(x.mode)
	return x.redeem(r.given().Get("code"), nil).want(200)
}

func (x *party) asks(change url.Values) response {
	x.w.t.Helper()
	r := x.ask(change)
	if to, err := r.Location(); err != nil || !strings.Contains(to.Path, "/signon/") {
		x.w.t.Fatalf("nobody is asked: %d %v", r.StatusCode, to)
	}
	end := x.p.end(r, "ada")
	end.inPlace(x.mode)
	if g := end.given(); g.Get("state") != "st4te" || g.Get("iss") != x.w.issuer() {
		x.w.t.Errorf("%v", g)
	}
	return x.redeem(end.given().Get("code"), nil).want(200)
}

func (x *party) redeem(code string, change url.Values) response {
	x.w.t.Helper()
	f := url.Values{"code_verifier": {""}}
	var h header
	if x.auth == "CLIENT_SECRET_POST" {
		f.Set("client_secret", x.secret)
	} else {
		h = header{"Authorization": "Basic " + basicOf(x.app, x.secret)}
		f.Set("client_id", "")
	}
	for k, v := range change {
		f[k] = v
	}
	return x.w.redeem(x.app, code, f, h)
}

// eachMode plays a part by both modes of answers, each in a world of its own.
func eachMode(t *testing.T, play func(x *party)) {
	for _, mode := range []string{"query", "form_post"} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t)
			id := w.user("ada")
			w.manage("PATCH", "/users/"+id, object{"name": object{"given": "Ada", "family": "Lovelace"}, "primaryPhone": "+441234567890",
				"address": object{"streetAddress": "12 St James's Square", "locality": "London", "postalCode": "SW1Y 4JH", "countryCode": "GB"}}).want(200)
			play(w.party(mode, "CLIENT_SECRET_BASIC"))
		})
	}
}

// TestCertificationTokens: what a sign-on gives, by each way to authenticate.
func TestCertificationTokens(t *testing.T) {
	// covers: Certification FormPost/OIDCCServerTest, Certification FormPost/OIDCCIdTokenSignature, Certification FormPost/OIDCCServerTestClientSecretPost
	// covers: Certification FormPost/OIDCCEnsureRequestWithoutNonceSucceedsForCodeFlow
	// covers: Certification FormPost/OIDCCUserInfoGet, Certification FormPost/OIDCCUserInfoPostHeader, Certification FormPost/OIDCCUserInfoPostBody
	// covers: Certification Basic/OIDCCAlternateHappyFlow, Certification FormPost/OIDCCAlternateHappyFlow, Certification FormPost/OIDCCEnsureRequestWithValidPkceSucceeds
	eachMode(t, func(x *party) {
		w, t := x.w, x.w.t
		tokens := x.asks(nil)
		if tokens.Header.Get("Cache-Control") != "no-store" || tokens.text("token_type") != "Bearer" {
			t.Errorf("%v %s", tokens.Header, tokens.raw)
		}
		var c object
		parsed := w.signedByUs(tokens.text("id_token"), &c)
		if parsed == "" || c["iss"] != w.issuer() || c["aud"] != x.app || c["nonce"] != "n0nce" || c["exp"].(float64) <= c["iat"].(float64) {
			t.Errorf("%v", c)
		}
		bearer, info := header{"Authorization": "Bearer " + tokens.text("access_token")}, "/"+w.env+"/as/userinfo"
		for _, r := range []response{w.send("GET", info, "", bearer), w.send("POST", info, "", bearer), w.form("POST", info, url.Values{"access_token": {tokens.text("access_token")}})} {
			if r.want(200).text("sub") != c["sub"] {
				t.Errorf("%s", r.raw)
			}
		}
		if c := claims(t, x.silent(url.Values{"nonce": {""}}).text("id_token")); c["nonce"] != nil {
			t.Errorf("%v", c)
		}
		second := w.party(x.mode, "CLIENT_SECRET_POST")
		second.p = x.p
		if again := claims(t, second.silent(nil).text("id_token")); again["sub"] != c["sub"] || again["aud"] != second.app {
			t.Errorf("%v", again)
		}
		g := x.ask(url.Values{"code_challenge": {challenge}, "code_challenge_method": {"S256"}}).given()
		x.redeem(g.Get("code"), url.Values{"code_verifier": {verifier}}).want(200)
	})
}

// signedByUs is the kid of a JWT that a key of the JWKS has signed, and reads
// its claims.
func (w *world) signedByUs(token string, into *object) string {
	w.t.Helper()
	parsed, err := parseRS256(token)
	w.must(err)
	w.must(parsed.Claims(w.jwks(), into))
	return parsed.Headers[0].KeyID
}

// TestCertificationScopes releases the claims of each scope, in whatever order.
func TestCertificationScopes(t *testing.T) {
	// covers: Certification FormPost/OIDCCScopeProfile, Certification FormPost/OIDCCScopeEmail, Certification FormPost/OIDCCScopeAddress, Certification FormPost/OIDCCScopePhone, Certification FormPost/OIDCCScopeAll
	// covers: Certification Basic/OIDCEnsureOtherScopeOrderSucceeds, Certification FormPost/OIDCEnsureOtherScopeOrderSucceeds
	// covers: OIDC Core §5.3.2/3
	eachMode(t, func(x *party) {
		x.asks(nil)
		of := map[string]string{"name": "profile", "family_name": "profile", "preferred_username": "profile", "updated_at": "profile", "email": "email", "email_verified": "email",
			"address": "address", "phone_number": "phone"}
		for _, scope := range []string{"openid", "openid profile", "openid email", "openid address", "openid phone", "email openid", "phone profile openid email address"} {
			info := x.w.userinfo(x.silent(url.Values{"scope": {scope}}).text("access_token")).want(200)
			for name, by := range of {
				if has := info.body[name] != nil; has != strings.Contains(scope, by) {
					x.w.t.Errorf("%s releases %s: %v", scope, name, has)
				}
			}
			for name, v := range info.body { // ada has no nickname, picture ...
				if v == nil || v == "" {
					x.w.t.Errorf("%s is empty: %s", name, info.raw)
				}
			}
		}
	})
}

// TestCertificationSessions asks again when the request says so, and otherwise
// does not.
func TestCertificationSessions(t *testing.T) {
	// covers: Certification Basic/OIDCCPromptLogin, Certification FormPost/OIDCCPromptLogin, Certification Basic/OIDCCMaxAge1, Certification FormPost/OIDCCMaxAge1
	// covers: Certification FormPost/OIDCCMaxAge10000, Certification FormPost/OIDCCPromptNoneNotLoggedIn, Certification FormPost/OIDCCPromptNoneLoggedIn
	// covers: Certification FormPost/OIDCCIdTokenHint
	eachMode(t, func(x *party) {
		t := x.w.t
		r := x.ask(url.Values{"prompt": {"none"}})
		r.errs("login_required", "")
		r.inPlace(x.mode)
		first := x.asks(nil)
		when := func(r response) float64 { return claims(t, r.text("id_token"))["auth_time"].(float64) }
		x.w.pass(2 * time.Second)
		for _, change := range []url.Values{{"prompt": {"none"}}, {"max_age": {"10000"}}, {"prompt": {"none"}, "id_token_hint": {first.text("id_token")}}} {
			again := x.silent(change)
			if when(again) != when(first) || claims(t, again.text("id_token"))["sub"] != claims(t, first.text("id_token"))["sub"] {
				t.Errorf("%v: %v, first %v", change, claims(t, again.text("id_token")), claims(t, first.text("id_token")))
			}
		}
		second := x.asks(url.Values{"max_age": {"1"}})
		x.w.pass(2 * time.Second)
		third := x.asks(url.Values{"prompt": {"login"}})
		if when(second) != when(first)+2 || when(third) != when(second)+2 {
			t.Errorf("signed on at %v, %v, %v", when(first), when(second), when(third))
		}
		if when(x.silent(url.Values{"max_age": {"1"}})) != when(third) {
			t.Error("auth_time changed without a sign-on")
		}
	})
}

// TestCertificationParameters takes parameters that change little or nothing.
func TestCertificationParameters(t *testing.T) {
	// covers: Certification Basic/OIDCCDisplayPage, Certification FormPost/OIDCCDisplayPage, Certification Basic/OIDCCDisplayPopup, Certification FormPost/OIDCCDisplayPopup
	// covers: Certification Basic/OIDCCUiLocales, Certification FormPost/OIDCCUiLocales, Certification Basic/OIDCCClaimsLocales, Certification FormPost/OIDCCClaimsLocales
	// covers: Certification Basic/OIDCCEnsureRequestWithUnknownParameterSucceeds, Certification FormPost/OIDCCEnsureRequestWithUnknownParameterSucceeds
	// covers: Certification FormPost/OIDCCLoginHint, Certification FormPost/OIDCCEnsureRequestWithAcrValuesSucceeds
	// covers: Certification Basic/OIDCCEnsurePostRequestSucceeds, Certification FormPost/OIDCCEnsurePostRequestSucceeds
	eachMode(t, func(x *party) {
		w, t := x.w, x.w.t
		for _, change := range []url.Values{{"display": {"page"}}, {"display": {"popup"}}, {"ui_locales": {"se"}}, {"claims_locales": {"se"}}, {"extra": {"foobar"}},
			{"login_hint": {"ada"}}, {"acr_values": {"urn:mace:incommon:iap:silver Single_Factor"}}} {
			x.p = &person{w: w}
			first := claims(t, x.asks(change).text("id_token"))
			again := claims(t, x.silent(change).text("id_token"))
			if first["acr"] == nil || again["acr"] != first["acr"] {
				t.Errorf("%v: %v, then %v", change, first, again)
			}
		}
		x.p = &person{w: w}
		form := url.Values{"response_type": {"code"}, "client_id": {x.app}, "redirect_uri": {callback}, "scope": {"openid"}, "state": {"st4te"}, "response_mode": {x.mode}}.Encode()
		r := x.p.end(x.p.send("POST", "/"+w.env+"/as/authorize", form, header{"Content-Type": "application/x-www-form-urlencoded"}), "ada")
		r.inPlace(x.mode)
		x.redeem(r.given().Get("code"), nil).want(200)
	})
}

// TestCertificationRefusals: codes that come twice, redirect URIs that are not
// registered, what is missing or not supported; and refresh tokens of others.
func TestCertificationRefusals(t *testing.T) {
	// covers: Certification FormPost/OIDCCResponseTypeMissing, Certification FormPost/OIDCCEnsureRegisteredRedirectUri
	// covers: Certification FormPost/OIDCCAuthCodeReuse, Certification FormPost/OIDCCAuthCodeReuseAfter30Seconds
	// covers: Certification FormPost/OIDCCRequestUriUnsignedSupportedCorrectlyOrRejectedAsUnsupported
	// covers: Certification FormPost/OIDCCUnsignedRequestObjectSupportedCorrectlyOrRejectedAsUnsupported
	// covers: Certification Basic/OIDCCRefreshToken, Certification FormPost/OIDCCRefreshToken
	eachMode(t, func(x *party) {
		w, t := x.w, x.w.t
		x.asks(nil)
		for code, change := range map[string]url.Values{"invalid_request": {"response_type": {""}}, "request_uri_not_supported": {"request_uri": {"https://rp.example.com/object"}},
			"invalid_request_object": {"request": {jws(t, object{"alg": "none"}, object{"state": "x"}, nil)}}} {
			r := x.ask(change)
			r.errs(code, "")
			r.inPlace(x.mode)
		}
		x.ask(url.Values{"redirect_uri": {callback + "?foo=bar"}}).paged()

		code := x.ask(nil).given().Get("code")
		tokens := x.redeem(code, nil).want(200)
		x.redeem(code, nil).refused(400, "invalid_grant", "used before")
		w.userinfo(tokens.text("access_token")).refused(401, "invalid_token", "revoked")
		code = x.ask(nil).given().Get("code")
		tokens = x.redeem(code, nil).want(200)
		w.pass(30 * time.Second)
		w.userinfo(tokens.text("access_token")).want(200)
		x.redeem(code, nil).refused(400, "invalid_grant", "used before")
		w.userinfo(tokens.text("access_token")).refused(401, "invalid_token", "revoked")

		other := w.party(x.mode, "CLIENT_SECRET_BASIC")
		tokens = x.silent(nil)
		auth := func(x *party) header { return header{"Authorization": "Basic " + basicOf(x.app, x.secret)} }
		w.refresh("", tokens.text("refresh_token"), nil, auth(other)).refused(400, "invalid_grant", "another application")
		next := w.refresh("", tokens.text("refresh_token"), nil, auth(x)).want(200)
		before, after := claims(t, tokens.text("id_token")), claims(t, next.text("id_token"))
		if before["sub"] != after["sub"] || before["iss"] != after["iss"] || before["auth_time"] != after["auth_time"] || w.userinfo(next.text("access_token")).text("sub") != after["sub"] {
			t.Errorf("%v, then %v", before, after)
		}
	})
}

// TestCertificationRequestObject takes the redirect URI of a request object, by
// form_post too.
func TestCertificationRequestObject(t *testing.T) {
	// covers: Certification Basic/OIDCCEnsureRequestObjectWithRedirectUri, Certification FormPost/OIDCCEnsureRequestObjectWithRedirectUri
	eachMode(t, func(x *party) {
		x.asks(nil)
		o := jws(x.w.t, object{"alg": "HS256"}, object{"redirect_uri": callback, "state": "in"}, x.secret)
		r := x.ask(url.Values{"redirect_uri": {"https://rp.example.com/wrong"}, "request": {o}})
		if r.inPlace(x.mode); r.given().Get("state") != "in" || r.given().Get("code") == "" {
			x.w.t.Errorf("%v", r.given())
		}
	})
}
