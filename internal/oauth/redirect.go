package oauth

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"pixy/internal/platform"
)

// Registered reports whether a redirect URI is one of the application's. URIs
// are compared character by character (RFC 9700 §2.1); only the port of a
// native application's loopback IP address may differ (RFC 8252 §7.3).
func Registered(app platform.Application, uri string) bool {
	if slices.Contains(app.RedirectURIs, uri) {
		return true
	}
	if app.Type != "NATIVE_APP" {
		return false
	}
	bare, ok := withoutLoopbackPort(uri)
	return ok && slices.ContainsFunc(app.RedirectURIs, func(registered string) bool {
		r, ok := withoutLoopbackPort(registered)
		return ok && r == bare
	})
}

// withoutLoopbackPort cuts the port out of an http URI whose host is 127.0.0.1
// or [::1]. It works on the text, so that nothing a parser might normalize
// (user information, escapes, dots) is lost before the comparison.
func withoutLoopbackPort(uri string) (string, bool) {
	for _, host := range []string{"http://127.0.0.1", "http://[::1]"} {
		rest, ok := strings.CutPrefix(uri, host)
		if !ok {
			continue
		}
		if port, isPort := strings.CutPrefix(rest, ":"); isPort {
			digits := len(port) - len(strings.TrimLeft(port, "0123456789"))
			if digits == 0 || digits > 5 {
				return "", false
			}
			rest = port[digits:]
		}
		if rest == "" || rest[0] == '/' || rest[0] == '?' {
			return host + rest, true
		}
	}
	return "", false
}

// inClear reports whether a redirect URI takes an answer across the network
// without TLS: that of http, unless it stays on the person's device.
func inClear(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && u.Scheme == "http" && u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback()
}

// Append adds parameters to a redirect URI, which has no fragment, and keeps
// the query it has (RFC 6749 §3.1.2). The text of the URI is left as it is.
func Append(uri string, parameters url.Values) string {
	separator := "?"
	if strings.Contains(uri, "?") {
		separator = "&"
	}
	if strings.HasSuffix(uri, "?") || strings.HasSuffix(uri, "&") {
		separator = ""
	}
	return uri + separator + parameters.Encode()
}

// Origin returns the web origin of a URI, or "" when it has none (a custom
// scheme).
func Origin(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	host := u.Host
	if p := u.Port(); (u.Scheme == "https" && p == "443") || (u.Scheme == "http" && p == "80") {
		host = strings.TrimSuffix(host, ":"+p)
	}
	return u.Scheme + "://" + strings.ToLower(host)
}

// TrustsOrigin reports whether pages of an origin may act with the session
// cookie for an application: one of its corsSettings.origins, or the origin of
// one of its redirect URIs.
func TrustsOrigin(app platform.Application, origin string) bool {
	if c := app.CORSSettings; c != nil {
		if c.Behavior == "ALLOW_NO_ORIGINS" {
			return false
		}
		if slices.Contains(c.Origins, origin) {
			return true
		}
	}
	return slices.ContainsFunc(app.RedirectURIs, func(uri string) bool {
		return Origin(uri) != "" && (Origin(uri) == origin || app.Type == "NATIVE_APP" && loopback(uri) && loopback(origin))
	})
}

func loopback(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && u.Scheme == "http" && net.ParseIP(u.Hostname()).IsLoopback()
}
