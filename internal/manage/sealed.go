package manage

import "pixy/internal/kind"

// sealGiven seals the secrets of a body that is to be kept: what is never
// shown, such as the secret of an identity provider. What stood there already
// is sealed.
func (a *API) sealGiven(p place, fields []kind.Field, was, body kind.Body) error {
	for i := range fields {
		f := &fields[i]
		switch v := body[f.Name].(type) {
		case string:
			if f.Access != kind.Given || f.Type != kind.Text || v == "" || was[f.Name] == v {
				continue
			}
			sealed, err := a.vault.Seal(p.env, p.spec.Name, p.id, v)
			if err != nil {
				return err
			}
			body[f.Name] = sealed
		case kind.Body:
			old, _ := was[f.Name].(kind.Body)
			if err := a.sealGiven(p, f.Fields, old, v); err != nil {
				return err
			}
		}
	}
	return nil
}
