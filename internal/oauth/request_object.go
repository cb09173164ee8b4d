package oauth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// Object is a JWT that a client sends as a parameter: a request object
// (RFC 9101 §2.1) or a login_hint_token. It is read but not yet believed.
type Object struct {
	// Method says what it is signed with, as tokenEndpointAuthMethod would:
	// NONE for one that is not signed.
	Method string
	KeyID  string
	text   string
}

// ReadObject reads what the shell needs to find the client's keys.
func ReadObject(text string) (Object, error) {
	o := Object{Method: platform.AuthPrivateKeyJWT, text: text}
	head, _, _ := strings.Cut(text, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	var h struct{ Alg, Kid string }
	if err == nil {
		err = json.Unmarshal(raw, &h)
	}
	if err != nil || len(text) > maxToken {
		return o, fault.ObjectBroken.Because(errors.Join(err, errors.New("it is no JWT, or too long")))
	}
	o.KeyID = h.Kid
	switch {
	case h.Alg == "none":
		o.Method = platform.AuthNone
	case strings.HasPrefix(h.Alg, "HS"):
		o.Method = platform.AuthSecretJWT
	}
	return o, nil
}

// objectClaims are the claims of a JWT of a client that are about the JWT
// itself (RFC 9101 §4).
type objectClaims struct {
	Issuer   string           `json:"iss"`
	Audience jwt.Audience     `json:"aud"`
	Subject  string           `json:"sub"`
	Expires  *jwt.NumericDate `json:"exp"`
	Before   *jwt.NumericDate `json:"nbf"`
}

// holds refuses a JWT of somebody else, for somebody else or for another time.
func (c objectClaims) holds(client, issuer string, now time.Time) error {
	switch {
	case c.Issuer != "" && c.Issuer != client:
		return fmt.Errorf("iss is %q, not the client", c.Issuer)
	case len(c.Audience) > 0 && !c.Audience.Contains(issuer):
		return fmt.Errorf("aud is %q, not the issuer %s", c.Audience, issuer)
	case c.Expires != nil && !now.Before(c.Expires.Time().Add(clockSkew)):
		return errors.New("it has expired")
	case later(c.Before, now):
		return errors.New("it is not good yet")
	}
	return nil
}

// Unfold puts the parameters of a request object in place of those that stand
// beside it, and leaves the others; where the application demands signed
// objects, nothing beside it counts (RFC 9101 §6.3). issuer is the audience that
// the object must have when it has one.
func (a Authorization) Unfold(o Object, keys Keys, issuer string, now time.Time) (Authorization, error) {
	var about objectClaims
	var members map[string]json.RawMessage
	if o.Method == platform.AuthNone && !a.Client.SupportUnsignedRequestObject {
		return a, fault.ObjectBroken.Compared("a signature", "none")
	}
	if err := o.read(keys, &about, &members); err != nil {
		return a, fault.ObjectBroken.Because(err)
	}
	if err := about.holds(a.Client.ID, issuer, now); err != nil {
		return a, fault.ObjectBroken.Because(err)
	}
	if about.Subject == a.Client.ID { // it would pass for a client assertion (RFC 9101 §10.8)
		return a, fault.ObjectBroken.Compared("no sub, or another than the client", about.Subject)
	}
	form := Form{"client_id": a.Form["client_id"]}
	if !a.Client.RequireSignedRequestObject {
		for name, values := range a.Form {
			form[name] = values
		}
	}
	delete(form, "request")
	for _, name := range AuthorizeParameters() {
		values, err := parameterOf(members[name])
		switch {
		case err != nil || len(values) > 0 && (name == "request" || name == "request_uri"):
			return a, fault.ObjectBroken.Compared("parameters of an authorize request", name)
		case name == "client_id" && len(values) > 0 && (len(values) > 1 || values[0] != a.Client.ID):
			return a, fault.ObjectBroken.Compared("the client_id of the request", "another")
		case name == "response_type" && len(values) > 0 && !sameTypes(form[name], values): // OpenID Connect Core §6.1
			return a, fault.ObjectBroken.Compared("the response_type of the request", "another")
		case len(values) > 0:
			form[name] = values
		}
	}
	a.Form, a.Signed = form, o.Method != platform.AuthNone
	return a, nil
}

// sameTypes reports whether the response type in an object is the one beside it,
// if there is one; the order of its words does not count.
func sameTypes(beside, inside []string) bool {
	if len(beside) == 0 {
		return true
	}
	a, b := Words(strings.Join(beside, " ")), Words(strings.Join(inside, " "))
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// read verifies an object and reads its claims.
func (o Object) read(keys Keys, into ...any) error {
	if o.Method != platform.AuthNone {
		return verifySigned(o.text, o.Method, keys, into...)
	}
	parts := strings.Split(o.text, ".")
	if len(parts) != 3 || parts[2] != "" {
		return errors.New("an object with alg none has a signature")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	for _, v := range into {
		err = errors.Join(err, json.Unmarshal(raw, v))
	}
	return err
}

// parameterOf is the values of a claim as those of a parameter: a text, a
// number or a truth value, or a list of texts.
func parameterOf(raw json.RawMessage) ([]string, error) {
	var list []string
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return nil, nil
	case raw[0] == '[':
		return list, json.Unmarshal(raw, &list)
	case raw[0] == '{':
		return nil, errors.New("an object")
	case raw[0] != '"':
		return []string{string(raw)}, nil
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return []string{text}, err
}

// HintedUser is the id of the user whom a login_hint_token names: a JWT that
// the client signs, with its id as iss and the issuer as aud.
func (c *Client) HintedUser(o Object, keys Keys, issuer string, now time.Time) (string, error) {
	var about objectClaims
	if o.Method == platform.AuthNone {
		return "", fault.HintBroken.Saying("login_hint_token").Compared("a signature", "none")
	}
	err := o.read(keys, &about)
	if err == nil {
		err = about.holds(c.ID, issuer, now)
	}
	if err != nil || about.Issuer == "" || len(about.Audience) == 0 || about.Subject == "" {
		return "", fault.HintBroken.Saying("login_hint_token").Because(err)
	}
	return about.Subject, nil
}

// objectAlgorithms are those of request objects, as they are announced.
func objectAlgorithms() []string {
	return append([]string{"none"}, algorithmNames(secretAlgorithms(), keyAlgorithms())...)
}
