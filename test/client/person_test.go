package client

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// redirect belongs to an application that is not there: whoever is sent to its
// host has arrived.
const redirect = "https://app.example.com/callback"

// person is who signs in: a browser with cookies of its own, and a hand that
// fills in the form of the hosted page.
type person struct {
	browser *http.Client
	asked   int // how often for the password
}

// person trusts the development CA, as the administrator does.
func (p *pixy) person(t testing.TB) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{browser: &http.Client{Jar: jar, Transport: p.http.Transport, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), redirect) {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)
	formHidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// open visits a URL, signs in where that is asked, and returns where the
// browser is in the end, and what it shows there.
func (who *person) open(visit string) (*url.URL, string, error) {
	resp, err := who.browser.Get(visit)
	for range 3 {
		if err != nil {
			return nil, "", err
		}
		page, err := body(resp)
		if err != nil {
			return nil, "", err
		}
		action := formAction.FindStringSubmatch(page)
		switch {
		case resp.StatusCode/100 == 3:
			at, err := resp.Location()
			return at, page, err
		case action == nil || resp.StatusCode != http.StatusOK:
			return resp.Request.URL, page, nil
		}
		form := url.Values{}
		for _, hidden := range formHidden.FindAllStringSubmatch(page, -1) {
			form.Set(hidden[1], html.UnescapeString(hidden[2]))
		}
		if strings.Contains(page, `name="username"`) {
			who.asked++
			form.Set("action", "signon")
			form.Set("username", username)
			form.Set("password", password)
		}
		resp, err = who.browser.PostForm(html.UnescapeString(action[1]), form)
		if err != nil {
			return nil, "", err
		}
	}
	return nil, "", fmt.Errorf("a form follows on a form at %s", visit)
}

func body(resp *http.Response) (string, error) {
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return string(raw), err
}
