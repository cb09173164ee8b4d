package oauth

import "pixy/internal/platform"

// Metadata describes an issuer: OpenID Connect Discovery §3 and RFC 8414 §2.
// It announces only what works.
func Metadata(issuer string) map[string]any {
	scopes, claims := []string{}, []string{}
	for _, s := range platform.OIDCScopes() {
		scopes = append(scopes, s.Name)
		claims = append(claims, s.Claims...)
	}
	grants := []string{}
	for _, g := range Grants() {
		grants = append(grants, g.Type)
	}
	return map[string]any{
		"issuer":                                         issuer,
		"authorization_endpoint":                         issuer + "/authorize",
		"token_endpoint":                                 issuer + "/token",
		"userinfo_endpoint":                              issuer + "/userinfo",
		"jwks_uri":                                       issuer + "/jwks",
		"scopes_supported":                               scopes,
		"claims_supported":                               append(claims, "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash"),
		"claim_types_supported":                          []string{"normal"},
		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       []string{ModeFlow, ModeQuery},
		"grant_types_supported":                          grants,
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          []string{"RS256"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post", "none"},
		"code_challenge_methods_supported":               []string{MethodPlain, MethodS256},
		"claims_parameter_supported":                     false,
		"request_parameter_supported":                    false,
		"request_uri_parameter_supported":                false,
		"authorization_response_iss_parameter_supported": true,
	}
}
