package server

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/flow"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/store"
	"pixy/internal/web"
)

// granted is a completed sign-on, and the code and the family that were kept
// for it.
type granted struct {
	record       facts.FlowRecord
	code, family string
}

// deliver sends what was granted to the application (RFC 6749 §4.1.2, OAuth 2.0
// Multiple Response Type Encoding Practices), or shows it in the answer under
// pi.flow.
func (s *Server) deliver(w http.ResponseWriter, r *http.Request, realm oauth.Realm, g granted, view kind.Body) error {
	q := g.record.Request
	answer := kind.Body{}
	if q.Wants(oauth.TypeCode) {
		answer["code"] = g.code
	}
	if q.InFront() {
		if err := s.inFront(r.Context(), realm, g, answer); err != nil {
			return err
		}
		s.metrics.Issued("implicit", answer)
	}
	if q.Mode != oauth.ModeFlow {
		return s.respond(w, realm, backOf(q), answer)
	}
	if view == nil {
		view = kind.Body{"environment": kind.Body{"id": realm.Environment}, "status": flow.Completed, "session": kind.Body{"id": g.record.Flow.Session}}
	}
	if q.State != "" {
		answer["state"] = q.State
	}
	answer["iss"] = realm.Issuer
	view["authorizeResponse"] = answer
	if q.RedirectURI != "" {
		view["redirect_uri"] = q.RedirectURI
	}
	return writeJSON(w, http.StatusOK, view)
}

// inFront signs the tokens that go through the browser (OpenID Connect Core
// §3.2.2.5, §3.3.2.5).
func (s *Server) inFront(ctx context.Context, realm oauth.Realm, g granted, answer kind.Body) error {
	f, q := g.record.Flow, g.record.Request
	var c issuing
	err := s.db.Look(ctx, realm.Environment, func(tx *store.Tx) (err error) {
		if c.caller, err = s.named(tx, q.ClientID); err != nil || c.client == nil {
			return err
		}
		c.signer, err = s.vault.SignerOf(tx, c.client.Application)
		return err
	})
	if err != nil {
		return err
	}
	if c.client == nil {
		return fault.ClientUnknown
	}
	i := oauth.Issue{Subject: f.User, Scopes: q.Scopes, Resources: q.Resources, Session: f.Session, Family: g.family, Nonce: q.Nonce,
		ACR: f.Policy.Name, AMR: f.AMR, AuthTime: f.AuthTime}
	added, err := s.mapped(ctx, c, i)
	if err != nil {
		return err
	}
	with := oauth.Beside{}
	if q.Wants(oauth.TypeCode) {
		with.Code = c.signer.LeftHash(g.code)
	}
	if q.Wants(oauth.TypeToken) {
		tokens, err := s.accessToken(ctx, c, i, added)
		if err != nil {
			return err
		}
		for name, v := range tokens {
			answer[name] = v
		}
		with.AccessToken = c.signer.LeftHash(tokens["access_token"].(string))
	}
	if q.Wants(oauth.TypeIdentity) {
		answer["id_token"], err = s.identityInFront(ctx, c, i, with, added)
	}
	return err
}

// identityInFront is an ID token that comes through the browser. Without an
// access token nobody can ask for the claims of the scopes, so they are in it
// (OpenID Connect Core §5.4).
func (s *Server) identityInFront(ctx context.Context, c issuing, i oauth.Issue, with oauth.Beside, added mapped) (string, error) {
	if with.AccessToken == "" && with.Code == "" {
		var claims map[string]any
		err := s.db.Look(ctx, c.realm.Environment, func(tx *store.Tx) error {
			of, err := facts.StandingOf(tx, i.Subject)
			if err == nil {
				claims, err = s.released(tx, c.client.ID, of, i.Scopes)
			}
			return err
		})
		if err != nil {
			return "", err
		}
		for name, v := range added.forClient {
			claims[name] = v
		}
		added.forClient = claims
	}
	return s.identityToken(ctx, c, i, with, added)
}

// back is where an answer goes once the redirect URI is proven.
type back struct{ uri, mode, state string }

func backTo(a oauth.Authorization) back {
	b := back{uri: a.Form.Get("redirect_uri"), mode: a.Mode()}
	if (oauth.Form{"state": a.Form["state"]}).Wrong([]string{"state"}) == nil {
		b.state = a.Form.Get("state")
	}
	return b
}

func backOf(q oauth.Request) back { return back{q.RedirectURI, q.Mode, q.State} }

// respond sends an answer to the application, in the mode that was asked for,
// with the issuer (RFC 9207 §2).
func (s *Server) respond(w http.ResponseWriter, realm oauth.Realm, b back, answer kind.Body) error {
	parameters := url.Values{"iss": {realm.Issuer}}
	for name, v := range answer {
		parameters.Set(name, fmt.Sprint(v))
	}
	if b.state != "" {
		parameters.Set("state", b.state)
	}
	switch b.mode {
	case oauth.ModeFragment:
		redirect(w, oauth.AppendFragment(b.uri, parameters))
	case oauth.ModeForm:
		page := web.FormPost{Action: b.uri}
		for _, name := range slices.Sorted(maps.Keys(parameters)) {
			page.Fields = append(page.Fields, web.Fact{Label: name, Value: parameters.Get(name)})
		}
		return s.writePage(w, http.StatusOK, formAction(b.uri), func(p *bytes.Buffer) error { return s.pages.FormPost(p, page) })
	default:
		redirect(w, oauth.Append(b.uri, parameters))
	}
	return nil
}

func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusFound)
}

// sendBack tells the application that its request was refused (RFC 6749
// §4.1.2.1), under pi.flow in PingOne's error model.
func (s *Server) sendBack(w http.ResponseWriter, r *http.Request, realm oauth.Realm, b back, err error) error {
	f := faultOf(err)
	if f.Form != fault.OAuth {
		if f.Status < 500 {
			return err
		}
		s.logRefusal(r, f)
		if f.Status == http.StatusServiceUnavailable {
			f = fault.ServerBusy
		} else {
			f = fault.ServerError
		}
	}
	if b.mode == oauth.ModeFlow || b.uri == "" {
		s.refuse(w, r, asPlatform, flowFault(f))
		return nil
	}
	s.logRefusal(r, f)
	return s.respond(w, realm, b, kind.Body{"error": f.Code, "error_description": describe(r.Context(), f)})
}

// flowFault is an OAuth refusal in the error model: clients of pi.flow read
// the code and the sentence from the first detail.
func flowFault(f *fault.Fault) *fault.Fault {
	c := *f
	c.Form, c.Code, c.Message = fault.Platform, fault.RequestFailed.Code, fault.RequestFailed.Message
	c.Details = []fault.Detail{{Code: f.Code, Message: f.Message}}
	return &c
}
