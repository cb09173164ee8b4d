package fault

import "time"

// What the authorize endpoint refuses. The first four are shown on a page (or
// in PingOne's error model under pi.flow), because the redirect URI is not
// proven; the others go to the application.
var (
	ClientMissing = &Fault{Rule: "client.given", Section: "RFC 6749 §4.1.1", Status: 400, Code: "INVALID_DATA", Message: invalidData,
		Details: []Detail{{Code: "REQUIRED_VALUE", Target: "client_id", Message: "The parameter client_id must be given once."}}}
	ClientUnknown = &Fault{Rule: "client.known", Section: "RFC 6749 §4.1.2.1", Status: 400, Code: "INVALID_DATA", Message: invalidData,
		Details: []Detail{{Code: "INVALID_VALUE", Target: "client_id", Message: "No enabled application of this environment has this client_id."}}}
	RedirectMissing = &Fault{Rule: "redirect.given", Section: "RFC 6749 §3.1.2.3", Status: 400, Code: "INVALID_DATA", Message: invalidData,
		Details: []Detail{{Code: "REQUIRED_VALUE", Target: "redirect_uri", Message: "The parameter redirect_uri must be given once."}}}
	RedirectMismatch = &Fault{Rule: "redirect.registered", Section: "RFC 9700 §2.1", Status: 400, Code: "INVALID_DATA", Message: invalidData,
		Details: []Detail{{Code: "INVALID_VALUE", Target: "redirect_uri",
			Message: "The redirect_uri is not one of the application's redirectUris; they are compared character by character."}}}
	OriginForeign = &Fault{Rule: "origin.registered", Status: 403, Code: "ACCESS_FAILED", Message: noAccess,
		Details: []Detail{{Code: "INVALID_VALUE", Target: "Origin",
			Message: "The page's origin is neither in the application's corsSettings nor that of one of its redirectUris."}}}

	ParameterRepeated = oauth("parameter.once", "RFC 6749 §3.1", "invalid_request", "The parameter %s was sent more than once")
	ParameterBroken   = oauth("parameter.text", "RFC 6749 App. A", "invalid_request", "The parameter %s is too long, or contains NUL or bytes that are not UTF-8")
	ParameterInQuery  = oauth("parameter.place", "RFC 6749 §3.2", "invalid_request", "The parameter %s was sent in the query; parameters of this endpoint belong in the body")

	ResponseTypeMissing  = oauth("response_type.given", "RFC 6749 §3.1.1", "invalid_request", "The parameter response_type is missing; it consists of code, token and id_token")
	ResponseTypeUnknown  = oauth("response_type.supported", "RFC 6749 §3.1.1", "unsupported_response_type", "The response_type is not supported; it must consist of code, token and id_token")
	ResponseModeUnknown  = oauth("response_mode.supported", "OAuth 2.0 Multiple Response Types §2.1", "invalid_request", "The response_mode is not supported; it must be query, fragment, form_post or pi.flow, and tokens do not go into the query")
	RedirectInClear      = oauth("redirect.secure", "OpenID Connect Core §3.2.2.1", "invalid_request", "Tokens are sent to https redirect URIs only, apart from http on localhost, 127.0.0.1 and [::1]")
	ResponseNotAllowed   = oauth("client.response_allowed", "RFC 6749 §4.1.2.1", "unauthorized_client", "The application may not use the response type %s: its grantTypes lack %s or its responseTypes lack %s")
	ObjectBroken         = oauth("request.object", "RFC 9101 §6", "invalid_request_object", "The request object is not good: it must be a JWT for this issuer that the application has signed, and say nothing that contradicts the request")
	SignatureRequired    = oauth("request.signed", "RFC 9101 §10.5", "invalid_request", "The application demands a signed request object")
	HintBroken           = oauth("hint", "OpenID Connect Core §3.1.2.1", "invalid_request", "The %s is not one that this server takes from the application, or names nobody")
	NonceMissing         = oauth("nonce.given", "OpenID Connect Core §3.2.2.1", "invalid_request", "The parameter nonce is missing; it must be there when an ID token comes from the authorize endpoint")
	ThumbprintBroken     = oauth("proof.thumbprint", "RFC 9449 §10", "invalid_request", "The parameter dpop_jkt is not the SHA-256 thumbprint of a key")
	TargetUnknown        = oauth("resource.known", "RFC 8707 §2", "invalid_target", "The resource is not the audience of a resource that the application is granted scopes of and the token may be for")
	RequestURIUnknown    = oauth("request_uri.known", "RFC 9126 §4", "invalid_request_uri", "The request_uri is not one that the application got from the pushed authorization request endpoint, or it has expired or was used")
	RequestURIForeign    = oauth("request_uri.ours", "OpenID Connect Core §6.2", "request_uri_not_supported", "The request_uri is not one from the pushed authorization request endpoint of this server, which fetches no others")
	RequestURIPushed     = oauth("request_uri.pushed", "RFC 9126 §2.1", "invalid_request", "A pushed authorization request must not have a request_uri")
	PushedForeign        = oauth("client.pushed", "RFC 9126 §2.1", "invalid_request", "The client_id is not that of the client that authenticated")
	PARRequired          = oauth("par.required", "RFC 9126 §5", "invalid_request", "The application demands a pushed authorization request")
	AccessControlled     = oauth("client.access_control", "RFC 6749 §4.1.2.1", "access_denied", "The application has an accessControl, which this server does not evaluate yet")
	ServerError          = &Fault{Rule: "server.error", Section: "RFC 6749 §4.1.2.1", Form: OAuth, Status: 500, Code: "server_error", Message: "The server met an unexpected condition"}
	ServerBusy           = &Fault{Rule: "server.busy", Section: "RFC 6749 §4.1.2.1", Form: OAuth, Status: 503, RetryAfter: time.Second, Code: "temporarily_unavailable", Message: "The server is busy; try again in a moment"}
	PromptUnknown        = oauth("prompt.known", "OpenID Connect Core §3.1.2.1", "invalid_request", "The parameter prompt must consist of none, login, consent or select_account, and none must stand alone")
	MaxAgeBroken         = oauth("max_age.number", "OpenID Connect Core §3.1.2.1", "invalid_request", "The parameter max_age must be a whole number of seconds, 0 or more")
	ScopeUnknown         = oauth("scope.granted", "RFC 6749 §3.3", "invalid_scope", "None of the requested scopes is granted to the application; apart from openid, a scope must be granted to it")
	ScopeOpenID          = oauth("scope.openid", "OpenID Connect Core §3.2.2.1", "invalid_scope", "An ID token needs the scope openid")
	ScopeMixed           = oauth("scope.one_resource", "RFC 8707 §2.2", "invalid_scope", "The scopes belong to several resources; the application may ask for those of one at a time")
	ScopeBroken          = oauth("scope.syntax", "RFC 6749 §3.3", "invalid_scope", "The scope must be a list of scope names separated by single spaces")
	LoginRequired        = oauth("session.sufficient", "OpenID Connect Core §3.1.2.6", "login_required", "User authentication is required")
	SignOnDenied         = oauth("flow.completed", "RFC 6749 §4.1.2.1", "access_denied", "%s")
	ChallengeMissing     = oauth("challenge.given", "RFC 7636 §4.4.1", "invalid_request", "The parameter code_challenge is missing; this application requires PKCE")
	ChallengeMethodAlone = oauth("challenge.method_alone", "RFC 7636 §4.3", "invalid_request", "The parameter code_challenge_method was sent without a code_challenge")
	ChallengeMethod      = oauth("challenge.method", "RFC 7636 §4.4.1", "invalid_request", "The code_challenge_method is not supported; it must be S256 or plain")
	ChallengePlain       = oauth("challenge.s256_required", "RFC 9700 §2.1.1", "invalid_request", "This application requires the code_challenge_method S256; when the parameter is left out it means plain")
	ChallengeMalformed   = oauth("challenge.shape", "RFC 7636 §4.2", "invalid_request", "The code_challenge is malformed: %s")
)

// What the token endpoint refuses.
var (
	GrantTypeMissing  = oauth("grant_type.given", "RFC 6749 §4.1.3", "invalid_request", "The parameter grant_type is missing")
	GrantTypeUnknown  = oauth("grant_type.supported", "RFC 6749 §5.2", "unsupported_grant_type", "The grant_type is not supported; it must be one of %s")
	GrantTypeDenied   = oauth("grant_type.allowed", "RFC 6749 §5.2", "unauthorized_client", "The application may not use this grant_type; see its grantTypes")
	NoRoles           = oauth("client.roles", "RFC 6749 §5.2", "unauthorized_client", "The application has no role assignments, so there is nothing a token could be used for")
	ScopeNotGrantable = oauth("scope.client", "RFC 6749 §5.2", "invalid_scope", "With client_credentials only scopes of custom resources can be requested")

	ClientDenied = &Fault{Rule: "client.credentials", Section: "RFC 6749 §5.2", Form: OAuth, Status: 401, Code: "invalid_client",
		Message: "Invalid client credentials"}
	ClientMethod = &Fault{Rule: "client.method", Section: "RFC 6749 §2.3", Form: OAuth, Status: 401, Code: "invalid_client",
		Message: "Unsupported authentication method"}
	AssertionWrong = &Fault{Rule: "client.assertion", Section: "RFC 7523 §3", Form: OAuth, Status: 401, Code: "invalid_client",
		Message: "The client_assertion is not good: %s"}
	AssertionReused = &Fault{Rule: "client.assertion_once", Section: "RFC 7523 §3", Form: OAuth, Status: 401, Code: "invalid_client",
		Message: "The client_assertion was used before; make a new one, with a jti of its own, for each request"}
	ClientTwice = oauth("client.one_method", "RFC 6749 §2.3", "invalid_request", "The client authenticated in more than one way; use either the Authorization header or the body")

	RefreshMissing = oauth("refresh.given", "RFC 6749 §6", "invalid_request", "The parameter refresh_token is missing")
	RefreshUnknown = oauth("refresh.known", "RFC 6749 §5.2", "invalid_grant", "The refresh token is unknown in this environment")
	RefreshForeign = oauth("refresh.client", "RFC 6749 §6", "invalid_grant", "The refresh token was issued to another application")
	RefreshEnded   = oauth("refresh.ended", "RFC 6749 §6", "invalid_grant", "The refresh token is revoked")
	RefreshExpired = oauth("refresh.expiry", "RFC 6749 §6", "invalid_grant", "The refresh token has expired; see the application's refreshTokenDuration and refreshTokenRollingDuration")
	RefreshReused  = oauth("refresh.reuse", "RFC 9700 §4.14.2", "invalid_grant", "The refresh token was used before; all refresh tokens that came from it are revoked")
	RefreshSession = oauth("refresh.session", "RFC 6749 §6", "invalid_grant", "The session of the sign-on has ended")
	RefreshScope   = oauth("refresh.scope", "RFC 6749 §6", "invalid_scope", "The scope asks for more than was granted before")
	ProofWrong     = oauth("proof", "RFC 9449 §4.3", "invalid_dpop_proof", "The DPoP proof is not good: %s")
	ProofNonce     = oauth("proof.nonce", "RFC 9449 §8", "use_dpop_nonce", "The DPoP proof must have the nonce of the DPoP-Nonce header of this answer")
	ProofReused    = oauth("proof.once", "RFC 9449 §11.1", "invalid_dpop_proof", "The DPoP proof was used before; make a new one, with a jti of its own, for each request")
	ProofForeign   = oauth("proof.key", "RFC 9449 §5", "invalid_grant", "The token is bound to another key than the one of the DPoP proof, or there is no proof")

	SubjectMissing   = oauth("exchange.subject", "RFC 8693 §2.1", "invalid_request", "The parameters subject_token and subject_token_type must be there")
	ActorIncomplete  = oauth("exchange.actor", "RFC 8693 §2.1", "invalid_request", "The parameters actor_token and actor_token_type must come together")
	TokenTypeUnknown = oauth("exchange.type", "RFC 8693 §2.2.2", "invalid_request", "The %s is not supported; it must be urn:ietf:params:oauth:token-type:access_token")
	PresentedInvalid = oauth("exchange.token", "RFC 8693 §2.2.2", "invalid_request", "The %s is not a good access token of this environment that may be exchanged")
	ExchangeScope    = oauth("exchange.scope", "RFC 8693 §2.1", "invalid_scope", "An exchange gives tokens for custom resources only; the scopes must be some of theirs that the application is granted")

	CodeMissing     = oauth("code.given", "RFC 6749 §4.1.3", "invalid_request", "The parameter code is missing")
	CodeUnknown     = oauth("code.known", "RFC 6749 §4.1.3", "invalid_grant", "The authorization code is unknown in this environment")
	CodeForeign     = oauth("code.client", "RFC 6749 §4.1.3", "invalid_grant", "The authorization code was issued to another application")
	CodeRedirect    = oauth("code.redirect_uri", "RFC 6749 §4.1.3", "invalid_grant", "The redirect_uri differs from the one of the authorize request")
	CodeExpired     = oauth("code.expiry", "RFC 6749 §4.1.2", "invalid_grant", "The authorization code has expired; it is good for 10 minutes")
	CodeSpent       = oauth("code.spent", "RFC 6749 §4.1.2", "invalid_grant", "The authorization code was used before; all tokens issued for it are revoked")
	CodeBurnt       = oauth("code.failures", "RFC 9700 §2.1.1", "invalid_grant", "The authorization code is no longer good: five wrong code_verifiers were sent for it")
	CodeUserGone    = oauth("code.user", "RFC 6749 §4.1.2", "invalid_grant", "The user who signed in has been disabled or deleted")
	VerifierUnasked = oauth("verifier.unasked", "RFC 9700 §2.1.1", "invalid_grant",
		"A code_verifier was sent, but the authorize request had no code_challenge")
	VerifierMissing = oauth("verifier.given", "RFC 7636 §4.5", "invalid_grant",
		"The parameter code_verifier is missing; the authorize request had a code_challenge")
	VerifierMalformed = oauth("verifier.shape", "RFC 7636 §4.1", "invalid_grant",
		"The code_verifier is malformed: it must be 43 to 128 characters from A-Z a-z 0-9 - . _ ~")
	VerifierMismatch = oauth("verifier.match", "RFC 7636 §4.6", "invalid_grant",
		"The code_verifier does not match the code_challenge of the authorize request")
)

// What signoff and idpSignoff refuse: on a page, because nothing proves that
// the request is the application's.
var (
	HintMissing = &Fault{Rule: "hint.given", Section: "OpenID Connect RP-Initiated Logout §2", Status: 400, Code: "INVALID_DATA", Message: invalidData,
		Details: []Detail{{Code: "REQUIRED_VALUE", Target: "id_token_hint", Message: "The parameter id_token_hint must be given once."}}}
	HintWrong = &Fault{Rule: "hint.good", Section: "OpenID Connect RP-Initiated Logout §4", Status: 400, Code: "INVALID_DATA", Message: invalidData,
		Details: []Detail{{Code: "INVALID_VALUE", Target: "id_token_hint",
			Message: "The id_token_hint is not an ID token that this environment issued to one of its enabled applications."}}}
	HintForeign = &Fault{Rule: "hint.client", Section: "OpenID Connect RP-Initiated Logout §2", Status: 400, Code: "INVALID_DATA", Message: invalidData,
		Details: []Detail{{Code: "INVALID_VALUE", Target: "client_id", Message: "The client_id is not the application that the id_token_hint was issued to."}}}
	HintSession = &Fault{Rule: "hint.session", Section: "OpenID Connect RP-Initiated Logout §2", Status: 400, Code: "INVALID_DATA", Message: invalidData,
		Details: []Detail{{Code: "INVALID_VALUE", Target: "id_token_hint", Message: "The id_token_hint names no session, or that of another user."}}}
	LogoutRedirectMismatch = &Fault{Rule: "logout_redirect.registered", Section: "OpenID Connect RP-Initiated Logout §3", Status: 400, Code: "INVALID_DATA", Message: invalidData,
		Details: []Detail{{Code: "INVALID_VALUE", Target: "post_logout_redirect_uri",
			Message: "The post_logout_redirect_uri is not one of the application's postLogoutRedirectUris; they are compared character by character."}}}
	SignoffDenied = &Fault{Rule: "signoff.allowed", Status: 403, Code: "ACCESS_FAILED", Message: noAccess,
		Details: []Detail{{Code: "INVALID_VALUE", Target: "id_token_hint", Message: "The application may not end sessions without their cookie; see its idpSignoff."}}}
)

// What the introspection and revocation endpoints refuse.
var (
	TokenMissing      = oauth("token.given", "RFC 7662 §2.1", "invalid_request", "The parameter token is missing")
	RevokeForeign     = oauth("revoke.client", "RFC 7009 §2.1", "invalid_grant", "The token was issued to another application")
	TokenNotRevocable = oauth("revoke.type", "RFC 7009 §2.2.1", "unsupported_token_type", "An ID token can't be revoked; end the session instead")
)

// What the device authorization endpoint and the CIBA endpoint refuse, and the
// token endpoint while a person has yet to decide. PingOne opens the four answers
// to a poll in another way than all others.
var (
	DeviceNotAllowed = oauth("device.allowed", "RFC 6749 §5.2", "unauthorized_client", "The application may not use device codes: its grantTypes lack DEVICE_CODE")

	CIBANotAllowed = oauth("ciba.allowed", "OpenID Connect CIBA §13", "unauthorized_client",
		"The application may not ask for people who are elsewhere: its grantTypes lack CIBA, or it does not authenticate")
	CIBAObject    = oauth("ciba.object", "OpenID Connect CIBA §13", "invalid_request", "Signed authentication requests are not supported by this server")
	HintCount     = oauth("hint.one", "OpenID Connect CIBA §7.1", "invalid_request", "The request must have exactly one of login_hint, id_token_hint and login_hint_token")
	HintedUnknown = oauth("hint.user", "OpenID Connect CIBA §13", "unknown_user_id", "The hint names no enabled user of this environment")
	BindingBroken = oauth("binding_message", "OpenID Connect CIBA §13", "invalid_binding_message", "The binding_message must be at most 64 printable characters")
	ExpiryBroken  = oauth("requested_expiry", "OpenID Connect CIBA §7.1", "invalid_request", "The requested_expiry must be a number of seconds, 1 or more")

	PendingMissing  = oauth("pending.given", "RFC 8628 §3.4", "invalid_request", "The parameter %s is missing")
	PendingUnknown  = oauth("pending.known", "RFC 8628 §3.5", "invalid_grant", "The %s is unknown in this environment")
	PendingForeign  = oauth("pending.client", "RFC 8628 §3.4", "invalid_grant", "The %s was issued to another application")
	PendingSpent    = oauth("pending.spent", "RFC 8628 §3.5", "invalid_grant", "The %s was used before; it is good for one token response")
	PendingUserGone = oauth("pending.user", "RFC 6749 §5.2", "invalid_grant", "The user who allowed the request has been disabled or deleted")
	PendingOpen     = waiting("pending.open", "authorization_pending", "The authorization request is still pending.")
	PendingTooSoon  = waiting("pending.pace", "slow_down", "The authorization request is still pending. Please slow down the poll requests.")
	PendingDenied   = waiting("pending.denied", "access_denied", "The authorization request has been denied.")
	PendingExpired  = waiting("pending.expiry", "expired_token", "The authorization request for the provided %s has expired.")
)

// What userinfo refuses (RFC 6750 §3.1).
var (
	BearerMissing = &Fault{Rule: "userinfo.token_given", Section: "RFC 6750 §3", Form: OAuth, Status: 401, Code: "invalid_token", Message: "An access token is required, as Authorization: Bearer"}
	BearerTwice   = &Fault{Rule: "userinfo.token_once", Section: "RFC 6750 §2", Form: OAuth, Status: 400, Code: "invalid_request", Message: "The access token was sent in the header and in the body; send it once"}
	BearerInvalid = &Fault{Rule: "userinfo.token", Section: "RFC 6750 §3.1", Form: OAuth, Status: 401, Code: "invalid_token", Message: "The access token is invalid, expired or revoked"}
	BearerRole    = &Fault{Rule: "token.role", Section: "RFC 6750 §3.1", Form: OAuth, Status: 403, Code: "insufficient_scope", Message: "The roles of the token's subject do not permit this"}
	BearerScope   = &Fault{Rule: "userinfo.scope", Section: "RFC 6750 §3.1", Form: OAuth, Status: 403, Code: "insufficient_scope", Message: "The access token lacks the scope openid"}
)

func oauth(rule, section, code, message string) *Fault {
	return &Fault{Rule: rule, Section: section, Form: OAuth, Status: 400, Code: code, Message: message}
}

// waiting is an answer to a poll (RFC 8628 §3.5, OpenID Connect CIBA §11).
func waiting(rule, code, message string) *Fault {
	f := oauth(rule, "RFC 8628 §3.5", code, message)
	f.Opening = "The request could not be completed. There was an issue processing the request."
	return f
}
