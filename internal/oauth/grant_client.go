package oauth

import "pixy/internal/fault"

// decideClient lets a client act for itself (RFC 6749 §4.4). What it may do is
// looked up in its role assignments at each request, so without any there is
// no token.
func decideClient(x Exchange) Outcome {
	switch {
	case x.Form.Get("scope") != "":
		return Outcome{Refuse: fault.ScopeNotGrantable.Compared("no scope", x.Form.Get("scope"))}
	case len(x.Roles) == 0:
		return Outcome{Refuse: fault.NoRoles}
	}
	return Outcome{}
}
