package oauth

import (
	"reflect"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/internal/platform"
)

// exchanging is a good token exchange, with an actor.
func exchanging() Exchange {
	client := granted(false, ofOpenID("profile"), ofPlatform("p1:read:user"), custom("a", 600, "a:read", "a:write"), custom("b", 600, "b:read"))
	return Exchange{
		Form: Form{"subject_token": {"s"}, "subject_token_type": {TokenTypeAccess}, "actor_token": {"a"}, "actor_token_type": {TokenTypeAccess}, "scope": {"a:read"}},
		Now:  noon, Client: *client,
		Presented: map[string]*Access{
			"subject_token": {Subject: "u", ClientID: "front", Audience: []string{"https://a"}, ID: "t", Session: "s", Family: "f", ACR: "Single_Factor", AuthTime: noon.Unix(), Expires: noon.Add(time.Minute).Unix()},
			"actor_token":   {ClientID: "backend"},
		},
	}
}

func TestExchange(t *testing.T) {
	want := Outcome{IssuedType: TokenTypeAccess, Issue: Issue{Subject: "u", Scopes: []string{"a:read"}, Session: "s", Family: "f", ACR: "Single_Factor",
		AuthTime: time.Unix(noon.Unix(), 0), Until: time.Unix(noon.Add(time.Minute).Unix(), 0), Act: &Actor{Subject: "backend", Client: "backend"}, From: []string{"t"}}}
	if out := decideExchange(exchanging()); !reflect.DeepEqual(out, want) {
		t.Errorf("%+v", out)
	}
	set := func(name string, values ...string) func(*Exchange) {
		return func(x *Exchange) { x.Form[name] = values }
	}
	for name, c := range map[string]struct {
		change  func(*Exchange)
		refused *fault.Fault
		scopes  []string
	}{
		"no actor": {func(x *Exchange) {
			delete(x.Form, "actor_token")
			delete(x.Form, "actor_token_type")
			delete(x.Presented, "actor_token")
		}, nil, []string{"a:read"}},
		"by the resource":      {func(x *Exchange) { x.Form["resource"], x.Form["scope"] = []string{"https://b"}, nil }, nil, []string{"b:read"}},
		"by the audience":      {func(x *Exchange) { x.Form["audience"], x.Form["scope"] = []string{"https://a"}, nil }, nil, []string{"a:read", "a:write"}},
		"openid is no matter":  {set("scope", "openid a:read"), nil, []string{"a:read"}},
		"no subject":           {set("subject_token"), fault.SubjectMissing, nil},
		"no type":              {set("subject_token_type"), fault.SubjectMissing, nil},
		"another type":         {set("subject_token_type", "urn:ietf:params:oauth:token-type:saml2"), fault.TokenTypeUnknown, nil},
		"another wish":         {set("requested_token_type", "urn:ietf:params:oauth:token-type:id_token"), fault.TokenTypeUnknown, nil},
		"a bad subject":        {func(x *Exchange) { x.Presented["subject_token"] = nil }, fault.PresentedInvalid, nil},
		"a subject without":    {func(x *Exchange) { x.Presented["subject_token"].Subject = "" }, fault.PresentedInvalid, nil},
		"one for the platform": {func(x *Exchange) { x.Presented["subject_token"].Audience = []string{platform.PlatformAudience} }, fault.PresentedInvalid, nil},
		"its own, for that": {func(x *Exchange) {
			x.Presented["subject_token"].Audience, x.Presented["subject_token"].ClientID = []string{platform.PlatformAudience}, "me"
		}, nil, []string{"a:read"}},
		"one exchanged too often": {func(x *Exchange) { x.Presented["subject_token"].From = make([]string, maxActors+1) }, fault.PresentedInvalid, nil},
		"an actor of no type":     {set("actor_token_type"), fault.ActorIncomplete, nil},
		"a type of no actor":      {set("actor_token"), fault.ActorIncomplete, nil},
		"a bad actor":             {func(x *Exchange) { x.Presented["actor_token"] = nil }, fault.PresentedInvalid, nil},
		"too many actors": {func(x *Exchange) {
			x.Presented["subject_token"].Act = &Actor{Act: &Actor{Act: &Actor{Act: &Actor{Act: &Actor{}}}}}
		}, fault.PresentedInvalid, nil},
		"a bound subject":      {func(x *Exchange) { x.Presented["subject_token"].Confirm = &Confirmation{JKT: "k"} }, fault.ProofForeign, nil},
		"the platform's scope": {set("scope", "p1:read:user"), fault.ExchangeScope, nil},
		"no resource's scope":  {set("scope", "openid profile"), fault.ExchangeScope, nil},
		"scopes of two":        {set("scope", "a:read b:read"), fault.ScopeMixed, nil},
		"unknown scope":        {set("scope", "c:read"), fault.ScopeUnknown, nil},
		"unknown resource":     {set("resource", "https://c"), fault.TargetUnknown, nil},
	} {
		x := exchanging()
		c.change(&x)
		out := decideExchange(x)
		if !refuses(out.Refuse, c.refused) || !reflect.DeepEqual(out.Issue.Scopes, c.scopes) {
			t.Errorf("%s: %v, %v", name, out.Issue.Scopes, out.Refuse)
		}
	}
}

// TestNarrow holds the resource of a token request against what was granted
// (RFC 8707 §2.2).
func TestNarrow(t *testing.T) {
	x := Exchange{Client: *granted(true, ofOpenID("profile"), custom("a", 600, "a:read"), custom("b", 60, "b:read")), Form: Form{}}
	whole := Issue{Scopes: []string{"openid", "a:read", "b:read"}}
	for name, c := range map[string]struct {
		asked   []string
		want    []string
		life    time.Duration
		refused *fault.Fault
	}{
		"nothing":         {nil, []string{"openid", "a:read", "b:read"}, time.Minute, nil},
		"one":             {[]string{"https://a"}, []string{"openid", "a:read"}, 10 * time.Minute, nil},
		"both":            {[]string{"https://a", "https://b"}, []string{"openid", "a:read", "b:read"}, time.Minute, nil},
		"another":         {[]string{"https://a", "https://c"}, nil, 0, fault.TargetUnknown},
		"the platform":    {[]string{platform.PlatformAudience}, nil, 0, fault.TargetUnknown},
		"too many to say": {make([]string, maxResources+1), nil, 0, fault.TargetUnknown},
	} {
		x.Form["resource"] = c.asked
		i, err := x.narrow(whole)
		switch {
		case !refuses(err, c.refused):
			t.Errorf("%s: %v", name, err)
		case err == nil && (!reflect.DeepEqual(i.Scopes, c.want) || x.Client.Target(i).Life != c.life):
			t.Errorf("%s: %v for %+v", name, i.Scopes, x.Client.Target(i))
		}
	}
}
