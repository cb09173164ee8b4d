package manage

import (
	"net/http"
	"slices"
	"strings"

	"pixy/internal/kind"
	"pixy/internal/platform"
)

// Route is one endpoint of the management API: where it is, what a role must
// permit, what it takes and what it gives.
type Route struct {
	Method string
	Path   string
	// Media are the media types of a body that the endpoint takes, none when
	// it takes no body.
	Media []string
	Area  string // what a role must permit
	Write bool
	Takes []kind.Field // members of the body, when it is a table of fields
	Gives []kind.Field // members of the answer
	Many  string       // not "": the answer is a page, and this is its key in _embedded
	// Status is that of success.
	Status int

	handle handler
}

// mediaJSON is the media type of bodies.
const mediaJSON = "application/json"

// Routes is every endpoint. The collections come from the table of kinds.
func (a *API) Routes() []Route {
	var out []Route
	for _, k := range a.kinds {
		for _, under := range k.Table().Parents {
			out = append(out, a.kindRoutes(k, under)...)
		}
	}
	return append(out, a.others()...)
}

// others are the endpoints that are not a kind's.
func (a *API) others() []Route {
	const environment = "/v1/environments/{environment}"
	const application, resource, user = environment + "/applications/{application}", environment + "/resources/{resource}", environment + "/users/{user}"
	json := []string{mediaJSON}
	secret := []kind.Field{{Name: "secret", Type: kind.Text}, previousField()}
	rows := []Route{
		{Method: "GET", Path: application + "/secret", Area: "secrets", Write: true, Gives: secret, handle: a.secret("application", "secret", a.readSecret)},
		{Method: "POST", Path: application + "/secret", Media: json, Area: "secrets", Write: true, Takes: []kind.Field{previousField()}, Gives: secret, handle: a.secret("application", "secret", a.rotateSecret)},
		{Method: "DELETE", Path: application + "/secret", Area: "secrets", Write: true, Status: http.StatusNoContent, handle: a.secret("application", "secret", a.endPreviousSecret)},
		{Method: "GET", Path: resource + "/secret", Area: "resources", Write: true, Gives: secret, handle: a.secret("resource", "resourceSecret", a.readSecret)},
		{Method: "POST", Path: resource + "/secret", Media: json, Area: "resources", Write: true, Takes: []kind.Field{previousField()}, Gives: secret, handle: a.secret("resource", "resourceSecret", a.rotateSecret)},
		{Method: "DELETE", Path: resource + "/secret", Area: "resources", Write: true, Status: http.StatusNoContent, handle: a.secret("resource", "resourceSecret", a.endPreviousSecret)},

		{Method: "POST", Path: user, Media: []string{mediaLock, mediaUnlock}, Area: "passwords", Write: true, Takes: accountFields(), Gives: platform.UserFields(), handle: a.lockAccount},
		{Method: "GET", Path: user + "/password", Area: "passwords", Gives: passwordFields(), handle: a.readPassword},
		{Method: "POST", Path: user + "/password", Media: []string{mediaCheck, mediaUnlockPassword, mediaSendRecovery, mediaRecover}, Area: "passwords", Write: true, Takes: []kind.Field{secretField("password")}, Gives: passwordFields(), handle: again(a.postPassword)},
		{Method: "PUT", Path: user + "/password", Media: []string{mediaSet, mediaReset}, Area: "passwords", Write: true, Takes: []kind.Field{secretField("value"), secretField("newPassword"), secretField("currentPassword"), {Name: "forceChange", Type: kind.Boolean}}, Gives: passwordFields(), handle: again(a.changePassword)},
		{Method: "GET", Path: user + "/sessions", Area: "sessions", Gives: sessionFields(), Many: "sessions", handle: a.listSessions},
		{Method: "GET", Path: user + "/sessions/{session}", Area: "sessions", Gives: sessionFields(), handle: a.readSession},
		{Method: "DELETE", Path: user + "/sessions/{session}", Area: "sessions", Write: true, Status: http.StatusNoContent, handle: a.endSession},

		{Method: "GET", Path: environment + "/activities", Area: "audit", Gives: activityFields(), Many: "activities", handle: a.listActivities},
		{Method: "POST", Path: environment + "/activities", Media: json, Area: "audit", Takes: activityQuery(), Gives: activityFields(), Many: "activities", handle: a.listActivities},
		{Method: "GET", Path: environment + "/activities/{activity}", Area: "audit", Gives: activityFields(), handle: a.readActivity},
		{Method: "GET", Path: environment + "/userActivities", Area: "audit", Gives: activityFields(), Many: "userActivities", handle: a.listUserActivities},
		{Method: "GET", Path: environment + "/totalIdentities", Area: "audit", Gives: totalFields(), Many: "totalIdentities", handle: a.totalIdentities},
		{Method: "GET", Path: environment + "/activeIdentityCounts", Area: "audit", Gives: totalFields(), Many: "activeIdentityCounts", handle: a.activeIdentities},
		{Method: "GET", Path: environment + "/keys/{key}/applications", Area: "keys", Gives: platform.ApplicationFields(), Many: "applications", handle: a.keyApplications},
		{Method: "GET", Path: environment + "/resources/{resource}/applicationPermissions", Area: "resources", Gives: []kind.Field{{Name: "action", Type: kind.Text}}, Many: "permissions", handle: a.noPermissions},
	}
	for i := range rows {
		if rows[i].Status == 0 {
			rows[i].Status = http.StatusOK
		}
	}
	return rows
}

// kindRoutes are the endpoints of a kind's collection under a parent, and of
// its elements.
func (a *API) kindRoutes(k kind.Kind, under string) []Route {
	spec := k.Table()
	collection := a.collection(spec, under)
	element := collection + "/{" + a.idName(spec, under) + "}"
	if spec.Single {
		element = collection
	}
	var out []Route
	for _, m := range spec.Methods {
		r := Route{Method: m, Path: element, Area: spec.Area, Gives: spec.Every(), Status: http.StatusOK}
		r.Write = m != "LIST" && m != "GET"
		if r.Write && m != "DELETE" {
			r.Media, r.Takes = []string{mediaJSON}, spec.Every()
		}
		switch m {
		case "LIST":
			r.Method, r.Path, r.Many, r.handle = "GET", collection, listKey(spec), a.list(k, under)
		case "GET":
			r.handle = a.read(k, under)
		case "POST":
			r.Path, r.Status, r.Media, r.handle = collection, http.StatusCreated, append(r.Media, spec.Media...), a.create(k, under)
			if spec.Birth != "" {
				r.Area = spec.Birth
			}
		case "PUT", "PATCH":
			r.handle = a.change(k, under)
		case "DELETE":
			r.Gives, r.Status, r.handle = nil, http.StatusNoContent, a.remove(k, under)
			if spec.Birth != "" {
				r.Area = spec.Birth
			}
		}
		out = append(out, r)
	}
	for _, part := range spec.Parts {
		out = append(out, a.partRoutes(k, under, part, element+"/"+part.Path)...)
	}
	return out
}

// partRoutes are the endpoints of a piece of a document.
func (a *API) partRoutes(k kind.Kind, under string, part kind.Part, path string) []Route {
	area := k.Table().Area
	if part.Area != "" {
		area = part.Area
	}
	put := Route{Method: "PUT", Path: path, Media: []string{mediaJSON}, Area: area, Write: true, Takes: part.Fields, Gives: part.Fields, Status: http.StatusOK, handle: a.writePart(k, under, part)}
	if part.Whole {
		put.Gives = k.Table().Every()
		return []Route{put}
	}
	return []Route{{Method: "GET", Path: path, Area: area, Gives: part.Fields, Status: http.StatusOK, handle: a.readPart(k, under, part)}, put}
}

// collection is where a kind is served: under its parent, which is under its
// own.
func (a *API) collection(spec *kind.Spec, under string) string {
	if under == "" {
		return "/v1/" + spec.Plural
	}
	parent := a.byName[under].Table()
	return a.collection(parent, parent.Parents[0]) + "/{" + parent.Name + "}/" + spec.Plural
}

// idName is the name of an element's id in the path.
func (a *API) idName(spec *kind.Spec, under string) string {
	if spec.By == under && spec.By != "" {
		return nestedName(spec.By)
	}
	if spec.By != "" {
		return spec.By
	}
	return spec.Name
}

func listKey(spec *kind.Spec) string {
	if spec.Key != "" {
		return spec.Key
	}
	return spec.Plural
}

// Names are the names that ids may have in a path.
func Names(routes []Route) []string {
	var out []string
	for _, r := range routes {
		for _, segment := range strings.Split(r.Path, "/") {
			if len(segment) > 2 && segment[0] == '{' && !slices.Contains(out, segment[1:len(segment)-1]) {
				out = append(out, segment[1:len(segment)-1])
			}
		}
	}
	return out
}
