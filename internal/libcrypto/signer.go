//go:build libcrypto && linux && amd64

package libcrypto

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// Numbers of openssl/evp.h and openssl/rsa.h.
const (
	typeRSA      = 6 // EVP_PKEY_RSA
	paddingPKCS1 = 1 // RSA_PKCS1_PADDING
)

// signer is a key that libcrypto has a copy of.
type signer struct {
	library *Library
	key     *rsa.PrivateKey
	copied  uintptr // an EVP_PKEY, which all threads may sign with
	lost    atomic.Bool
}

// Signer returns a signer with the key. RSASSA-PKCS1-v1_5 with SHA-256 (RS256) it
// does by libcrypto, all else by Go; and all by Go once libcrypto has failed with
// the key, be it now or later.
func (l *Library) Signer(key *rsa.PrivateKey) crypto.Signer {
	s, err := l.newSigner(key)
	if err != nil {
		l.lost(err)
		return key
	}
	return s
}

// newSigner copies a key into libcrypto, and verifies a signature that libcrypto
// makes with it. This padding has no chance in it: who signs right signs as Go.
func (l *Library) newSigner(key *rsa.PrivateKey) (*signer, error) {
	copied, err := l.copyKey(key)
	if err != nil {
		return nil, err
	}
	s := &signer{library: l, key: key, copied: copied}
	runtime.AddCleanup(s, func(copied uintptr) { l.call(freeKey, copied) }, copied)
	sum := sha256.Sum256(nil)
	signature, err := s.signRS256(sum[:])
	if err != nil {
		return nil, err
	}
	if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
		return nil, fmt.Errorf("verifying what libcrypto signed: %w", err)
	}
	return s, nil
}

// copyKey makes an EVP_PKEY of a key.
func (l *Library) copyKey(key *rsa.PrivateKey) (uintptr, error) {
	der := x509.MarshalPKCS1PrivateKey(key)
	defer clear(der)
	var pin runtime.Pinner
	pin.Pin(&der[0])
	defer pin.Unpin()
	// C moves this pointer to the end of der. As a number it is none to the garbage
	// collector, which must not find one that leads beyond what it was made for.
	at := uintptr(unsafe.Pointer(&der[0]))
	runtime.LockOSThread() // where the errors are
	defer runtime.UnlockOSThread()
	copied := l.call(readKey, typeRSA, 0, uintptr(unsafe.Pointer(&at)), uintptr(len(der)))
	if copied == 0 {
		return 0, l.failure(readKey)
	}
	return copied, nil
}

// Public returns the key's public part.
func (s *signer) Public() crypto.PublicKey { return s.key.Public() }

// Sign implements crypto.Signer.
func (s *signer) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts != crypto.SHA256 || len(digest) != sha256.Size || s.lost.Load() {
		return s.key.Sign(random, digest, opts)
	}
	signature, err := s.signRS256(digest)
	if err == nil {
		return signature, nil
	}
	if !s.lost.Swap(true) {
		s.library.lost(err)
	}
	return s.key.Sign(random, digest, opts)
}

// signRS256 signs a hash by libcrypto, which verifies the signature before it
// gives it away, as Go does: a wrong one can give away the key.
func (s *signer) signRS256(digest []byte) ([]byte, error) {
	defer runtime.KeepAlive(s)
	l := s.library
	l.seats <- struct{}{}
	defer func() { <-l.seats }()
	runtime.LockOSThread() // where the errors are
	defer runtime.UnlockOSThread()
	context := l.call(newContext, s.copied, 0) // one call's own (openssl-threads(7))
	if context == 0 {
		return nil, l.failure(newContext)
	}
	defer l.call(freeContext, context)
	signature := make([]byte, s.key.Size())
	length := uintptr(len(signature))
	switch {
	case !ok(l.call(beginSigning, context)):
		return nil, l.failure(beginSigning)
	case !ok(l.call(setPadding, context, paddingPKCS1)):
		return nil, l.failure(setPadding)
	case !ok(l.call(setHash, context, l.sha256)):
		return nil, l.failure(setHash)
	case !ok(l.call(sign, context, uintptr(unsafe.Pointer(&signature[0])), uintptr(unsafe.Pointer(&length)), uintptr(unsafe.Pointer(&digest[0])), uintptr(len(digest)))):
		return nil, l.failure(sign)
	case length != uintptr(len(signature)):
		return nil, fmt.Errorf("libcrypto signed in %d bytes, not in %d", length, len(signature))
	}
	return signature, nil
}
