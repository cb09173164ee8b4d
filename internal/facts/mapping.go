package facts

import (
	"slices"
	"strings"

	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// Mappings are the attribute mappings of an application or a resource.
func Mappings(tx *store.Tx, noun, parent string) ([]platform.AttributeMapping, error) {
	return store.Recall(tx, "mappings "+noun+" "+parent, func() ([]platform.AttributeMapping, error) {
		return All[platform.AttributeMapping](tx, noun, kind.Equal("parent", parent))
	})
}

// ClientMappings are the mappings for an application's ID tokens and userinfo
// answers: its own, and those of the resource of OpenID Connect, which are for
// all applications. Of two with a name the application's counts.
func ClientMappings(tx *store.Tx, client string) ([]platform.AttributeMapping, error) {
	return store.Recall(tx, "client mappings "+client, func() ([]platform.AttributeMapping, error) { return clientMappings(tx, client) })
}

func clientMappings(tx *store.Tx, client string) ([]platform.AttributeMapping, error) {
	own, err := Mappings(tx, "attributeMapping", client)
	if err != nil {
		return nil, err
	}
	own = slices.Clone(own)
	openid, err := tx.Find("resource", kind.Equal("type", platform.ResourceOpenID))
	if err != nil {
		return nil, Lacking("the resource of OpenID Connect", err)
	}
	shared, err := tx.List("resourceAttribute", store.Query{Where: kind.All(kind.Equal("parent", openid.ID), kind.Equal("type", platform.MappingCustom))})
	if err != nil || len(shared) == 0 {
		return own, err
	}
	scopes, err := All[platform.ResourceScope](tx, "scope", kind.Equal("parent", openid.ID))
	for _, d := range shared {
		m, err := Decode[platform.AttributeMapping](d)
		if err != nil {
			return nil, err
		}
		named := slices.ContainsFunc(own, func(o platform.AttributeMapping) bool { return o.Name == m.Name })
		if !named {
			m.OIDCScopes = platform.Releases(scopes, d.ID, m.Name)
			own = append(own, m)
		}
	}
	return own, err
}

// UserFacts is a user as the expressions of mappings see it: as the management
// API shows it, with the groups when a mapping asks for them.
func UserFacts(tx *store.Tx, users kind.Kind, id string, mappings []platform.AttributeMapping) (kind.Body, error) {
	d, err := tx.Get("user", id)
	if err != nil {
		return nil, Lacking("user "+id, err)
	}
	custom, err := CustomFields(tx)
	if err != nil {
		return nil, err
	}
	user, _, err := Show(tx, users, custom, d)
	if err != nil {
		return nil, err
	}
	user["environment"] = kind.Body{"id": tx.Env()}
	if !slices.ContainsFunc(mappings, func(m platform.AttributeMapping) bool { return strings.Contains(m.Value, "memberOfGroup") }) {
		return user, nil
	}
	return user, addGroups(tx, id, user)
}

// addGroups adds the ids and the names of a user's groups.
func addGroups(tx *store.Tx, id string, user kind.Body) error {
	_, ids, err := GroupsOf(tx, id)
	if err != nil {
		return err
	}
	names, err := GroupNames(tx, ids)
	user["memberOfGroupIDs"], user["memberOfGroupNames"] = append([]string{}, ids...), names
	return err
}
