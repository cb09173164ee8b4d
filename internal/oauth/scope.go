package oauth

import (
	"slices"
	"strings"

	"pixy/internal/fault"
)

// GrantScopes returns the scopes of a request that the application is granted,
// in the order asked for. openid needs no grant. Others are left out, as
// RFC 6749 §3.3 lets a server do, and the token response says which remain;
// only when none remains is the request refused.
func GrantScopes(requested string, granted []string) ([]string, error) {
	if strings.ContainsFunc(requested, func(r rune) bool { return r < 0x20 || r > 0x7e || r == '"' || r == '\\' }) {
		return nil, fault.ScopeBroken
	}
	asked := Words(requested)
	var out []string
	for _, s := range asked {
		if s == "openid" || slices.Contains(granted, s) {
			out = append(out, s)
		}
	}
	if len(asked) > 0 && len(out) == 0 {
		return nil, fault.ScopeUnknown.Compared("openid, or one of the application's grants", requested)
	}
	return out, nil
}
