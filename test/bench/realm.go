package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// What the first start is told, so that its data folder need not be read.
const (
	env      = "1f3d4c52-6a80-4b86-9d3a-5c0d2f7a9e11"
	worker   = "7be0a9d6-2f15-4c58-8a4e-93d1c6b07f22"
	secret   = "a-worker-of-the-benchmark-0123456789"
	callback = "http://127.0.0.1:9/callback"
	password = "2FederateM0re!"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 appendix B
)

func bootstrap() []string {
	key := base64.StdEncoding.EncodeToString(make([]byte, 32)) // it guards nothing here
	return []string{"PIXY_BOOTSTRAP_ENV_ID=" + env, "PIXY_BOOTSTRAP_APP_ID=" + worker, "PIXY_BOOTSTRAP_APP_SECRET=" + secret, "PIXY_MASTER_KEY=" + key}
}

// Lines of a request's header.
const (
	form     = "Content-Type: application/x-www-form-urlencoded\r\n"
	jsonBody = "Content-Type: application/json\r\n"
)

func basic(id, secret string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret)) + "\r\n"
}

func bearer(token string) string { return "Authorization: Bearer " + token + "\r\n" }

func tokenRequest(step string, values url.Values, header string) request {
	return request{step: step, method: http.MethodPost, path: "/" + env + "/as/token", header: form + header, body: values.Encode()}
}

// application is one that people sign in to: a native one, or one that has a secret.
type application struct {
	id, header string
}

// furnish makes a user for each caller, by their names, the native application that they sign in
// to, and one that has a secret and may ask about its tokens.
func furnish(c *conn, callers []string) (native, web application, err error) {
	a, err := c.want(http.StatusOK, tokenRequest("", url.Values{"grant_type": {"client_credentials"}}, basic(worker, secret)))
	if err != nil {
		return native, web, err
	}
	admin := bearer(a.text("access_token"))
	create := func(path, header, body string) (string, error) {
		a, err := c.want(http.StatusCreated, request{method: http.MethodPost, path: "/v1/environments/" + env + path, header: admin + header, body: body})
		return a.text("id"), err
	}
	for _, username := range callers {
		sum := "{SSHA256}" + base64.StdEncoding.EncodeToString(salted(password, username))
		_, err := create("/users", "Content-Type: application/vnd.pingidentity.user.import+json\r\n",
			fmt.Sprintf(`{"username":%q,"email":"%[1]s@example.com","password":{"value":%[2]q}}`, username, sum))
		if err != nil {
			return native, web, err
		}
	}
	const body = `{"name":%q,"enabled":true,"type":%[1]q,"protocol":"OPENID_CONNECT","grantTypes":["AUTHORIZATION_CODE","REFRESH_TOKEN"],
		"responseTypes":["CODE"],"redirectUris":["` + callback + `"],"tokenEndpointAuthMethod":%[2]q,"pkceEnforcement":"S256_REQUIRED"}`
	if native.id, err = create("/applications", jsonBody, fmt.Sprintf(body, "NATIVE_APP", "NONE")); err != nil {
		return native, web, err
	}
	if web.id, err = create("/applications", jsonBody, fmt.Sprintf(body, "WEB_APP", "CLIENT_SECRET_BASIC")); err != nil {
		return native, web, err
	}
	a, err = c.want(http.StatusOK, request{method: http.MethodGet, path: "/v1/environments/" + env + "/applications/" + web.id + "/secret", header: admin})
	web.header = basic(web.id, a.text("secret"))
	return native, web, err
}

// salted is a password hashed as directories do: the first sign-on replaces it.
func salted(password, salt string) []byte {
	sum := sha256.Sum256([]byte(password + salt))
	return append(sum[:], salt...)
}

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// text is a member of a JSON answer.
func (a answer) text(name string) string {
	var body map[string]any
	if json.Unmarshal(a.body, &body) != nil {
		return ""
	}
	s, _ := body[name].(string)
	return s
}

// cookies are those that an answer sets, as a request sends them.
func (a answer) cookies() string {
	var all []string
	for _, line := range a.header.Values("Set-Cookie") {
		pair, _, _ := strings.Cut(line, ";")
		all = append(all, pair)
	}
	return "Cookie: " + strings.Join(all, "; ") + "\r\n"
}

// query is a parameter of the place to which an answer redirects.
func (a answer) query(name string) string {
	to, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		return ""
	}
	return to.Query().Get(name)
}
