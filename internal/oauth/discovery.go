package oauth

import (
	"slices"

	"github.com/go-jose/go-jose/v4"

	"pixy/internal/platform"
)

// Metadata describes an issuer: OpenID Connect Discovery §3 and RFC 8414 §2.
// It announces only what works. signing are the algorithms of the issuer's keys.
func Metadata(issuer string, signing []string) map[string]any {
	scopes, claims := []string{}, []string{}
	for _, s := range platform.OIDCScopes() {
		scopes = append(scopes, s.Name)
		claims = append(claims, s.Claims...)
	}
	methods := []string{"client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"}
	signatures := algorithmNames(secretAlgorithms(), keyAlgorithms())
	return map[string]any{
		"issuer":                                issuer,
		"authorization_endpoint":                issuer + "/authorize",
		"pushed_authorization_request_endpoint": issuer + "/par",
		"token_endpoint":                        issuer + "/token",
		"userinfo_endpoint":                     issuer + "/userinfo",
		"introspection_endpoint":                issuer + "/introspect",
		"revocation_endpoint":                   issuer + "/revoke",
		"device_authorization_endpoint":         issuer + "/device_authorization",
		"backchannel_authentication_endpoint":   issuer + "/cibaAuthorization",
		"jwks_uri":                              issuer + "/jwks",

		"end_session_endpoint":                 issuer + "/signoff",
		"ping_end_idp_session_endpoint":        issuer + "/idpSignoff",
		"backchannel_logout_supported":         true,
		"backchannel_logout_session_supported": true,

		"scopes_supported":         scopes,
		"claims_supported":         append(claims, "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash", "c_hash"),
		"claim_types_supported":    []string{"normal"},
		"response_types_supported": ResponseTypes(),
		"response_modes_supported": ResponseModes(),
		"grant_types_supported":    append(GrantTypes(), "implicit"),
		"prompt_values_supported":  Prompts(),
		"subject_types_supported":  []string{"public"},

		"id_token_signing_alg_values_supported":            signing,
		"request_object_signing_alg_values_supported":      objectAlgorithms(),
		"dpop_signing_alg_values_supported":                ProofAlgorithms(),
		"code_challenge_methods_supported":                 []string{MethodPlain, MethodS256},
		"token_endpoint_auth_methods_supported":            append(slices.Clone(methods), "none"),
		"token_endpoint_auth_signing_alg_values_supported": signatures,

		"introspection_endpoint_auth_methods_supported":            methods,
		"introspection_endpoint_auth_signing_alg_values_supported": signatures,
		"revocation_endpoint_auth_methods_supported":               append(slices.Clone(methods), "none"),
		"revocation_endpoint_auth_signing_alg_values_supported":    signatures,

		"backchannel_token_delivery_modes_supported":     []string{"poll"},
		"backchannel_user_code_parameter_supported":      false,
		"claims_parameter_supported":                     false,
		"request_parameter_supported":                    true,
		"request_uri_parameter_supported":                false,
		"require_pushed_authorization_requests":          false,
		"authorization_response_iss_parameter_supported": true,
	}
}

func algorithmNames(lists ...[]jose.SignatureAlgorithm) []string {
	var out []string
	for _, a := range slices.Concat(lists...) {
		out = append(out, string(a))
	}
	return out
}
