package platform

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// HashCost is what a password hash costs: argon2id's memory in KiB, passes and
// lanes (RFC 9106 §3.1).
type HashCost struct {
	Memory uint32
	Time   uint32
	Lanes  uint8
}

// Wrong says what is wrong with a cost that was configured, or "".
func (c HashCost) Wrong() string {
	switch {
	case c.Memory < 8 || c.Memory > maxMemory:
		return fmt.Sprintf("the memory of a password hash must be 8 to %d KiB", maxMemory)
	case c.Time < 1 || c.Time > maxTime:
		return fmt.Sprintf("the passes of a password hash must be 1 to %d", maxTime)
	case c.Lanes < 1 || uint32(c.Lanes)*8 > c.Memory:
		return "the lanes of a password hash must be at least 1, and at most an eighth of its memory in KiB"
	}
	return ""
}

// DefaultHashCost is OWASP's recommendation: 19 MiB, 2 passes, 1 lane.
func DefaultHashCost() HashCost { return HashCost{Memory: 19 * 1024, Time: 2, Lanes: 1} }

// The sizes of salt and hash, in bytes, and the bounds on what a stored hash
// may ask for.
const (
	SaltSize  = 16
	hashSize  = 32
	maxMemory = 512 * 1024
	maxTime   = 16
)

// HashPassword returns the PHC string of a password's argon2id hash.
func HashPassword(password string, salt []byte, c HashCost) string {
	return phc(salt, argon2.IDKey(normal(password), salt, c.Time, c.Memory, c.Lanes, hashSize), c)
}

// NobodysHash is a PHC string that no password matches. Verifying against it
// costs what verifying a real one costs; making it costs nothing.
func NobodysHash(salt, chance []byte, c HashCost) string { return phc(salt, chance[:hashSize], c) }

func phc(salt, hash []byte, c HashCost) string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.Memory, c.Time, c.Lanes, b.EncodeToString(salt), b.EncodeToString(hash))
}

// VerifyPassword reports whether a password has this hash, made here or
// imported. The error tells of a stored hash that can't be read; it does not
// contain it.
func VerifyPassword(stored, password string) (bool, error) {
	right, err := verifyPHC(stored, normal(password))
	if right || err == nil && string(normal(password)) == password {
		return right, nil
	}
	if imported, found := verifyEncoded(stored, password); found {
		return imported, nil
	}
	return right, err
}

func verifyPHC(stored string, password []byte) (bool, error) {
	salt, hash, c, err := readPHC(stored)
	if err != nil {
		return false, err
	}
	computed := argon2.IDKey(password, salt, c.Time, c.Memory, c.Lanes, uint32(len(hash)))
	return subtle.ConstantTimeCompare(computed, hash) == 1, nil
}

// normal makes a password the same bytes on every keyboard (NIST SP 800-63B
// §3.1.1.2); nothing is cut off and no case is changed.
func normal(password string) []byte { return norm.NFKC.Bytes([]byte(password)) }

var errHash = errors.New("a stored password hash can't be read")

func readPHC(s string) (salt, hash []byte, c HashCost, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return nil, nil, c, errHash
	}
	const parameters = "m=%d,t=%d,p=%d"
	if _, err := fmt.Sscanf(parts[3], parameters, &c.Memory, &c.Time, &c.Lanes); err != nil {
		return nil, nil, c, errHash
	}
	if parts[3] != fmt.Sprintf(parameters, c.Memory, c.Time, c.Lanes) || c.Wrong() != "" {
		return nil, nil, c, errHash
	}
	salt, errSalt := base64.RawStdEncoding.DecodeString(parts[4])
	hash, errSum := base64.RawStdEncoding.DecodeString(parts[5])
	if errSalt != nil || errSum != nil || len(salt) < 8 || len(hash) < 16 || len(hash) > 64 {
		return nil, nil, c, errHash
	}
	return salt, hash, c, nil
}
