//go:build libcrypto && linux && amd64

package libcrypto

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"
)

func TestUsable(t *testing.T) {
	for _, c := range []struct {
		version uint64
		text    string
		good    bool
	}{
		{0x1010117f, "1.1.23", false},
		{0x30000000, "3.0.0", false},
		{0x30000020, "3.0.2", false},
		{0x30000040, "3.0.4", false},
		{0x3000004f, "3.0.4", false},
		{0x30000050, "3.0.5", true},
		{0x30000130, "3.0.19", true},
		{0x30100000, "3.1.0", true},
		{0x30500040, "3.5.4", true},
		{0x3ff00ff0, "3.255.255", true},
		{0x40000000, "4.0.0", false},
	} {
		err := usable(c.version)
		if got := versionText(c.version); got != c.text || (err == nil) != c.good {
			t.Errorf("%x is %s: %v; want %s, good: %t", c.version, got, err, c.text, c.good)
		}
		if err != nil && (!strings.Contains(err.Error(), "this is "+c.text+": update it") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: %v", c.text, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, says := range map[string]string{
		"libnowhere.so.3": "needs OpenSSL 3: install it (in Debian the package libssl3)",
		"libc.so.6":       "libc.so.6 is not that of OpenSSL 3",
	} {
		if l, err := open(name, nil); l != nil || err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOpenRefusesWhatSignsNothing opens libcrypto in a process of its own, under a
// configuration that leaves it without algorithms.
func TestOpenRefusesWhatSignsNothing(t *testing.T) {
	const asked = "PIXY_TEST_OPEN"
	if os.Getenv(asked) != "" {
		_, err := Open(nil)
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "openssl.cnf")
	if err := os.WriteFile(file, []byte("openssl_conf = a\n[a]\nproviders = b\n[b]\nnull = c\n[c]\nactivate = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	self := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
	self.Env = append(os.Environ(), asked+"=1", "OPENSSL_CONF="+file)
	if out, err := self.CombinedOutput(); err == nil || !strings.Contains(string(out), "signs nothing here: look into its openssl.cnf") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestFailureSaysWhy reads what is no key.
func TestFailureSaysWhy(t *testing.T) {
	l := opened(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var pin runtime.Pinner
	defer pin.Unpin()
	der := []byte("no key")
	pin.Pin(&der[0])
	at := uintptr(unsafe.Pointer(&der[0]))
	if key := l.call(readKey, typeRSA, 0, uintptr(unsafe.Pointer(&at)), uintptr(len(der))); key != 0 {
		t.Fatal("it is a key")
	}
	if err := l.failure(readKey).Error(); !strings.HasPrefix(err, "libcrypto's d2i_PrivateKey failed: error:") || !strings.Contains(err, " routines:") {
		t.Error(err)
	}
	if code := l.call(oldestError); code != 0 {
		t.Errorf("the error %x is left", code)
	}
}
