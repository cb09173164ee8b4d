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
	Address          UserAddress `json:"address"`
	ExternalID       string      `json:"externalId"`
	IdentityProvider struct {
		ID string `json:"id"`
	} `json:"identityProvider"`
	Lifecycle struct {
		Status string `json:"status"`
	} `json:"lifecycle"`
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
			Name: "user", Plural: "users", Title: "User", Parents: inEnvironment(),
			Methods: append(readWrite(), "PATCH"), Area: "users", Beside: "credential",
			Media: []string{ImportMedia}, Needs: kind.NeedHash, Bulk: true, Ends: kind.HoldsAsOwner, Owns: []string{"groupMembership"},
			Fields: UserFields(),
			Parts: []kind.Part{
				{Path: "enabled", Fields: []kind.Field{kind.Field{Name: "enabled", Type: kind.Boolean}.Needed()}},
				{Path: "mfaEnabled", Fields: []kind.Field{kind.Field{Name: "mfaEnabled", Type: kind.Boolean}.Needed()}, Area: "mfa"},
				{Path: "population", At: "population", Fields: []kind.Field{{Name: "id", Type: kind.Text, Required: true, Ref: "population", MaxLen: 64}}},
				{Path: "identityProvider", At: "identityProvider", Fields: []kind.Field{
					{Name: "id", Type: kind.Text, Ref: "identityProvider", MaxLen: 64}, with(text("type", 32).As(kind.ReadOnly), "PING_ONE")}},
			},
			Reach: []kind.Reach{{Scope: ScopePopulation, Path: "population.id"}},
			Links: userLinks(),
		},
		Entries: func(_ User, g kind.Gift) []kind.Entry {
			var c Credential
			if g.Hash != "" {
				c = c.WithPassword(g.Hash, g.Now, PasswordPolicy{})
				c.MustChange = g.ForceChange
			}
			if g.Locked {
				c = c.Lock(g.Now, time.Time{})
			}
			if g.Hash == "" && !g.Locked {
				return nil
			}
			return []kind.Entry{{Kind: "credential", ID: g.ID, Body: c}}
		},
		Shown: showUser,
	}
}

func userLinks() []kind.Link {
	links := []kind.Link{{Rel: "population", Path: "{env}/populations/{population.id}"}}
	for _, rel := range []string{"devices", "roleAssignments", "linkedAccounts", "memberOfGroups", "sessions", "password"} {
		links = append(links, kind.Link{Rel: rel, Path: "{self}/" + rel})
	}
	for _, rel := range []string{"password.reset", "password.set", "password.check", "password.recover", "password.unlock"} {
		links = append(links, kind.Link{Rel: rel, Path: "{self}/password"})
	}
	for _, rel := range []string{"account.lock", "account.unlock"} {
		links = append(links, kind.Link{Rel: rel, Path: "{self}"})
	}
	return links
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
		account = kind.Body{"canAuthenticate": false, "status": "LOCKED"}
		if !c.LockedAt.IsZero() {
			account["lockedAt"] = Stamp(c.LockedAt)
		}
		if !c.UnlockAt.IsZero() {
			account["unlockAt"], account["secondsUntilUnlock"] = Stamp(c.UnlockAt), c.SecondsUntilUnlock(now)
		}
	}
	shown := kind.Body{"account": account}
	if c.LastSignOn != nil {
		signOn := kind.Body{"at": c.LastSignOn.At}
		if c.LastSignOn.RemoteIP != "" {
			signOn["remoteIp"] = c.LastSignOn.RemoteIP
		}
		shown["lastSignOn"] = signOn
	}
	return shown, nil
}

// Stamp is a time as the API writes it, in UTC with milliseconds.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// UserFields is the table of users.
func UserFields() []kind.Field {
	letters := regexp.MustCompile(`^[\p{L}\p{M}\p{Zs}\p{S}\p{N}\p{P}]*$`)
	names := regexp.MustCompile(`^[\p{L}\p{M}\p{N}' .-]*$`)
	ops := []kind.Op{kind.Eq, kind.Sw, kind.Co, kind.Ew}
	all := append(ops, kind.Ne, kind.Pr)
	line := func(name string, most int, pattern *regexp.Regexp) kind.Field {
		return kind.Field{Name: name, Type: kind.Text, MinLen: 1, MaxLen: most, Pattern: pattern}
	}
	username := line("username", 128, letters).Needed().FilterBy(ops...)
	username.Fold, username.Unique, username.Indexed = true, true, true
	email := text("email", 256).Needed().FilterBy(ops...)
	email.Fold, email.Indexed, email.MinLen, email.Shape = true, true, 1, wrongEmail
	external := line("externalId", 1024, nil).FilterBy(kind.Eq, kind.Sw, kind.Pr)
	external.Indexed = true
	population := kind.ID("population", "population").OrDefault().As(kind.Kept).FilterBy(kind.Eq)
	population.Fields[0].Indexed = true
	country := line("countryCode", 2, regexp.MustCompile(`^[A-Z]{2}$`))
	part := func(name string, pattern *regexp.Regexp) kind.Field { return line(name, 256, pattern).FilterBy(all...) }
	return []kind.Field{
		username,
		email,
		flag("enabled", true).As(kind.Kept).FilterBy(kind.Eq),
		population,
		object("name", part("given", letters), part("family", names), part("middle", letters),
			part("formatted", names), text("honorificPrefix", 256), text("honorificSuffix", 256)),
		object("address", line("streetAddress", 256, regexp.MustCompile(`^[\p{L}\p{M}\p{N}\p{Zs}\p{P}\n\r]*$`)),
			line("locality", 256, letters), line("region", 256, letters), line("postalCode", 40, letters), country),
		external,
		line("accountId", 256, letters).FilterBy(kind.Eq),
		line("locale", 256, letters).FilterBy(all...),
		line("nickname", 256, letters).FilterBy(all...),
		line("title", 256, letters).FilterBy(all...),
		line("type", 256, letters).FilterBy(all...),
		text("mobilePhone", 32).FilterBy(all...),
		line("primaryPhone", 32, nil).FilterBy(all...),
		object("photo", text("href", 2048).Needed()),
		text("preferredLanguage", 64).FilterBy(kind.Eq),
		line("timezone", 64, regexp.MustCompile(`^\w+/\w+$`)),
		flag("mfaEnabled", false).As(kind.Kept).FilterBy(kind.Eq),
		maybe("emailVerified").As(kind.ReadOnly),
		with(object("identityProvider", kind.Field{Name: "id", Type: kind.Text, MaxLen: 64, Ref: "identityProvider"}, text("type", 32)), kind.Body{"type": "PING_ONE"}).As(kind.ReadOnly),
		with(object("lifecycle", with(choice("status", LifecycleOK, "VERIFICATION_REQUIRED"), LifecycleOK).FilterBy(kind.Eq), maybe("suppressVerificationCode").As(kind.Given)), kind.Body{}).As(kind.Sticky),
		with(choice("verifyStatus", "NOT_INITIATED", "ENABLED", "DISABLED"), "NOT_INITIATED"),
		{Name: "memberOfGroups", Type: kind.List, Access: kind.ReadOnly, Items: &kind.Field{Type: kind.Object}, Through: &kind.Through{Kind: "groupMembership", Path: "group.id"}},
		texts("memberOfGroupIDs", 0, text("", 64)).As(kind.ReadOnly),
		texts("memberOfGroupNames", 0, text("", 256)).As(kind.ReadOnly),
	}
}

// LifecycleOK is the lifecycle status of a user who may sign on.
const LifecycleOK = "ACCOUNT_OK"

func wrongEmail(s string) string {
	if a, err := mail.ParseAddress(s); err != nil || a.Address != s || a.Name != "" {
		return "must be a well-formed email address"
	}
	return ""
}

// userDevices are the second factors of a user; there are none yet.
func userDevices() kind.Kind { return nothingOf("device", "devices", "Device", "mfa") }

// linkedAccounts are a user's accounts at identity providers; there are none.
func linkedAccounts() kind.Kind {
	return nothingOf("linkedAccount", "linkedAccounts", "Linked account", "users")
}

// agreementConsents are what a user agreed to; nobody is asked yet.
func agreementConsents() kind.Kind {
	return nothingOf("agreementConsent", "agreementConsents", "Agreement consent", "users")
}

// nothingOf is a collection under users that clients read on their way, and
// that is always empty.
func nothingOf(noun, plural, title, area string) kind.Kind {
	return &kind.Of[struct{}]{Spec: kind.Spec{Name: noun, Plural: plural, Title: title, Parents: []string{"user"}, Methods: readOnly(), Area: area,
		Fields: []kind.Field{{Name: "type", Type: kind.Text}}}}
}
