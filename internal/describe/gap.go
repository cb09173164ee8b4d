package describe

import (
	"slices"
	"strings"

	"pixy/internal/server"
)

// gap is something that an operation of PingOne has and Pixy's does not. Method
// "" is all methods of the path, "POST PUT" two of them; Media "" is all media
// types of the operation.
type gap struct {
	Method, Path, Media string
	Missing             string
	Refused             bool // the media type is known, and answered with a refusal
}

// What several operations lack.
const (
	env       = "/environments/{environment}"
	empty     = "always empty: "
	noEffect  = "kept and shown, without effect"
	noConsent = "kept and shown; nobody is asked for consent at sign-on"
	noMail    = "no mail is sent"
	onlyPaths = "texts and paths joined with +; other expressions are refused"
	isStatic  = "userFilter is kept and shown; there are no dynamic groups"
	// What a policy asks for and Pixy can't do ends the flow.
	onlySignOn = "a sign-on that needs another action than LOGIN or IDENTIFIER_FIRST, or a condition on geography, risk or anonymous networks, ends FAILED"
	onlyOIDC   = "SAML and WS_FED are refused, and wildcards in redirect URIs; one with accessControl signs nobody on"
)

// gaps is what is missing from operations that are served. A test refuses one
// whose operation is not served.
func gaps() []gap {
	return []gap{
		{Method: "GET", Path: env + "/activeIdentityCounts", Missing: "filter, limit and order are ignored; its one element counts the users there are now"},
		{Method: "GET", Path: env + "/totalIdentities", Missing: "filter is ignored; its one element counts the users there are now"},
		{Method: "PUT", Path: env + "/adminConfig", Missing: noEffect},
		{Method: "POST", Path: env + "/agreements", Missing: noConsent},
		{Method: "PUT", Path: env + "/agreements/{agreement}", Missing: noConsent},
		{Method: "POST", Path: env + "/agreements/{agreement}/languages", Missing: noConsent},
		{Method: "PUT", Path: env + "/agreements/{agreement}/languages/{language}", Missing: noConsent},
		{Method: "POST", Path: env + "/agreements/{agreement}/languages/{language}/revisions", Missing: noConsent},
		{Method: "POST", Path: env + "/applications", Missing: onlyOIDC},
		{Method: "PUT", Path: env + "/applications/{application}", Missing: onlyOIDC},
		{Method: "POST", Path: env + "/applications/{application}/attributes", Missing: onlyPaths},
		{Method: "PUT", Path: env + "/applications/{application}/attributes/{attribute}", Missing: onlyPaths},
		{Method: "POST", Path: env + "/resources/{resource}/attributes", Missing: onlyPaths},
		{Method: "PUT", Path: env + "/resources/{resource}/attributes/{attribute}", Missing: onlyPaths},
		{Method: "POST", Path: env + "/groups", Missing: isStatic},
		{Method: "PUT", Path: env + "/groups/{group}", Missing: isStatic},
		{Path: env + "/applications/{application}/flowPolicyAssignments", Missing: empty + "there are no flow policies to assign"},
		{Path: env + "/applications/{application}/flowPolicyAssignments/{flowPolicyAssignment}", Missing: empty + "there are no flow policies to assign"},
		{Path: env + "/flowPolicies", Missing: empty + "flow policies are made in DaVinci"},
		{Path: env + "/flowPolicies/{flowPolicy}", Missing: empty + "flow policies are made in DaVinci"},
		{Method: "PUT", Path: env + "/brandingSettings", Missing: noEffect},
		{Method: "POST", Path: env + "/themes", Missing: "kept and shown; the hosted pages look the same"},
		{Method: "PUT", Path: env + "/themes/{theme}", Missing: "kept and shown; the hosted pages look the same"},
		{Method: "PUT", Path: env + "/themes/{theme}/default", Missing: "kept and shown; the hosted pages look the same"},
		{Method: "GET", Path: env + "/certificates", Missing: empty + "none can be uploaded"},
		{Method: "GET", Path: env + "/certificates/{certificate}", Missing: empty + "none can be uploaded"},
		{Method: "GET", Path: env + "/groups/{group}", Missing: "include is ignored"},
		{Method: "POST", Path: env + "/identityProviders", Missing: "kept and shown; nobody signs on with one"},
		{Method: "PUT", Path: env + "/identityProviders/{identityProvider}", Missing: "kept and shown; nobody signs on with one"},
		{Method: "POST", Path: env + "/identityProviders/{identityProvider}/attributes", Missing: noEffect},
		{Method: "PUT", Path: env + "/identityProviders/{identityProvider}/attributes/{attribute}", Missing: noEffect},
		{Method: "POST", Path: env + "/languages", Missing: "kept and shown; the hosted pages are in English"},
		{Method: "PUT", Path: env + "/languages/{language}", Missing: "kept and shown; the hosted pages are in English"},
		{Method: "PUT", Path: env + "/populations/{population}/defaultIdentityProvider", Missing: noEffect},
		{Method: "POST", Path: env + "/resources/{resource}/applicationResources", Missing: noEffect},
		{Method: "PUT", Path: env + "/resources/{resource}/applicationResources/{applicationResource}", Missing: noEffect},
		{Method: "GET", Path: env + "/resources/{resource}/applicationPermissions", Missing: empty + "application permissions are not evaluated"},
		{Method: "POST", Path: env + "/schemas/{schema}/attributes", Missing: "unique and regexValidation have no effect, and no filter takes a custom attribute"},
		{Method: "PUT PATCH", Path: env + "/schemas/{schema}/attributes/{attribute}", Missing: "unique and regexValidation have no effect, and no filter takes a custom attribute"},
		{Method: "POST", Path: env + "/signOnPolicies/{signOnPolicy}/actions", Missing: onlySignOn},
		{Method: "PUT", Path: env + "/signOnPolicies/{signOnPolicy}/actions/{action}", Missing: onlySignOn},
		{Method: "GET", Path: env + "/users/{user}/agreementConsents", Missing: empty + "nobody is asked for consent"},
		{Method: "GET", Path: env + "/users/{user}/agreementConsents/{agreement}", Missing: empty + "nobody is asked for consent"},
		{Method: "PUT", Path: env + "/users/{user}/identityProvider", Missing: noEffect},
		{Method: "GET", Path: env + "/users/{user}/linkedAccounts", Missing: empty + "nobody signs on with an identity provider"},
		{Method: "GET", Path: env + "/users/{user}/linkedAccounts/{linkedAccount}", Missing: empty + "nobody signs on with an identity provider"},
		{Method: "POST", Path: env + "/users/{user}/password", Media: vendor + "password.sendRecoveryCode+json", Missing: noMail, Refused: true},
		{Method: "POST", Path: env + "/users/{user}/password", Media: vendor + "password.recover+json", Missing: noMail + ", so that every code is refused", Refused: true},
		{Method: "GET", Path: env + "/users/{user}/sessions", Missing: "locations, browser, operatingSystem and device"},
		{Method: "GET", Path: env + "/users/{user}/sessions/{session}", Missing: "locations, browser, operatingSystem and device"},
	}
}

// vendor begins PingOne's media types.
const vendor = "application/vnd.pingidentity."

func (g gap) of(w wanted) bool {
	return (g.Method == "" || slices.Contains(strings.Fields(g.Method), w.Method)) && anonymous(g.Path) == anonymous(w.Path)
}

// gapOf is what an operation with a media type lacks; its Missing is "" when
// that is nothing.
func gapOf(w wanted, media string) gap {
	for _, g := range gaps() {
		if g.of(w) && (g.Media == "" || g.Media == media) {
			return g
		}
	}
	return gap{}
}

// Stale are the gaps that no served operation has.
func Stale(routes []server.Route) []string {
	served := map[string]bool{}
	for _, r := range routes {
		served[r.Method+" "+anonymous(r.Path)] = true
	}
	var out []string
	for _, g := range gaps() {
		if !slices.ContainsFunc(wantedOperations(), func(w wanted) bool { return g.of(w) && served[w.key()] }) {
			out = append(out, g.Method+" "+g.Path+": "+g.Missing)
		}
	}
	return out
}
