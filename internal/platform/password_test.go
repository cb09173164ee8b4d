package platform

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// standard is the policy a new environment is born with.
func standard(t testing.TB) PasswordPolicy {
	t.Helper()
	raw, err := json.Marshal(standardPolicy())
	if err != nil {
		t.Fatal(err)
	}
	return readPolicy(t, raw)
}

func readPolicy(t testing.TB, raw []byte) PasswordPolicy {
	t.Helper()
	p, err := kind.Read[PasswordPolicy]("passwordPolicy", raw)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The answer that Ping's own SDK keeps as a fixture: a password that breaks
// seven rules of the policy Standard. The sentences, with two spaces after a
// full stop and the character set reversed, are literal.
const pingsFixture = `{
  "minCharacters": "The provided password did not contain enough characters from the character set 'ZYXWVUTSRQPONMLKJIHGFEDCBA'.  The minimum number of characters from that set that must be present in user passwords is 1",
  "unsatisfiedRequirements": ["minCharacters","minCharacters","minCharacters","excludesCommonlyUsed","length","maxRepeatedCharacters","minUniqueCharacters"],
  "minUniqueCharacters": "The provided password does not contain enough unique characters.  The minimum number of unique characters that may appear in a user password is 5",
  "length": "The provided password is shorter than the minimum required length of 8 characters",
  "excludesCommonlyUsed": "The provided password (or a variant of that password) was found in a list of prohibited passwords",
  "maxRepeatedCharacters": "The provided password is not acceptable because it contains a character repeated more than 2 times in a row"}`

func refusalOf(t *testing.T, target string, unmet []Unmet) fault.Detail {
	t.Helper()
	var f *fault.Fault
	if err := Refuse(target, unmet); !errors.As(err, &f) || !errors.Is(err, fault.Invalid) || len(f.Details) != 1 {
		t.Fatalf("refused with %v", err)
	}
	return f.Details[0]
}

func TestUnmetInPingsOrder(t *testing.T) {
	for _, password := range []string{"1111", "aaaa"} {
		d := refusalOf(t, "password", standard(t).Unmet(Candidate{Password: password}))
		var want map[string]any
		if err := json.Unmarshal([]byte(pingsFixture), &want); err != nil {
			t.Fatal(err)
		}
		if d.Code != "INVALID_VALUE" || d.Target != "password" || d.Message != "User password did not satisfy password policy requirements" {
			t.Errorf("%s: %+v", password, d)
		}
		raw, _ := json.Marshal(d.Inner)
		var got map[string]any
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		for key, sentence := range want {
			if key != "minCharacters" && !reflect.DeepEqual(got[key], sentence) {
				t.Errorf("%s, %s:\n%v\nnot\n%v", password, key, got[key], sentence)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: the members are %v", password, got)
		}
	}
}

// Of the three sentences about minCharacters the fixture shows one: that of the
// upper-case letters, the first of them.
func TestRefusalShowsTheFirstMissingCharacters(t *testing.T) {
	d := refusalOf(t, "password", standard(t).Unmet(Candidate{Password: "1111"}))
	if got := fmt.Sprint(d.Inner["minCharacters"]); !strings.Contains(got, "'ZYXWVUTSRQPONMLKJIHGFEDCBA'") {
		t.Errorf("the refusal of 1111 says: %s", got)
	}
}

func TestUnmetRuleByRule(t *testing.T) {
	const good = "Tr0ub4dor&3x"
	joe := User{Username: "joeblow", Email: "mailbox@example.com", Name: UserName{Given: "Josephine", Family: "Öztürk"}, Nickname: "joe"}
	cases := []struct {
		name   string
		change func(*PasswordPolicy)
		c      Candidate
		rules  string
		says   string
	}{
		{"good", nil, Candidate{Password: good, User: joe, Current: "entirely different"}, "", ""},
		{"no upper case", nil, Candidate{Password: "tr0ub4dor&3x"}, "minCharacters", "'ZYXWVUTSRQPONMLKJIHGFEDCBA'.  The minimum number of characters from that set that must be present in user passwords is 1"},
		{"no lower case", nil, Candidate{Password: "TR0UB4DOR&3X"}, "minCharacters", "'zyxwvutsrqponmlkjihgfedcba'"},
		{"no digit", nil, Candidate{Password: "Troubador&xy"}, "minCharacters", "'9876543210'"},
		{"no symbol", nil, Candidate{Password: "Tr0ub4dor3xy"}, "minCharacters", `'?/><.,:;|}{][+=_-)(*&^%$#@!~'`},
		{"letters and digits of other scripts are not counted", nil, Candidate{Password: "Äöü٣٤٥&Ñéßøa"}, "minCharacters minCharacters", "ZYX"},
		{"two upper-case letters", func(p *PasswordPolicy) { p.MinCharacters[upperCase] = 2 }, Candidate{Password: good}, "minCharacters", "user passwords is 2"},
		{"no character rule", func(p *PasswordPolicy) { p.MinCharacters = nil }, Candidate{Password: "troubadorxyz"}, "", ""},
		{"commonly used, in any case", func(p *PasswordPolicy) { *p = PasswordPolicy{ExcludesCommonlyUsed: true} }, Candidate{Password: "PassWord"}, "excludesCommonlyUsed", "prohibited passwords"},
		{"commonly used but allowed", func(p *PasswordPolicy) { *p = PasswordPolicy{} }, Candidate{Password: "password"}, "", ""},
		{"short", nil, Candidate{Password: "Tr0ub4&"}, "length", "shorter than the minimum required length of 8 characters"},
		{"length is in characters", nil, Candidate{Password: "Tr0&éééøøñ"[:len("Tr0&ééé")]}, "length maxRepeatedCharacters", "shorter"},
		{"as short as allowed", nil, Candidate{Password: "Tr0ub4&x"}, "", ""},
		{"long", func(p *PasswordPolicy) { p.Length.Max = 11 }, Candidate{Password: good}, "length", "longer than the maximum allowed length of 11 characters"},
		{"as long as allowed", func(p *PasswordPolicy) { p.Length.Max = 12 }, Candidate{Password: good}, "", ""},
		{"no longest", func(p *PasswordPolicy) { p.Length.Max = 0 }, Candidate{Password: good + strings.Repeat("ab", 500)}, "", ""},
		{"three in a row", nil, Candidate{Password: "Tr0ub444dor&"}, "maxRepeatedCharacters", "repeated more than 2 times in a row"},
		{"two in a row", nil, Candidate{Password: "Tr0ub44dor&44"}, "", ""},
		{"three in a row at the end", nil, Candidate{Password: "Tr0ub4dor&&&"}, "maxRepeatedCharacters", ""},
		{"four different characters", nil, Candidate{Password: "A1a&A1a&A1a&"}, "minUniqueCharacters", "is 5"},
		{"the username in it", nil, Candidate{Password: "xJoeBlow1&yz", User: joe}, "excludesProfileData", ""},
		{"the mailbox in it", nil, Candidate{Password: "MAILbox&1xyz", User: joe}, "excludesProfileData", ""},
		{"the family name in it, differently composed", nil, Candidate{Password: "O\u0308ZTU\u0308RK&1abc", User: joe}, "excludesProfileData", ""},
		{"a short nickname is no data", nil, Candidate{Password: "Xjoe&1tu9z2w", User: joe}, "", ""},
		{"the domain is no data", nil, Candidate{Password: "Example.com&1", User: joe}, "", ""},
		{"profile data allowed", func(p *PasswordPolicy) { p.ExcludesProfileData = false }, Candidate{Password: "xJoeBlow1&yz", User: joe}, "", ""},
		{"one character changed", nil, Candidate{Password: good, Current: "Tr0ub4dor&3y"}, "notSimilarToCurrent", ""},
		{"the same", nil, Candidate{Password: good, Current: good}, "notSimilarToCurrent", ""},
		{"four of twelve changed", nil, Candidate{Password: good, Current: "Tr0ub4dozzzz"}, "", ""},
		{"three of twelve changed", nil, Candidate{Password: good, Current: "Tr0ub4dorzzz"}, "notSimilarToCurrent", ""},
		{"one put in front", nil, Candidate{Password: good, Current: "!" + good}, "notSimilarToCurrent", ""},
		{"similar but allowed", func(p *PasswordPolicy) { p.NotSimilarToCurrent = false }, Candidate{Password: good, Current: good}, "", ""},
		{"used before", nil, Candidate{Password: good, Reused: true}, "history", "it was used before"},
		{"used before, no history", func(p *PasswordPolicy) { p.History.Count = 0 }, Candidate{Password: good, Reused: true}, "", ""},
		{"empty", nil, Candidate{}, "minCharacters minCharacters minCharacters minCharacters length minUniqueCharacters", ""},
	}
	for _, c := range cases {
		p := standard(t)
		if c.change != nil {
			c.change(&p)
		}
		var rules, says []string
		for _, u := range p.Unmet(c.c) {
			rules, says = append(rules, u.Rule), append(says, u.Message)
		}
		if strings.Join(rules, " ") != c.rules || !strings.Contains(strings.Join(says, "\n"), c.says) {
			t.Errorf("%s: %v %q", c.name, rules, says)
		}
	}
}

// Every rule has its words for a page.
func TestWords(t *testing.T) {
	p := standard(t)
	want := []string{"At least 8 characters", "At least 1 upper-case letter", "At least 1 lower-case letter", "At least 1 digit", "At least 1 symbol",
		"At least 5 different characters", "No character more than 2 times in a row", "None of your last 6 passwords"}
	if got := p.Words(); !slices.Equal(got, want) {
		t.Errorf("the policy says %q", got)
	}
	if got := (PasswordPolicy{}).Words(); !slices.Equal(got, []string{"At least 0 characters"}) {
		t.Errorf("an empty policy says %q", got)
	}
	seen := map[string]bool{}
	for _, rule := range []string{"minCharacters", "excludesCommonlyUsed", "length", "maxRepeatedCharacters", "minUniqueCharacters", "excludesProfileData", "alphabetSequenceRule", "minComplexity", "notSimilarToCurrent", "history"} {
		if seen[InWords(rule)] {
			t.Errorf("%s has the words of another rule", rule)
		}
		seen[InWords(rule)] = true
	}
	if d := refusalOf(t, "newPassword", []Unmet{{"history", "x"}}); d.Target != "newPassword" || d.Message != "New password did not satisfy password policy requirements" {
		t.Errorf("the owner is told %+v", d)
	}
}

func TestFailedAndLocked(t *testing.T) {
	p := standard(t) // five failures, 900 seconds
	c := Credential{Hash: "h"}
	for n := 1; n <= 5; n++ {
		if c = c.Failed(p, noon); c.Failures != n || c.Locked(noon) != (n == 5) {
			t.Fatalf("failure %d: %+v", n, c)
		}
	}
	for after, want := range map[time.Duration]int{0: 900, time.Second: 899, 1500 * time.Millisecond: 899, 899*time.Second + 999*time.Millisecond: 1} {
		if now := noon.Add(after); !c.Locked(now) || c.SecondsUntilUnlock(now) != want || c.Status(p, now) != "PASSWORD_LOCKED_OUT" {
			t.Errorf("after %v: %v, %d seconds", after, c.Locked(now), c.SecondsUntilUnlock(now))
		}
	}
	over := noon.Add(900 * time.Second)
	if c.Locked(over) {
		t.Error("the lockout ends with its last second")
	}
	if again := c.Failed(p, over); again.Failures != 1 || again.Locked(over) || !again.UnlockAt.IsZero() {
		t.Errorf("after the lockout the count begins anew: %+v", again)
	}
	if on := c.SignedOn(over, "::1"); on.Failures != 0 || !on.UnlockAt.IsZero() || on.LastSignOn.RemoteIP != "::1" || on.Hash != "h" || c.LastSignOn != nil {
		t.Errorf("signed on: %+v", on)
	}
	never := Credential{}
	for range 1000 {
		never = never.Failed(PasswordPolicy{}, noon)
	}
	if never.Locked(noon) {
		t.Error("a policy without lockout locks nobody")
	}
}

// The longest lockout that the API takes must lock: as nanoseconds it overflows.
func TestLongLockoutLocks(t *testing.T) {
	body, told := accepted(t, passwordPolicies(), `{"name":"P","excludesCommonlyUsed":true,"excludesProfileData":false,"notSimilarToCurrent":false,"lockout":{"failureCount":1,"durationSeconds":9223372036854775807}}`)
	if told != "" {
		t.Log(told)
		return // refused, which is as good
	}
	raw, _ := json.Marshal(body)
	p, err := kind.Read[PasswordPolicy]("passwordPolicy", raw)
	if err != nil {
		t.Fatal(err)
	}
	if c := (Credential{}).Failed(p, noon); !c.Locked(noon) {
		t.Errorf("a lockout of %d seconds after 1 failure was taken, and locks nobody: until %v", p.Lockout.DurationSeconds, c.UnlockAt)
	}
}

func TestChecked(t *testing.T) {
	p := standard(t)
	locked := Credential{Failures: 5, UnlockAt: noon.Add(time.Minute)}
	cases := []struct {
		name    string
		c       Credential
		right   bool
		target  string
		refused *fault.Fault
		says    string
		left    int // failures afterwards
	}{
		{"right", Credential{Failures: 3}, true, "password", nil, "", 0},
		{"wrong", Credential{}, false, "password", fault.WrongPassword, `{"code":"INVALID_VALUE","target":"password","message":"The provided password did not match provisioned password","innerError":{"failuresRemaining":4}}`, 1},
		{"wrong again", Credential{Failures: 3}, false, "password", fault.WrongPassword, `"innerError":{"failuresRemaining":1}`, 4},
		{"wrong current", Credential{}, false, "currentPassword", fault.WrongPassword, `"target":"currentPassword","message":"The current password provided for the user is invalid"`, 1},
		{"the last time", Credential{Failures: 4}, false, "password", fault.LockedOut, `"code":"PASSWORD_LOCKED_OUT","target":"password"`, 5},
		{"locked and wrong", locked, false, "password", fault.LockedOut, `"innerError":{"secondsUntilUnlock":60}`, 5},
		{"locked and right", locked, true, "password", fault.LockedOut, `"innerError":{"secondsUntilUnlock":60}`, 5},
		{"unlocked and right", Credential{Failures: 5, UnlockAt: noon}, true, "password", nil, "", 0},
	}
	for _, c := range cases {
		after, err := c.c.Checked(c.right, c.target, p, noon)
		var f *fault.Fault
		detail := ""
		if errors.As(err, &f) {
			raw, _ := json.Marshal(f.Details[0])
			detail = string(raw)
		}
		if (c.refused == nil) != (err == nil) || err != nil && !errors.Is(err, c.refused) || !strings.Contains(detail, c.says) || after.Failures != c.left {
			t.Errorf("%s: %+v, %s %v", c.name, after, detail, err)
		}
	}
	_, err := (Credential{}).Checked(false, "password", PasswordPolicy{}, noon)
	var f *fault.Fault
	if !errors.As(err, &f) || f.Details[0].Inner != nil {
		t.Errorf("without a lockout nothing remains to count: %v", err)
	}
}

func TestStatus(t *testing.T) {
	p := standard(t) // 182 days
	set := Credential{Hash: "h", ChangedAt: noon.AddDate(0, 0, -182)}
	with := func(change func(*Credential)) Credential { c := set; change(&c); return c }
	cases := []struct {
		c    Credential
		p    PasswordPolicy
		now  time.Time
		want string
	}{
		{set, p, noon, "OK"},
		{set, p, noon.Add(1), "PASSWORD_EXPIRED"},
		{set, PasswordPolicy{}, noon.AddDate(100, 0, 0), "OK"},
		{Credential{}, p, noon, "NO_PASSWORD"},
		{Credential{MustChange: true, UnlockAt: noon.Add(1)}, p, noon, "NO_PASSWORD"},
		{with(func(c *Credential) { c.MustChange = true }), p, noon.Add(1), "MUST_CHANGE_PASSWORD"},
		{with(func(c *Credential) { c.MustChange = true; c.UnlockAt = noon.Add(1) }), p, noon, "PASSWORD_LOCKED_OUT"},
		{with(func(c *Credential) { c.UnlockAt = noon }), p, noon, "OK"},
	}
	for _, c := range cases {
		if got := c.c.Status(c.p, c.now); got != c.want {
			t.Errorf("%+v at %v: %s, not %s", c.c, c.now, got, c.want)
		}
	}
	for age, want := range map[time.Duration]bool{0: true, 24*time.Hour - 1: true, 24 * time.Hour: false} {
		if got := p.TooYoung(Credential{ChangedAt: noon.Add(-age)}, noon); got != want {
			t.Errorf("%v old is too young: %v", age, got)
		}
	}
	if err := Young(p, Credential{ChangedAt: noon}, noon); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "less than 1 day(s) ago") {
		t.Error(err)
	}
	if err := Young(PasswordPolicy{}, Credential{ChangedAt: noon}, noon); err != nil {
		t.Error(err)
	}
}

func TestWithPassword(t *testing.T) {
	p := standard(t) // the last 6, 365 days back
	c := Credential{MustChange: true, Failures: 3, UnlockAt: noon.Add(time.Hour)}
	for day := range 8 {
		at := noon.AddDate(0, 0, day)
		before := slices.Clone(c.History)
		next := c.WithPassword(fmt.Sprintf("h%d", day), at, p)
		if next.Hash != fmt.Sprintf("h%d", day) || next.MustChange || next.Failures != 0 || !next.UnlockAt.IsZero() || !next.ChangedAt.Equal(at) {
			t.Fatalf("day %d: %+v", day, next)
		}
		if len(next.History) != min(day, 6) || day > 0 && (next.History[0].Hash != c.Hash || !next.History[0].Until.Equal(at)) {
			t.Fatalf("day %d: the history is %+v", day, next.History)
		}
		if !slices.Equal(c.History, before) {
			t.Fatalf("day %d: the old credential was changed: %+v", day, c.History)
		}
		c = next
	}
	// h2 to h7 are remembered, for 365 days after the day each was replaced.
	cases := []struct {
		days int // after the last change
		want int
	}{{0, 6}, {361, 6}, {362, 5}, {365, 2}, {366, 1}, {10000, 1}}
	for _, want := range cases {
		next := c.WithPassword("new", noon.AddDate(0, 0, 7+want.days), p)
		if len(next.History) != want.want {
			t.Errorf("%d days later the history has %d: %+v", want.days, len(next.History), next.History)
		}
	}
	if next := c.WithPassword("new", noon, PasswordPolicy{}); !slices.Equal(next.History, c.History) {
		t.Errorf("a policy without a history adds nothing: %+v", next.History)
	}
}

// retentionDays is optional: a history without it goes back as far as its count.
func TestHistoryWithoutRetentionIsKept(t *testing.T) {
	p := PasswordPolicy{}
	p.History.Count = 6
	c := Credential{Hash: "h0"}
	for day := 1; day <= 3; day++ {
		c = c.WithPassword(fmt.Sprintf("h%d", day), noon.AddDate(0, 0, day), p)
	}
	if len(c.History) != 3 {
		t.Errorf("of three passwords %d are remembered: %+v", len(c.History), c.History)
	}
}

func TestReadCredential(t *testing.T) {
	if c, err := ReadCredential(nil); err != nil || !reflect.DeepEqual(c, Credential{}) {
		t.Error(c, err)
	}
	if _, err := ReadCredential(json.RawMessage(`[]`)); err == nil {
		t.Error("a broken credential must not be taken for none")
	}
	want := Credential{Hash: "h", ChangedAt: noon, MustChange: true, History: []OldHash{{"g", noon}}, Failures: 2, UnlockAt: noon, LastSignOn: &LastSignOn{"now", "::1"}}
	raw, _ := json.Marshal(want)
	if got, err := ReadCredential(raw); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s came back as %+v, %v", raw, got, err)
	}
	if raw, _ := json.Marshal(Credential{}); string(raw) != `{}` {
		t.Errorf("an empty credential is %s", raw)
	}
}

// cheap makes hashes that cost nothing: the cost is not what is tested.
var cheap = HashCost{Memory: 64, Time: 1, Lanes: 2}

func TestHashRoundTrip(t *testing.T) {
	salt := []byte("0123456789abcdef")
	for _, password := range []string{"", "Tr0ub4dor&3", "a\x00b", strings.Repeat("x", 1024), "Zoë", "密码"} {
		stored := HashPassword(password, salt, cheap)
		if ok, err := VerifyPassword(stored, password); !ok || err != nil {
			t.Errorf("%q: %v, %v", password, ok, err)
		}
		for _, other := range []string{password + "x", password + "\x00", strings.ToUpper(password) + " ", " " + password} {
			if ok, err := VerifyPassword(stored, other); ok || err != nil {
				t.Errorf("%q was taken for %q: %v", other, password, err)
			}
		}
	}
	// The same on every keyboard (NFKC), but no case is changed.
	if ok, _ := VerifyPassword(HashPassword("Zo\u00eb ﬁ", salt, cheap), "Zoe\u0308 fi"); !ok {
		t.Error("a password that is composed differently is the same")
	}
	if ok, _ := VerifyPassword(HashPassword("a", salt, cheap), "A"); ok {
		t.Error("case counts")
	}
	if got := HashPassword("password", []byte("somesalt"), HashCost{Memory: 65536, Time: 2, Lanes: 1}); got != "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc" {
		t.Errorf("the reference implementation's vector is %s", got)
	}
	if HashPassword("a", []byte("0123456789abcdef"), cheap) == HashPassword("a", []byte("0123456789abcdeg"), cheap) {
		t.Error("the salt does not count")
	}
	nobody := NobodysHash(salt, make([]byte, 32), cheap)
	if ok, err := VerifyPassword(nobody, ""); ok || err != nil {
		t.Errorf("nobody's hash: %v, %v", ok, err)
	}
	if len(nobody) != len(HashPassword("a", salt, cheap)) {
		t.Error("nobody's hash differs in length from a real one")
	}
}

func TestMalformedHashes(t *testing.T) {
	good := HashPassword("a", []byte("0123456789abcdef"), cheap)
	salt, sum := strings.Split(good, "$")[4], strings.Split(good, "$")[5]
	make := func(parameters string) string { return "$argon2id$v=19$" + parameters + "$" + salt + "$" + sum }
	if make("m=64,t=1,p=2") != good {
		t.Fatalf("the shape of a hash is %s", good)
	}
	bad := []string{
		"", "a", "$", "$$$$$", strings.Repeat("$", 100), good + "$", "$" + good, good[1:], strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "$v=19", "", 1), "{SSHA512}abc",
		make(""), make("m=64"), make("m=64,t=1"), make("t=1,m=64,p=2"), make("m=x,t=1,p=2"), make("m=64;t=1;p=2"),
		make("m=-1,t=1,p=2"), make("m=7,t=1,p=1"), make("m=524289,t=1,p=1"), make("m=4294967296,t=1,p=1"), make("m=64,t=0,p=1"), make("m=64,t=17,p=1"), make("m=64,t=1,p=0"), make("m=64,t=1,p=256"), make("m=64,t=1,p=9"),
		"$argon2id$v=19$m=64,t=1,p=2$" + salt + "$", "$argon2id$v=19$m=64,t=1,p=2$$" + sum, "$argon2id$v=19$m=64,t=1,p=2$c2FsdA$" + sum, "$argon2id$v=19$m=64,t=1,p=2$" + salt + "$" + sum[:20],
		"$argon2id$v=19$m=64,t=1,p=2$" + salt + "$" + strings.Repeat(sum[:40], 3), "$argon2id$v=19$m=64,t=1,p=2$" + salt + "$" + sum + "=", "$argon2id$v=19$m=64,t=1,p=2$!" + salt + "$" + sum,
	}
	for _, stored := range bad {
		ok, err := VerifyPassword(stored, "a")
		if ok || err == nil {
			t.Errorf("%s was read", stored)
		}
		if err != nil && len(stored) > 4 && strings.Contains(err.Error(), stored) {
			t.Errorf("the error shows the hash: %v", err)
		}
	}
}

// A PHC string is read whole: what stands behind its parameters is no part of it.
func TestHashWithTextBehindItsParameters(t *testing.T) {
	good := HashPassword("a", []byte("0123456789abcdef"), cheap)
	for _, parameters := range []string{"m=64,t=1,p=2x", "m=64,t=1,p=2,data=AAAA", "m= 64,t=1,p=2"} {
		if ok, err := VerifyPassword(strings.Replace(good, "m=64,t=1,p=2", parameters, 1), "a"); err == nil {
			t.Errorf("%s was read: %v", parameters, ok)
		}
	}
}

func TestHashCost(t *testing.T) {
	for _, c := range []HashCost{DefaultHashCost(), {8, 1, 1}, {512 * 1024, 16, 255}, {2040, 1, 255}} {
		if wrong := c.Wrong(); wrong != "" {
			t.Errorf("%+v: %s", c, wrong)
		}
	}
	for _, c := range []HashCost{{}, {7, 1, 1}, {512*1024 + 1, 1, 1}, {64, 0, 1}, {64, 17, 1}, {64, 1, 0}, {64, 1, 9}, {2039, 1, 255}, {1<<32 - 1, 1<<32 - 1, 255}} {
		if c.Wrong() == "" {
			t.Errorf("%+v was taken", c)
		}
	}
}

// TestCommonlyUsed looks for every line of the list, and between the lines.
func TestCommonlyUsed(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(commonPasswords, "\n"), "\n")
	if len(lines) < 10000 || !slices.IsSorted(lines) || len(slices.Compact(slices.Clone(lines))) != len(lines) {
		t.Fatalf("the list of %d lines must be sorted, each once: it is searched", len(lines))
	}
	on := map[string]bool{}
	for _, line := range lines {
		on[line] = true
		if !CommonlyUsed(line) {
			t.Errorf("%q stands in the list and is not found", line)
		}
		if kind.FoldText(line) != line || line == "" || strings.ContainsAny(line, "\r\x00") {
			t.Errorf("%q can't be found: it is not folded", line)
		}
	}
	for _, line := range slices.Concat(lines[:50], lines[len(lines)-50:], lines[5000:5050]) {
		for _, near := range []string{line + "\x00", line + "~", line[:len(line)-1], "\x00" + line, line + "\n", "\n" + line} {
			if CommonlyUsed(near) != on[near] {
				t.Errorf("%q is found: %v", near, CommonlyUsed(near))
			}
		}
	}
	for password, want := range map[string]bool{"": false, "\n": false, "password": true, "123456": true, "\x01": false, "\U0010ffff": false, lines[0]: true, lines[len(lines)-1]: true,
		"password\npassword1": false, "correct horse battery staple": false, lines[0] + "\n" + lines[1]: false} {
		if CommonlyUsed(password) != want {
			t.Errorf("%q is commonly used: %v", password, !want)
		}
	}
}
