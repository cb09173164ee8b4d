package manage

import "pixy/internal/kind"

// sealGiven seals the secrets of a body that is to be kept, such as that of an
// identity provider. What stood there already is sealed, and stays as it is
// when it is sent again.
func (a *API) sealGiven(p place, fields []kind.Field, was, body kind.Body) error {
	for i := range fields {
		f := &fields[i]
		switch v := body[f.Name].(type) {
		case string:
			if f.Access != kind.Given && f.Access != kind.Confided || f.Type != kind.Text || v == "" || was[f.Name] == v {
				continue
			}
			if stood, _ := was[f.Name].(string); stood != "" {
				plain, err := a.vault.Secrets(p.env, p.spec.Name, p.id, []string{stood})
				if err == nil && plain[0] == v {
					body[f.Name] = stood
					continue
				}
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

// confide unseals into out what a body keeps sealed for who may write it. What
// can't be unsealed is left out: the rest can be read, and the secret written anew.
func (a *API) confide(p place, id string, body, out kind.Body) {
	for _, f := range p.spec.All(body) {
		sealed, kept := body[f.Name].(string)
		if f.Access != kind.Confided || !kept {
			continue
		}
		if plain, err := a.vault.Secrets(p.env, p.spec.Name, id, []string{sealed}); err == nil {
			out[f.Name] = plain[0]
		}
	}
}
