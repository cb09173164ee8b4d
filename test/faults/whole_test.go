package faults

import (
	"database/sql"
	"fmt"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// userRows are what a database has of users, beside each user's document. What
// one request writes is in several rows of several tables.
type userRows struct {
	names       map[string]string // id: username
	credentials map[string]bool
	events      map[string]int // of users made, by their id
	populations map[string]int // users by population, as they are
	tallied     map[string]int // and as they were counted
}

// open opens a database beside its servers.
func (d database) open(t testing.TB) *sql.DB {
	t.Helper()
	driver := "sqlite"
	if d.server != nil {
		driver = "pgx"
	}
	db, err := sql.Open(driver, d.source)
	must(t, err)
	return db
}

// users reads all rows of users.
func (d database) users(t testing.TB) userRows {
	t.Helper()
	db := d.open(t)
	defer db.Close()
	u := userRows{names: map[string]string{}, credentials: map[string]bool{}, events: map[string]int{}, populations: map[string]int{}, tallied: map[string]int{}}
	each := func(text string, use func(a, b string, n int)) {
		rows, err := db.Query(text)
		must(t, err)
		defer rows.Close()
		for rows.Next() {
			var a, b string
			var n int
			must(t, rows.Scan(&a, &b, &n))
			use(a, b, n)
		}
		must(t, rows.Err())
	}
	const population = "body -> 'population' ->> 'id'"
	each("SELECT id, body ->> 'username', 1 FROM document WHERE kind = 'user'", func(id, name string, _ int) { u.names[id] = name })
	each("SELECT id, '', 1 FROM document WHERE kind = 'credential'", func(id, _ string, _ int) { u.credentials[id] = true })
	each("SELECT target, '', count(*) FROM event WHERE action = 'USER.CREATED' GROUP BY target", func(id, _ string, n int) { u.events[id] = n })
	each("SELECT "+population+", '', count(*) FROM document WHERE kind = 'user' GROUP BY "+population, func(id, _ string, n int) { u.populations[id] = n })
	each("SELECT name, '', CAST(sum(n) AS BIGINT) FROM tally WHERE name LIKE 'user population.id %' GROUP BY name",
		func(name, _ string, n int) { u.tallied[name[len("user population.id "):]] = n })
	return u
}

// torn are the users of whom there is a part only.
func (u userRows) torn() (found []string) {
	for id, name := range u.names {
		if !u.credentials[id] || u.events[id] != 1 {
			found = append(found, fmt.Sprintf("%s is there; with a password: %t, with %d events of its making", name, u.credentials[id], u.events[id]))
		}
	}
	for id := range u.credentials {
		if u.names[id] == "" {
			found = append(found, "a password is there without its user, "+id)
		}
	}
	for id := range u.events {
		if u.names[id] == "" {
			found = append(found, "an event tells of a user who is not there, "+id)
		}
	}
	for id, n := range u.populations {
		if u.tallied[id] != n {
			found = append(found, fmt.Sprintf("the population %s has %d users, and %d are counted", id, n, u.tallied[id]))
		}
	}
	return found
}
