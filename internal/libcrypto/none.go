//go:build !(libcrypto && linux && amd64)

package libcrypto

import (
	"crypto"
	"crypto/rsa"
	"errors"
)

// Library is none here: see Open.
type Library struct{}

// Open refuses: this build knows no libcrypto.
func Open(func(error)) (*Library, error) {
	return nil, errors.New("this build has no signer libcrypto: build one for linux/amd64 with go build -tags libcrypto, or leave --signer out")
}

// Version is "".
func (*Library) Version() string { return "" }

// Signer returns the key itself.
func (*Library) Signer(key *rsa.PrivateKey) crypto.Signer { return key }
