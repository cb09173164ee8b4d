package manage

import (
	"context"
	"net/http"
	"time"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// The media types of POST on a user.
const (
	mediaLock   = "application/vnd.pingidentity.account.lock+json"
	mediaUnlock = "application/vnd.pingidentity.account.unlock+json"
)

func accountFields() []kind.Field {
	return []kind.Field{{Name: "account", Type: kind.Object, Fields: lockFields()}}
}

func lockFields() []kind.Field {
	return []kind.Field{
		{Name: "canAuthenticate", Type: kind.Boolean}, {Name: "status", Type: kind.Text, Enum: []string{"LOCKED", "OK"}}, {Name: "unlockAt", Type: kind.Time},
	}
}

// lockAccount locks a user's account, until unlockAt when it is given, or
// unlocks it.
func (a *API) lockAccount(ctx context.Context, r Request) (Answer, error) {
	sent := r.Body
	if inner, nested := sent["account"].(kind.Body); nested {
		sent = inner
	}
	body, err := accepted(sent, lockFields())
	if err != nil {
		return Answer{}, err
	}
	if r.Media == mediaUnlock {
		return a.setCredential(ctx, r, "USER.UNLOCKED", func(c platform.Credential, _ time.Time) platform.Credential { return c.Unlock() })
	}
	var until time.Time
	if text := kind.At(body, "unlockAt"); text != "" {
		if until, _ = time.Parse(time.RFC3339, text); !until.After(a.now()) {
			return Answer{}, fault.Invalid.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: "unlockAt", Message: "must be in the future"})
		}
	}
	return a.setCredential(ctx, r, "USER.LOCKED", func(c platform.Credential, now time.Time) platform.Credential { return c.Lock(now, until.UTC()) })
}

// setCredential changes a user's credential and answers with the user, or with
// the state of the password where that was asked for.
func (a *API) setCredential(ctx context.Context, r Request, action string, change func(platform.Credential, time.Time) platform.Credential) (Answer, error) {
	var out Answer
	err := a.update(ctx, r, r.env(), func(tx *store.Tx, r Request) error {
		p, err := a.user(tx, r)
		if err != nil {
			return err
		}
		if err := mayTouch(tx, r); err != nil {
			return err
		}
		next := change(p.Credential, tx.Now())
		if err := facts.KeepCredential(tx, p, next); err != nil {
			return err
		}
		if next.Locked(tx.Now()) {
			if err := a.endUser(tx, r, p.ID); err != nil {
				return err
			}
		}
		w := What{Action: action, Type: "USER", ID: p.ID, Name: p.User.Username, Population: p.User.Population.ID}
		if err := a.Record(tx, r, w); err != nil {
			return err
		}
		if r.Media == mediaUnlockPassword {
			p.Credential = next
			out = a.answerPassword(r, p)
			return nil
		}
		shown, err := a.show(tx, a.byName["user"], a.userPlace(r), p.Document)
		out = Answer{Status: http.StatusOK, Body: shown}
		return err
	})
	return out, err
}
