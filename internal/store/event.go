package store

import (
	"fmt"
	"time"

	"pixy/internal/kind"
)

// Event is something that happened in an environment. It is kept with what it
// reports, and never changed.
type Event struct {
	ID          string
	Recorded    time.Time // set by Record
	Action      string    // "USER.CREATED"
	Actor       string    // the id of the user who did it, or ""
	Client      string    // the id of the application that did it, or through which it was done
	Target      string    // the id of what it was done to
	Population  string    // of the target, or ""
	Correlation string    // the id of the request
	Result      string    // "SUCCESS" or "FAILURE"
	Body        []byte    // JSON
}

// Record keeps an event with the rest of the transaction.
func (tx *Tx) Record(e Event) error {
	_, err := tx.exec("INSERT INTO event (env, recorded, id, action, actor, client, target, population, correlation, result, body) "+
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
		tx.env, millis(tx.Now()), e.ID, e.Action, e.Actor, e.Client, e.Target, e.Population, e.Correlation, e.Result, string(e.Body))
	return tx.failed(err, "record %s", e.Action)
}

// eventColumns are the columns of an event that a filter can name.
func eventColumns() map[string]access {
	return map[string]access{
		"id":                      {"id", kind.Text, true},
		"recordedAt":              {"recorded", kind.Time, true},
		"correlationId":           {"correlation", kind.Text, true},
		"actors.client.id":        {"client", kind.Text, true},
		"actors.user.id":          {"actor", kind.Text, true},
		"resources.id":            {"target", kind.Text, true},
		"resources.population.id": {"population", kind.Text, true},
		"action.type":             {"action", kind.Text, true},
		"result.status":           {"result", kind.Text, true},
		"actors.user.name":        {"(body ->> 'username')", kind.Text, false},
		"resources.type":          {"(body ->> 'type')", kind.Text, false},
	}
}

// Events returns the events that match, the newest first.
func (tx *Tx) Events(q Query) ([]Event, error) {
	w := tx.where(eventColumns())
	text := "SELECT id, recorded, action, actor, client, target, population, correlation, result, body FROM event WHERE env = " + w.bind(tx.env)
	if q.Where.Op != "" {
		more, err := w.condition(q.Where)
		if err != nil {
			return nil, fmt.Errorf("store: list events: %w", err)
		}
		text += " AND " + more
	}
	if q.After != (Cursor{}) {
		text += " AND (recorded, id) < (" + w.bind(millis(q.After.Created)) + ", " + w.bind(q.After.ID) + ")"
	}
	const order = " ORDER BY recorded DESC, id DESC"
	text += order
	if q.Limit > 0 {
		text += " LIMIT " + w.bind(int64(q.Limit))
	}
	if q.Within > 0 {
		text = whole(text, "id, recorded, action, actor, client, target, population, correlation, result, body", order)
	}
	var found []Event
	err := tx.within(q.Within).each(text, w.args, func(rows row) error {
		var e Event
		var recorded int64
		err := rows.Scan(&e.ID, &recorded, &e.Action, &e.Actor, &e.Client, &e.Target, &e.Population, &e.Correlation, &e.Result, &e.Body)
		e.Recorded = fromMillis(recorded)
		found = append(found, e)
		return err
	})
	return found, tx.failed(err, "list events")
}
