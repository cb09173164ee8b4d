package facts

import (
	"errors"
	"slices"
	"strings"

	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// Mappings are the attribute mappings of an application or a resource.
func Mappings(tx *store.Tx, noun, parent string) ([]platform.AttributeMapping, error) {
	return All[platform.AttributeMapping](tx, noun, kind.Equal("parent", parent))
}

// ClientMappings are the mappings for an application's ID tokens and userinfo
// answers: its own, and those of the resource of OpenID Connect, which are for
// all applications. Of two with a name the application's counts.
func ClientMappings(tx *store.Tx, client string) ([]platform.AttributeMapping, error) {
	own, err := Mappings(tx, "attributeMapping", client)
	if err != nil {
		return nil, err
	}
	openid, err := tx.Find("resource", kind.Equal("type", platform.ResourceOpenID))
	if err != nil {
		return nil, Lacking("the resource of OpenID Connect", err)
	}
	scopes, err := All[platform.ResourceScope](tx, "scope", kind.Equal("parent", openid.ID))
	if err != nil {
		return nil, err
	}
	shared, err := tx.List("resourceAttribute", store.Query{Where: kind.Equal("parent", openid.ID)})
	for _, d := range shared {
		m, err := Decode[platform.AttributeMapping](d)
		if err != nil {
			return nil, err
		}
		named := slices.ContainsFunc(own, func(o platform.AttributeMapping) bool { return o.Name == m.Name })
		if m.Type == platform.MappingCustom && !named {
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
	body, err := Body(d)
	if err != nil {
		return nil, err
	}
	beside, err := tx.Get("credential", id)
	if err != nil && !errors.Is(err, store.ErrMissing) {
		return nil, err
	}
	more, err := users.Show(id, d.Body, beside.Body, tx.Now())
	if err != nil {
		return nil, err
	}
	custom, err := CustomFields(tx)
	if err != nil {
		return nil, err
	}
	user := kind.Show(users.Table().Fields, body)
	ShowCustom(custom, body, user)
	for name, v := range more {
		user[name] = v
	}
	user["id"], user["environment"] = id, kind.Body{"id": tx.Env()}
	user["createdAt"], user["updatedAt"] = platform.Stamp(d.Created), platform.Stamp(d.Updated)
	if !slices.ContainsFunc(mappings, func(m platform.AttributeMapping) bool { return strings.Contains(m.Value, "memberOfGroup") }) {
		return user, nil
	}
	return user, addGroups(tx, id, user)
}

// addGroups adds the ids and the names of a user's groups.
func addGroups(tx *store.Tx, id string, user kind.Body) error {
	_, groups, err := GroupsOf(tx, id)
	if err != nil {
		return err
	}
	ids, names := []any{}, []any{}
	for _, g := range groups {
		group, _, err := Get[platform.Group](tx, "group", g)
		if err != nil {
			return Lacking("group "+g, err)
		}
		ids, names = append(ids, g), append(names, group.Name)
	}
	user["memberOfGroupIDs"], user["memberOfGroupNames"] = ids, names
	return nil
}
