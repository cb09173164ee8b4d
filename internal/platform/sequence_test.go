package platform

import (
	"fmt"
	"strings"
	"testing"
)

func TestSequenceRules(t *testing.T) {
	const alphabet, number, shifted, qwerty = "alphabetSequenceRule", "numberSequenceRule", "shiftedNumberRowSequenceRule", "qwertySequenceRule"
	cases := []struct {
		rule     string
		most     int
		password string
		broken   bool
	}{
		{alphabet, 2, "", false}, {alphabet, 2, "a", false}, {alphabet, 2, "ab", false}, {alphabet, 2, "abxcd", false}, {alphabet, 2, "ab1cd", false}, {alphabet, 2, "acegik", false},
		{alphabet, 2, "abc", true}, {alphabet, 2, "xxABCxx", true}, {alphabet, 2, "xxaBcxx", true}, {alphabet, 2, "cba", true}, {alphabet, 2, "xxZyX", true}, {alphabet, 2, "xyz", true}, {alphabet, 2, "1xyz", true},
		{alphabet, 2, "yza", false}, {alphabet, 2, "zab", false}, {alphabet, 2, "aab", false}, {alphabet, 2, "aba", false}, {alphabet, 2, "aabbcc", false},
		{alphabet, 3, "abc", false}, {alphabet, 3, "abcd", true}, {alphabet, 3, "dcba", true}, {alphabet, 3, "abcbcd", false}, {alphabet, 3, "xwv", false},
		{alphabet, 2, "123", false}, {alphabet, 2, "qwe", false}, {alphabet, 2, "\u00e4bc", false},
		{number, 2, "12", false}, {number, 2, "1212", false}, {number, 2, "123", true}, {number, 2, "a321b", true}, {number, 2, "890", true}, {number, 2, "098", true}, {number, 2, "012", true}, {number, 2, "210", true},
		{number, 2, "901", false}, {number, 2, "135", false}, {number, 2, "111", false}, {number, 2, "11 22 33", false}, {number, 3, "123", false}, {number, 3, "1234", true}, {number, 3, "7890", true}, {number, 3, "0987", true},
		{number, 2, "abc!@#", false}, {number, 2, "\u0661\u0662\u0663", false},
		{shifted, 3, "!@#", false}, {shifted, 3, "!@#$", true}, {shifted, 3, "x$#@!y", true}, {shifted, 3, "&*()", true}, {shifted, 3, ")(*&", true}, {shifted, 3, "*()!", false}, {shifted, 3, "1234", false}, {shifted, 3, "!#$%", false}, {shifted, 3, "^^&&**", false},
		{qwerty, 3, "qwe", false}, {qwerty, 3, "qwer", true}, {qwerty, 3, "QWER", true}, {qwerty, 3, "rewq", true}, {qwerty, 3, "xpoiux", true}, {qwerty, 3, "asdf", true}, {qwerty, 3, "lkjh", true}, {qwerty, 3, "zxcv", true}, {qwerty, 3, "MnbV", true},
		{qwerty, 3, "opas", false}, {qwerty, 3, "klzx", false}, {qwerty, 3, "qaz", false}, {qwerty, 3, "qazwsx", false}, {qwerty, 3, "abcd", false}, {qwerty, 3, "asd asd", false},
		// No bound, no rule.
		{alphabet, 0, "abcdefgh", false}, {number, 0, "12345678", false}, {shifted, 0, "!@#$%^&*", false}, {qwerty, 0, "qwertyuiop", false},
	}
	for _, c := range cases {
		var p PasswordPolicy
		map[string]*sequence{alphabet: &p.AlphabetSequence, number: &p.NumberSequence, shifted: &p.ShiftedNumberRowSequence, qwerty: &p.QwertySequence}[c.rule].MaxLength = c.most
		got := p.Unmet(Candidate{Password: c.password})
		if (len(got) == 1) != c.broken || c.broken && (got[0].Rule != c.rule || !strings.HasSuffix(got[0].Message, fmt.Sprintf("a sequence of more than %d neighbouring characters", c.most))) {
			t.Errorf("%s of %d, %q: %v", c.rule, c.most, c.password, got)
		}
	}
}

// What the API takes as a policy is what is enforced, and all of it at once.
func TestSequenceRulesOfAPolicy(t *testing.T) {
	body, told := accepted(t, passwordPolicies(), `{"name":"P","excludesCommonlyUsed":false,"excludesProfileData":false,"notSimilarToCurrent":false,"minComplexity":1000,
		"alphabetSequenceRule":{"maxLength":2},"numberSequenceRule":{"maxLength":3},"shiftedNumberRowSequenceRule":{"maxLength":3},"qwertySequenceRule":{"maxLength":3}}`)
	if told != "" {
		t.Fatal(told)
	}
	p := readPolicy(t, encoded(t, body))
	var rules []string
	for _, u := range p.Unmet(Candidate{Password: "abc1234!@#$qwer"}) {
		rules = append(rules, u.Rule)
	}
	if got := strings.Join(rules, " "); got != "alphabetSequenceRule numberSequenceRule shiftedNumberRowSequenceRule qwertySequenceRule" {
		t.Errorf("broken are %s", got)
	}
	for sent, says := range map[string]string{
		`"alphabetSequenceRule":{"maxLength":1}`: "alphabetSequenceRule.maxLength must be between 2 and 3", `"numberSequenceRule":{"maxLength":4}`: "numberSequenceRule.maxLength must be between 2 and 3",
		`"shiftedNumberRowSequenceRule":{"maxLength":2}`: "shiftedNumberRowSequenceRule.maxLength must be between 3 and 3", `"qwertySequenceRule":{"maxLength":4}`: "qwertySequenceRule.maxLength must be between 3 and 3",
	} {
		if _, told := accepted(t, passwordPolicies(), `{"name":"P","excludesCommonlyUsed":false,"excludesProfileData":false,"notSimilarToCurrent":false,`+sent+`}`); told != says {
			t.Errorf("%s: %s", sent, told)
		}
	}
}

// The days were computed by hand of PingOne's formula: alphabets of 26, 26, 10
// and 33 characters, 256 where another is used, 10^11 guesses a second. In
// Python: 26**12 / 1e11 / 86400 is 11.04, and so on. The bounds beside are a
// day or more away, so that it does not matter whether shorter passwords count.
func TestMinComplexity(t *testing.T) {
	cases := []struct {
		password     string
		fits, breaks int
	}{
		{"abcdefghijkl", 11, 12},                             // 26^12: 11.04
		{"ABCDEFGHIJKL", 11, 12},                             // the same
		{"aaaaaaaaaaaa", 11, 12},                             // the same: only the alphabet counts
		{"abcdefghij1", 15, 16},                              // 36^11: 15.2
		{"Abcdefgh1", 1, 2},                                  // 62^9: 1.57
		{"Abcdefg1!", 72, 74},                                // 95^9: 72.9
		{"Abcdef1!", 0, 1},                                   // 95^8: 0.77
		{"!!!!!!!!!!!!", 190, 200},                           // 33^12: 193
		{"1234567890123456789", 1157, 1290},                  // 10^19: 1157.4
		{"\u00e4\u00f6\u00fc\u00e9\u00df\u00f8\u00e5", 8, 9}, // 256^7: 8.34
		{"", 0, 1},
		{"a", 0, 1},
		{strings.Repeat("a", 255), 1 << 30, 0},
	}
	for _, c := range cases {
		for days, broken := range map[int]bool{c.fits: false, c.breaks: true} {
			if days == 0 && broken {
				continue
			}
			got := PasswordPolicy{MinComplexity: days}.Unmet(Candidate{Password: c.password})
			if (len(got) == 1) != broken || broken && (got[0].Rule != "minComplexity" || !strings.HasSuffix(got[0].Message, fmt.Sprintf("at least %d days", days))) {
				t.Errorf("%.20q against %d days: %v", c.password, days, got)
			}
		}
	}
}
