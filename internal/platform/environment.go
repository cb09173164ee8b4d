package platform

import (
	"slices"
	"strings"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

// Environment is a realm of its own: users, applications, keys, issuer.
type Environment struct {
	Name         string    `json:"name"`
	Type         string    `json:"type"`
	Region       string    `json:"region"`
	Status       string    `json:"status"`
	Organization Reference `json:"organization"`
	License      Reference `json:"license"`
}

// The statuses of an environment. Nobody signs on in one that is to be deleted.
const (
	EnvironmentActive        = "ACTIVE"
	EnvironmentDeletePending = "DELETE_PENDING"
)

func environments() kind.Kind {
	kindOf := choice("type", "PRODUCTION", "SANDBOX").Needed()
	status := choice("status", EnvironmentActive, EnvironmentDeletePending).Needed()
	return &kind.Of[Environment]{
		Spec: kind.Spec{
			Name: "environment", Plural: "environments", Title: "Environment", Parents: atTop(), Above: true,
			Methods: readWrite(), Area: "environments", Birth: "organizations", Needs: kind.NeedKey,
			NotFound: "Unable to find environment with ID: '%s'",
			Fields: []kind.Field{
				uniqueName(),
				description(),
				kindOf.As(kind.Kept),
				choice("region", "AP", "AU", "CA", "EU", "NA", "SG").Needed().As(kind.Immutable),
				kind.ID("organization", "organization").OrDefault().As(kind.Kept).FilterBy(kind.Eq),
				kind.ID("license", "license").OrDefault(),
				webURL("icon"),
				with(status, EnvironmentActive).As(kind.ReadOnly).FilterBy(kind.Eq),
				with(billOfMaterials().As(kind.Kept), kind.Body{}),
				moment("softDeletedAt").As(kind.ReadOnly), moment("hardDeletedAllowedAt").As(kind.ReadOnly),
			},
			Parts: []kind.Part{
				{Path: "type", Fields: []kind.Field{kindOf}, Whole: true, Area: "organizations"},
				{Path: "status", Fields: []kind.Field{status}, Whole: true, Area: "organizations"},
				{Path: "billOfMaterials", At: "billOfMaterials", Fields: wholeBill()},
			},
			Links: environmentLinks(),
		},
		Entries: Seed,
		Rules: func(_ *Environment, e Environment) []fault.Detail {
			if strings.TrimSpace(e.Name) != "" {
				return nil
			}
			return []fault.Detail{{Code: "EMPTY_VALUE", Target: "name", Message: "must not be empty"}}
		},
	}
}

func environmentLinks() []kind.Link {
	links := []kind.Link{
		{Rel: "organization", Path: "{top}/organizations/{organization.id}"},
		{Rel: "license", Path: "{top}/organizations/{organization.id}/licenses/{license.id}"},
		{Rel: "branding", Path: "{self}/brandingSettings"},
	}
	for _, rel := range []string{"populations", "users", "groups", "applications", "activities", "resources", "passwordPolicies", "signOnPolicies", "keys",
		"keyRotationPolicies", "certificates", "templates", "notificationsSettings", "schemas", "gateways", "capabilities", "billOfMaterials", "themes",
		"identityProviders", "languages", "agreements", "userActivities", "totalIdentities", "activeIdentityCounts"} {
		links = append(links, kind.Link{Rel: rel, Path: "{self}/" + rel})
	}
	return links
}

func billOfMaterials() kind.Field {
	product := kind.Field{Type: kind.Object, Fields: []kind.Field{
		text("id", 64),
		choice("type", "PING_ONE_MFA", "PING_ONE_DAVINCI", "PING_ONE_ORCHESTRATE", "PING_ONE_RISK", "PING_ONE_FRAUD", "PING_ONE_PROVISIONING", "PING_DATA_SYNC",
			"PING_DATA_GOVERNANCE", "PING_ONE_FOR_ENTERPRISE", "PING_ID_SDK", "PING_ONE_FOR_SAAS", "PING_ONE_VERIFY", "PING_ONE_CREDENTIALS", "PING_ONE_AUTHORIZE",
			"PING_ONE_BASE", "PING_FEDERATE", "PING_ACCESS", "PING_DIRECTORY", "PING_AUTHORIZE", "PING_ID", "PING_ONE_ID", "PING_INTELLIGENCE", "PING_CENTRAL").Needed(),
		text("description", 256).As(kind.ReadOnly),
		object("console", webURL("href").Needed()),
		texts("tags", 10, choice("", "DAVINCI_MINIMAL")),
		object("deployment", text("id", 64)),
		texts("bookmarks", 20, object("", text("name", 256).Needed(), webURL("href").Needed())),
	}}
	products := texts("products", 50, product)
	return object("billOfMaterials", choice("solutionType", "WORKFORCE", "CUSTOMER", "CIAM_TRIAL", "WF_TRIAL"), with(products, []any{kind.Body{"type": "PING_ONE_BASE"}}))
}

// wholeBill is the bill of materials as it is replaced: its products are needed.
func wholeBill() []kind.Field {
	fields := slices.Clone(billOfMaterials().Fields)
	fields[1] = with(fields[1], nil).Needed()
	return fields
}

func organizations() kind.Kind {
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "organization", Plural: "organizations", Title: "Organization", Parents: atTop(), Above: true, Methods: readOnly(), Area: "licenses",
		Fields: []kind.Field{
			name().FilterBy(kind.Sw, kind.Eq), description(), choice("type", "PAID", "TRIAL", "INTERNAL"),
			texts("billingConnections", 0, object("", text("id", 64))),
		},
		Links: []kind.Link{{Rel: "licenses", Path: "{self}/licenses"}, {Rel: "environments", Path: "{top}/environments"}},
	}}
}

func licenses() kind.Kind {
	fields := []kind.Field{
		name(), text("package", 64),
		choice("status", "ACTIVE", "EXPIRED", "FUTURE", "TERMINATED").FilterBy(kind.Eq),
		moment("beginsAt").FilterBy(kind.Lt), moment("expiresAt"), moment("terminatesAt"),
		parent("organization"), number("assignedEnvironmentsCount", 0, 0),
	}
	for _, group := range licenceGroups() {
		fields = append(fields, kind.Field{Name: group.name, Type: kind.Opaque})
	}
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "license", Plural: "licenses", Title: "License", Parents: []string{"organization"}, Above: true, Methods: readOnly(), Area: "licenses",
		Fields: fields,
		Links:  []kind.Link{{Rel: "organization", Path: "{top}/organizations/{organization.id}"}},
		Counts: []kind.Count{{Field: "assignedEnvironmentsCount", Kind: "environment", Path: "license.id"}},
		Parts:  []kind.Part{{Path: "name", Fields: []kind.Field{name()}}},
	}}
}

// licenceGroups are the things a licence allows. Here everything is allowed.
func licenceGroups() []struct {
	name   string
	allows []string
} {
	return []struct {
		name   string
		allows []string
	}{
		{"environments", []string{"allowAddResources", "allowConnections", "allowCustomDomain", "allowCustomSchema", "allowProduction"}},
		{"users", []string{"allowPasswordManagementNotifications", "allowIdentityProviders", "allowMyAccount", "allowPasswordManagement", "allowPasswordOnlyAuthentication",
			"allowPasswordPolicy", "allowProvisioning", "allowInboundProvisioning", "allowRoleAssignment", "allowVerificationFlow", "allowUpdateSelf", "entitledToSupport"}},
		{"mfa", []string{"allowPushNotification", "allowNotificationOutsideWhitelist", "allowFido2Devices", "allowVoiceOtp", "allowEmailOtp", "allowSmsOtp", "allowTotp"}},
		{"gateways", []string{"allowLdapGateway", "allowKerberosGateway", "allowRadiusGateway"}},
		{"intelligence", []string{"allowGeoVelocity", "allowAnonymousNetworkDetection", "allowReputation", "allowDataConsent", "allowRisk", "allowAdvancedPredictors"}},
		{"orchestrate", []string{"allowOrchestration"}},
		{"authorize", []string{"allowApiAccessManagement", "allowDynamicAuthorization"}},
		{"credentials", []string{"allowCredentials"}},
		{"fraud", []string{"allowBotMaliciousDeviceDetection", "allowAccountProtection"}},
		{"verify", []string{"allowPushNotifications", "allowDocumentMatch", "allowFaceMatch", "allowManualIdInspection"}},
	}
}

// License is the body of the one licence: it never ends and allows everything.
func License(organization string, begins string) kind.Body {
	body := kind.Body{"name": "Self-hosted", "default": true, "package": "CUSTOM", "status": "ACTIVE", "beginsAt": begins,
		"parent": organization, "organization": byID(organization)}
	for _, group := range licenceGroups() {
		allowed := kind.Body{}
		for _, what := range group.allows {
			allowed[what] = true
		}
		body[group.name] = allowed
	}
	body["environments"].(kind.Body)["max"] = 1_000_000
	body["environments"].(kind.Body)["regions"] = []any{"AP", "AU", "CA", "EU", "NORTH_AMERICA", "SG"}
	body["users"].(kind.Body)["max"] = 100_000_000
	body["users"].(kind.Body)["hardLimitMax"] = 100_000_000
	return body
}

func capabilities() kind.Kind {
	var fields []kind.Field
	for _, can := range []string{"canAddResources", "canCreateConnections", "canCustomizeSchema", "canUseCustomDomain", "canManageProvisioningRules",
		"canUseIdentityProviders", "canUseMyAccount", "canUsePasswordManagement", "canUsePasswordPolicy", "canUseVerificationFlow", "canAssignUsersRoles",
		"canPromoteToProduction", "canUseUniversalDevices", "canUseTotp", "canSendNotificationsOutsideWhitelist"} {
		fields = append(fields, flag(can, true))
	}
	return &kind.Of[struct{}]{Spec: kind.Spec{
		Name: "capabilities", Plural: "capabilities", Title: "Capabilities", Parents: inEnvironment(), Single: true, Methods: []string{"GET"}, Area: "environments",
		Fields: fields,
	}}
}
