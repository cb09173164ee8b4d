package oauth

import (
	"maps"
	"slices"

	"pixy/internal/fault"
)

// Push is an authorize request that a client sends itself, as it is kept, once
// it has passed all the rules of the authorize endpoint (RFC 9126 §2.1). named
// is the client_id of the request, "" for none; jkt the key of the DPoP proof
// that came with it (RFC 9449 §10.1), "" for none.
func (a Authorization) Push(named, jkt string) (Authorization, error) {
	asked := a.Form.Get("dpop_jkt")
	switch {
	case a.Form.Get("request_uri") != "":
		return a, fault.RequestURIPushed
	case named != "" && named != a.Client.ID:
		return a, fault.PushedForeign.Compared(a.Client.ID, named)
	case jkt != "" && asked != "" && asked != jkt:
		return a, fault.ProofForeign.Compared(asked, jkt)
	}
	a.Form, a.Pushed = maps.Clone(a.Form), true
	a.Form["client_id"] = []string{a.Client.ID}
	if jkt != "" {
		a.Form["dpop_jkt"] = []string{jkt}
	}
	maps.DeleteFunc(a.Form, func(name string, _ []string) bool { return !slices.Contains(AuthorizeParameters(), name) })
	if err := First(ClientChecks(), a); err != nil {
		return a, err
	}
	_, err := a.Accept()
	return a, err
}
