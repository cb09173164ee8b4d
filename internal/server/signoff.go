package server

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
	"pixy/internal/web"
)

// logoutFacts are what signoff and idpSignoff load before they decide.
type logoutFacts struct {
	realm   oauth.Realm
	logout  oauth.Logout
	browser browser
	on      *oauth.SignedOn // of the browser; nil when nobody is signed on
}

// signoff ends the browser's session at the wish of an application (OpenID
// Connect RP-Initiated Logout §2), when a hint shows that it is about this
// session, or the person says so.
func (s *Server) signoff(w http.ResponseWriter, r *http.Request) error {
	form, action, err := s.signoffForm(r)
	if err != nil {
		return err
	}
	known, err := s.logoutFacts(r, form)
	if err != nil {
		return err
	}
	if client := known.logout.Client; client != nil {
		_ = s.trustOrigin(w, r, client.Application) // a foreign page may send the person here, and read nothing
	}
	if err := oauth.First(oauth.LogoutChecks(), known.logout); err != nil {
		return err
	}
	if action == "cancel" {
		return s.writePage(w, http.StatusOK, "", func(b *bytes.Buffer) error {
			return s.pages.Done(b, web.Done{Title: "You are still signed in", Explanation: "Nothing was changed. You can close this page."})
		})
	}
	switch known.logout.Step(known.on, action == "signoff") {
	case oauth.LogoutAsks:
		return s.askSignoff(w, known)
	case oauth.LogoutOver:
		if known.browser.token != "" {
			if err := s.db.Confirm(r.Context(), known.realm.Environment); err != nil {
				return err
			}
		}
		s.dropSessionCookie(w, known.realm.Environment)
		return s.writeSignedOff(w, known.logout.To())
	}
	if known.browser.session != nil {
		if err := s.endSession(r, known, known.browser.session.ID); err != nil {
			return err
		}
	}
	s.dropSessionCookie(w, known.realm.Environment)
	s.leave(w, known)
	return nil
}

// signoffForm reads the parameters, and which button of our page was pressed,
// if one was: only a form of ours may speak for the person.
func (s *Server) signoffForm(r *http.Request) (form oauth.Form, action string, err error) {
	form, body, err := readParameters(r)
	if err != nil {
		return nil, "", err
	}
	if action = body.Get("action"); action != "" {
		if err := s.sameSite(r); err != nil {
			return nil, "", err
		}
	}
	return form, action, oauth.LogoutForm(form)
}

func (s *Server) logoutFacts(r *http.Request, form oauth.Form) (f logoutFacts, err error) {
	f.logout.Form = form
	err = s.db.Look(r.Context(), r.PathValue("env"), func(tx *store.Tx) error {
		if f.realm, err = s.realm(tx); err != nil {
			return err
		}
		if err := s.logoutClient(tx, &f.logout); err != nil {
			return err
		}
		if f.browser, err = s.browser(tx, sessionToken(r)); err != nil || f.browser.session == nil {
			return err
		}
		f.on = &oauth.SignedOn{Session: f.browser.session.ID, Subject: f.browser.session.User}
		if f.logout.Hint != nil && f.logout.Client != nil {
			f.on.Subject, err = s.subject(tx, f.logout.Client.ID, f.browser.session.User)
		}
		return err
	})
	return f, err
}

// logoutClient verifies the hint, and finds the application that a logout
// request names.
func (s *Server) logoutClient(tx *store.Tx, l *oauth.Logout) error {
	id := l.Form.Get("client_id")
	if hint := l.Form.Get("id_token_hint"); hint != "" {
		claims, err := s.identity(tx, hint)
		if err != nil {
			return badToken(err, fault.HintWrong)
		}
		l.Hint, id = &claims, claims.Audience
	}
	var err error
	if id != "" {
		l.Client, err = s.client(tx, id)
		return err
	}
	l.Registered, err = returnsToAny(tx, l.Form.Get("post_logout_redirect_uri"))
	return err
}

// lookingFor is how long the application of a URI may be looked for.
const lookingFor = time.Second

// returnsToAny reports whether an enabled application has registered a URI.
func returnsToAny(tx *store.Tx, uri string) (bool, error) {
	if uri == "" {
		return false, nil
	}
	stem, _, _ := strings.Cut(uri, "&") // what follows may be written in another way in JSON
	docs, err := tx.List("application", store.Query{Where: kind.Expr{Op: kind.Mentions, Value: stem}, Limit: maxClients, Within: lookingFor})
	if err != nil {
		return false, err
	}
	for _, d := range docs {
		app, err := facts.Decode[platform.Application](d)
		if err != nil {
			return false, err
		}
		if app.Enabled && oauth.ReturnsTo(app, uri) {
			return true, nil
		}
	}
	return false, nil
}

// askSignoff asks the person. The page's forms come back here with the request
// in their query.
func (s *Server) askSignoff(w http.ResponseWriter, known logoutFacts) error {
	l := known.logout
	page := web.SignOff{Username: known.browser.session.Username, Client: web.Client{Host: hostOf(l.Form.Get("post_logout_redirect_uri"))}}
	if l.Client != nil {
		page.Client.Name = l.Client.Name
	}
	page.Action = oauth.Append(s.issuer(known.realm.Environment)+"/signoff", l.Again())
	return s.writePage(w, http.StatusOK, formAction(l.Form.Get("post_logout_redirect_uri")), func(b *bytes.Buffer) error { return s.pages.SignOff(b, page) })
}

// leave sends a browser that was signed off to the application, or to a page
// that says so.
func (s *Server) leave(w http.ResponseWriter, known logoutFacts) {
	to := known.logout.To()
	if to == "" {
		to = s.base + s.prefix(known.realm.Environment) + "/signedoff/"
	}
	redirect(w, to)
}

// signedOffPage says that nobody is signed on (GET /{env}/signedoff/).
func (s *Server) signedOffPage(w http.ResponseWriter, r *http.Request) error {
	err := s.db.Look(r.Context(), r.PathValue("env"), func(tx *store.Tx) error {
		_, err := s.realm(tx)
		return err
	})
	if err != nil {
		return err
	}
	return s.writeSignedOff(w, "")
}

// writeSignedOff offers a way back to an application that nobody vouches for:
// the person decides to go there.
func (s *Server) writeSignedOff(w http.ResponseWriter, to string) error {
	page := web.Done{Title: "You are signed out", Explanation: "You can close this page.", Return: to, Host: hostOf(to)}
	return s.writePage(w, http.StatusOK, "", func(b *bytes.Buffer) error { return s.pages.Done(b, page) })
}
