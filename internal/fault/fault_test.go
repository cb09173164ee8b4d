package fault

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// catalogue is every entry by its Go name. TestCatalogueIsWhole holds it
// against the source, so that a new entry can't be forgotten here.
func catalogue() map[string]*Fault {
	return map[string]*Fault{
		"Malformed": Malformed, "RequestFailed": RequestFailed, "Invalid": Invalid, "TooLarge": TooLarge, "UnknownPath": UnknownPath,
		"WrongMethod": WrongMethod, "WrongMedia": WrongMedia, "Missing": Missing, "Taken": Taken, "Stale": Stale, "Needed": Needed,
		"Busy": Busy, "Full": Full, "Unreachable": Unreachable, "Unconfirmed": Unconfirmed, "Stopping": Stopping, "Unstorable": Unstorable, "Unexpected": Unexpected,
		"TokenInvalid": TokenInvalid, "NotPermitted": NotPermitted, "NotAssignable": NotAssignable, "TooManyGroups": TooManyGroups,
		"FlowMissing": FlowMissing, "FlowForeign": FlowForeign, "FlowOver": FlowOver, "ActionNotOffered": ActionNotOffered,
		"BadCredentials": BadCredentials, "LockedOut": LockedOut, "FormForeign": FormForeign, "Mistyped": Mistyped,
		"WrongPassword": WrongPassword, "TooManyHashes": TooManyHashes,
		"ClientMissing": ClientMissing, "ClientUnknown": ClientUnknown, "RedirectMissing": RedirectMissing,
		"RedirectMismatch": RedirectMismatch, "RedirectInClear": RedirectInClear, "OriginForeign": OriginForeign,
		"ParameterRepeated": ParameterRepeated, "ParameterBroken": ParameterBroken, "ParameterInQuery": ParameterInQuery,
		"ResponseTypeMissing": ResponseTypeMissing, "ResponseTypeUnknown": ResponseTypeUnknown, "ResponseModeUnknown": ResponseModeUnknown,

		"PARRequired": PARRequired, "AccessControlled": AccessControlled, "PromptUnknown": PromptUnknown, "MaxAgeBroken": MaxAgeBroken,
		"ScopeUnknown": ScopeUnknown, "ScopeMixed": ScopeMixed, "ScopeBroken": ScopeBroken, "LoginRequired": LoginRequired, "SignOnDenied": SignOnDenied,
		"ChallengeMissing": ChallengeMissing, "ChallengeMethodAlone": ChallengeMethodAlone, "ChallengeMethod": ChallengeMethod,
		"ChallengePlain": ChallengePlain, "ChallengeMalformed": ChallengeMalformed,
		"GrantTypeMissing": GrantTypeMissing, "GrantTypeUnknown": GrantTypeUnknown, "GrantTypeDenied": GrantTypeDenied,
		"NoRoles": NoRoles, "ScopeNotGrantable": ScopeNotGrantable, "ClientDenied": ClientDenied, "ClientMethod": ClientMethod, "ClientTwice": ClientTwice,
		"CodeMissing": CodeMissing, "CodeUnknown": CodeUnknown, "CodeForeign": CodeForeign, "CodeRedirect": CodeRedirect, "CodeExpired": CodeExpired,
		"HintMissing": HintMissing, "HintWrong": HintWrong, "HintForeign": HintForeign, "HintSession": HintSession,
		"LogoutRedirectMismatch": LogoutRedirectMismatch, "SignoffDenied": SignoffDenied,
		"CodeSpent": CodeSpent, "CodeBurnt": CodeBurnt, "CodeUserGone": CodeUserGone,
		"VerifierUnasked": VerifierUnasked, "VerifierMissing": VerifierMissing, "VerifierMalformed": VerifierMalformed, "VerifierMismatch": VerifierMismatch,
		"BearerMissing": BearerMissing, "BearerInvalid": BearerInvalid, "BearerScope": BearerScope, "BearerTwice": BearerTwice,
		"ResponseNotAllowed": ResponseNotAllowed, "ObjectBroken": ObjectBroken, "SignatureRequired": SignatureRequired, "HintBroken": HintBroken, "NonceMissing": NonceMissing,
		"ThumbprintBroken": ThumbprintBroken, "TargetUnknown": TargetUnknown, "RequestURIUnknown": RequestURIUnknown, "RequestURIPushed": RequestURIPushed, "RequestURIForeign": RequestURIForeign,
		"PushedForeign": PushedForeign, "ServerError": ServerError, "ServerBusy": ServerBusy, "ScopeOpenID": ScopeOpenID, "AssertionWrong": AssertionWrong,
		"AssertionReused": AssertionReused, "RefreshMissing": RefreshMissing, "RefreshUnknown": RefreshUnknown, "RefreshForeign": RefreshForeign, "RefreshEnded": RefreshEnded,
		"RefreshExpired": RefreshExpired, "RefreshReused": RefreshReused, "RefreshSession": RefreshSession, "RefreshScope": RefreshScope, "ProofWrong": ProofWrong,
		"ProofNonce": ProofNonce, "ProofReused": ProofReused, "ProofForeign": ProofForeign, "SubjectMissing": SubjectMissing, "ActorIncomplete": ActorIncomplete,
		"TokenTypeUnknown": TokenTypeUnknown, "PresentedInvalid": PresentedInvalid, "ExchangeScope": ExchangeScope, "TokenMissing": TokenMissing,
		"RevokeForeign": RevokeForeign, "TokenNotRevocable": TokenNotRevocable, "BearerRole": BearerRole,
		"DeviceNotAllowed": DeviceNotAllowed, "PendingMissing": PendingMissing, "PendingUnknown": PendingUnknown, "PendingForeign": PendingForeign,
		"PendingSpent": PendingSpent, "PendingUserGone": PendingUserGone, "PendingOpen": PendingOpen, "PendingTooSoon": PendingTooSoon,
		"PendingDenied": PendingDenied, "PendingExpired": PendingExpired, "UserCodeWrong": UserCodeWrong,
		"CIBANotAllowed": CIBANotAllowed, "CIBAObject": CIBAObject, "HintCount": HintCount, "HintedUnknown": HintedUnknown,
		"BindingBroken": BindingBroken, "ExpiryBroken": ExpiryBroken, "ApprovalMissing": ApprovalMissing,
	}
}

func TestCatalogueIsWhole(t *testing.T) {
	var declared []string
	for _, file := range []string{"catalogue.go", "oauth.go", "fault.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
				for _, s := range g.Specs {
					declared = append(declared, s.(*ast.ValueSpec).Names[0].Name)
				}
			}
		}
	}
	slices.Sort(declared)
	if listed := slices.Sorted(maps.Keys(catalogue())); !slices.Equal(declared, listed) {
		t.Errorf("the source declares %v\nthe tests know    %v", declared, listed)
	}
}

// errors.Is goes by the rule's name, so two entries of one name would be taken
// for each other.
func TestRulesAreUnique(t *testing.T) {
	names := map[string]string{}
	for _, entry := range slices.Sorted(maps.Keys(catalogue())) {
		f := catalogue()[entry]
		if other, taken := names[f.Rule]; taken {
			t.Errorf("%s and %s share the rule %q: errors.Is takes one for the other", other, entry, f.Rule)
		}
		names[f.Rule] = entry
		if f.Rule == "" || f.Code == "" || f.Message == "" || f.Status < 400 || f.Status > 599 {
			t.Errorf("%s lacks rule, code, message or a status of an error: %+v", entry, f)
		}
	}
}

// The text of error_description is bounded to %x20-21 / %x23-5B / %x5D-7E
// (RFC 6749 §5.2): no quotation mark, no backslash, no dash that is not ASCII.
func TestOAuthEntries(t *testing.T) {
	// covers: RFC 6749 §4.1.2.1/4, RFC 6749 §4.1.2.1/5, RFC 6749 §5.2/4, RFC 6749 §5.2/5
	// covers: RFC 6750 §3/9
	for entry, f := range catalogue() {
		if f.Form != OAuth {
			continue
		}
		for _, r := range f.Opening + f.Message + f.Code {
			if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
				t.Errorf("%s says %q, which error_description can't contain", entry, r)
			}
		}
		if f.Section == "" {
			t.Errorf("%s names no section that asks for the rule", entry)
		}
		if len(f.Details) > 0 {
			t.Errorf("%s has details, which the OAuth form does not show", entry)
		}
	}
}

func TestRetryAfterGoesWith503(t *testing.T) {
	for entry, f := range catalogue() {
		if (f.Status == 503) != (f.RetryAfter > 0) {
			t.Errorf("%s: status %d with Retry-After %v", entry, f.Status, f.RetryAfter)
		}
		if f.RetryAfter%time.Second != 0 {
			t.Errorf("%s: Retry-After is in whole seconds, not %v", entry, f.RetryAfter)
		}
	}
}

// The entries are shared by all requests: what one request adds must not be
// seen by another.
func TestCopies(t *testing.T) {
	cause := errors.New("disk on fire")
	cases := []struct {
		name string
		copy func(*Fault) *Fault
		seen func(*Fault) bool
	}{
		{"Compared", func(f *Fault) *Fault { return f.Compared("a", "b") }, func(f *Fault) bool { return f.Expected == "a" && f.Came == "b" }},
		{"Because", func(f *Fault) *Fault { return f.Because(cause) }, func(f *Fault) bool { return f.Cause == cause }},
		{"Saying", func(f *Fault) *Fault { return f.Saying(7) }, func(f *Fault) bool { return f.Message == "at most 7" }},
		{"Detailed", func(f *Fault) *Fault { return f.Detailed(Detail{Code: "NEW"}) }, func(f *Fault) bool {
			return len(f.Details) == 2 && f.Details[0].Code == "OLD" && f.Details[1].Code == "NEW"
		}},
	}
	for _, c := range cases {
		// A spare capacity is where an append would write into the entry.
		details := make([]Detail, 1, 4)
		details[0] = Detail{Code: "OLD"}
		entry := &Fault{Rule: "r", Message: "at most %d", Details: details}
		got := c.copy(entry)
		if got == entry || !c.seen(got) {
			t.Errorf("%s returned %+v", c.name, got)
		}
		if entry.Expected+entry.Came != "" || entry.Cause != nil || entry.Message != "at most %d" || len(entry.Details) != 1 || details[:2][1].Code != "" {
			t.Errorf("%s changed the entry: %+v", c.name, entry)
		}
		if !errors.Is(got, entry) {
			t.Errorf("%s: the copy is no longer a refusal by the rule", c.name)
		}
	}
	// Two copies of one copy must not share the place of their next detail.
	base := Invalid.Detailed(Detail{Code: "A"})
	b, c := base.Detailed(Detail{Code: "B"}), base.Detailed(Detail{Code: "C"})
	if b.Details[1].Code != "B" || c.Details[1].Code != "C" {
		t.Errorf("copies share details: %v, %v", b.Details, c.Details)
	}
}

func TestIs(t *testing.T) {
	wrapped := fmt.Errorf("redeeming: %w", VerifierMismatch.Compared("x", "y").Because(CodeSpent))
	cases := []struct {
		target error
		want   bool
	}{
		{VerifierMismatch, true},
		{CodeSpent, true}, // it is the cause
		{VerifierMissing, false},
		{errors.New("verifier.match"), false},
		{&Fault{Rule: "verifier.match"}, true},
	}
	for _, c := range cases {
		if got := errors.Is(wrapped, c.target); got != c.want {
			t.Errorf("errors.Is(%v) = %v", c.target, got)
		}
	}
}

func TestErrorTellsTheLogEverything(t *testing.T) {
	f := BadCredentials.Compared("the user's password", "another").Because(errors.New("because"))
	for _, part := range []string{"flow.credentials", "INVALID_CREDENTIALS", "username", "expected the user's password; came another", ": because"} {
		if !strings.Contains(f.Error(), part) {
			t.Errorf("%q lacks %q", f.Error(), part)
		}
	}
	if got := (&Fault{Rule: "r", Message: "m"}).Error(); got != "r: m" {
		t.Errorf("got %q", got)
	}
}
