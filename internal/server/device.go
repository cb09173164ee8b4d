package server

import (
	"context"
	"errors"
	"net/http"

	"pixy/internal/fault"
	"pixy/internal/flow"
	"pixy/internal/kind"
	"pixy/internal/oauth"
	"pixy/internal/store"
)

// deviceAuthorization gives a device the code that it waits with, and the one
// that its person enters elsewhere (RFC 8628 §3.1, §3.2).
func (s *Server) deviceAuthorization(w http.ResponseWriter, r *http.Request, form oauth.Form, c caller) error {
	pending, err := oauth.Authorization{Form: form, Client: c.client}.AcceptDevice(s.now().UTC())
	if err != nil {
		return err
	}
	device, user, err := s.keepDevice(r.Context(), c.realm.Environment, c.source(r), pending)
	if err != nil {
		return err
	}
	shown := oauth.ShowUserCode(user)
	plain, complete := c.client.VerificationURI(s.base+s.prefix(c.realm.Environment), shown)
	return writeJSON(w, http.StatusOK, kind.Body{
		"device_code": device, "user_code": shown, "verification_uri": plain, "verification_uri_complete": complete,
		"expires_in": c.client.DeviceTimeout, "interval": c.client.DevicePollingInterval,
	})
}

// maxUserCodes bounds how many user codes are tried until one is free.
const maxUserCodes = 5

// keepDevice keeps what a device waits for under two new codes.
func (s *Server) keepDevice(ctx context.Context, env, source string, p oauth.Pending) (device, user string, err error) {
	for range maxUserCodes {
		device, user = s.vault.NewToken(), s.vault.NewUserCode()
		err = s.db.Update(ctx, env, func(tx *store.Tx) error {
			_, err := s.records.Devices.ByID(tx, user)
			if err == nil {
				return fault.Taken
			}
			if !isMissing(err) {
				return err
			}
			_, err = s.records.Devices.Put(tx, device, store.Ticket[oauth.Pending]{ID: user, Client: p.ClientID, Source: source, Expires: p.ExpiresAt, Body: p})
			return err
		})
		if !errors.Is(err, fault.Taken) {
			break
		}
	}
	return device, user, err
}

// devicePage begins the flow in which a person enters the code of a device
// (GET /{env}/device/{path}). The code decides on everything, whatever the path.
func (s *Server) devicePage(w http.ResponseWriter, r *http.Request) error {
	query, err := readQuery(r)
	if err != nil {
		return err
	}
	if err := query.Wrong([]string{"user_code"}); err != nil {
		return err
	}
	code := oauth.ShowUserCode(oauth.ReadUserCode(query.Get("user_code")))
	return s.openApproval(w, r, func(tx *store.Tx, f flow.Flow, _ browser) (flow.Flow, error) {
		return flow.AskCode(f, code, tx.Now()), nil
	})
}
