package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/oauth"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// The bounds on telling applications: the notices looked at in one go, the
// applications told at the same time, the time one may take, and the bytes of
// its answer that are read.
const (
	maxNotices    = 1000
	maxTold       = 8
	notifyTimeout = 5 * time.Second
	maxReply      = 4 << 10
)

// notice is a notice that is due.
type notice = store.Ticket[oauth.Notice]

// Stop lets the notices under way arrive. Those that wait are sent when the
// server runs again.
func (s *Server) Stop() { s.notifier.stop() }

// tellAll sends what is due: several applications at the same time, the
// notices of one after another, so that one that hangs holds up only itself.
func (s *Server) tellAll(stopped func() bool) {
	ctx := context.Background()
	var order []string
	due := map[string][]notice{}
	err := s.db.View(ctx, "", func(tx *store.Tx) error {
		waiting, err := s.records.Notices.Everywhere(tx, maxNotices)
		for _, t := range waiting {
			key := t.Body.Environment + "\x00" + t.Client
			if t.Body.Due.After(tx.Now()) {
				continue
			}
			if due[key] == nil {
				order = append(order, key)
			}
			due[key] = append(due[key], t)
		}
		return err
	})
	if err != nil {
		s.log.ErrorContext(ctx, "reading what applications are to be told failed", "error", err)
		return
	}
	var told sync.WaitGroup
	slots := make(chan struct{}, maxTold)
	for _, key := range order {
		slots <- struct{}{}
		told.Go(func() {
			defer func() { <-slots }()
			s.tellClient(ctx, due[key], stopped)
		})
	}
	told.Wait()
}

// tellClient sends the notices of one application until one does not reach it:
// then the others wait as long as that one.
func (s *Server) tellClient(ctx context.Context, notices []notice, stopped func() bool) {
	for i, n := range notices {
		if stopped() {
			return
		}
		failure := s.tell(ctx, n.Body)
		if err := s.keepTold(ctx, notices[i:], failure); err != nil {
			s.log.ErrorContext(ctx, "keeping what an application was told failed", "environment", n.Body.Environment, "application", n.Client, "error", err)
			return
		}
		if failure != nil && !errors.Is(failure, errRefuses) {
			return
		}
	}
}

// keepTold keeps the outcome of the first of an application's notices.
func (s *Server) keepTold(ctx context.Context, notices []notice, failure error) error {
	first := notices[0]
	next, again := first.Body.Failed(s.now())
	again = again && !errors.Is(failure, errRefuses)
	if failure != nil {
		s.log.WarnContext(ctx, "an application did not hear that a session has ended", "environment", next.Environment, "application", next.Client,
			"session", next.Session, "tries", next.Tries, "givenUp", !again, "error", failure)
	}
	return s.db.Update(ctx, next.Environment, func(tx *store.Tx) error {
		if failure == nil || !again {
			if err := s.records.Notices.Delete(tx, next.Name()); err != nil {
				return err
			}
		}
		if failure == nil || errors.Is(failure, errRefuses) {
			return nil
		}
		for i, t := range notices {
			switch {
			case i == 0 && !again:
				continue
			case i == 0:
				t.Body = next
			default:
				t.Body.Due = next.Due
			}
			if _, err := s.records.Notices.Save(tx, t.Body.Name(), t); err != nil && !errors.Is(err, fault.Stale) { // it is gone with its application
				return err
			}
		}
		return nil
	})
}

// tell sends a logout token to an application (OpenID Connect Back-Channel
// Logout §2.5). One that no longer wants to hear has heard.
func (s *Server) tell(ctx context.Context, n oauth.Notice) error {
	var app platform.Application
	var signer oauth.Signer
	err := s.db.View(ctx, n.Environment, func(tx *store.Tx) (err error) {
		if _, err := s.realm(tx); err != nil {
			return err
		}
		if app, _, err = facts.Get[platform.Application](tx, "application", n.Client); err != nil || !app.Enabled {
			return err
		}
		signer, err = s.vault.SignerOf(tx, app)
		return err
	})
	switch {
	case errors.Is(err, fault.Missing), isMissing(err), err == nil && (!app.Enabled || app.BackChannelLogoutURI == ""):
		return nil
	case err != nil:
		return err
	}
	token, err := signer.Sign(n.Token(s.vault.NewID(), s.now()), oauth.TypeLogout)
	if err != nil {
		return err
	}
	return post(ctx, s.outgoing, app.BackChannelLogoutURI, url.Values{"logout_token": {token}})
}

// errRefuses marks an answer that will be the same another time.
var errRefuses = errors.New("the application refuses")

// post sends a form to an application.
func post(ctx context.Context, client *http.Client, to string, form url.Values) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", mediaForm)
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxReply) // so that the connection can be used again
	switch heard, passing := oauth.Heard(resp.StatusCode); {
	case heard:
		return nil
	case passing:
		return fmt.Errorf("it answers %s", resp.Status)
	}
	return fmt.Errorf("%w: it answers %s", errRefuses, resp.Status)
}
