package main

import (
	"crypto"
	"crypto/rsa"

	"pixy/internal/libcrypto"
)

// openLibrary opens libcrypto when it is asked for. Who asks for it and can't have
// it must know, so there is no other signer in its place.
func (c *serveCommand) openLibrary() (err error) {
	if c.Signer != "libcrypto" {
		return nil
	}
	c.library, err = libcrypto.Open(func(err error) {
		c.log.Error("libcrypto failed with a key, with which Go signs from now on", "error", err)
	})
	return err
}

// signer is what signs with an RSA key, nil for Go.
func (c *serveCommand) signer() func(*rsa.PrivateKey) crypto.Signer {
	if c.library == nil {
		return nil
	}
	return c.library.Signer
}
