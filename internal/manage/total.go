package manage

import (
	"context"
	"net/http"

	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

func totalFields() []kind.Field {
	return []kind.Field{{Name: "date", Type: kind.Text}, {Name: "totalIdentities", Type: kind.Number}, {Name: "startsAt", Type: kind.Time}, {Name: "count", Type: kind.Number}}
}

// identities are how many users the environment has: the tallies of its
// populations.
func (a *API) identities(ctx context.Context, r Request) (total int, err error) {
	if err := narrow(r); err != nil {
		return 0, err
	}
	err = a.db.View(ctx, r.env(), func(tx *store.Tx) error {
		docs, err := tx.List("population", store.Query{})
		if err != nil {
			return err
		}
		for _, c := range a.byName["population"].Table().Counts {
			for _, d := range docs {
				n, err := tx.Tallied(tallyName(c, d.ID))
				if err != nil {
					return err
				}
				total += n
			}
		}
		return nil
	})
	return total, err
}

func (a *API) totalIdentities(ctx context.Context, r Request) (Answer, error) {
	total, err := a.identities(ctx, r)
	item := kind.Body{"date": a.now().UTC().Format("2006-01-02"), "totalIdentities": total}
	return Answer{Status: http.StatusOK, Body: a.page(r, "totalIdentities", []any{item})}, err
}

// activeIdentities counts nothing by day: the answer is about now.
func (a *API) activeIdentities(ctx context.Context, r Request) (Answer, error) {
	total, err := a.identities(ctx, r)
	item := kind.Body{"startsAt": platform.Stamp(a.now()), "count": total}
	return Answer{Status: http.StatusOK, Body: a.page(r, "activeIdentityCounts", []any{item})}, err
}
