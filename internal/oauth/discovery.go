package oauth

import (
	"slices"

	"github.com/go-jose/go-jose/v4"

	"pixy/internal/platform"
)

// Metadata describes an issuer: OpenID Connect Discovery §3 and RFC 8414 §2.
// It announces only what works.
func Metadata(issuer string) map[string]any {
	scopes, claims := []string{}, []string{}
	for _, s := range platform.OIDCScopes() {
		scopes = append(scopes, s.Name)
		claims = append(claims, s.Claims...)
	}
	return map[string]any{
		"issuer":                                           issuer,
		"authorization_endpoint":                           issuer + "/authorize",
		"token_endpoint":                                   issuer + "/token",
		"userinfo_endpoint":                                issuer + "/userinfo",
		"device_authorization_endpoint":                    issuer + "/device_authorization",
		"jwks_uri":                                         issuer + "/jwks",
		"scopes_supported":                                 scopes,
		"claims_supported":                                 append(claims, "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash"),
		"claim_types_supported":                            []string{"normal"},
		"response_types_supported":                         []string{"code"},
		"response_modes_supported":                         []string{ModeFlow, ModeQuery},
		"grant_types_supported":                            GrantTypes(),
		"subject_types_supported":                          []string{"public"},
		"id_token_signing_alg_values_supported":            []string{"RS256"},
		"token_endpoint_auth_methods_supported":            []string{"client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"},
		"token_endpoint_auth_signing_alg_values_supported": algorithmNames(secretAlgorithms(), keyAlgorithms()),
		"dpop_signing_alg_values_supported":                ProofAlgorithms(),
		"code_challenge_methods_supported":                 []string{MethodPlain, MethodS256},
		"claims_parameter_supported":                       false,
		"request_parameter_supported":                      false,
		"request_uri_parameter_supported":                  false,
		"authorization_response_iss_parameter_supported":   true,
	}
}

func algorithmNames(lists ...[]jose.SignatureAlgorithm) []string {
	var out []string
	for _, a := range slices.Concat(lists...) {
		out = append(out, string(a))
	}
	return out
}
