package platform

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pixy/internal/fault"
)

func applicationRules(before *Application, a Application) []fault.Detail {
	var out []fault.Detail
	wrong := func(target, message string) {
		out = append(out, fault.Detail{Code: "INVALID_VALUE", Target: target, Message: message})
	}
	if a.Protocol == "SAML" || a.Protocol == "WS_FED" {
		wrong("protocol", a.Protocol+" applications are not supported by this server; it serves OPENID_CONNECT, and stores EXTERNAL_LINK")
	}
	if (a.Protocol == "EXTERNAL_LINK") != (a.Type == "PORTAL_LINK_APP") && a.Protocol != "SAML" && a.Protocol != "WS_FED" {
		wrong("type", "must be PORTAL_LINK_APP with the protocol EXTERNAL_LINK, and with no other")
	}
	if before == nil && (a.Type == "TEMPLATE_APP" || strings.HasPrefix(a.Type, "PING_ONE_")) {
		wrong("type", a.Type+" applications can't be created")
	}
	if a.AllowWildcardInRedirectURIs {
		wrong("allowWildcardInRedirectUris", "must be false or left out: this server compares redirect URIs exactly (RFC 9700 §2.1) and does not support wildcards")
	}
	if a.TokenEndpointAuthMethod == AuthNone && slices.Contains(a.GrantTypes, "CLIENT_CREDENTIALS") {
		wrong("tokenEndpointAuthMethod", "must not be NONE with the grant type CLIENT_CREDENTIALS")
	}
	if rolling := a.RefreshTokenRollingDuration; rolling > 0 && a.RefreshTokenDuration > rolling {
		wrong("refreshTokenDuration", "must not be more than refreshTokenRollingDuration, which is "+strconv.Itoa(rolling))
	}
	if twice := repeated(a.RedirectURIs); twice != "" {
		wrong("redirectUris", "must not have '"+twice+"' twice")
	}
	if c := a.CORSSettings; c != nil && c.Behavior == "ALLOW_SPECIFIC_ORIGINS" && len(c.Origins) == 0 {
		wrong("corsSettings.origins", "must not be empty with ALLOW_SPECIFIC_ORIGINS")
	}
	return out
}

// repeated is the first text that stands twice, or "".
func repeated(all []string) string {
	for i, s := range all {
		if slices.Contains(all[:i], s) {
			return s
		}
	}
	return ""
}

// wrongRedirectURI says what is wrong with a redirect URI, or "". RFC 6749
// §3.1.2: absolute, without a fragment.
func wrongRedirectURI(s string) string {
	if strings.Contains(s, "*") {
		return "Wildcards are not allowed in redirect URIs."
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || strings.ContainsAny(s, " \t\r\n\\\"<>^`{|}") || !ascii(s):
		return "must be a valid URI (RFC 3986); what is not allowed in a URI must be percent-encoded"
	case wrongPort(u.Port()):
		return "must have a port between 1 and 65535, or none"
	case u.Scheme == "":
		return "must be an absolute URI, such as https://app.example.com/callback or com.example.app:/callback"
	case strings.Contains(s, "#"):
		return "must not have a fragment"
	case u.User != nil:
		return "must not have user information before the host"
	case (u.Scheme == "https" || u.Scheme == "http") && (u.Hostname() == "" || strings.ContainsFunc(u.Hostname(), notOfHost)):
		return "must have a host name or an IP address"
	case slices.Contains([]string{"javascript", "data", "vbscript", "file", "blob", "about"}, u.Scheme):
		return "must not use the scheme " + u.Scheme
	}
	return ""
}

// wrongCalledURL reports a URL that this server does not call: it has to be https,
// but on this machine (OpenID Connect Back-Channel Logout §2.2, RFC 9101 §10.4.1).
func wrongCalledURL(s string) string {
	if wrong := wrongRedirectURI(s); wrong != "" {
		return wrong
	}
	u, err := url.Parse(s)
	if err == nil && (u.Scheme == "https" || u.Scheme == "http" && slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname())) {
		return ""
	}
	return "must be an https URL, or an http URL of 127.0.0.1, [::1] or localhost"
}

// wrongPort reports a port that is none.
func wrongPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port != "" && (err != nil || n == 0)
}

func notOfHost(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '-' || r == ':')
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] <= 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// wrongOrigin says what is wrong with a CORS origin, or "" (RFC 6454 §6.2): it
// must be written as browsers send it, or it would never match.
func wrongOrigin(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.Scheme+"://"+u.Host != s:
	case strings.ContainsAny(u.Host, "*@") || u.Host != strings.ToLower(u.Host) || strings.HasSuffix(u.Host, ":"):
	case u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80":
	default:
		return ""
	}
	return "must be an origin as browsers send it, such as https://app.example.com: lower case, without path, wildcard or default port"
}

// wrongDescription refuses the nine characters that PingOne refuses.
func wrongDescription(s string) string {
	if i := strings.IndexAny(s, "$+<=>^`|~"); i >= 0 {
		return "must not contain '" + s[i:i+1] + "'; the characters $ + < = > ^ ` | ~ are not allowed"
	}
	return ""
}
