package describe

import (
	"slices"

	"pixy/internal/server"
)

// gap is something that an operation of PingOne has and Pixy's does not. Media
// "" is all of the operation's media types; a Method of "" is all methods of
// the path.
type gap struct{ Method, Path, Media, Missing string }

// gaps is what is missing from operations that are served. A test refuses one
// whose operation is not served.
var gaps = []gap{}

func (g gap) of(w wanted) bool {
	return (g.Method == "" || g.Method == w.Method) && anonymous(g.Path) == anonymous(w.Path)
}

// missingOf says what an operation with a media type lacks, or "".
func missingOf(w wanted, media string) string {
	for _, g := range gaps {
		if g.of(w) && (g.Media == "" || g.Media == media) {
			return g.Missing
		}
	}
	return ""
}

// Stale are the gaps that no served operation has.
func Stale(routes []server.Route) []string {
	served := map[string]bool{}
	for _, r := range routes {
		served[r.Method+" "+anonymous(r.Path)] = true
	}
	var out []string
	for _, g := range gaps {
		if !slices.ContainsFunc(wantedOperations(), func(w wanted) bool { return g.of(w) && served[w.key()] }) {
			out = append(out, g.Method+" "+g.Path+": "+g.Missing)
		}
	}
	return out
}
