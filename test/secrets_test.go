package test

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// secrets are what went over the wire during a test and must not be in the log.
type secrets struct {
	mu    sync.Mutex
	known map[string]string // what it is, by its value
}

func (s *secrets) add(what, value string) {
	if len(value) < 8 {
		return // "wrong" and the like, which are words of the log
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[string]string{}
	}
	s.known[value] = what
}

// secretMembers are the members of a body, or the parameters of a form, that
// hold a secret.
func secretMembers() []string {
	return []string{"password", "value", "currentPassword", "newPassword", "confirmPassword", "code", "code_verifier", "client_secret",
		"access_token", "id_token", "refresh_token", "client_assertion", "token", "subject_token", "actor_token", "secret"}
}

// overhear remembers the secrets of a request and of its answer. code is also
// the name of an error, which is no secret; that of a redirect and of
// pi.flow is one.
func (s *secrets) overhear(sent string, r response) {
	var body object
	form, err := url.ParseQuery(sent)
	if json.Unmarshal([]byte(sent), &body) != nil && err == nil {
		for _, name := range secretMembers() {
			s.add(name, form.Get(name))
		}
	}
	s.members(body)
	if r.StatusCode < 400 {
		s.members(r.body)
	}
	if to, err := r.Location(); err == nil {
		s.add("code", to.Query().Get("code"))
	}
	for _, c := range r.Cookies() {
		s.add("session token", c.Value)
	}
}

func (s *secrets) members(body object) {
	for _, name := range secretMembers() {
		if v, ok := body[name].(string); ok {
			s.add(name, v)
		}
	}
	for _, inner := range []string{"authorizeResponse", "previous", "password"} {
		if o, ok := body[inner].(object); ok {
			s.members(o)
		}
	}
}

// spilled returns what a log holds of the secrets. Tokens are looked up word by
// word, because there may be thousands; what has other characters is searched
// for.
func (s *secrets) spilled(log string) (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	word := regexp.MustCompile(`[\w.~-]+`)
	for _, w := range word.FindAllString(log, -1) {
		if what, ok := s.known[w]; ok {
			out = append(out, what+" "+w)
		}
	}
	for value, what := range s.known {
		if word.FindString(value) != value && strings.Contains(log, value) {
			out = append(out, what+" "+value)
		}
	}
	if strings.Contains(log, "eyJhbGciOi") {
		out = append(out, "a JWT")
	}
	return out
}
