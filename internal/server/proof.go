package server

import (
	"net/http"

	"pixy/internal/fault"
	"pixy/internal/oauth"
)

// proof is the thumbprint of the key whose DPoP proof came with a request, ""
// when none came (RFC 9449 §4.3). token is the access token that it comes with.
func (s *Server) proof(w http.ResponseWriter, r *http.Request, token string) (string, error) {
	sent := r.Header.Values("DPoP")
	if len(sent) == 0 {
		return "", nil
	}
	w.Header().Set("DPoP-Nonce", oauth.NewNonce(s.nonceKey, s.now()))
	if len(sent) > 1 {
		return "", fault.ProofWrong.Saying("there must be one header DPoP").Compared("1 header", "several")
	}
	p := oauth.Proof{Text: sent[0], Method: r.Method, URL: s.base + r.URL.EscapedPath(), Token: token}
	shown, err := p.Verify(s.nonceKey, s.now())
	if err != nil {
		return "", err
	}
	return shown.JKT, s.once(r, "proof\x00"+shown.ID, s.now().Add(2*oauth.ProofLife), fault.ProofReused)
}
