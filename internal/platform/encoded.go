package platform

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"hash"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"pixy/internal/fault"
)

// The bounds on what an imported hash may cost to verify.
const (
	maxBcryptCost = 14
	maxIterations = 1_000_000
)

// encoding is a form of password hashes that other systems make.
type encoding struct {
	form   string
	shape  *regexp.Regexp
	verify func(stored, password string) (right bool, readable bool)
}

// encodings are the forms that are taken over. Hashes without salt are not:
// equal passwords would be seen to be equal, and tables break them.
func encodings() []encoding {
	return []encoding{
		{"{SSHA}, {SSHA256}, {SSHA384} or {SSHA512} and base64 of digest and salt", regexp.MustCompile(`^\{SSHA(1|256|384|512)?\}[A-Za-z0-9+/]+=*$`), verifySSHA},
		{"{BCRYPT}$2b$10$...", regexp.MustCompile(`^(\{BCRYPT\})?\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$`), verifyBcrypt},
		{"$pbkdf2-sha256$iterations$salt$digest, also sha1 and sha512", regexp.MustCompile(`^(\{PBKDF2\})?\$pbkdf2(-sha1|-sha256|-sha512)?\$\d{1,7}\$[A-Za-z0-9./+]+=*\$[A-Za-z0-9./+]+=*$`), verifyPBKDF2},
		{"$argon2id$v=19$m=19456,t=2,p=1$salt$digest", regexp.MustCompile(`^(\{ARGON2ID\})?\$argon2id\$`), verifyArgon2},
	}
}

// Encoded reports whether a password that an administrator sets is one that
// was hashed elsewhere. The error refuses a form that can't be verified: to
// take it for a password in clear would let its hash sign on.
func Encoded(target, password string) (bool, error) {
	if !regexp.MustCompile(`^\{[A-Za-z0-9_-]{2,40}\}|^\$(2[abxy]|pbkdf2|argon2|scrypt|5|6|1)[-a-z0-9]*\$`).MatchString(password) {
		return false, nil
	}
	var forms []string
	for _, e := range encodings() {
		forms = append(forms, e.form)
		if !e.shape.MatchString(password) {
			continue
		}
		if _, readable := e.verify(password, ""); readable {
			return true, nil
		}
	}
	return false, fault.Invalid.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: target,
		Message: "is an encoded password that can't be imported; the forms are " + strings.Join(forms, "; ")})
}

// verifyEncoded verifies a password against a hash made elsewhere. found is
// false when it is in none of the forms.
func verifyEncoded(stored, password string) (right, found bool) {
	for _, e := range encodings() {
		if e.shape.MatchString(stored) {
			right, found = e.verify(stored, password)
			return right, found
		}
	}
	return false, false
}

// verifySSHA reads digest and salt behind the name of the algorithm (RFC 2307
// and its successors).
func verifySSHA(stored, password string) (right, readable bool) {
	name, encoded, _ := strings.Cut(stored[1:], "}")
	digest := map[string]func() hash.Hash{"SSHA": sha1.New, "SSHA1": sha1.New, "SSHA256": sha256.New, "SSHA384": sha512.New384, "SSHA512": sha512.New}[name]
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if digest == nil || err != nil {
		return false, false
	}
	h := digest()
	if len(raw) < h.Size()+4 || len(raw) > h.Size()+64 {
		return false, false
	}
	h.Write([]byte(password))
	h.Write(raw[h.Size():])
	return subtle.ConstantTimeCompare(h.Sum(nil), raw[:h.Size()]) == 1, true
}

func verifyBcrypt(stored, password string) (right, readable bool) {
	stored = strings.TrimPrefix(stored, "{BCRYPT}")
	cost, err := bcrypt.Cost([]byte(stored))
	if err != nil || cost > maxBcryptCost {
		return false, false
	}
	return bcrypt.CompareHashAndPassword([]byte(stored), []byte(password)) == nil, true
}

// verifyPBKDF2 reads the form of passlib, in which '.' stands for '+'.
func verifyPBKDF2(stored, password string) (right, readable bool) {
	parts := strings.Split(stored, "$")
	iterations, err := strconv.Atoi(parts[2])
	salt, errSalt := adapted(parts[3])
	want, errDigest := adapted(parts[4])
	if err != nil || errSalt != nil || errDigest != nil || iterations < 1 || iterations > maxIterations || len(want) < 16 || len(want) > 128 {
		return false, false
	}
	var got []byte
	switch parts[1] {
	case "pbkdf2", "pbkdf2-sha1":
		got, err = pbkdf2.Key(sha1.New, password, salt, iterations, len(want))
	case "pbkdf2-sha256":
		got, err = pbkdf2.Key(sha256.New, password, salt, iterations, len(want))
	default:
		got, err = pbkdf2.Key(sha512.New, password, salt, iterations, len(want))
	}
	return subtle.ConstantTimeCompare(got, want) == 1, err == nil
}

func adapted(s string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.ReplaceAll(s, ".", "+"), "="))
}

func verifyArgon2(stored, password string) (right, readable bool) {
	right, err := verifyPHC(strings.TrimPrefix(stored, "{ARGON2ID}"), []byte(password))
	return right, err == nil
}

// Upgradable reports whether a hash was not made here at this cost: at the
// next sign-on a new one takes its place.
func Upgradable(stored string, c HashCost) bool {
	return stored != "" && !strings.HasPrefix(stored, fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$", c.Memory, c.Time, c.Lanes))
}
