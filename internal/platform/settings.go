package platform

import "pixy/internal/kind"

// templates are the messages that would be sent; clients read their names.
func templates() kind.Kind {
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "template", Plural: "templates", Title: "Template", Parents: inEnvironment(), Methods: readOnly(), Area: "notifications",
		Fields: []kind.Field{name().FilterBy(kind.Eq), text("displayName", 256), description(), texts("deliveryMethods", 0, text("", 32))},
	}}
}

// templateNames are the templates that an environment has.
func templateNames() []string {
	return []string{"strong_authentication", "transaction", "verification_code_template", "recovery_code_template", "email_verification_user", "general", "device_pairing"}
}

func notificationsSettings() kind.Kind {
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "notificationsSettings", Plural: "notificationsSettings", Title: "Notification settings", Parents: inEnvironment(), Single: true, Methods: single(), Area: "notifications",
		Fields: []kind.Field{
			object("from", text("name", 256), text("address", 256)), object("replyTo", text("name", 256), text("address", 256)),
			texts("smsProvidersFallbackChain", 10, text("", 64)),
		},
	}}
}

// gateways connect to other directories; there are none.
func gateways() kind.Kind {
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "gateway", Plural: "gateways", Title: "Gateway", Parents: inEnvironment(), Methods: readOnly(), Area: "gateways",
		Fields: []kind.Field{name(), text("type", 64), maybe("enabled")},
	}}
}

func adminConfig() kind.Kind {
	method := func(name string) kind.Field { return with(text(name, 64).Needed(), `{"enabled":true}`) }
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "adminConfig", Plural: "adminConfig", Title: "Administrator security", Parents: inEnvironment(), Single: true, Methods: single(), Area: "environments",
		Fields: []kind.Field{
			with(object("allowedMethods", method("EMAIL"), method("FIDO2"), method("TOTP")), kind.Body{}),
			with(choice("authenticationMethod", "PINGONE", "EXTERNAL", "HYBRID").Needed(), "PINGONE"),
			with(choice("mfaStatus", "ENFORCE").Needed(), "ENFORCE"), object("provider", text("id", 64).Needed()),
			with(kind.Field{Name: "recovery", Type: kind.Boolean}.Needed(), true),
			with(maybe("hasFido2Capabilities").As(kind.ReadOnly), false), with(maybe("isPingIDInBOM").As(kind.ReadOnly), false),
		},
	}}
}

// deviceAuthenticationPolicies say which second factors there may be. They are
// kept for the clients that read them; no factor is served yet.
func deviceAuthenticationPolicies() kind.Kind {
	return &kind.Of[struct {
		Default bool `json:"default"`
	}]{
		Spec: kind.Spec{
			Name: "deviceAuthenticationPolicy", Plural: "deviceAuthenticationPolicies", Title: "Device authentication policy", Parents: inEnvironment(),
			Methods: readWrite(), Area: "mfa",
			Fields: append([]kind.Field{uniqueName(), theDefault(), maybe("forSignOnPolicy")}, factors()...),
		},
		Stays: func(p struct {
			Default bool `json:"default"`
		}) error {
			return mustStay(p.Default, "cannot delete the default device authentication policy")
		},
	}
}

func factors() []kind.Field {
	var out []kind.Field
	for _, factor := range []string{"sms", "voice", "email", "mobile", "totp", "fido2"} {
		out = append(out, with(kind.Field{Name: factor, Type: kind.Opaque}, kind.Body{"enabled": false}))
	}
	return out
}

func mfaSettings() kind.Kind {
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "mfaSettings", Plural: "mfaSettings", Title: "MFA settings", Parents: inEnvironment(), Single: true, Methods: single(), Area: "mfa",
		Fields: []kind.Field{
			with(object("pairing", with(number("maxAllowedDevices", 1, 15), 5), with(choice("pairingKeyFormat", "NUMERIC", "ALPHANUMERIC"), "ALPHANUMERIC")), kind.Body{}),
			object("lockout", number("failureCount", 1, 100).Needed(), number("durationSeconds", 1, 0)),
		},
	}}
}

// pushCredentials and metadata of an application are read by clients on their
// way; there are none.
func pushCredentials() kind.Kind {
	return &kind.Of[struct{}]{Spec: kind.Spec{Name: "pushCredential", Plural: "pushCredentials", Title: "Push credential", Parents: []string{"application"},
		Methods: readOnly(), Area: "applications", Fields: []kind.Field{{Name: "type", Type: kind.Text}}}}
}

func applicationMetadata() kind.Kind {
	return &kind.Of[struct{}]{Spec: kind.Spec{Name: "metadata", Plural: "metadata", Title: "Metadata", Parents: []string{"application"}, Single: true,
		Methods: []string{"GET"}, Area: "applications"}}
}
