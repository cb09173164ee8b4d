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

// The bounds on what an imported hash may cost to verify: bcrypt's cost,
// PBKDF2's iterations, argon2's memory in KiB and what it touches in all.
const (
	maxBcryptCost = 13
	maxIterations = 1_000_000
	maxImported   = 128 * 1024
	maxTouched    = 1024 * 1024
	minSalt       = 4 // bytes
)

// encoding is a form of password hashes that other systems make. read reads
// one, at no cost, and returns what verifies a password against it; nil when
// it can't be read, or would cost too much.
type encoding struct {
	form  string
	shape *regexp.Regexp
	read  func(stored string) func(password string) bool
}

// encodings are the forms that are taken over. Hashes without salt are not:
// equal passwords would be seen to be equal, and tables break them.
var encodings = []encoding{
	{"{SSHA}, {SSHA256}, {SSHA384} or {SSHA512} and base64 of digest and salt", regexp.MustCompile(`^\{SSHA(1|256|384|512)?\}[A-Za-z0-9+/]+=*$`), readSSHA},
	{"{BCRYPT}$2b$10$...", regexp.MustCompile(`^(\{BCRYPT\})?\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$`), readBcrypt},
	{"$pbkdf2-sha256$iterations$salt$digest, also sha1 and sha512", regexp.MustCompile(`^(\{PBKDF2\})?\$pbkdf2(-sha1|-sha256|-sha512)?\$\d{1,7}\$[A-Za-z0-9./+]+=*\$[A-Za-z0-9./+]+=*$`), readPBKDF2},
	{"$argon2id$v=19$m=19456,t=2,p=1$salt$digest", regexp.MustCompile(`^(\{ARGON2ID\})?\$argon2id\$`), readArgon2},
}

// hashed are the looks of password hashes, of any form that is in use: the
// schemes of LDAP in braces, those of crypt(3), and Django's.
var hashed = regexp.MustCompile(`(?i)^(\{(s?sha[-\d]*|s?md[45]|crypt|bcrypt|scrypt\w*|pbkdf2[\w-]*|argon2\w*|pkcs5s2|cleartext|aes[-\d]*|3des|rc4|x-\w+|clear)\}` +
	`|(?-i:\{[A-Z][A-Z0-9_-]{1,39}\})` +
	`|\$(pbkdf2(-sha\d+)?|argon2\w*)\$` +
	`|\$(2[abxy]?|scrypt|y|gy|7|p|h|s|apr1|sha1|md5|[156])\$\S{18,}` +
	`|(pbkdf2|argon2|bcrypt|scrypt)\w*\$\S{18,})`)

// Encoded reports whether a password that an administrator sets is one that
// was hashed elsewhere. The error refuses a form that can't be verified: to
// take it for a password in clear would let its hash sign on.
func Encoded(target, password string) (bool, error) {
	if !hashed.MatchString(password) {
		return false, nil
	}
	var forms []string
	for _, e := range encodings {
		if e.shape.MatchString(password) && e.read(password) != nil {
			return true, nil
		}
		forms = append(forms, e.form)
	}
	return false, fault.Invalid.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: target,
		Message: "is an encoded password that can't be imported; the forms are " + strings.Join(forms, "; ")})
}

// verifyEncoded verifies a password against a hash made elsewhere. found is
// false when it is in none of the forms.
func verifyEncoded(stored, password string) (right, found bool) {
	for _, e := range encodings {
		if !e.shape.MatchString(stored) {
			continue
		}
		verify := e.read(stored)
		return verify != nil && verify(password), verify != nil
	}
	return false, false
}

// readSSHA reads digest and salt behind the name of the algorithm (RFC 2307
// and its successors).
func readSSHA(stored string) func(string) bool {
	name, encoded, _ := strings.Cut(stored[1:], "}")
	digest := map[string]func() hash.Hash{"SSHA": sha1.New, "SSHA1": sha1.New, "SSHA256": sha256.New, "SSHA384": sha512.New384, "SSHA512": sha512.New}[name]
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if digest == nil || err != nil {
		return nil
	}
	size := digest().Size()
	if len(raw) < size+minSalt || len(raw) > size+64 {
		return nil
	}
	return func(password string) bool {
		h := digest()
		h.Write([]byte(password))
		h.Write(raw[size:])
		return subtle.ConstantTimeCompare(h.Sum(nil), raw[:size]) == 1
	}
}

func readBcrypt(stored string) func(string) bool {
	stored = strings.TrimPrefix(stored, "{BCRYPT}")
	if cost, err := bcrypt.Cost([]byte(stored)); err != nil || cost > maxBcryptCost {
		return nil
	}
	return func(password string) bool {
		return bcrypt.CompareHashAndPassword([]byte(stored), []byte(password)) == nil
	}
}

// readPBKDF2 reads the form of passlib, in which '.' stands for '+'.
func readPBKDF2(stored string) func(string) bool {
	parts := strings.Split(stored, "$")
	iterations, err := strconv.Atoi(parts[2])
	salt, errSalt := adapted(parts[3])
	want, errDigest := adapted(parts[4])
	if err != nil || errSalt != nil || errDigest != nil || iterations < 1 || iterations > maxIterations || len(salt) < minSalt {
		return nil
	}
	digest := map[string]func() hash.Hash{"pbkdf2": sha1.New, "pbkdf2-sha1": sha1.New, "pbkdf2-sha256": sha256.New, "pbkdf2-sha512": sha512.New}[parts[1]]
	blocks := (len(want) + digest().Size() - 1) / digest().Size() // each costs all the iterations again
	if len(want) < 16 || len(want) > 128 || iterations*blocks > maxIterations {
		return nil
	}
	return func(password string) bool {
		got, err := pbkdf2.Key(digest, password, salt, iterations, len(want))
		return err == nil && subtle.ConstantTimeCompare(got, want) == 1
	}
}

func adapted(s string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.ReplaceAll(s, ".", "+"), "="))
}

func readArgon2(stored string) func(string) bool {
	stored = strings.TrimPrefix(stored, "{ARGON2ID}")
	_, _, c, err := readPHC(stored)
	if err != nil || c.Memory > maxImported || c.Memory*c.Time > maxTouched {
		return nil
	}
	return func(password string) bool {
		right, err := verifyPHC(stored, []byte(password))
		return err == nil && right
	}
}

// Upgradable reports whether a hash was not made here at this cost: at the
// next sign-on a new one takes its place.
func Upgradable(stored string, c HashCost) bool {
	return stored != "" && !strings.HasPrefix(stored, fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$", c.Memory, c.Time, c.Lanes))
}
