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
	claimed       = time.Minute
	maxReply      = 4 << 10
)

// notice is a notice that is due.
type notice = store.Ticket[oauth.Notice]

// Drain says that the server is about to stop: it is not ready any more, and
// answers all the same.
func (s *Server) Drain() { s.stopping.Store(true) }

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
		n, err := s.claim(ctx, n)
		if errors.Is(err, fault.Stale) { // another node is at it, or has been
			continue
		}
		if err != nil {
			s.log.ErrorContext(ctx, "noting that an application is told failed", "environment", n.Body.Environment, "application", n.Client, "error", err)
			return
		}
		notices[i] = n
		reply, failure := s.tell(ctx, n.Body)
		next, due, keep := n.Body.After(reply, s.now())
		s.metrics.Told(failure == nil, !keep)
		if failure != nil {
			s.log.WarnContext(ctx, "an application did not hear that a session has ended", "environment", next.Environment, "application", next.Client,
				"session", next.Session, "tries", next.Tries, "givenUp", !keep, "error", failure)
		}
		if err := s.keepTold(ctx, notices[i:], next, due, keep); err != nil {
			s.log.ErrorContext(ctx, "keeping what an application was told failed", "environment", n.Body.Environment, "application", n.Client, "error", err)
			return
		}
		if !due.IsZero() {
			return
		}
	}
}

// claim puts a notice off for longer than telling takes, so that no other node
// tells it meanwhile, and one will when this node doesn't come back.
func (s *Server) claim(ctx context.Context, n notice) (notice, error) {
	n.Body.Due = s.now().Add(claimed)
	version := n.Version
	err := s.db.Update(ctx, n.Body.Environment, func(tx *store.Tx) error {
		n.Version = version
		kept, err := s.records.Notices.Save(tx, n.Body.Name(), n)
		n.Version = kept.Version
		return err
	})
	return n, err
}

// keepTold keeps what became of the first of an application's notices, and when
// the others are due, unless that stays.
func (s *Server) keepTold(ctx context.Context, notices []notice, next oauth.Notice, due time.Time, keep bool) error {
	return s.db.Update(ctx, next.Environment, func(tx *store.Tx) error {
		for i, t := range notices {
			switch {
			case i == 0 && !keep:
				if err := s.records.Notices.Delete(tx, next.Name()); err != nil {
					return err
				}
				continue
			case i == 0:
				t.Body = next
			case due.IsZero():
				return nil
			default:
				t.Body.Due = due
			}
			if _, err := s.records.Notices.Save(tx, t.Body.Name(), t); err != nil && !errors.Is(err, fault.Stale) { // it is gone with its application
				return err
			}
		}
		return nil
	})
}

// tell sends a logout token to an application (OpenID Connect Back-Channel
// Logout §2.5). One that no longer wants to hear has heard. The error says why it
// did not.
func (s *Server) tell(ctx context.Context, n oauth.Notice) (oauth.Reply, error) {
	var app platform.Application
	var signer oauth.Signer
	err := s.db.Look(ctx, n.Environment, func(tx *store.Tx) (err error) {
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
		return oauth.Heard, nil
	case err != nil:
		return oauth.Failed, err
	}
	token, err := signer.Sign(n.Token(s.vault.NewID(), s.now()), oauth.TypeLogout)
	if err != nil {
		return oauth.Failed, err
	}
	return post(ctx, s.outgoing, app.BackChannelLogoutURI, url.Values{"logout_token": {token}})
}

// post sends a form to an application.
func post(ctx context.Context, client *http.Client, to string, form url.Values) (oauth.Reply, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		return oauth.Failed, err
	}
	r.Header.Set("Content-Type", mediaForm)
	resp, err := client.Do(r)
	if err != nil {
		return oauth.Failed, err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxReply) // so that the connection can be used again
	reply := oauth.ReplyOf(resp.StatusCode)
	if reply != oauth.Heard {
		err = fmt.Errorf("it answers %s", resp.Status)
	}
	return reply, err
}
