package platform

import (
	"regexp"

	"pixy/internal/kind"
)

// Theme is what the hosted pages look like.
type Theme struct {
	Default bool `json:"default"`
}

func themes() kind.Kind {
	color := func(name string) kind.Field {
		f := text(name, 32)
		f.Pattern = regexp.MustCompile(`^#[0-9a-fA-F]{3,8}$`)
		return f
	}
	isDefault := theDefault()
	return &kind.Of[Theme]{
		Spec: kind.Spec{
			Name: "theme", Plural: "themes", Title: "Theme", Parents: inEnvironment(), Methods: readWrite(), Area: "branding",
			Fields: []kind.Field{
				choice("template", "default", "focus", "mural", "slate", "split").Needed(),
				isDefault,
				object("configuration",
					choice("backgroundType", "NONE", "COLOR", "IMAGE", "DEFAULT").Needed(), color("backgroundColor"), image("backgroundImage"),
					color("bodyTextColor").Needed(), color("buttonColor").Needed(), color("buttonTextColor").Needed(), color("cardColor").Needed(),
					color("headingTextColor").Needed(), color("linkTextColor").Needed(), text("footer", 4096), choice("logoType", "IMAGE", "NONE").Needed(),
					image("logo"), text("name", 256)).Needed(),
			},
			Parts: []kind.Part{{Path: "default", Fields: []kind.Field{isDefault.Needed()}}},
		},
		Stays: func(t Theme) error { return mustStay(t.Default, "cannot delete the default theme") },
	}
}

func defaultTheme() kind.Body {
	return kind.Body{"template": "default", "default": true, "configuration": kind.Body{
		"name": "Ping Default", "backgroundType": "DEFAULT", "backgroundColor": "#FFFFFF", "bodyTextColor": "#263956", "buttonColor": "#2B55C4",
		"buttonTextColor": "#FFFFFF", "cardColor": "#FFFFFF", "headingTextColor": "#263956", "linkTextColor": "#2B55C4", "logoType": "NONE",
	}}
}

func brandingSettings() kind.Kind {
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "brandingSettings", Plural: "brandingSettings", Title: "Branding settings", Parents: inEnvironment(), Single: true, Methods: single(), Area: "branding",
		Fields: []kind.Field{text("companyName", 256), image("logo")},
	}}
}

// Language is one that pages and agreements may be shown in.
type Language struct {
	Default bool   `json:"default"`
	Enabled bool   `json:"enabled"`
	Locale  string `json:"locale"`
}

func languages() kind.Kind {
	locale := text("locale", 16).Needed().As(kind.Immutable).FilterBy(kind.Eq)
	locale.Unique = true
	return &kind.Of[Language]{
		Spec: kind.Spec{
			Name: "language", Plural: "languages", Title: "Language", Parents: inEnvironment(), Methods: readWrite(), Area: "languages",
			NotFound: "Unable to find language for environmentId=%[2]s with id=%[1]s",
			Fields: []kind.Field{
				locale, theDefault(), kind.Field{Name: "enabled", Type: kind.Boolean}.Needed(), text("name", 256),
				with(maybe("customerAdded").As(kind.ReadOnly), true),
			},
		},
		Stays: func(l Language) error { return mustStay(l.Default, "cannot delete the default language") },
	}
}

func agreements() kind.Kind {
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "agreement", Plural: "agreements", Title: "Agreement", Parents: inEnvironment(), Methods: readWrite(), Area: "agreements",
		Owns: []string{"agreementLanguage"},
		Fields: []kind.Field{
			uniqueName(), description(), kind.Field{Name: "enabled", Type: kind.Boolean}.Needed(), number("reconsentPeriodDays", 0, 36500),
			with(number("totalConsents", 0, 0).As(kind.ReadOnly), 0), with(number("totalExpiredConsents", 0, 0).As(kind.ReadOnly), 0),
		},
		Links: []kind.Link{{Rel: "languages", Path: "{self}/languages"}},
	}}
}

func agreementLanguages() kind.Kind {
	locale := text("locale", 16).Needed()
	locale.Unique = true
	words := func(name string) kind.Field {
		f := text(name, 1024)
		f.Pattern = regexp.MustCompile(`^[\p{L}\p{M}\p{N}\p{Zs}\p{P}]+$`)
		return f
	}
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "agreementLanguage", Plural: "languages", Title: "Agreement language", Parents: []string{"agreement"}, Methods: readWrite(), Area: "agreements",
		Owns: []string{"agreementRevision"},
		Fields: []kind.Field{
			parent("agreement"), text("displayName", 256).Needed(), kind.Field{Name: "enabled", Type: kind.Boolean}.Needed(), locale,
			parent("currentRevision"),
			object("userExperience", words("acceptCheckboxText"), words("continueButtonText"), words("declineButtonText")),
		},
		Links: []kind.Link{{Rel: "revisions", Path: "{self}/revisions"}},
	}}
}

// AgreementRevision is a text that users agree to, from a time on.
type AgreementRevision struct {
	EffectiveAt string `json:"effectiveAt"`
}

func agreementRevisions() kind.Kind {
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "agreementRevision", Plural: "revisions", Title: "Agreement revision", Parents: []string{"agreementLanguage"},
		Methods: []string{"LIST", "POST", "GET", "DELETE"}, Area: "agreements", Under: map[string]string{"language": "agreementLanguage", "agreement": "agreement"},
		Fields: []kind.Field{
			parent("agreement"), parent("language"), choice("contentType", "text/html", "text/plain").Needed(), moment("effectiveAt").Needed(),
			moment("notValidAfter").As(kind.ReadOnly), kind.Field{Name: "requireReconsent", Type: kind.Boolean}.Needed(),
			kind.Field{Name: "text", Type: kind.Text, MaxLen: 100_000}.Needed(),
		},
	}}
}
