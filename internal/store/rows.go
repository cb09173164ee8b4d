package store

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"time"
)

// table is one of the tables as it is read and written whole, by whoever moves
// all that a database has.
type table struct {
	name    string
	columns []column
	key     int    // so many of the columns, the first ones, are the key
	less    string // a condition on what is no part of what is kept, or ""
}

type column struct {
	name  string
	holds holding
}

// holding is what a column has in it.
type holding int

const (
	text   holding = iota // string
	number                // int64
	blob                  // []byte
	body                  // JSON, []byte
)

// tables are all tables. The schema has the same columns.
func tables() []table {
	return []table{
		{name: "document", key: 3, less: "NOT (env = '' AND kind = '" + unfinishedKind + "')", columns: []column{
			{"env", text}, {"kind", text}, {"id", text}, {"version", number}, {"created", number}, {"updated", number}, {"body", body}}},
		{name: "ticket", key: 2, columns: []column{
			{"kind", text}, {"key", blob}, {"id", text}, {"env", text}, {"owner", text}, {"client", text}, {"family", text},
			{"expires", number}, {"spent", number}, {"version", number}, {"body", body}, {"source", text}, {"placed", number}, {"sampled", number}}},
		{name: "event", key: 3, columns: []column{
			{"env", text}, {"recorded", number}, {"id", text}, {"action", text}, {"actor", text}, {"client", text}, {"target", text},
			{"population", text}, {"correlation", text}, {"result", text}, {"body", body}}},
		{name: "tally", key: 3, columns: []column{
			{"env", text}, {"name", text}, {"shard", number}, {"n", number}}},
	}
}

// record is one row, a string, an int64 or a []byte for each column.
type record []any

func (t table) names(columns []column, behind string) string {
	var names []string
	for _, c := range columns {
		names = append(names, c.name+behind)
	}
	return strings.Join(names, ", ")
}

// A batch has at most so many rows; what is in them ends it sooner. A statement
// writes fewer, as SQLite's driver takes time by the square of the parameters.
const (
	batchRows     = 500
	batchBytes    = 4 << 20
	statementRows = 50
)

// after reads the rows behind a key, in the order of the key: a batch of them,
// or none when there are no more. A nil key is before the first.
func (t table) after(tx *Tx, key record) ([]record, error) {
	q := "SELECT " + t.names(t.columns, "") + " FROM " + t.name + " WHERE " + cmp.Or(t.less, "true")
	if key != nil {
		q += " AND (" + t.names(t.columns[:t.key], "") + ") > (" + places(1, t.key) + ")"
	}
	q += " ORDER BY " + t.names(t.columns[:t.key], "") + " LIMIT " + strconv.Itoa(batchRows)
	var found []record
	size := 0
	err := tx.each(q, key, func(rows row) error {
		r, n, err := t.scan(rows, t.columns)
		if size += n; size <= batchBytes || len(found) == 0 {
			found = append(found, r)
		}
		return err
	})
	return found, tx.failed(err, "read the rows of %s", t.name)
}

// last is the key of the last row, or nil when there is none.
func (t table) last(tx *Tx) (record, error) {
	key := t.columns[:t.key]
	var found record
	err := tx.each("SELECT "+t.names(key, "")+" FROM "+t.name+" WHERE "+cmp.Or(t.less, "true")+" ORDER BY "+t.names(key, " DESC")+" LIMIT 1", nil, func(rows row) (err error) {
		found, _, err = t.scan(rows, key)
		return err
	})
	return found, tx.failed(err, "read the last row of %s", t.name)
}

// scan reads a row, and says how many bytes are in it.
func (t table) scan(rows row, columns []column) (record, int, error) {
	into := make([]any, len(columns))
	for i, c := range columns {
		switch c.holds {
		case text:
			into[i] = new(string)
		case number:
			into[i] = new(int64)
		default:
			into[i] = new([]byte)
		}
	}
	if err := rows.Scan(into...); err != nil {
		return nil, 0, err
	}
	r, size := make(record, len(columns)), 0
	for i := range into {
		switch v := into[i].(type) {
		case *string:
			r[i], size = *v, size+len(*v)
		case *int64:
			r[i], size = *v, size+8
		case *[]byte:
			r[i], size = *v, size+len(*v)
		}
	}
	return r, size, nil
}

// insert writes rows that are not there yet.
func (t table) insert(tx *Tx, rows []record) error {
	for some := range slices.Chunk(rows, statementRows) {
		if err := t.insertSome(tx, some); err != nil {
			return err
		}
	}
	return nil
}

func (t table) insertSome(tx *Tx, rows []record) error {
	groups, args := make([]string, len(rows)), make([]any, 0, len(rows)*len(t.columns))
	for i, r := range rows {
		groups[i] = "(" + places(1+i*len(t.columns), len(t.columns)) + ")"
		for j, c := range t.columns {
			if c.holds == body {
				args = append(args, string(r[j].([]byte)))
			} else {
				args = append(args, r[j])
			}
		}
	}
	_, err := tx.exec("INSERT INTO "+t.name+" ("+t.names(t.columns, "")+") VALUES "+strings.Join(groups, ", "), args...)
	return tx.failed(err, "write rows of %s", t.name)
}

// places are n parameters of a statement, "$3, $4".
func places(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(from+i))
	}
	return b.String()
}

// Count is how many rows a table has.
type Count struct {
	Table string
	Rows  int64
}

// copyTime bounds the counting of a table.
const copyTime = time.Hour

// counted counts the rows of all tables.
func counted(tx *Tx) ([]Count, error) {
	var counts []Count
	for _, t := range tables() {
		c := Count{Table: t.name}
		if err := tx.within(copyTime).one("SELECT count(*) FROM "+t.name, nil, &c.Rows); err != nil {
			return nil, tx.failed(err, "count the rows of %s", t.name)
		}
		counts = append(counts, c)
	}
	return counts, nil
}

// inOrder compares keys as both databases do, by bytes.
func inOrder(a, b record) int {
	for i := range a {
		by := 0
		switch v := a[i].(type) {
		case string:
			by = strings.Compare(v, b[i].(string))
		case int64:
			by = cmp.Compare(v, b[i].(int64))
		case []byte:
			by = bytes.Compare(v, b[i].([]byte))
		}
		if by != 0 {
			return by
		}
	}
	return 0
}

// Sum tells two tables apart that don't have the same rows, whatever the
// databases are that they stand in.
type Sum struct {
	Table string
	Rows  int64
	Hash  string // SHA-256 over the rows in the order of their keys, in hex
}

// summing makes a Sum, a row at a time.
type summing struct {
	table table
	rows  int64
	hash  hash.Hash
}

func (t table) sum() *summing { return &summing{table: t, hash: sha256.New()} }

// add takes the next row. Before each value stands its length.
func (s *summing) add(r record) error {
	for i, c := range s.table.columns {
		var b []byte
		switch v := r[i].(type) {
		case string:
			b = []byte(v)
		case int64:
			b = strconv.AppendInt(nil, v, 10)
		case []byte:
			b = v
		}
		if c.holds == body {
			var err error
			if b, err = canonical(b); err != nil {
				return fmt.Errorf("store: the body of a row of %s is not JSON: %v: %w", s.table.name, r[:s.table.key], err)
			}
		}
		s.hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		s.hash.Write(b)
	}
	s.rows++
	return nil
}

func (s *summing) done() Sum {
	return Sum{Table: s.table.name, Rows: s.rows, Hash: hex.EncodeToString(s.hash.Sum(nil))}
}

// canonical writes JSON in the one way that is the same wherever it was kept:
// PostgreSQL has spaces, an order of members and a spelling of numbers of its
// own.
func canonical(raw []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("there is more behind it")
	}
	return json.Marshal(plainly(v))
}

// plainly spells the numbers of a value in one way.
func plainly(v any) any {
	switch v := v.(type) {
	case json.Number:
		return json.Number(decimal(string(v)))
	case map[string]any:
		for name, member := range v {
			v[name] = plainly(member)
		}
	case []any:
		for i, element := range v {
			v[i] = plainly(element)
		}
	}
	return v
}

// decimal spells a number of JSON as whole digits and an exponent, "12e-1" for
// 1.20, and zero as "0". A number whose exponent is past all bounds stays.
func decimal(n string) string {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(n), "e")
	e, err := strconv.Atoi(cmp.Or(exponent, "0"))
	if err != nil {
		return n
	}
	digits, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0"
	}
	short := strings.TrimRight(digits, "0")
	e += len(digits) - len(short) - len(fraction)
	sign := ""
	if negative {
		sign = "-"
	}
	return sign + short + "e" + strconv.Itoa(e)
}
