package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/measure"
	"pixy/internal/oauth"
)

// requestKey is the context's key of the request's correlation id.
type requestKey struct{}

// correlation is the id that the answer and every log line of a request bear.
func correlation(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// ServeHTTP answers a request at the host that it is for.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r, trusted := s.proxies.forwarded(r)
	s.sites.of(r).serve(w, r, trusted)
}

// requestTime is how long a request may wait for the database and for hashes, all
// in all. With what a COMMIT may take then it is less than the time in which
// the answer must be written.
const requestTime = 30 * time.Second

// serve gives the request its correlation id, answers it, and writes one log
// line about it. trusted says that a reverse proxy of ours sent it.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, trusted bool) {
	began := s.now()
	id, pattern := s.vault.NewID(), s.pattern(r)
	ctx, cancel := context.WithTimeout(r.Context(), requestTime)
	defer cancel()
	r, seen := s.arrived(ctx, r, pattern, id, trusted)
	if s.domain != "" {
		r.SetPathValue("env", s.domain)
	}
	s.commonHeaders(w, id)
	rec := &recorder{ResponseWriter: w}
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			s.log.ErrorContext(r.Context(), "a request panicked", "panic", p, "stack", string(debug.Stack()))
			s.refuse(rec, r, asPlatform, fault.Unexpected)
		}
		took := s.now().Sub(began)
		s.log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("method", printable(r.Method)), slog.String("path", brief(r.URL.Path)),
			slog.Int("status", rec.status), slog.Float64("ms", float64(took.Microseconds())/1000), slog.String("remoteIp", remoteIP(r)))
		s.answered(r, seen, rec.status, took)
	}()
	if pattern == "" {
		form := asPlatform
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			form = asPage
		}
		s.refuse(rec, r, form, fault.UnknownPath)
		return
	}
	s.mux.ServeHTTP(rec, r)
}

// pattern is the path in the table of routes that a request is for, or "". A
// path that is not clean is none.
func (s *Server) pattern(r *http.Request) string {
	_, pattern := s.mux.Handler(r)
	if path.Clean(r.URL.Path) != strings.TrimSuffix(r.URL.Path, "/") && r.URL.Path != "/" {
		return ""
	}
	return pattern
}

func (s *Server) commonHeaders(w http.ResponseWriter, id string) {
	h := w.Header()
	h.Set("Correlation-Id", id)
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	if s.stopping.Load() {
		h.Set("Connection", "close") // the next request is for another node
	}
	if s.secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// recorder remembers the status for the log.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func remoteIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// admitBody checks the media type and bounds the body. A body where none is
// expected is not read.
func admitBody(w http.ResponseWriter, r *http.Request, route Route) error {
	if route.Limit == 0 {
		return nil
	}
	if r.ContentLength > route.Limit {
		w.Header().Set("Connection", "close")
		return fault.TooLarge.Saying(route.Limit)
	}
	r.Body = http.MaxBytesReader(w, r.Body, route.Limit)
	media := mediaOf(r)
	plain := slices.Contains(route.Media, mediaJSON) || slices.Contains(route.Media, mediaForm)
	if len(route.Media) == 0 || media == "" && r.ContentLength == 0 && plain || canonical(route.Media, media) != "" {
		return nil
	}
	if slices.ContainsFunc(route.Media, func(m string) bool { return strings.Contains(m, "<") }) && strings.HasPrefix(media, "application/vnd.pingidentity.") {
		return nil // the handler dispatches on it
	}
	return fault.WrongMedia.Saying(strings.Join(route.Media, " or ")).Compared(strings.Join(route.Media, ", "), printable(media))
}

// mediaOf is the media type of the body, in lower case and without parameters.
func mediaOf(r *http.Request) string {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && media == "" {
		return r.Header.Get("Content-Type")
	}
	return media
}

// canonical is a media type as the table writes it, or "": they are compared
// without case (RFC 6838 §4.2).
func canonical(known []string, media string) string {
	i := slices.IndexFunc(known, func(m string) bool { return strings.EqualFold(m, media) })
	if i < 0 {
		return ""
	}
	return known[i]
}

func readBody(r *http.Request) ([]byte, error) {
	var b bytes.Buffer
	if r.ContentLength > 0 { // no more than the route's limit: see admitBody
		b.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err := b.ReadFrom(r.Body)
	raw := b.Bytes()
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, fault.TooLarge.Saying(large.Limit)
	case err != nil:
		return nil, fault.Malformed.Because(err)
	}
	return raw, nil
}

// readJSON reads a body that is one JSON object; an empty one is {}.
func readJSON(r *http.Request) (kind.Body, error) {
	raw, err := readBody(r)
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 {
		return kind.Body{}, nil
	}
	body, err := kind.Decode(raw)
	if err != nil {
		return nil, fault.Malformed.Detailed(fault.Detail{Code: "INVALID_VALUE", Message: "The body must be one JSON object in UTF-8: " + jsonTrouble(err)}).Because(err)
	}
	return body, nil
}

// jsonTrouble says where JSON broke, without repeating what was sent.
func jsonTrouble(err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return "syntax error near byte " + strconv.FormatInt(syntax.Offset, 10)
	}
	return brief(err.Error())
}

// readForm reads the parameters of a form body.
func readForm(r *http.Request) (oauth.Form, error) {
	raw, err := readBody(r)
	if err != nil {
		return nil, err
	}
	return parseForm(string(raw))
}

// readQuery reads the parameters of the query.
func readQuery(r *http.Request) (oauth.Form, error) { return parseForm(r.URL.RawQuery) }

// readParameters reads the parameters that have a value, from the query and, on
// POST, the body; also those of the body alone. One that stands in both was sent
// twice.
func readParameters(r *http.Request) (all, body oauth.Form, err error) {
	if all, err = readQuery(r); err != nil {
		return nil, nil, err
	}
	if r.Method == http.MethodPost {
		if body, err = readForm(r); err != nil {
			return nil, nil, err
		}
	}
	for name, values := range body {
		all[name] = append(all[name], values...)
	}
	return all.Given(), body.Given(), nil
}

func parseForm(text string) (oauth.Form, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, fault.Malformed.Detailed(fault.Detail{Code: "INVALID_VALUE", Message: "The parameters must be form-encoded: name=value&name=value, with % escapes"}).Because(err)
	}
	for name := range values {
		if !utf8.ValidString(name) {
			return nil, fault.Malformed.Detailed(fault.Detail{Code: "INVALID_VALUE", Message: "The name of a parameter is not UTF-8"})
		}
	}
	return oauth.Form(values), nil
}

// writeJSON answers with a JSON body.
func writeJSON(w http.ResponseWriter, status int, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	writeBody(w, status, raw)
	return nil
}

// tagged is a JSON body and its ETag (RFC 9110 §8.8.3).
type tagged struct {
	body []byte
	tag  string
}

func tag(body any) (tagged, error) {
	raw, err := json.Marshal(body)
	sum := sha256.Sum256(raw)
	return tagged{raw, `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`}, err
}

// write answers GET, or with 304 when the caller has the body already. The tag is
// for caching, as far as the Cache-Control allows; nothing is refused for its sake.
func (t tagged) write(w http.ResponseWriter, r *http.Request, cache string) {
	h := w.Header()
	h.Set("ETag", t.tag)
	h.Set("Cache-Control", cache)
	h.Del("Pragma")
	for _, known := range strings.Split(r.Header.Get("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(known), "W/") == t.tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	writeBody(w, http.StatusOK, t.body)
}

// writeBody writes a JSON body. Its length is told, so that it is sent as it is.
func writeBody(w http.ResponseWriter, status int, raw []byte) {
	h := w.Header()
	h.Set("Content-Type", mediaJSON)
	h.Set("Content-Length", strconv.Itoa(len(raw)))
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the client is gone; nobody is left to tell
}

// brief keeps what somebody sent from filling the log.
func brief(s string) string { return strings.ToValidUTF8(s[:min(len(s), 500)], "?") }

// maxSent bounds what a log line says of what came, in bytes.
const maxSent = 64

// sent is what came, for the log: no query, and not as much as a secret that was
// put into the wrong parameter.
func sent(came string) string {
	came, _, cut := strings.Cut(brief(came), "?")
	if cut || len(came) > maxSent {
		came = came[:min(len(came), maxSent)] + "..."
	}
	return strings.ToValidUTF8(came, "?")
}

// logRefusal writes what was refused and why: the rule, its section, what it
// expected and what came.
func (s *Server) logRefusal(r *http.Request, f *fault.Fault) {
	level := slog.LevelInfo
	if f.Status >= 500 && !left(f.Cause) {
		level = slog.LevelError
	}
	if !left(f.Cause) {
		s.metrics.Refused(f.Rule)
	}
	measure.Mark(r.Context(), "refused", f.Rule)
	attrs := []slog.Attr{slog.String("rule", f.Rule), slog.String("section", f.Section),
		slog.Int("status", f.Status), slog.String("code", f.Code)}
	if f.Expected != "" || f.Came != "" {
		attrs = append(attrs, slog.String("expected", brief(f.Expected)), slog.String("came", sent(f.Came)))
	}
	for _, d := range f.Details {
		attrs = append(attrs, slog.String("detail", d.Target+": "+d.Code))
	}
	if f.Cause != nil {
		attrs = append(attrs, slog.String("cause", brief(f.Cause.Error())))
	}
	s.log.LogAttrs(r.Context(), level, "refused", attrs...)
}
