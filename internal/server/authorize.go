package server

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/flow"
	"pixy/internal/manage"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// authorizeFacts are what authorize loads before it decides.
type authorizeFacts struct {
	realm   oauth.Realm
	client  *oauth.Client
	browser browser
	reuse   bool // the browser's token may be used again
	policy  flow.Policy
	hint    error // why the id_token_hint is refused, or nil
	foreign bool  // the session is not that of the user whom a hint names
}

// authorize begins a sign-on (RFC 6749 §4.1.1), or issues the code at once
// when the browser's session satisfies the request.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) error {
	form, _, err := readParameters(r)
	if err != nil {
		return err
	}
	a, wrong := s.unfold(r, form)
	known, err := s.authorizeFacts(r, &a)
	if err != nil {
		return s.refuseAuthorize(w, r, a, err)
	}
	if err := oauth.First(oauth.ClientChecks(), a); err != nil {
		if wrong != nil && a.Client != nil { // what is missing stands in what can't be read
			err = wrong
		}
		return s.refuseAuthorize(w, r, a, err)
	}
	if err := s.trustOrigin(w, r, a.Client.Application); err != nil && a.Mode() == oauth.ModeFlow {
		return s.refuseAuthorize(w, r, a, err)
	}
	if wrong != nil {
		return s.sendBack(w, r, known.realm, backTo(a), wrong)
	}
	request, err := a.Accept()
	if err == nil {
		err = known.hint
	}
	if err == nil {
		err = s.begin(w, r, known, request)
	}
	if err != nil {
		return s.sendBack(w, r, known.realm, backTo(a), err)
	}
	return nil
}

// authorizeFacts loads what a request is decided by, and tells the request its
// client and whom its id_token_hint names.
func (s *Server) authorizeFacts(r *http.Request, a *oauth.Authorization) (f authorizeFacts, err error) {
	err = s.db.Look(r.Context(), r.PathValue("env"), func(tx *store.Tx) error {
		if f.realm, err = s.realm(tx); err != nil {
			return err
		}
		if f.client, err = s.client(tx, a.Form.Get("client_id")); err != nil || f.client == nil {
			return err
		}
		a.Client = f.client
		if f.browser, err = s.browser(tx, sessionToken(r)); err != nil {
			return err
		}
		if f.reuse, err = s.known(tx, f.browser); err != nil {
			return err
		}
		if err := s.hinted(tx, a, &f); err != nil {
			return err
		}
		f.policy, err = facts.Policy(tx, f.client.ID, oauth.Words(a.Form.Get("acr_values")))
		return err
	})
	return f, err
}

// refuseAuthorize answers while the redirect URI is not proven: a page, or the
// error model for a program.
func (s *Server) refuseAuthorize(w http.ResponseWriter, r *http.Request, a oauth.Authorization, err error) error {
	if a.Mode() != oauth.ModeFlow {
		return err
	}
	s.refuse(w, r, asPlatform, err)
	return nil
}

// begin decides between a flow, an immediate code and, for prompt=none, a
// refusal.
func (s *Server) begin(w http.ResponseWriter, r *http.Request, known authorizeFacts, request oauth.Request) error {
	b := known.browser
	if !known.reuse {
		b = newBrowser(s.vault.NewToken())
	}
	demand := flow.Demand{Fresh: known.foreign || request.Fresh(), MaxAge: request.MaxAge}
	f := flow.Start(flow.Flow{ID: s.vault.NewID(), Client: known.client.ID, ClientName: known.client.Name, Policy: known.policy,
		Hint: request.LoginHint, Browser: b.hash, RemoteIP: remoteIP(r), Population: b.population}, b.session, demand, s.now().UTC())
	back := backOf(request)
	switch {
	case f.Status == flow.Completed:
		return s.finish(w, r, known, facts.FlowRecord{Flow: f, Request: request})
	case slices.Contains(request.Prompts, "none"):
		return s.sendBack(w, r, known.realm, back, fault.LoginRequired)
	case f.Status == flow.Failed && request.Mode != oauth.ModeFlow:
		return s.sendBack(w, r, known.realm, back, fault.SignOnDenied.Saying(f.Failure.Message))
	}
	return s.startFlow(w, r, known, b, facts.FlowRecord{Flow: f, Request: request})
}

func (s *Server) startFlow(w http.ResponseWriter, r *http.Request, known authorizeFacts, b browser, record facts.FlowRecord) error {
	env, f := known.realm.Environment, record.Flow
	err := s.db.Update(r.Context(), env, func(tx *store.Tx) error {
		_, err := s.records.Flows.Put(tx, f.ID, store.Ticket[facts.FlowRecord]{ID: f.ID, Owner: b.hash, Client: f.Client, Source: sourceOf(r), Expires: f.ExpiresAt, Body: record})
		return err
	})
	if err != nil {
		return err
	}
	s.setSessionCookie(w, env, b.token)
	if record.Request.Mode == oauth.ModeFlow {
		return writeJSON(w, http.StatusOK, s.flowView(env, record, facts.Person{}, nil))
	}
	page := s.signOnURL(env, f.ID)
	if custom := known.client.LoginPageURL; custom != "" {
		page = oauth.Append(custom, url.Values{"environmentId": {env}, "flowId": {f.ID}})
	}
	redirect(w, page)
	return nil
}

// finish issues the code of a completed sign-on for which no flow was kept.
func (s *Server) finish(w http.ResponseWriter, r *http.Request, known authorizeFacts, record facts.FlowRecord) error {
	code := s.vault.NewToken()
	family := s.vault.NewID()
	err := s.db.Update(r.Context(), known.realm.Environment, func(tx *store.Tx) error {
		u, _, err := facts.Get[platform.User](tx, "user", record.Flow.User)
		if err == nil && !u.Enabled {
			err = store.ErrMissing
		}
		if err != nil {
			return facts.Missing(err, fault.SignOnDenied.Saying("The user who signed in has been disabled or deleted"))
		}
		if err := s.recordSignOn(tx, record.Flow, record.Flow.User, u, remoteIP(r), correlation(r.Context()), manage.What{Action: "USER.ACCESS_ALLOWED"}); err != nil {
			return err
		}
		return s.putCode(tx, code, family, known.client, record)
	})
	if err != nil {
		return err
	}
	return s.deliver(w, r, known.realm, granted{record, code, family}, nil)
}

// putCode keeps an authorization code with everything it is bound to, when the
// request wants one.
func (s *Server) putCode(tx *store.Tx, code, family string, client *oauth.Client, record facts.FlowRecord) error {
	f, q := record.Flow, record.Request
	if err := s.useSession(tx, f.Session, client); err != nil {
		return err
	}
	if !q.Wants(oauth.TypeCode) {
		return nil
	}
	expires := tx.Now().Add(oauth.CodeLife)
	_, err := s.records.Codes.Put(tx, code, store.Ticket[oauth.Code]{Owner: f.User, Client: q.ClientID, Family: family, Expires: expires, Body: oauth.Code{
		ClientID: q.ClientID, RedirectURI: q.RedirectURI, Challenge: q.Challenge, Scopes: q.Scopes, Resources: q.Resources, JKT: q.JKT, Nonce: q.Nonce,
		User: f.User, Session: f.Session, Family: family, ACR: f.Policy.Name, AMR: f.AMR, AuthTime: f.AuthTime, ExpiresAt: expires,
	}})
	return err
}

// resume ends a flow: the application gets the code, or hears why not.
func (s *Server) resume(w http.ResponseWriter, r *http.Request) error {
	form, _, err := readParameters(r)
	if err != nil {
		return err
	}
	id, err := flowID(form)
	if err != nil {
		return err
	}
	code, family := s.vault.NewToken(), s.vault.NewID()
	var realm oauth.Realm
	var out resumed
	err = s.db.Update(r.Context(), r.PathValue("env"), func(tx *store.Tx) error {
		tx = tx.Looking()
		if realm, err = s.realm(tx); err != nil {
			return err
		}
		out, err = s.resumeFlow(tx, r, id, code, family)
		return err
	})
	if err != nil && out.record.Request.Mode == oauth.ModeFlow {
		s.refuse(w, r, asPlatform, err)
		return nil
	}
	if err != nil {
		return err
	}
	if out.record.Flow.Approves() { // its page says how it ended
		redirect(w, s.signOnURL(realm.Environment, id))
		return nil
	}
	return s.answerResume(w, r, realm, out, granted{out.record, code, family})
}

func flowID(form oauth.Form) (string, error) {
	if err := form.Wrong([]string{"flowId"}); err != nil {
		return "", err
	}
	id := form.Get("flowId")
	if id == "" || !isID(id) {
		return "", fault.Malformed.Detailed(fault.Detail{Code: "REQUIRED_VALUE", Target: "flowId", Message: "must be the id of a flow"})
	}
	return id, nil
}

// resumed is a flow at its end.
type resumed struct {
	record facts.FlowRecord
	client *oauth.Client
	person facts.Person
	refuse error // the application is no longer what it was; answered after the rest is kept
}

func (s *Server) resumeFlow(tx *store.Tx, r *http.Request, id, code, family string) (out resumed, err error) {
	t, _, err := s.openFlow(tx, id, sessionToken(r))
	if err != nil {
		return out, err
	}
	out.record = t.Body
	f, q := t.Body.Flow, t.Body.Request
	if f.Approves() { // nothing is handed out here
		return out, nil
	}
	if out.client, err = s.client(tx, f.Client); err != nil {
		return out, err
	}
	a := oauth.Authorization{Client: out.client, Form: oauth.Form{"client_id": {f.Client}, "response_mode": {q.Mode}}}
	if q.RedirectURI != "" {
		a.Form["redirect_uri"] = []string{q.RedirectURI}
	}
	if err := oauth.First(oauth.ClientChecks(), a); err != nil {
		return out, err
	}
	if q.Mode == oauth.ModeFlow {
		if err := s.originOf(r, out.client.Application); err != nil {
			return out, err
		}
	}
	if f.Interactive() {
		return out, nil
	}
	if f.Status == flow.Completed {
		if out.person, err = facts.ByID(tx, f.User); err != nil && !isMissing(err) {
			return out, err
		}
		if out.refuse, err = s.unwanted(tx, out); err != nil {
			return out, err
		}
	} else {
		out.refuse = fault.SignOnDenied.Saying(f.Failure.Message)
	}
	if ok, err := s.records.Flows.Spend(tx, id, t.Expires); err != nil || !ok {
		return out, errors.Join(err, fault.FlowOver)
	}
	if out.refuse != nil {
		return out, nil
	}
	return out, s.putCode(tx, code, family, out.client, t.Body)
}

// unwanted is why a sign-on is refused in the end: the user is gone, or is not
// the one whom the request's hints name (OpenID Connect Core §3.1.2.1).
func (s *Server) unwanted(tx *store.Tx, out resumed) (refuse, err error) {
	if !out.person.User.Enabled {
		return fault.SignOnDenied.Saying("The user who signed in has been disabled or deleted"), nil
	}
	want := out.record.Request.Subject
	if want == "" {
		return nil, nil
	}
	subject, err := s.subject(tx, out.client.ID, out.person.ID)
	if err == nil && subject != want {
		refuse = fault.LoginRequired.Compared("the user whom the hint names", "another")
	}
	return refuse, err
}

func (s *Server) answerResume(w http.ResponseWriter, r *http.Request, realm oauth.Realm, out resumed, g granted) error {
	env := realm.Environment
	_ = s.trustOrigin(w, r, out.client.Application) // under pi.flow it was asked before the write
	switch {
	case out.record.Flow.Interactive() && out.record.Request.Mode == oauth.ModeFlow:
		return writeJSON(w, http.StatusOK, s.flowView(env, out.record, facts.Person{}, nil))
	case out.record.Flow.Interactive():
		redirect(w, s.signOnURL(env, out.record.Flow.ID))
		return nil
	case out.refuse != nil:
		return s.sendBack(w, r, realm, backOf(out.record.Request), out.refuse)
	}
	return s.deliver(w, r, realm, g, s.flowView(env, out.record, out.person, nil))
}
