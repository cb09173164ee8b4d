package platform

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pixy/internal/kind"
)

// facts are what a mapping is evaluated on.
func facts(t testing.TB) kind.Body {
	t.Helper()
	body, err := kind.Decode([]byte(`{"user":{"id":"u","name":{"given":"Joe","family":"O'Neil"},"enabled":true,"off":false,"empty":"","age":7,"big":12345678901234567890,"tags":["a","b"],"nothing":null,
		"_a1":"under"},"secret":{"x":"y"}}`))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestExpressionValue(t *testing.T) {
	cases := []struct {
		text string
		want any
	}{
		// A text is itself.
		{"", nil},
		{"plain", "plain"},
		{" plain ", " plain "},
		{"a $ b } c { d $x", "a $ b } c { d $x"},
		{"user.id", "user.id"},
		{"100$", "100$"},
		// A member is itself, of whatever type.
		{"${user.id}", "u"},
		{"${ user.id }", "u"},
		{"${\tuser.id\n}", "u"},
		{"${user.name.given}", "Joe"},
		{"${user?.name?.given}", "Joe"},
		{"${user.enabled}", true},
		{"${user.off}", false},
		{"${user.age}", json.Number("7")},
		{"${user.big}", json.Number("12345678901234567890")},
		{"${user.tags}", []any{"a", "b"}},
		{"${user.name}", kind.Body{"given": "Joe", "family": "O'Neil"}},
		{"${user.empty}", ""},
		{"${user._a1}", "under"},
		// What is not there is nil.
		{"${user.nothing}", nil},
		{"${user.missing}", nil},
		{"${user.missing.deeper}", nil},
		{"${user.id.deeper}", nil},
		{"${user.tags.0}", nil},
		// Joined parts are a text.
		{"${user.name.given + ' ' + user.name.family}", "Joe O'Neil"},
		{"${user.name.given+' '+user.name.family}", "Joe O'Neil"},
		{"${user.name.given + ', ' + user.name.family}", "Joe, O'Neil"},
		{"${user.name.given}${user.name.family}", "JoeO'Neil"},
		{"Hello ${user.name.given}!", "Hello Joe!"},
		{"${'Hello ' + user.name.given}!", "Hello Joe!"},
		{"${user.id + user.age + user.enabled}", "u7true"},
		{"${'' + user.enabled}", "true"},
		{"${'' + user.big}", "12345678901234567890"},
		{"${'plain'}", "plain"},
		{"${'a}b' + '${' + 'c'}", "a}b${c"},
		{"${'+'}", "+"},
		{"${'a' + user.missing + 'b' + user.nothing}", "ab"},
		{"${user.missing + user.empty}", nil},
		{"${''}", nil},
	}
	for _, c := range cases {
		e, err := ParseExpression(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		given := facts(t)
		if got := e.Value(given); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s is %#v, not %#v", c.text, got, c.want)
		}
		if !reflect.DeepEqual(given, facts(t)) {
			t.Errorf("%s changed the facts", c.text)
		}
		if got := e.Value(nil); got != nil && strings.Contains(c.text, "${user") && !strings.Contains(c.text, "'") && !strings.Contains(c.text, "Hello") {
			t.Errorf("%s of nothing is %#v", c.text, got)
		}
	}
}

// What Pixy does not evaluate is refused when it is written, never put into a
// token as something else.
func TestExpressionRefuses(t *testing.T) {
	const path = "' can't be evaluated; it must be a path such as user.name.given, or a text in single quotes"
	cases := []struct{ text, says string }{
		{"${", "'${' has no '}'"},
		{"a ${user.id", "'${' has no '}'"},
		{"${user.id} ${", "'${' has no '}'"},
		{"${'a}", "'${' has no '}'"},
		{"${'a'b'}", "'${' has no '}'"},
		{"${}", "''"},
		{"${ }", "''"},
		{"${+}", "''"},
		{"${user.id +}", "''"},
		{"${+ user.id}", "''"},
		{"${user.id + + user.id}", "''"},
		{"${user}", "'user" + path},
		{"${id}", "'id" + path},
		{"${appConfig.clientId}", "'appConfig.clientId" + path},
		{"${secret.x}", "'secret" + ".x" + path},
		{"${User.id}", "'User.id" + path},
		{"${user.}", "'user." + path},
		{"${.user}", "'.user" + path},
		{"${user..id}", "'user..id" + path},
		{"${user?.?.id}", "'user..id" + path},
		{"${user.id?}", "'user.id?" + path},
		{"${user.na-me}", "'user.na-me" + path},
		{"${user.n\u00e4me}", "'user.n\u00e4me" + path},
		{"${user['id']}", "'user['id']" + path},
		{"${user.tags[0]}", "'user.tags[0]" + path},
		{"${user.name.given.toUpperCase()}", "'user.name.given.toUpperCase()" + path},
		{"${#string.toUpperCase(user.name.given)}", path},
		{"${T(java.lang.Runtime).getRuntime().exec('id')}", path},
		{"${user.id == 'u' ? 'a' : 'b'}", path},
		{"${user.id ?: 'none'}", path},
		{"${!user.enabled}", path},
		{"${user.age - 1}", path},
		{"${7}", "'7" + path},
		{`${"text"}`, `'"text"` + path},
		{"${user.id user.id}", path},
		{"${user.id 'x'}", path},
		{"${'x' user.id}", "only '+' joins the parts of an expression"},
		{"${'it''s'}", "only '+' joins the parts of an expression"},
		{"${'x' - 'y'}", "only '+' joins the parts of an expression"},
		{"${${user.id}}", path},
		{strings.Repeat("${user.id}", 51), "it has more than 50 parts"},
		{"${" + strings.Repeat("'a'+", 50) + "'a'}", "it has more than 50 parts"},
		{"a" + strings.Repeat("${user.id}", 50), "it has more than 50 parts"},
	}
	for _, c := range cases {
		e, err := ParseExpression(c.text)
		if err == nil || e != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.80s: %v, %v; should say %q", c.text, e, err, c.says)
		}
		if wrong := wrongExpression(c.text); !strings.HasPrefix(wrong, "must be a text or an expression such as ${user.name.given + ' ' + user.name.family}: ") || !strings.Contains(wrong, c.says) {
			t.Errorf("%.80s: %q", c.text, wrong)
		}
	}
	if e, err := ParseExpression(strings.Repeat("${user.id}", 50)); err != nil || len(e) != 50 {
		t.Errorf("fifty parts are allowed: %v", err)
	}
}

// FuzzExpression: an expression is read quickly and never panics, what is read
// has as many parts as it may, and its value is a member or a text.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{"", "${user.id}", "${user.name.given + ', ' + user.name.family}", "a${'}'}b", "${'", "${+", "$${{}}", "${user?.id}${'x'+user.a}", "${\x00}", "${'\xff'}", strings.Repeat("${'a'+", 100), strings.Repeat("${", 1000),
		strings.Repeat("'", 1001), "${user." + strings.Repeat("a.", 1000) + "a}"} {
		f.Add(s)
	}
	given := facts(f)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2048 {
			return // the field's bound
		}
		began := time.Now()
		e, err := ParseExpression(text)
		if err != nil {
			if e != nil || !strings.Contains(wrongExpression(text), err.Error()) {
				t.Errorf("%q is refused and read: %v", text, e)
			}
			return
		}
		v := e.Value(given)
		if took := time.Since(began); took > time.Second {
			t.Errorf("%d bytes took %v", len(text), took)
		}
		if len(e) > maxTerms {
			t.Errorf("%q has %d parts", text, len(e))
		}
		if !strings.Contains(text, "${") && v != any(text) && text != "" {
			t.Errorf("%q is %#v", text, v)
		}
		if s, isText := v.(string); isText && len(e) > 1 && utf8.ValidString(text) && !utf8.ValidString(s) {
			t.Errorf("%q is %q", text, s)
		}
		if !reflect.DeepEqual(v, e.Value(given)) {
			t.Errorf("%q is not the same twice", text)
		}
		for _, part := range e {
			if part.text != "" && part.path != "" || part.path != "" && !expressionPath(part.path) {
				t.Errorf("%q has the part %+v", text, part)
			}
		}
	})
}
