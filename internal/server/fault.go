package server

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/web"
)

// faultOf makes every error a Fault: what is none is an internal error, whose
// text stays in the log.
func faultOf(err error) *fault.Fault {
	var f *fault.Fault
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault.Busy.Because(err)
	}
	return fault.Unexpected.Because(err)
}

// refuse is the one writer of refusals: it logs, and answers in the form of
// the endpoint.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, form answers, err error) {
	f := faultOf(err)
	if form != asPlatform && f.Is(fault.Stale) { // no protocol knows it, and a client can only come again
		f = fault.Busy.Because(err)
	}
	s.logRefusal(r, f)
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
	switch {
	case (form == asPage || form == asSignoffPage) && wantsPage(r):
		s.refusePage(w, r, form, f)
	case form == asOAuth || f.Form == fault.OAuth:
		refuseOAuth(w, r, f)
	default:
		refusePlatform(w, r, f)
	}
}

// wantsPage tells a browser from a program that asks for JSON.
func wantsPage(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "text/html") || !strings.Contains(accept, "json")
}

func refusePlatform(w http.ResponseWriter, r *http.Request, f *fault.Fault) {
	body := kind.Body{"id": correlation(r.Context()), "code": f.Code, "message": f.Message}
	if len(f.Details) > 0 {
		body["details"] = f.Details
	}
	if told := map[int]*fault.Fault{http.StatusUnauthorized: fault.BearerInvalid, http.StatusForbidden: fault.BearerRole}[f.Status]; told != nil {
		w.Header().Set("WWW-Authenticate", challenge(r, told))
	}
	_ = writeJSON(w, f.Status, body) // a map of strings always encodes
}

// refuseOAuth answers in the form of RFC 6749 §5.2. A fault of the platform's
// form (a body that is too large, say) takes the nearest OAuth code.
func refuseOAuth(w http.ResponseWriter, r *http.Request, f *fault.Fault) {
	code := f.Code
	if f.Form != fault.OAuth {
		code = "invalid_request"
		if f.Status >= 500 {
			code = "server_error"
		}
	}
	if f.Status == http.StatusUnauthorized || f.Code == "insufficient_scope" {
		w.Header().Set("WWW-Authenticate", challenge(r, f))
	}
	status := f.Status
	if f.Is(fault.WrongMedia) {
		status = http.StatusBadRequest // as for every malformed request (RFC 6749 §5.2)
	}
	_ = writeJSON(w, status, kind.Body{"error": code, "error_description": describe(r.Context(), f)})
}

// challenge is the WWW-Authenticate of a 401: Basic for clients (RFC 6749
// §5.2), Bearer or DPoP for tokens (RFC 6750 §3, RFC 9449 §7.1).
func challenge(r *http.Request, f *fault.Fault) string {
	token, dpop := credentials(r)
	scheme, algorithms := "Bearer", ""
	if dpop {
		scheme, algorithms = "DPoP", `, algs="`+strings.Join(oauth.ProofAlgorithms(), " ")+`"`
	}
	switch {
	case f.Code == "invalid_client":
		return `Basic realm="PingOne"`
	case token == "":
		return scheme + ` realm="PingOne"` + algorithms
	}
	return scheme + ` realm="PingOne", error="` + f.Code + `", error_description="` + clean(f.Message) + `"` + algorithms
}

// describe is the error_description: PingOne's pattern, with the correlation
// id that the log line has.
func describe(ctx context.Context, f *fault.Fault) string {
	text := f.Message
	for _, d := range f.Details {
		text += " " + d.Message
	}
	return clean(cmp.Or(f.Opening, "Request denied") + ": " + text + " (Correlation ID: " + correlation(ctx) + ")")
}

// clean keeps to the characters that RFC 6749 §5.2 allows in a description.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < 0x20 || r > 0x7e || r == '\\':
			return ' '
		}
		return r
	}, s)
}

// refusePage shows a refusal that can't go to the application.
func (s *Server) refusePage(w http.ResponseWriter, r *http.Request, form answers, f *fault.Fault) {
	page := web.Refusal{Title: "This sign-on can't continue", Explanation: f.Message, Correlation: correlation(r.Context())}
	if form == asSignoffPage {
		page.Title = "You were not signed out"
	}
	switch {
	case f.Is(fault.FlowMissing):
		page.Title, page.Explanation = signOnGone, "Too much time has passed. Go back to the application and sign in again."
	case f.Status == http.StatusNotFound:
		page.Title, page.Explanation = "There is nothing here", "The address is not one that this server knows."
	case f.Status >= 500:
		page.Title, page.Explanation = "Something went wrong", "The server could not answer. Try again in a moment."
	case len(f.Details) > 0:
		page.Explanation = "The application sent a request that this server can't accept."
	}
	for _, d := range f.Details {
		page.Facts = append(page.Facts, web.Fact{Label: cmp.Or(d.Target, "Reason"), Value: d.Message})
	}
	if came := f.Came; came != "" && (f.Is(fault.RedirectMismatch) || f.Is(fault.ClientUnknown) || f.Is(fault.LogoutRedirectMismatch)) {
		page.Facts = append(page.Facts, web.Fact{Label: "Received", Value: came})
	}
	if f.Section != "" {
		page.Facts = append(page.Facts, web.Fact{Label: "Rule", Value: f.Section})
	}
	if err := s.writePage(w, f.Status, "", func(b *bytes.Buffer) error { return s.pages.Refusal(b, page) }); err != nil {
		s.logRefusal(r, faultOf(err))
		refusePlatform(w, r, f)
	}
}
