//go:build libcrypto && linux && amd64

package libcrypto

import (
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"runtime"

	"github.com/ebitengine/purego"
)

// soname is the name that all versions of OpenSSL 3 have.
const soname = "libcrypto.so.3"

// withoutAtexit is OPENSSL_INIT_NO_ATEXIT: nothing is torn down when the program
// exits, for another thread may still sign.
const withoutAtexit = 0x00080000

// Library is the system's libcrypto. It is safe for concurrent use.
type Library struct {
	functions
	sha256  uintptr // what names the hash, an EVP_MD
	version uint64
	// seats holds an element for each call that signs: more at a time than there
	// are processors would only be threads that wait for one.
	seats chan struct{}
	lost  func(error)
}

// Open loads the system's libcrypto and has it sign once. The error is a sentence
// for who asked for it. lost is told of each key that libcrypto fails with, once,
// and why; it may be called by several goroutines at a time.
func Open(lost func(error)) (*Library, error) { return open(soname, lost) }

func open(name string, lost func(error)) (*Library, error) {
	handle, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("the signer libcrypto needs OpenSSL 3: install it (in Debian the package libssl3), or leave --signer out: %w", err)
	}
	l := &Library{seats: make(chan struct{}, runtime.GOMAXPROCS(0)), lost: lost}
	if err := l.find(handle); err != nil {
		return nil, fmt.Errorf("%s is not that of OpenSSL 3: install it (in Debian the package libssl3), or leave --signer out: %w", name, err)
	}
	l.version = uint64(l.call(versionNumber))
	if err := usable(l.version); err != nil {
		return nil, err
	}
	l.call(initialize, withoutAtexit, 0) // what fails here shows in the signature below
	l.sha256 = l.call(sha256Hash)
	key, err := exampleKey()
	if err != nil {
		return nil, err
	}
	if _, err := l.newSigner(key); err != nil {
		return nil, fmt.Errorf("OpenSSL %s signs nothing here: look into its openssl.cnf, or leave --signer out: %w", l.Version(), err)
	}
	return l, nil
}

// Version is that of OpenSSL, "3.0.19".
func (l *Library) Version() string { return versionText(l.version) }

// firstGood is OpenSSL 3.0.5: its predecessor writes beyond the memory of its own
// just where it signs by AVX512-IFMA (CVE-2022-2274).
const firstGood = 0x30000050

// usable refuses the versions of OpenSSL that must not sign.
func usable(version uint64) error {
	if version < firstGood || version>>28 != 3 {
		return fmt.Errorf("the signer libcrypto needs OpenSSL 3.0.5 or a later 3, this is %s: update it, or leave --signer out", versionText(version))
	}
	return nil
}

// versionText writes the number of a version, 0xMNN00PP0, as people do.
func versionText(v uint64) string { return fmt.Sprintf("%d.%d.%d", v>>28, v>>20&0xff, v>>4&0xff) }

// exampleKey is that of RFC 7515 §A.2.1, which everybody knows: it proves nothing
// but that libcrypto signs.
func exampleKey() (*rsa.PrivateKey, error) {
	const (
		p = "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc"
		q = "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc"
		e = 65537
	)
	one, phi := big.NewInt(1), big.NewInt(1)
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: big.NewInt(1), E: e}}
	for _, text := range []string{p, q} {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			return nil, err
		}
		prime := new(big.Int).SetBytes(raw)
		key.Primes = append(key.Primes, prime)
		key.N.Mul(key.N, prime)
		phi.Mul(phi, new(big.Int).Sub(prime, one))
	}
	key.D = new(big.Int).ModInverse(big.NewInt(e), phi)
	key.Precompute()
	return key, key.Validate()
}
