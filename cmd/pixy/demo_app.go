package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
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

// serveByHand keeps the server up, and beside it the native application of the
// story with a page to begin a sign-in by hand, until ctx ends.
func serveByHand(ctx context.Context, s *story, postman string, out io.Writer, asJSON bool) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("the demo's application can't listen: %w", err)
	}
	a := &byHand{story: s, redirect: "http://" + listener.Addr().String() + "/callback", pending: map[string]string{}}
	if asJSON {
		(&jsonPrinter{out: out}).tell(told{Step: s.steps, Title: "serve", OK: true, Answer: map[string]string{
			"url": "http://" + listener.Addr().String() + "/", "username": demoUser, "password": demoPassword, "postmanEnvironment": postman}})
	} else {
		fmt.Fprintf(out, "\nSign in by hand:  http://%s/\n       user name:  %s\n        password:  %s\n\nThe server is at %s until you press Ctrl-C.\nA Postman environment for it: %s\n",
			listener.Addr(), demoUser, demoPassword, s.base, postman)
	}
	server := &http.Server{Handler: a.handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case <-ctx.Done():
		return server.Close()
	case err := <-failed:
		return fmt.Errorf("the demo's application stopped: %w", err)
	}
}

// byHand is the native application of the story, on a loopback redirect.
type byHand struct {
	story    *story
	redirect string

	mu      sync.Mutex
	pending map[string]string // state -> verifier of the sign-ins under way
}

// maxPending bounds the sign-ins under way; when there are more, all begin anew.
const maxPending = 100

func (a *byHand) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.begin)
	mux.HandleFunc("GET /callback", a.callback)
	return mux
}

// begin invents a verifier and a state, and sends the browser to authorize.
func (a *byHand) begin(w http.ResponseWriter, r *http.Request) {
	verifier, state := chance(32), chance(16)
	sum := sha256.Sum256([]byte(verifier))
	a.mu.Lock()
	if len(a.pending) >= maxPending {
		clear(a.pending)
	}
	a.pending[state] = verifier
	a.mu.Unlock()
	http.Redirect(w, r, a.story.base+"/"+a.story.env+"/as/authorize?"+url.Values{
		"response_type": {"code"}, "client_id": {a.story.clientID}, "redirect_uri": {a.redirect}, "scope": {"openid"}, "state": {state},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}.Encode(), http.StatusFound)
}

// callback redeems the code of a sign-in that this application began.
func (a *byHand) callback(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	a.mu.Lock()
	verifier, known := a.pending[query.Get("state")]
	delete(a.pending, query.Get("state"))
	a.mu.Unlock()
	switch {
	case !known:
		a.page(w, http.StatusBadRequest, result{Title: "This sign-in was not begun here", Text: "The state is unknown, or was used before."})
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
		"grant_type": {"authorization_code"}, "code": {code}, "client_id": {a.story.clientID}, "redirect_uri": {a.redirect}, "code_verifier": {verifier}}})
	if err == nil && tokens.status != http.StatusOK {
		err = errors.New(tokens.text("error_description"))
	}
	if err != nil {
		a.page(w, http.StatusBadGateway, result{Title: "The code was refused", Text: err.Error()})
		return
	}
	a.page(w, http.StatusOK, result{Title: "Signed in", Text: "The code and its verifier were exchanged for these tokens.",
		Rows: [][2]string{{"code_verifier", verifier}, {"access_token", tokens.text("access_token")}, {"id_token", tokens.text("id_token")}}})
}

// result is the application's page.
type result struct {
	Title, Text string
	Rows        [][2]string
}

func (a *byHand) page(w http.ResponseWriter, status int, v result) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
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
