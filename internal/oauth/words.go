package oauth

import "slices"

// InWords says to a person what scopes let a client do: in their own words for
// the scopes of OpenID Connect, else as the application's grants describe them.
func (c *Client) InWords(scopes []string) []string {
	own := map[string]string{
		"openid": "Know who you are", "profile": "See your name and profile", "email": "See your e-mail address",
		"address": "See your postal address", "phone": "See your phone number", scopeOffline: "Keep this access while you are away",
	}
	var out []string
	for _, s := range scopes {
		words := own[s]
		if i := slices.IndexFunc(c.Scopes, func(g GrantedScope) bool { return g.Name == s }); words == "" && i >= 0 {
			words = c.Scopes[i].Description
		}
		if words == "" {
			words = s
		}
		out = append(out, words)
	}
	return out
}
