//go:build libcrypto && linux && amd64

package libcrypto

import (
	"bytes"
	"fmt"
	"unsafe"

	"github.com/ebitengine/purego"
)

// function is a function of libcrypto that this package calls.
type function int

const (
	versionNumber function = iota
	initialize
	readKey
	freeKey
	newContext
	freeContext
	beginSigning
	setPadding
	setHash
	sign
	sha256Hash
	oldestError
	describeError
	clearErrors
	functionCount
)

// functionNames are what libcrypto calls them. All are in every OpenSSL 3.
func functionNames() [functionCount]string {
	return [functionCount]string{
		versionNumber: "OpenSSL_version_num",
		initialize:    "OPENSSL_init_crypto",
		readKey:       "d2i_PrivateKey",
		freeKey:       "EVP_PKEY_free",
		newContext:    "EVP_PKEY_CTX_new",
		freeContext:   "EVP_PKEY_CTX_free",
		beginSigning:  "EVP_PKEY_sign_init",
		setPadding:    "EVP_PKEY_CTX_set_rsa_padding",
		setHash:       "EVP_PKEY_CTX_set_signature_md",
		sign:          "EVP_PKEY_sign",
		sha256Hash:    "EVP_sha256",
		oldestError:   "ERR_get_error",
		describeError: "ERR_error_string_n",
		clearErrors:   "ERR_clear_error",
	}
}

// functions are the addresses of the functions.
type functions [functionCount]uintptr

// find looks all functions up in a library that was opened.
func (f *functions) find(handle uintptr) (err error) {
	for i, name := range functionNames() {
		if f[i], err = purego.Dlsym(handle, name); err != nil {
			return err
		}
	}
	return nil
}

// call calls a function of C. A pointer must be converted among the arguments,
// as in call(sign, uintptr(unsafe.Pointer(&b[0]))): what it points to then stays
// until the function returns.
//
//go:uintptrescapes
func (f *functions) call(which function, args ...uintptr) uintptr {
	result, _, _ := purego.SyscallN(f[which], args...)
	return result
}

// ok tells whether a function that returns a C int, 1 for success, succeeded.
func ok(result uintptr) bool { return int32(result) > 0 }

// failure says that a function has failed, and why. It takes the errors off the
// queue of the thread, which must be that of the call.
func (f *functions) failure(which function) error {
	var text [256]byte
	f.call(describeError, f.call(oldestError), uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)))
	f.call(clearErrors)
	why, _, _ := bytes.Cut(text[:], []byte{0})
	return fmt.Errorf("libcrypto's %s failed: %s", functionNames()[which], why)
}
