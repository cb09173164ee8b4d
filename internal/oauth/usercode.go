package oauth

import (
	"strings"
	"unicode"
)

// userCodeAlphabet has no vowels, so that a code spells nothing, and no digits,
// which look like letters (RFC 8628 §6.1).
const userCodeAlphabet = "BCDFGHJKLMNPQRSTVWXZ"

// userCodeLength is that of a user code without its dash: of 20 letters, 2 to
// the power of 34 codes.
const userCodeLength = 8

// UserCode makes a user code of random bits, as it is compared: without the
// dash that ShowUserCode adds.
func UserCode(random uint64) string {
	code := make([]byte, userCodeLength)
	for i := range code {
		code[i] = userCodeAlphabet[random%uint64(len(userCodeAlphabet))]
		random /= uint64(len(userCodeAlphabet))
	}
	return string(code)
}

// ReadUserCode is a code as somebody typed it, without what does not count:
// case, dashes and spaces (RFC 8628 §6.1). It is "" when that can't be a code.
func ReadUserCode(typed string) string {
	if len(typed) > maxKept {
		return ""
	}
	code := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Dash, r) {
			return -1
		}
		return unicode.ToUpper(r)
	}, typed)
	if len(code) != userCodeLength || strings.Trim(code, userCodeAlphabet) != "" {
		return ""
	}
	return code
}

// ShowUserCode is a code as people read it: XXXX-XXXX.
func ShowUserCode(code string) string {
	if len(code) != userCodeLength {
		return code
	}
	return code[:userCodeLength/2] + "-" + code[userCodeLength/2:]
}
