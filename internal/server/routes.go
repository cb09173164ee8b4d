package server

import (
	"net/http"
	"slices"
	"strings"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

// answers says in which form an endpoint refuses.
type answers int

const (
	asPlatform answers = iota // PingOne's error model
	asOAuth                   // RFC 6749 §5.2
	asPage                    // a page for the person's browser
)

// trust says which web origins may call an endpoint (see cors.go).
type trust int

const (
	anyOrigin    trust = iota // what is called without the session cookie
	clientOrigin              // what is called with it: origins of the application only
	noOrigin                  // pages
)

// Route is one endpoint: where it is, how it is guarded, what it takes.
type Route struct {
	Method string
	Path   string
	// Media are the media types of a body that the endpoint takes, none when
	// it takes no body.
	Media []string
	Limit int64 // of the body, in bytes

	answers answers
	trust   trust
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
	form, json := []string{mediaForm}, []string{mediaJSON}
	routes := []Route{
		{Method: "GET", Path: "/{$}", answers: asPage, trust: noOrigin, handle: s.welcome},
		{Method: "GET", Path: "/healthz", handle: s.healthz},
		{Method: "GET", Path: "/readyz", handle: s.readyz},
		{Method: "GET", Path: "/assets/{name}", answers: asPage, trust: noOrigin, handle: s.asset},

		{Method: "GET", Path: "/{env}/as/.well-known/openid-configuration", handle: s.discovery},
		{Method: "GET", Path: "/.well-known/oauth-authorization-server/{env}/as", handle: s.discovery},
		{Method: "GET", Path: "/{env}/as/jwks", handle: s.jwks},
		{Method: "GET", Path: "/{env}/as/authorize", answers: asPage, trust: clientOrigin, handle: s.authorize},
		{Method: "POST", Path: "/{env}/as/authorize", Media: form, Limit: limitForm, answers: asPage, trust: clientOrigin, handle: s.authorize},
		{Method: "GET", Path: "/{env}/as/resume", answers: asPage, trust: clientOrigin, handle: s.resume},
		{Method: "POST", Path: "/{env}/as/resume", Media: form, Limit: limitForm, answers: asPage, trust: clientOrigin, handle: s.resume},
		{Method: "POST", Path: "/{env}/as/token", Media: form, Limit: limitForm, answers: asOAuth, handle: s.token},
		{Method: "GET", Path: "/{env}/as/userinfo", answers: asOAuth, handle: s.userinfo},
		{Method: "POST", Path: "/{env}/as/userinfo", Media: form, Limit: limitForm, answers: asOAuth, handle: s.userinfo},

		{Method: "GET", Path: "/{env}/flows/{flow}", trust: clientOrigin, handle: s.readFlow},
		{Method: "POST", Path: "/{env}/flows/{flow}", Media: []string{"application/vnd.pingidentity.<action>+json"}, Limit: limitFlow, trust: clientOrigin, handle: s.actOnFlow},
		{Method: "GET", Path: "/{env}/signon/{$}", answers: asPage, trust: noOrigin, handle: s.signOnPage},
		{Method: "POST", Path: "/{env}/signon/{$}", Media: form, Limit: limitForm, answers: asPage, trust: noOrigin, handle: s.signOnForm},

		{Method: "GET", Path: "/v1/environments/{environment}/applications/{application}/secret", handle: s.guarded(secretAccess, s.readSecret)},
		{Method: "POST", Path: "/v1/environments/{environment}/applications/{application}/secret", Media: json, Limit: limitJSON, handle: s.guarded(secretAccess, s.rotateSecret)},
		{Method: "GET", Path: "/v1/environments/{environment}/users/{user}/password", handle: s.guarded(passwordAccess, s.readPassword)},
		{Method: "POST", Path: "/v1/environments/{environment}/users/{user}/password", Media: []string{mediaCheck}, Limit: limitJSON, handle: s.guarded(passwordAccess, s.checkPassword)},
		{Method: "PUT", Path: "/v1/environments/{environment}/users/{user}/password", Media: []string{mediaSet, mediaReset}, Limit: limitJSON, handle: s.guarded(passwordAccess, s.changePassword)},
	}
	for _, k := range s.kinds {
		routes = append(routes, s.kindRoutes(k)...)
	}
	return routes
}

// kindRoutes are the endpoints of a kind's collection and of its elements.
func (s *Server) kindRoutes(k kind.Kind) []Route {
	spec := k.Table()
	collection := s.collectionPath(spec)
	element := collection + "/{" + spec.Name + "}"
	var out []Route
	for _, m := range spec.Methods {
		r := Route{Method: m, Path: element}
		write := m != "LIST" && m != "GET"
		switch m {
		case "LIST":
			r.Method, r.Path, r.handle = "GET", collection, s.list(k)
		case "GET":
			r.handle = s.read(k)
		case "POST":
			r.Path, r.Media, r.Limit, r.handle = collection, append([]string{mediaJSON}, spec.Media...), limitJSON, s.create(k)
		case "PUT", "PATCH":
			r.Media, r.Limit, r.handle = []string{mediaJSON}, limitJSON, s.change(k)
		case "DELETE":
			r.handle = s.remove(k)
		}
		r.handle = s.guarded(access{area: spec.Area, write: write}, r.handle)
		out = append(out, r)
	}
	return out
}

// collectionPath is where a kind is served: under its parent, which is under
// its own.
func (s *Server) collectionPath(spec *kind.Spec) string {
	if spec.Parent == "" {
		return "/v1/" + spec.Plural
	}
	parent := s.kinds[spec.Parent].Table()
	return s.collectionPath(parent) + "/{" + parent.Name + "}/" + spec.Plural
}

// mount makes the mux: one handler a path, which knows the path's methods, so
// that a wrong method gets our own 405 and a preflight its answer.
func (s *Server) mount(routes []Route) *http.ServeMux {
	paths := map[string]map[string]Route{}
	for _, r := range routes {
		if paths[r.Path] == nil {
			paths[r.Path] = map[string]Route{}
		}
		paths[r.Path][r.Method] = r
		if r.Method == "GET" {
			paths[r.Path]["HEAD"] = r
		}
	}
	mux := http.NewServeMux()
	for path, methods := range paths {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { s.dispatch(w, r, methods) })
	}
	return mux
}

// dispatch picks the route of the method and checks what every endpoint has
// in common: origin, media type, size.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request, methods map[string]Route) {
	allowed := methodNames(methods)
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
	names := []string{"env", "flow"}
	for name := range s.kinds {
		names = append(names, name)
	}
	for _, name := range names {
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
