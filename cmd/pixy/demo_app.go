package main

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// byHand is the native application of the story with pages for a person, on a
// loopback redirect of whatever port is free (RFC 8252 §7.3).
type byHand struct {
	story   *story
	postman string // the file of the environment for Postman
	address string
	server  *http.Server

	mu      sync.Mutex
	pending map[string]string // state -> verifier of the sign-ins under way
}

// maxPending bounds the sign-ins under way; when there are more, all begin anew.
const maxPending = 100

// openByHand serves the application beside the server.
func openByHand(s *story, postman string) (*byHand, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the demo's application can't listen: %w", err)
	}
	a := &byHand{story: s, postman: postman, address: "http://" + listener.Addr().String(), pending: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.begin)
	mux.HandleFunc("GET /callback", a.callback)
	a.server = &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout}
	go func() { _ = a.server.Serve(listener) }() // it ends when it is closed
	return a, nil
}

// invite says where to sign in. The full link is good for one sign-in; the
// start page makes a new one at each visit.
func (a *byHand) invite(out io.Writer, asJSON bool) {
	link := a.authorize()
	if asJSON {
		(&jsonPrinter{out: out}).tell(told{Step: a.story.steps, Title: "serve", OK: true, Answer: map[string]string{"url": a.address + "/", "authorizeUrl": link,
			"username": demoUser, "password": demoPassword, "server": a.story.base, "postmanEnvironment": a.postman}})
		return
	}
	p := &textPrinter{out: out}
	p.line("\nNow sign in by hand, at the start page of the app or by one full link:\n")
	for _, pair := range [][2]string{{"start page", a.address + "/"}, {"username", demoUser}, {"password", demoPassword}, {"Pixy", a.story.base}, {"for Postman", a.postman}} {
		p.line("     %-12s %s", pair[0], pair[1])
	}
	p.line("\n%s\n\nCtrl-C ends it, and removes all of it.", link)
}

// authorize invents a verifier and a state, and makes the link of a sign-in.
func (a *byHand) authorize() string {
	verifier, state := chance(32), chance(16)
	a.mu.Lock()
	if len(a.pending) >= maxPending {
		clear(a.pending)
	}
	a.pending[state] = verifier
	a.mu.Unlock()
	return a.story.issuer() + "/authorize?" + url.Values{"response_type": {"code"}, "client_id": {a.story.clientID}, "redirect_uri": {a.redirect()},
		"scope": {"openid"}, "state": {state}, "code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"}}.Encode()
}

func (a *byHand) redirect() string { return a.address + "/callback" }

func (a *byHand) begin(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, a.authorize(), http.StatusFound)
}

// callback redeems the code of a sign-in that this application began (its
// state is known, and good once) and that its issuer answers (RFC 9207).
func (a *byHand) callback(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	a.mu.Lock()
	verifier, known := a.pending[query.Get("state")]
	delete(a.pending, query.Get("state"))
	a.mu.Unlock()
	switch {
	case !known:
		a.page(w, http.StatusBadRequest, result{Title: "This sign-in was not begun here", Text: "The state is unknown, or was used before."})
	case query.Get("iss") != a.story.issuer():
		a.page(w, http.StatusBadRequest, result{Title: "The answer is not from Pixy", Text: "The parameter iss names another issuer."})
	case query.Get("code") == "":
		a.page(w, http.StatusOK, result{Title: "Not signed in", Text: query.Get("error") + ": " + query.Get("error_description")})
	default:
		a.redeem(r.Context(), w, query.Get("code"), verifier)
	}
}

func (a *byHand) redeem(ctx context.Context, w http.ResponseWriter, code, verifier string) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	caller := story{ctx: ctx, base: a.story.base, client: a.story.client}
	tokens, err := caller.exchange(step{from: app, method: "POST", path: "/" + a.story.env + "/as/token", form: url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "client_id": {a.story.clientID}, "redirect_uri": {a.redirect()}, "code_verifier": {verifier}}})
	if err == nil && tokens.status != http.StatusOK {
		err = errors.New(tokens.text("error_description"))
	}
	if err != nil {
		a.page(w, http.StatusBadGateway, result{Title: "The code was refused", Text: err.Error()})
		return
	}
	a.page(w, http.StatusOK, signedIn(code, verifier, tokens))
}

// result is the application's page.
type result struct {
	Title, Text string
	Rows        [][2]string
}

func signedIn(code, verifier string, tokens answer) result {
	claims, _ := payload(tokens.text("id_token")) // without one the rows stay empty
	out := result{Title: "Signed in", Text: "The code, together with the verifier that the app had kept, was exchanged for tokens.", Rows: [][2]string{
		{"code", code}, {"code_verifier", verifier}, {"base64url(SHA-256) = code_challenge", challengeOf(verifier)}}}
	for _, name := range []string{"sub", "acr", "amr", "auth_time"} {
		out.Rows = append(out.Rows, [2]string{"ID token: " + name, display(claims[name])})
	}
	return result{out.Title, out.Text, append(out.Rows, [2]string{"access_token", tokens.text("access_token")}, [2]string{"id_token", tokens.text("id_token")})}
}

func (a *byHand) page(w http.ResponseWriter, status int, v result) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	h.Set("Referrer-Policy", "no-referrer") // the code is in the address
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = resultPage().Execute(w, v) // the browser is gone; nobody is left to tell
}

func resultPage() *template.Template {
	return template.Must(template.New("result").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}} - Pixy demo app</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}dd{margin:0 0 1rem;overflow-wrap:anywhere;font-family:monospace}</style>
</head><body><h1>{{.Title}}</h1><p>{{.Text}}</p><dl>{{range .Rows}}<dt>{{index . 0}}</dt><dd>{{index . 1}}</dd>{{end}}</dl>
<p><a href="/">Sign in again</a></p></body></html>
`))
}
