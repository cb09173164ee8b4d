package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// fields is a JSON object whose members keep their order when they are shown.
type fields []struct {
	name  string
	value any
}

// step is one exchange, and what is expected of it.
type step struct {
	title, from  string
	method, path string
	query, form  url.Values
	media        string
	body         fields
	auth         string
	want         int
	is           map[string]string // members of the answer that must be so
	show         []string          // members of the answer that matter and must be there
	because      []string          // how Pixy came to its answer, in pairs of a name and a value
}

// answer is what came back.
type answer struct {
	status   int
	body     map[string]any
	location *url.URL
	cookie   string
}

func (a answer) text(name string) string {
	s, _ := a.body[name].(string)
	return s
}

// member is a part of the answer by its name: a member of the body, the header
// Location or a parameter in it, or the cookie ST.
func (a answer) member(name string) string {
	switch {
	case name == "ST":
		return a.cookie
	case a.body != nil || a.location == nil:
		return display(a.body[name])
	case name == "Location":
		return a.location.String()
	}
	return a.location.Query().Get(name)
}

func display(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return fmt.Sprintf("%.0f", v)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

// parameters are what the request sends, in the order in which they are told.
func (x step) parameters() [][2]string {
	var out [][2]string
	if x.auth != "" {
		out = append(out, [2]string{"Authorization", x.auth})
	}
	if strings.Contains(x.media, "vnd.pingidentity") {
		out = append(out, [2]string{"Content-Type", x.media})
	}
	for _, values := range []url.Values{x.query, x.form} {
		for _, name := range order(values) {
			out = append(out, [2]string{name, values.Get(name)})
		}
	}
	for _, f := range x.body {
		out = append(out, [2]string{f.name, display(f.value)})
	}
	return out
}

// order puts the parameters of PKCE last, where the eye falls on them.
func order(v url.Values) []string {
	var names []string
	for name := range v {
		names = append(names, name)
	}
	rank := func(name string) int {
		return slices.Index([]string{"grant_type", "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "flowId", "code",
			"code_challenge", "code_challenge_method", "code_verifier"}, name)
	}
	slices.SortFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	return names
}

func basic(worker map[string]string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(worker["workerAppID"]+":"+worker["workerAppSecret"]))
}

// send makes the exchange, shows it, and holds it against what is expected.
func (s *story) send(x step) answer {
	if s.err != nil {
		return answer{}
	}
	s.steps++
	a, err := s.exchange(x)
	wrong := x.wrong(a)
	if err != nil {
		wrong = err.Error()
	}
	s.print.exchange(s.steps, x, a, wrong)
	s.judge(x.title, wrong)
	return a
}

// judge ends the story when something was not as expected.
func (s *story) judge(title, wrong string) {
	if wrong != "" {
		s.err = fmt.Errorf("step %d (%s): %s", s.steps, title, wrong)
	}
}

// wrong says what is not as expected, or "".
func (x step) wrong(a answer) string {
	if a.status != x.want {
		return fmt.Sprintf("expected %d, got %d", x.want, a.status)
	}
	for _, name := range x.show {
		if a.member(name) == "" {
			return "expected " + name + " in the answer"
		}
	}
	return differs(x.is, a.member)
}

// differs says which of the values is not as expected, or "".
func differs(want map[string]string, got func(string) string) string {
	for name, value := range want {
		if got := got(name); got != value {
			return fmt.Sprintf("expected %s to be %q, got %q", name, value, got)
		}
	}
	return ""
}

func (s *story) exchange(x step) (answer, error) {
	r, err := x.request(s)
	if err != nil {
		return answer{}, err
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			return a, fmt.Errorf("the answer is not JSON: %w", err)
		}
	}
	a.location, _ = resp.Location() // not every answer has one
	for _, c := range resp.Cookies() {
		if c.Name == "ST" {
			a.cookie = c.Value
		}
	}
	return a, nil
}

func (x step) request(s *story) (*http.Request, error) {
	target, body, media := s.base+x.path, "", x.media
	if x.query != nil {
		target += "?" + x.query.Encode()
	}
	switch {
	case x.form != nil:
		body, media = x.form.Encode(), "application/x-www-form-urlencoded"
	case x.body != nil:
		object := map[string]any{}
		for _, f := range x.body {
			object[f.name] = f.value
		}
		raw, err := json.Marshal(object)
		if err != nil {
			return nil, err
		}
		body = string(raw)
	}
	r, err := http.NewRequestWithContext(s.ctx, x.method, target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	if x.auth != "" {
		r.Header.Set("Authorization", x.auth)
	}
	if x.from == browser && s.session != "" {
		r.AddCookie(&http.Cookie{Name: "ST", Value: s.session})
	}
	return r, nil
}
