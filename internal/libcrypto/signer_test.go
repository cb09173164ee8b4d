//go:build libcrypto && linux && amd64

package libcrypto

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebitengine/purego"
)

// opened is the system's libcrypto. A key that is lost fails the test.
func opened(t testing.TB) *Library {
	t.Helper()
	l, err := Open(func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func newKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sumOf is the hash of the nth message.
func sumOf(n int) []byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	return sum[:]
}

// same signs a message, and compares with what Go signs.
func same(t testing.TB, s crypto.Signer, key *rsa.PrivateKey, n int) {
	t.Helper()
	want, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sumOf(n))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Sign(nil, sumOf(n), crypto.SHA256); err != nil || !bytes.Equal(got, want) {
		t.Errorf("message %d, %d bits: %x, %v; Go signs %x", n, key.N.BitLen(), got, err, want)
	}
}

func TestSignsAsGo(t *testing.T) {
	l := opened(t)
	for bits, messages := range map[int]int{1024: 100, 2048: 300, 2049: 50, 2056: 50, 3072: 50, 4096: 20} {
		key := newKey(t, bits)
		s := l.Signer(key)
		if _, ours := s.(*signer); !ours || !key.PublicKey.Equal(s.Public()) {
			t.Errorf("%d bits: the signer is a %T of %v", bits, s, s.Public())
		}
		for n := range messages {
			same(t, s, key, n)
		}
	}
}

// TestLeavesTheRestToGo signs by what libcrypto is not asked for, with one whose
// every signature fails the test.
func TestLeavesTheRestToGo(t *testing.T) {
	l, key := opened(t), newKey(t, 2048)
	s := l.Signer(key)
	l.functions[newContext] = purego.NewCallback(func(uintptr) uintptr { t.Error("libcrypto was asked"); return 0 })
	sum, long := sumOf(1), sha512.Sum512(nil)
	pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	if got, err := s.Sign(rand.Reader, sum, pss); err != nil || rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, sum, got, pss) != nil {
		t.Errorf("PS256: %x, %v", got, err)
	}
	if got, err := s.Sign(rand.Reader, long[:], crypto.SHA512); err != nil || rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA512, long[:], got) != nil {
		t.Errorf("RS512: %x, %v", got, err)
	}
	if got, err := s.Sign(rand.Reader, sum[1:], crypto.SHA256); err == nil {
		t.Errorf("a hash of 31 bytes: %x", got)
	}
}

// TestManyAtOnce signs in 32 goroutines with keys of their own and one that they
// share, while garbage is collected all the time.
func TestManyAtOnce(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	l, key := opened(t), newKey(t, 2048)
	shared := l.Signer(key)
	var all sync.WaitGroup
	for g := range 32 {
		all.Go(func() {
			for n := range 8 {
				same(t, shared, key, g*100+n)
				same(t, l.Signer(key), key, g*100+n)
				runtime.GC()
			}
		})
	}
	all.Wait()
}

// counted makes a function count its calls, and those that are under way.
func counted(l *Library, which function) (calls *atomic.Int64, most *atomic.Int64) {
	calls, most = new(atomic.Int64), new(atomic.Int64)
	var now atomic.Int64
	real := l.functions[which]
	l.functions[which] = purego.NewCallback(func(a, b, c, d, e uintptr) uintptr {
		calls.Add(1)
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if which == sign {
			time.Sleep(time.Millisecond) // so that others may come
		}
		result, _, _ := purego.SyscallN(real, a, b, c, d, e)
		return result
	})
	return calls, most
}

// TestSeats holds how many sign at the same time against the processors.
func TestSeats(t *testing.T) {
	l, key := opened(t), newKey(t, 2048)
	s := l.Signer(key)
	calls, most := counted(l, sign)
	var all sync.WaitGroup
	for n := range 32 {
		all.Go(func() { same(t, s, key, n) })
	}
	all.Wait()
	if calls.Load() != 32 || most.Load() > int64(runtime.GOMAXPROCS(0)) {
		t.Errorf("%d signatures, %d at the same time on %d processors", calls.Load(), most.Load(), runtime.GOMAXPROCS(0))
	}
}

// TestFrees makes keys and signatures, also such as fail, and expects that all
// that libcrypto gave is given back.
func TestFrees(t *testing.T) {
	l, key := opened(t), newKey(t, 2048)
	l.lost = func(error) {}
	made, _ := counted(l, readKey)
	freed, _ := counted(l, freeKey)
	contexts, _ := counted(l, newContext)
	gone, _ := counted(l, freeContext)
	for n := range 100 {
		s := l.Signer(key)
		if n%2 == 0 {
			real := l.functions[sign]
			l.functions[sign] = l.functions[oldestError] // 0: there is none
			same(t, s, key, n)
			l.functions[sign] = real
		}
		same(t, s, key, n)
	}
	if c, g := contexts.Load(), gone.Load(); c != 200 || g != c {
		t.Errorf("%d contexts were made and %d freed", c, g)
	}
	for deadline := time.Now().Add(20 * time.Second); freed.Load() < made.Load() && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		runtime.GC()
	}
	if m, f := made.Load(), freed.Load(); m != 100 || f != m && f != m+1 { // that of Open may be freed meanwhile
		t.Errorf("%d keys were made and %d freed", m, f)
	}
}

// TestFailures has each function fail once in a signature. Go signs in its place,
// and from then on, which is said once.
func TestFailures(t *testing.T) {
	key := newKey(t, 2048)
	for _, which := range []function{newContext, beginSigning, setPadding, setHash, sign} {
		l := opened(t)
		var said []string
		l.lost = func(err error) { said = append(said, err.Error()) }
		s := l.Signer(key)
		same(t, s, key, 0)
		real := l.functions[which]
		l.functions[which] = l.functions[oldestError] // 0: there is none
		same(t, s, key, 1)
		l.functions[which] = real
		calls, _ := counted(l, newContext)
		same(t, s, key, 2)
		name := functionNames()[which]
		if len(said) != 1 || !strings.Contains(said[0], name+" failed") || calls.Load() != 0 {
			t.Errorf("%s failed, and it is said %q; libcrypto was asked again %d times", name, said, calls.Load())
		}
		same(t, l.Signer(key), key, 3)
		if calls.Load() != 2 {
			t.Errorf("another signer is asked %d times, not 2", calls.Load())
		}
	}
}

// TestSaysOnce has two signatures fail at the same time.
func TestSaysOnce(t *testing.T) {
	l, key := opened(t), newKey(t, 2048)
	var said atomic.Int64
	l.lost, l.seats = func(error) { said.Add(1) }, make(chan struct{}, 2)
	s := l.Signer(key)
	var all, both sync.WaitGroup
	both.Add(2)
	l.functions[sign] = purego.NewCallback(func(uintptr) uintptr { both.Done(); both.Wait(); return 0 })
	for n := range 2 {
		all.Go(func() { same(t, s, key, n) })
	}
	all.Wait()
	if said.Load() != 1 {
		t.Errorf("it is said %d times", said.Load())
	}
}

// TestRefusesAKey makes signers that libcrypto can't be trusted with: each is the
// key itself.
func TestRefusesAKey(t *testing.T) {
	key := newKey(t, 2048)
	answer := func(result uintptr) uintptr {
		return purego.NewCallback(func(uintptr) uintptr { return result })
	}
	for _, c := range []struct {
		which  function
		result uintptr
		says   string
	}{
		{readKey, 0, "d2i_PrivateKey failed"},
		{sign, 0, "EVP_PKEY_sign failed"},
		{sign, 1<<32 - 2, "EVP_PKEY_sign failed"}, // -2: not supported
		{sign, 1, "verifying what libcrypto signed"},
	} {
		l := opened(t)
		var said []string
		l.lost = func(err error) { said = append(said, err.Error()) }
		l.functions[c.which] = answer(c.result)
		if s := l.Signer(key); s != crypto.Signer(key) || len(said) != 1 || !strings.Contains(said[0], c.says) {
			t.Errorf("%s returns %d: the signer is a %T, and it is said %q", functionNames()[c.which], c.result, s, said)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	l := opened(b)
	for _, bits := range []int{2048, 3072, 4096} {
		key := newKey(b, bits)
		for name, s := range map[string]crypto.Signer{"go": key, "libcrypto": l.Signer(key)} {
			b.Run(fmt.Sprintf("%d/%s", bits, name), func(b *testing.B) {
				for b.Loop() {
					if _, err := s.Sign(nil, sumOf(1), crypto.SHA256); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
