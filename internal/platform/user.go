package platform

import (
	"encoding/json"
	"net/mail"
	"regexp"
	"time"

	"pixy/internal/kind"
)

// User is a person who signs in.
type User struct {
	Username          string    `json:"username"`
	Email             string    `json:"email"`
	EmailVerified     bool      `json:"emailVerified"`
	Enabled           bool      `json:"enabled"`
	Population        Reference `json:"population"`
	Name              UserName  `json:"name"`
	Nickname          string    `json:"nickname"`
	Title             string    `json:"title"`
	Locale            string    `json:"locale"`
	PreferredLanguage string    `json:"preferredLanguage"`
	Timezone          string    `json:"timezone"`
	PrimaryPhone      string    `json:"primaryPhone"`
	MobilePhone       string    `json:"mobilePhone"`
	Photo             struct {
		Href string `json:"href"`
	} `json:"photo"`
	Address UserAddress `json:"address"`
}

// UserName is the parts of a person's name.
type UserName struct {
	Given     string `json:"given,omitempty"`
	Family    string `json:"family,omitempty"`
	Middle    string `json:"middle,omitempty"`
	Formatted string `json:"formatted,omitempty"`
}

// UserAddress is a postal address.
type UserAddress struct {
	StreetAddress string `json:"streetAddress"`
	Locality      string `json:"locality"`
	Region        string `json:"region"`
	PostalCode    string `json:"postalCode"`
	CountryCode   string `json:"countryCode"`
}

func users() kind.Kind {
	return &kind.Of[User]{
		Spec: kind.Spec{
			Name: "user", Plural: "users", Title: "User", Parent: "environment",
			Methods: append(readWrite(), "PATCH"), Area: "users", Beside: "credential",
			Media: []string{ImportMedia}, Needs: kind.NeedHash, Ends: kind.HoldsAsOwner,
			Fields: userFields(),
			Links: []kind.Link{
				{Rel: "population", Path: "{env}/populations/{population.id}"},
				{Rel: "password", Path: "{self}/password"},
				{Rel: "password.set", Path: "{self}/password"},
				{Rel: "password.check", Path: "{self}/password"},
				{Rel: "password.reset", Path: "{self}/password"},
			},
		},
		Entries: func(_ User, g kind.Gift) []kind.Entry {
			if g.Hash == "" {
				return nil
			}
			c := Credential{}.WithPassword(g.Hash, g.Now, PasswordPolicy{})
			c.MustChange = g.ForceChange
			return []kind.Entry{{Kind: "credential", ID: g.ID, Body: c}}
		},
		Shown: showUser,
	}
}

// ImportMedia is the media type with which a user is created together with a
// password.
const ImportMedia = "application/vnd.pingidentity.user.import+json"

func showUser(_ string, u User, beside json.RawMessage, now time.Time) (kind.Body, error) {
	c, err := ReadCredential(beside)
	if err != nil {
		return nil, err
	}
	account := kind.Body{"canAuthenticate": u.Enabled, "status": "OK"}
	if c.Locked(now) {
		account = kind.Body{"canAuthenticate": false, "status": "LOCKED", "unlockAt": Stamp(c.UnlockAt), "secondsUntilUnlock": c.SecondsUntilUnlock(now)}
	}
	shown := kind.Body{"account": account}
	if c.LastSignOn != nil {
		shown["lastSignOn"] = c.LastSignOn
	}
	return shown, nil
}

// Stamp is a time as the API writes it, in UTC with milliseconds.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func userFields() []kind.Field {
	letters := regexp.MustCompile(`^[\p{L}\p{M}\p{Zs}\p{S}\p{N}\p{P}]*$`)
	names := regexp.MustCompile(`^[\p{L}\p{M}\p{N}' .-]*$`)
	line := func(name string, most int, pattern *regexp.Regexp) kind.Field {
		return kind.Field{Name: name, Type: kind.Text, MinLen: 1, MaxLen: most, Pattern: pattern}
	}
	username := line("username", 128, letters).Needed().FilterBy(kind.Eq, kind.Sw)
	username.Fold, username.Unique = true, true
	email := text("email", 256).Needed().FilterBy(kind.Eq, kind.Sw)
	email.Fold, email.MinLen, email.Shape = true, 1, wrongEmail
	country := line("countryCode", 2, regexp.MustCompile(`^[A-Z]{2}$`))
	return []kind.Field{
		username,
		email,
		flag("enabled", true).As(kind.Kept),
		kind.ID("population", "population").OrDefault().As(kind.Kept).FilterBy(kind.Eq),
		object("name", line("given", 256, letters), line("family", 256, names), line("middle", 256, letters),
			line("formatted", 256, names), text("honorificPrefix", 256), text("honorificSuffix", 256)),
		object("address", line("streetAddress", 256, regexp.MustCompile(`^[\p{L}\p{M}\p{N}\p{Zs}\p{P}\n\r]*$`)),
			line("locality", 256, letters), line("region", 256, letters), line("postalCode", 40, letters), country),
		line("externalId", 1024, nil),
		line("locale", 256, letters),
		line("nickname", 256, letters),
		line("title", 256, letters),
		line("type", 256, letters),
		text("mobilePhone", 32),
		line("primaryPhone", 32, nil),
		object("photo", text("href", 2048).Needed()),
		text("preferredLanguage", 64),
		line("timezone", 64, regexp.MustCompile(`^\w+/\w+$`)),
		flag("mfaEnabled", false),
		{Name: "emailVerified", Type: kind.Boolean, Access: kind.ReadOnly},
		with(object("identityProvider", text("type", 32)), kind.Body{"type": "PING_ONE"}).As(kind.ReadOnly),
		with(object("lifecycle", text("status", 32)), kind.Body{"status": "ACCOUNT_OK"}).As(kind.ReadOnly),
		with(text("verifyStatus", 32), "NOT_INITIATED").As(kind.ReadOnly),
	}
}

func wrongEmail(s string) string {
	if a, err := mail.ParseAddress(s); err != nil || a.Address != s || a.Name != "" {
		return "must be a well-formed email address"
	}
	return ""
}
