package platform

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"pixy/internal/fault"
	"pixy/internal/kind"
)

// Candidate is a password that somebody wants to set, and what it is held against.
type Candidate struct {
	Password string
	Current  string // the current password in clear, when it was given with the request
	User     User
	// Reused is true when the password's hash stands in the history, or is the
	// current one; found out where hashes are verified.
	Reused bool
}

// Unmet is one rule of a policy that a password breaks.
type Unmet struct{ Rule, Message string }

// Unmet returns the rules that a password breaks, in PingOne's order and words.
func (p PasswordPolicy) Unmet(c Candidate) []Unmet {
	var out []Unmet
	add := func(broken bool, rule, message string, args ...any) {
		if broken {
			out = append(out, Unmet{rule, fmt.Sprintf(message, args...)})
		}
	}
	for _, class := range classes() {
		add(contained(c.Password, class) < p.MinCharacters[class], "minCharacters",
			"The provided password did not contain enough characters from the character set '%s'.  The minimum number of characters from that set that must be present in user passwords is %d",
			reversed(class), p.MinCharacters[class])
	}
	add(p.ExcludesCommonlyUsed && CommonlyUsed(kind.FoldText(c.Password)), "excludesCommonlyUsed",
		"The provided password (or a variant of that password) was found in a list of prohibited passwords")
	length := utf8.RuneCountInString(c.Password)
	add(length < p.Length.Min, "length", "The provided password is shorter than the minimum required length of %d characters", p.Length.Min)
	add(p.Length.Max > 0 && length > p.Length.Max, "length", "The provided password is longer than the maximum allowed length of %d characters", p.Length.Max)
	add(p.MaxRepeatedCharacters > 0 && longestRun(c.Password) > p.MaxRepeatedCharacters, "maxRepeatedCharacters",
		"The provided password is not acceptable because it contains a character repeated more than %d times in a row", p.MaxRepeatedCharacters)
	add(unique(c.Password) < p.MinUniqueCharacters, "minUniqueCharacters",
		"The provided password does not contain enough unique characters.  The minimum number of unique characters that may appear in a user password is %d", p.MinUniqueCharacters)
	for _, rule := range p.sequences() {
		add(rule.most > 0 && longestSequence(c.Password, rule.rows) > rule.most, rule.name,
			"The provided password is not acceptable because it contains a sequence of more than %d neighbouring characters", rule.most)
	}
	add(p.MinComplexity > 0 && daysToGuess(c.Password) < float64(p.MinComplexity), "minComplexity",
		"The provided password is not complex enough.  It must withstand guessing for at least %d days", p.MinComplexity)
	add(p.ExcludesProfileData && c.User.in(c.Password), "excludesProfileData",
		"The provided password is not acceptable because it contains data of the user's profile")
	add(p.NotSimilarToCurrent && c.Current != "" && similar(c.Password, c.Current), "notSimilarToCurrent",
		"The provided password is not acceptable because it is too similar to the current password")
	add(p.History.Count > 0 && c.Reused, "history", "The provided password is not acceptable because it was used before")
	return out
}

// sequenceRule is a bound on runs of neighbours in one of the rows.
type sequenceRule struct {
	name string
	most int
	rows []string
}

func (p PasswordPolicy) sequences() []sequenceRule {
	return []sequenceRule{
		{"alphabetSequenceRule", p.AlphabetSequence.MaxLength, []string{lowerCase}},
		{"numberSequenceRule", p.NumberSequence.MaxLength, []string{digits + "0"}},
		{"shiftedNumberRowSequenceRule", p.ShiftedNumberRowSequence.MaxLength, []string{"!@#$%^&*()"}},
		{"qwertySequenceRule", p.QwertySequence.MaxLength, []string{"qwertyuiop", "asdfghjkl", "zxcvbnm"}},
	}
}

// longestSequence is the longest piece of a password that stands in one of the
// rows, forwards or backwards, whatever the case.
func longestSequence(password string, rows []string) int {
	folded, longest := []rune(kind.FoldText(password)), 0
	for _, row := range rows {
		for _, line := range []string{row, reversed(row)} {
			for from := range folded {
				n := 0
				for from+n < len(folded) && strings.Contains(line, string(folded[from:from+n+1])) {
					n++
				}
				longest = max(longest, n)
			}
		}
	}
	return longest
}

// daysToGuess is how long it takes to try all passwords of this length over
// the alphabets it uses, at 10^11 guesses a second.
func daysToGuess(password string) float64 {
	var letters, others, digit, symbol, beyond float64
	for _, r := range password {
		switch {
		case 'a' <= r && r <= 'z':
			letters = 26
		case 'A' <= r && r <= 'Z':
			others = 26
		case '0' <= r && r <= '9':
			digit = 10
		case ' ' <= r && r <= '~':
			symbol = 33
		default:
			beyond = 256
		}
	}
	alphabet := letters + others + digit + symbol + beyond
	return math.Pow(alphabet, float64(utf8.RuneCountInString(password))) / 1e11 / 86400
}

// Refuse is the fault for a password that breaks rules: target is "password"
// for an administrator or a registration and "newPassword" for its owner.
func Refuse(target string, unmet []Unmet) error {
	who := "User"
	if target == "newPassword" {
		who = "New"
	}
	inner, rules := map[string]any{}, []string{}
	for _, u := range unmet {
		rules = append(rules, u.Rule)
		if inner[u.Rule] == nil {
			inner[u.Rule] = u.Message
		}
	}
	inner["unsatisfiedRequirements"] = rules
	return fault.Invalid.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: target,
		Message: who + " password did not satisfy password policy requirements", Inner: inner})
}

// Words says the policy in plain sentences, for a page.
func (p PasswordPolicy) Words() []string {
	out := []string{fmt.Sprintf("At least %d characters", p.Length.Min)}
	for i, noun := range []string{"upper-case letter", "lower-case letter", "digit", "symbol"} {
		if n := p.MinCharacters[classes()[i]]; n > 0 {
			out = append(out, fmt.Sprintf("At least %d %s", n, noun))
		}
	}
	if p.MinUniqueCharacters > 1 {
		out = append(out, fmt.Sprintf("At least %d different characters", p.MinUniqueCharacters))
	}
	if p.MaxRepeatedCharacters > 0 {
		out = append(out, fmt.Sprintf("No character more than %d times in a row", p.MaxRepeatedCharacters))
	}
	if p.History.Count > 0 {
		out = append(out, fmt.Sprintf("None of your last %d passwords", p.History.Count))
	}
	return out
}

// Young is the fault for a password that was changed too lately.
func Young(p PasswordPolicy, c Credential, now time.Time) error {
	if !p.TooYoung(c, now) {
		return nil
	}
	return fault.Invalid.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: "newPassword",
		Message: fmt.Sprintf("The password was changed less than %d day(s) ago and can not be changed again yet", p.MinAgeDays)})
}

// InWords says for a page which rule a password breaks.
func InWords(rule string) string {
	switch rule {
	case "minCharacters":
		return "It needs more kinds of characters"
	case "excludesCommonlyUsed":
		return "It is one of the most commonly used passwords"
	case "length":
		return "It is too short or too long"
	case "maxRepeatedCharacters":
		return "It repeats a character too often in a row"
	case "minUniqueCharacters":
		return "It has too few different characters"
	case "excludesProfileData":
		return "It contains your name, username or e-mail address"
	case "alphabetSequenceRule", "numberSequenceRule", "shiftedNumberRowSequenceRule", "qwertySequenceRule":
		return "It contains a sequence of neighbouring characters"
	case "minComplexity":
		return "It would be guessed too soon: make it longer"
	case "notSimilarToCurrent":
		return "It is too similar to the current password"
	}
	return "It was used before"
}

func contained(s, class string) int {
	n := 0
	for _, r := range s {
		if strings.ContainsRune(class, r) {
			n++
		}
	}
	return n
}

func reversed(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}

func longestRun(s string) int {
	longest, run, last := 0, 0, rune(-1)
	for _, r := range s {
		if r != last {
			run, last = 0, r
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

func unique(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// in reports whether a password holds a piece of the profile of at least four
// characters.
func (u User) in(password string) bool {
	folded := kind.FoldText(password)
	mailbox, _, _ := strings.Cut(u.Email, "@")
	for _, piece := range []string{u.Username, mailbox, u.Name.Given, u.Name.Family, u.Nickname} {
		if utf8.RuneCountInString(piece) >= 4 && strings.Contains(folded, kind.FoldText(piece)) {
			return true
		}
	}
	return false
}

// similar holds when one password can be made of the other by changing fewer
// than a third of its characters.
func similar(a, b string) bool {
	x, y := []rune(kind.FoldText(a)), []rune(kind.FoldText(b))
	return 3*distance(x, y) < max(len(x), len(y))
}

// distance is Levenshtein's.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
