package server

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"pixy/internal/fault"
	"pixy/internal/flow"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
	"pixy/internal/web"
)

// writePage answers with a page. formAction is where the page's forms may lead
// beyond this server: Chromium holds the redirect that follows a form against
// the policy of the page.
func (s *Server) writePage(w http.ResponseWriter, status int, formAction string, render func(*bytes.Buffer) error) error {
	var page bytes.Buffer
	if err := render(&page); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", strings.TrimSpace("default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "+
		"base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'self' "+formAction))
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // the browser is gone; nobody is left to tell
	return nil
}

// asset serves the style sheet and the script of the pages.
func (s *Server) asset(w http.ResponseWriter, r *http.Request) error {
	body, contentType, etag, ok := s.pages.Asset(r.PathValue("name"))
	if !ok {
		return fault.UnknownPath
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "public, no-cache")
	h.Del("Pragma")
	h.Set("ETag", etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	return nil
}

// welcome tells who opens the root what this is and where to go.
func (s *Server) welcome(w http.ResponseWriter, r *http.Request) error {
	discovery := web.Fact{Label: "Discovery of an environment", Value: s.issuer("{environmentId}") + "/.well-known/openid-configuration"}
	page := web.Welcome{Version: s.version, BaseURL: s.base, Links: []web.Fact{
		discovery,
		{Label: "Management API", Value: s.base + "/v1/environments"},
		{Label: "Credentials for it", Value: "bootstrap.json in the data folder, written at the first start"},
		{Label: "Health", Value: s.base + "/healthz"},
		{Label: "Readiness", Value: s.base + "/readyz"},
	}}
	if s.domain != "" {
		page.Links = []web.Fact{discovery}
	}
	return s.writePage(w, http.StatusOK, "", func(b *bytes.Buffer) error { return s.pages.Welcome(b, page) })
}

// signOnPage shows the page of a flow's status (GET /{env}/signon/?flowId=).
func (s *Server) signOnPage(w http.ResponseWriter, r *http.Request) error {
	id, err := pageFlow(r)
	if err != nil {
		return err
	}
	return s.showPage(w, r, id, nil)
}

// pageFlow is the flow that a page's URL names.
func pageFlow(r *http.Request) (string, error) {
	query, err := readQuery(r)
	if err != nil {
		return "", err
	}
	return flowID(query)
}

// showPage shows a flow's page, with the refusal of the last try.
func (s *Server) showPage(w http.ResponseWriter, r *http.Request, id string, refusal *tried) error {
	env := r.PathValue("env")
	var shown shownFlow
	err := s.db.Look(r.Context(), env, func(tx *store.Tx) (err error) {
		shown, err = s.showFlow(tx, id, sessionToken(r))
		return err
	})
	if err != nil {
		return s.flowGone(w, r, id, err)
	}
	switch f := shown.record.Flow; {
	case f.Interactive():
	case f.Approves():
		return s.writePage(w, http.StatusOK, "", func(b *bytes.Buffer) error { return s.renderDecided(b, f) })
	default:
		redirect(w, s.resumeURL(env, id))
		return nil
	}
	status := http.StatusOK
	if refusal != nil {
		status = refusal.fault.Status
	}
	return s.writePage(w, status, formAction(shown.record.Request.RedirectURI), func(b *bytes.Buffer) error {
		return s.renderFlow(b, env, shown, refusal)
	})
}

// tried is a form that was refused, and what was typed into it.
type tried struct {
	fault    *fault.Fault
	username string
	userCode string
}

func (s *Server) renderFlow(b *bytes.Buffer, env string, shown shownFlow, t *tried) error {
	f := shown.record.Flow
	if f.Status == flow.UserCodeRequired || f.Status == flow.DAGConsentRequired {
		return s.renderApproval(b, env, shown, t)
	}
	client := web.Client{Name: f.ClientName, Host: hostOf(shown.record.Request.RedirectURI)}
	action := s.signOnURL(env, f.ID)
	if f.Status == flow.MustChangePassword || f.Status == flow.PasswordExpired {
		page := web.NewPassword{Client: client, Action: action, Username: shown.person.User.Username,
			Expired: f.Status == flow.PasswordExpired, Rules: shown.person.Policy.Words()}
		if t != nil {
			page.Alert, page.Problems = alertOf(t.fault), problemsOf(t.fault)
		}
		return s.pages.NewPassword(b, page)
	}
	page := web.SignOn{Client: client, Action: action, Username: f.Hint, Step: map[string]web.Step{flow.SignOnRequired: web.AskUsername, flow.PasswordRequired: web.AskPassword}[f.Status]}
	if shown.signed != nil && f.Hint == shown.signed.Username {
		page.SignedInAs = shown.signed.Username
	}
	if t != nil {
		page.Alert, page.Locked, page.Username = alertOf(t.fault), t.fault.Is(fault.LockedOut), t.username
		if page.Step == web.AskPassword {
			page.Username = f.Hint
		}
	}
	return s.pages.SignOn(b, page)
}

func hostOf(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return ""
	case u.Host != "":
		return u.Host
	case u.Scheme != "":
		return u.Scheme + ":"
	}
	return ""
}

// formAction is the source expression of CSP for a redirect URI. For a host
// that its grammar does not know, an IPv6 address say, the scheme must do.
func formAction(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Scheme == "":
		return ""
	case !regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]+)?$`).MatchString(u.Host):
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}

// alertOf says in a person's words why a form was refused.
func alertOf(f *fault.Fault) string {
	switch {
	case f.Is(fault.LockedOut):
		seconds, known := f.Details[0].Inner["secondsUntilUnlock"].(int)
		if !known {
			return "The account is locked. Ask your administrator to unlock it."
		}
		return "Too many incorrect passwords. Try again in " + waiting(seconds) + "."
	case f.Is(fault.UserCodeWrong):
		return "That code is wrong, or it has expired. Compare it with the one on your device."
	case f.Is(fault.BadCredentials):
		return "The username or the password is incorrect."
	case f.Is(fault.WrongPassword):
		return "The current password is incorrect."
	case f.Is(fault.Mistyped):
		return "The two new passwords are not the same."
	case len(problemsOf(f)) > 0:
		return ""
	case f.Status >= 500:
		return "Too many people are signing in at the moment. Try again in a few seconds."
	}
	return "Fill in every field and try again."
}

func waiting(seconds int) string {
	if seconds <= 90 {
		return fmt.Sprintf("%d seconds", seconds)
	}
	return fmt.Sprintf("%d minutes", (seconds+59)/60)
}

// problemsOf are the rules of the policy that a new password broke.
func problemsOf(f *fault.Fault) []string {
	var out []string
	for _, d := range f.Details {
		rules, _ := d.Inner["unsatisfiedRequirements"].([]string)
		for _, rule := range rules {
			if text := platform.InWords(rule); len(out) == 0 || out[len(out)-1] != text {
				out = append(out, text)
			}
		}
	}
	return out
}

// signOnForm takes the forms of the page. Without JavaScript it does what a
// client of the flows API does, on the same engine.
func (s *Server) signOnForm(w http.ResponseWriter, r *http.Request) error {
	if err := s.sameSite(r); err != nil {
		return err
	}
	id, err := pageFlow(r)
	if err != nil {
		return err
	}
	form, err := readForm(r)
	if err != nil {
		return err
	}
	if err := form.Wrong([]string{"action", "username", "userCode", "password", "currentPassword", "newPassword", "confirmPassword"}); err != nil {
		return err
	}
	err = s.submit(w, r, id, form)
	var f *fault.Fault
	if errors.As(err, &f) && !f.Is(fault.FlowMissing) && !f.Is(fault.FlowForeign) {
		s.logRefusal(r, f)
		return s.showPage(w, r, id, &tried{f, form.Get("username"), form.Get("userCode")})
	}
	if err != nil {
		return s.flowGone(w, r, id, err)
	}
	return nil
}

// sameSite refuses a form that another site sent.
func (s *Server) sameSite(r *http.Request) error {
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin(s.base); err != nil {
		return err
	}
	if err := protection.Check(r); err != nil {
		return fault.FormForeign.Because(err)
	}
	return nil
}

func (s *Server) submit(w http.ResponseWriter, r *http.Request, id string, form oauth.Form) error {
	env := r.PathValue("env")
	m := moveOf(r, id, "", nil)
	switch form.Get("action") {
	case "cancel":
		if err := s.cancel(r, m); err != nil {
			return err
		}
		seeOther(w, s.resumeURL(env, id))
		return nil
	case "lookup":
		m.action, m.body = "user.lookup", kind.Body{"username": form.Get("username")}
	case "code":
		m.action, m.body = "deviceAuthGrant.userCode.verify", kind.Body{"userCode": form.Get("userCode")}
	case "accept", "deny":
		m.action, m.body = "deviceAuthGrant.consent", kind.Body{"accept": form.Get("action") == "accept"}
	case "reset":
		m.action, m.body = "session.reset", kind.Body{}
	case "password":
		if form.Get("newPassword") != form.Get("confirmPassword") {
			return fault.Mistyped
		}
		m.action, m.body = "password.reset", kind.Body{"currentPassword": form.Get("currentPassword"), "newPassword": form.Get("newPassword")}
	default:
		m.action, m.body = "usernamePassword.check", kind.Body{"username": form.Get("username"), "password": form.Get("password")}
	}
	made, err := s.make(r.Context(), m)
	if err != nil {
		return err
	}
	if made.token != "" {
		s.setSessionCookie(w, env, made.token)
	}
	next := s.signOnURL(env, id)
	if !made.record.Flow.Interactive() {
		next = s.resumeURL(env, id)
	}
	seeOther(w, next)
	return nil
}

func seeOther(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// cancel ends a flow at the person's wish; resume then tells the application.
func (s *Server) cancel(r *http.Request, m move) error {
	return s.db.Update(r.Context(), m.env, func(tx *store.Tx) error {
		t, _, err := s.openFlow(tx, m.flow, m.token)
		if err != nil {
			return err
		}
		if !t.Body.Flow.Interactive() {
			return nil
		}
		t.Body.Flow = t.Body.Flow.Cancel()
		if err := s.settle(tx, t.Body.Flow, ""); err != nil {
			return err
		}
		_, err = s.records.Flows.Save(tx, m.flow, t)
		return err
	})
}

// signOnGone is the title of the page for a flow that is no more.
const signOnGone = "This sign-on has expired"

// flowGone shows a page for a flow that has expired, with a way to start again
// for the browser that began it.
func (s *Server) flowGone(w http.ResponseWriter, r *http.Request, id string, cause error) error {
	f := faultOf(cause)
	if !f.Is(fault.FlowMissing) && !f.Is(fault.FlowForeign) {
		return cause
	}
	s.logRefusal(r, f)
	page := web.Refusal{Title: signOnGone, Correlation: correlation(r.Context()),
		Explanation: "Too much time has passed, or the sign-on was begun in another browser. Go back to the application and sign in again."}
	if again, err := s.again(r, id); err != nil {
		return err
	} else if again != "" {
		page.Again, page.Explanation = again, "Too much time has passed since the last step. Nothing was lost: start again to sign in."
	}
	return s.writePage(w, f.Status, "", func(b *bytes.Buffer) error { return s.pages.Refusal(b, page) })
}

// again is the authorize request of an expired flow, for the browser that
// began it, or "".
func (s *Server) again(r *http.Request, id string) (to string, err error) {
	env := r.PathValue("env")
	err = s.db.Look(r.Context(), env, func(tx *store.Tx) error {
		t, err := s.records.Flows.Get(tx, id)
		if isMissing(err) {
			return nil
		}
		if err != nil {
			return err
		}
		b, err := s.browser(tx, sessionToken(r))
		if err == nil && t.Body.Request.Query != "" && t.Body.Flow.BelongsTo(b.hash, b.session) {
			to = s.issuer(env) + "/authorize?" + t.Body.Request.Query
		}
		return err
	})
	return to, err
}
