package server

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/oauth"
)

// answers says in which form an endpoint refuses.
type answers int

const (
	asPlatform    answers = iota // PingOne's error model
	asOAuth                      // RFC 6749 §5.2
	asPage                       // a page for the person's browser
	asSignoffPage                // one that speaks of a sign-off
)

// trust says which web origins may call an endpoint (see cors.go).
type trust int

const (
	noOrigin     trust = iota // pages, and what nobody thought of
	anyOrigin                 // what is called without the session cookie
	clientOrigin              // what is called with it: origins of the application only
)

// Route is one endpoint: where it is, how it is guarded, what it takes and
// gives.
type Route struct {
	Method string
	Path   string
	// Media are the media types of a body that the endpoint takes, none when
	// it takes no body.
	Media []string
	Limit int64 // of the body, in bytes
	// Parameters are those that a protocol endpoint knows.
	Parameters []string

	// Of the management API: the area that a role must permit, and what body
	// and answer consist of (see manage.Route).
	Area   string
	Write  bool
	Takes  []kind.Field
	Gives  []kind.Field
	Many   string
	Status int

	main    string // the path at the main host, when it is another
	answers answers
	trust   trust
	acts    bool // a GET that has an effect: HEAD would have it, too
	handle  func(http.ResponseWriter, *http.Request) error
}

// The media types of bodies, and the bounds on their size in bytes.
const (
	mediaJSON = "application/json"
	mediaForm = "application/x-www-form-urlencoded"

	limitForm = 64 << 10
	limitJSON = 1 << 20
	limitFlow = 64 << 10
)

// Routes lists every endpoint.
func (s *Server) Routes() []Route { return slices.Clone(s.routes) }

// table is every endpoint. The collections of the management API come from the
// table of kinds.
func (s *Server) table() []Route {
	form := []string{mediaForm}
	routes := []Route{
		{Method: "GET", Path: "/{$}", answers: asPage, handle: s.welcome},
		{Method: "GET", Path: "/healthz", trust: anyOrigin, handle: s.healthz},
		{Method: "GET", Path: "/readyz", trust: anyOrigin, handle: s.readyz},
		{Method: "GET", Path: "/assets/{name}", answers: asPage, handle: s.asset},

		{Method: "GET", Path: "/{env}/as/.well-known/openid-configuration", trust: anyOrigin, handle: s.discovery},
		{Method: "GET", Path: "/.well-known/oauth-authorization-server/{env}/as", trust: anyOrigin, handle: s.discovery},
		{Method: "GET", Path: "/{env}/as/jwks", trust: anyOrigin, handle: s.jwks},
		{Method: "GET", Path: "/{env}/as/authorize", Parameters: oauth.AuthorizeParameters(), answers: asPage, trust: clientOrigin, acts: true, handle: s.authorize},
		{Method: "POST", Path: "/{env}/as/authorize", Media: form, Limit: limitForm, Parameters: oauth.AuthorizeParameters(), answers: asPage, trust: clientOrigin, handle: s.authorize},
		{Method: "GET", Path: "/{env}/as/resume", answers: asPage, trust: clientOrigin, acts: true, handle: s.resume},
		{Method: "POST", Path: "/{env}/as/resume", Media: form, Limit: limitForm, answers: asPage, trust: clientOrigin, handle: s.resume},
		{Method: "GET", Path: "/{env}/as/signoff", Parameters: oauth.LogoutParameters(), answers: asSignoffPage, trust: clientOrigin, acts: true, handle: s.signoff},
		{Method: "POST", Path: "/{env}/as/signoff", Media: form, Limit: limitForm, Parameters: oauth.LogoutParameters(), answers: asSignoffPage, trust: clientOrigin, handle: s.signoff},
		{Method: "GET", Path: "/{env}/as/idpSignoff", Parameters: oauth.LogoutParameters(), answers: asSignoffPage, trust: clientOrigin, acts: true, handle: s.idpSignoff},
		ofClients("/{env}/as/token", oauth.TokenParameters(), s.token),
		ofClients("/{env}/as/introspect", oauth.LookupParameters(), s.introspect),
		ofClients("/{env}/as/par", oauth.AuthorizeParameters(), s.fromClient(oauth.AuthorizeParameters(), s.par)),
		ofClients("/{env}/as/revoke", oauth.LookupParameters(), s.fromClient(oauth.LookupParameters(), s.revoke)),
		ofClients("/{env}/as/device_authorization", oauth.DeviceParameters(), s.fromClient(oauth.DeviceParameters(), s.deviceAuthorization)),
		ofClients("/{env}/as/cibaAuthorization", oauth.CIBAParameters(), s.fromClient(oauth.CIBAParameters(), s.ciba)),
		{Method: "GET", Path: "/{env}/as/userinfo", answers: asOAuth, trust: anyOrigin, handle: s.userinfo},
		{Method: "POST", Path: "/{env}/as/userinfo", Media: form, Limit: limitForm, answers: asOAuth, trust: anyOrigin, handle: s.userinfo},

		{Method: "GET", Path: "/{env}/flows/{flow}", trust: clientOrigin, handle: s.readFlow},
		{Method: "POST", Path: "/{env}/flows/{flow}", Media: []string{"application/vnd.pingidentity.<action>+json"}, Limit: limitFlow, trust: clientOrigin, handle: s.actOnFlow},
		{Method: "GET", Path: "/{env}/device/{path}", answers: asPage, acts: true, handle: s.devicePage},
		{Method: "GET", Path: "/{env}/approve/{approval}", answers: asPage, acts: true, handle: s.approvePage},
		{Method: "GET", Path: "/{env}/signon/{$}", answers: asPage, handle: s.signOnPage},
		{Method: "POST", Path: "/{env}/signon/{$}", Media: form, Limit: limitForm, answers: asPage, handle: s.signOnForm},
		{Method: "GET", Path: "/{env}/signedoff/{$}", answers: asPage, trust: anyOrigin, handle: s.signedOffPage},
	}
	for _, m := range s.api.Routes() {
		r := Route{Method: m.Method, Path: m.Path, Media: m.Media, Area: m.Area, Write: m.Write, Takes: m.Takes, Gives: m.Gives, Many: m.Many, Status: m.Status}
		if len(m.Media) > 0 {
			r.Limit = limitJSON
		}
		r.trust, r.handle = anyOrigin, s.managed(m)
		routes = append(routes, r)
	}
	return routes
}

// ofClients is an endpoint that clients call themselves, by POST with a form.
func ofClients(path string, parameters []string, handle func(http.ResponseWriter, *http.Request) error) Route {
	return Route{Method: "POST", Path: path, Media: []string{mediaForm}, Limit: limitForm, Parameters: slices.Concat(oauth.ClientParameters(), parameters),
		answers: asOAuth, trust: anyOrigin, handle: handle}
}

// unguarded is the first route of the management API that declares no
// permission, or "": such a route must not be served.
func unguarded(routes []Route) string {
	for _, r := range routes {
		if strings.HasPrefix(r.Path, "/v1/") && r.Area == "" {
			return r.Method + " " + r.Path
		}
	}
	return ""
}

// mount makes the mux: one handler a path, which knows the path's methods, so
// that a wrong method gets our own 405 and a preflight its answer.
func (s *Server) mount(routes []Route) {
	s.mux, s.labels = http.NewServeMux(), map[string]string{}
	paths := map[string]map[string]Route{}
	for _, r := range routes {
		if paths[r.Path] == nil {
			paths[r.Path] = map[string]Route{}
			s.labels[r.Path] = cmp.Or(r.main, r.Path)
		}
		paths[r.Path][r.Method] = r
		if r.Method == "GET" && !r.acts {
			paths[r.Path]["HEAD"] = r
		}
	}
	for path, methods := range paths {
		allowed := methodNames(methods)
		s.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { s.dispatch(w, r, methods, allowed) })
	}
}

// dispatch picks the route of the method and checks what every endpoint has
// in common: origin, media type, size.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request, methods map[string]Route, allowed string) {
	if r.Method == http.MethodOptions {
		s.preflight(w, r, methods, allowed)
		return
	}
	route, ok := methods[r.Method]
	if !ok {
		for _, m := range methods {
			route = m // any of them says in which form the path refuses
		}
		w.Header().Set("Allow", allowed)
		s.refuse(w, r, route.answers, fault.WrongMethod.Saying(printable(r.Method), allowed))
		return
	}
	if err := s.admit(w, r, route); err != nil {
		s.refuse(w, r, route.answers, err)
		return
	}
	if err := route.handle(w, r); err != nil {
		s.refuse(w, r, route.answers, err)
	}
}

func methodNames(methods map[string]Route) string {
	names := []string{"OPTIONS"}
	for m := range methods {
		names = append(names, m)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func (s *Server) admit(w http.ResponseWriter, r *http.Request, route Route) error {
	if err := s.checkIDs(r); err != nil {
		return err
	}
	s.allowOrigin(w, r, route.trust)
	return admitBody(w, r, route)
}

// checkIDs refuses path segments that can't be ids before anything is looked up.
func (s *Server) checkIDs(r *http.Request) error {
	for _, name := range s.ids {
		if id := r.PathValue(name); id != "" && !isID(id) {
			return fault.UnknownPath
		}
	}
	return nil
}

func isID(s string) bool {
	if len(s) > 64 {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
	}) < 0
}

// printable keeps a method that somebody invented out of the way of terminals.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return '?'
		}
		return r
	}, s[:min(len(s), 32)])
}
