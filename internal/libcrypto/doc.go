// Package libcrypto signs RS256 by the libcrypto of the system (OpenSSL 3),
// which on processors with AVX512-IFMA needs a fraction of the time that Go's
// crypto/rsa does. The library is loaded when the program runs, without cgo.
//
// It is in builds with the tag libcrypto alone: such a program is linked
// dynamically, needs the C library and OpenSSL where it runs, and a crash in
// either ends it. In all other builds Open refuses.
package libcrypto
