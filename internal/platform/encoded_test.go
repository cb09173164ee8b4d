package platform

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"pixy/internal/fault"
)

// importedPassword is the password of importedHashes where they name no other.
const importedPassword = "Tr0ub4dor&3"

type importedHash struct{ name, stored, password string }

// importedHashes are made by other tools, none by this code:
//
// SSHA by Python, with pw = b"Tr0ub4dor&3" and salt = b"8bytes!!" (b"salt" where
// it is short): base64.b64encode(hashlib.new(algorithm, pw+salt).digest()+salt).
//
// bcrypt by libxcrypt: perl -e 'print crypt("Tr0ub4dor&3", "\$2b\$04\$abcdefghijklmnopqrstuu")'.
//
// PBKDF2 by Python, with salt = b"\xfb\xff\xbf16bytesofsalt", whose base64
// begins with "+/+/": hashlib.pbkdf2_hmac(algorithm, pw, salt, 1000); and the
// vectors of RFC 6070 §2 (the fifth) and RFC 7914 §11.
//
// argon2id: the test vectors of the reference implementation (test.c of
// phc-winner-argon2, version 0x13).
func importedHashes() []importedHash {
	return []importedHash{
		{"SSHA", "{SSHA}09G1uuIbLWM0Hs1UTT5KDqw3v4s4Ynl0ZXMhIQ==", importedPassword},
		{"SSHA, the shortest salt", "{SSHA}E//R5IO0SEa4u16weqKbrAohCOpzYWx0", importedPassword},
		{"SSHA1", "{SSHA1}09G1uuIbLWM0Hs1UTT5KDqw3v4s4Ynl0ZXMhIQ==", importedPassword},
		{"SSHA256", "{SSHA256}IunCLO9yNQd5azx7Gj6JqK6DR2P8MSYlLQmwgX0ECU44Ynl0ZXMhIQ==", importedPassword},
		{"SSHA384", "{SSHA384}YEZnfq87iauq5UIAHqyPj/YKEgCKLDyOASHZVH1i5UiWbxEupyLe6gko7dB80cOnOGJ5dGVzISE=", importedPassword},
		{"SSHA512", "{SSHA512}nUYxxEw+YYFEslyzOB3wnV3mgpDPl07/BHy6lHwetM2U3tpSNH1vN31I9iVRtAKjdSClbO3Q4dUjn2pYD1WDfjhieXRlcyEh", importedPassword},
		{"bcrypt 2a", "$2a$04$abcdefghijklmnopqrstuu5UWyuxawIwQzpnlr0Mft5nu6B9cYh/C", importedPassword},
		{"bcrypt 2b", "$2b$04$abcdefghijklmnopqrstuu5UWyuxawIwQzpnlr0Mft5nu6B9cYh/C", importedPassword},
		{"bcrypt 2y", "$2y$04$abcdefghijklmnopqrstuu5UWyuxawIwQzpnlr0Mft5nu6B9cYh/C", importedPassword},
		{"bcrypt with a name", "{BCRYPT}$2b$04$abcdefghijklmnopqrstuu5UWyuxawIwQzpnlr0Mft5nu6B9cYh/C", importedPassword},
		{"bcrypt of what is not normal: a ligature stays one", "$2b$04$abcdefghijklmnopqrstuusq98TwtF9HnyghfkdMFtqs1ilxO8BqW", "Z\u00f6e \ufb01"},
		{"PBKDF2", "$pbkdf2$1000$././MTZieXRlc29mc2FsdA$H6nhREPUKu0BOYJx3YqIzfy4xDE", importedPassword},
		{"PBKDF2-SHA1", "$pbkdf2-sha1$1000$././MTZieXRlc29mc2FsdA$H6nhREPUKu0BOYJx3YqIzfy4xDE", importedPassword},
		{"PBKDF2-SHA256", "$pbkdf2-sha256$1000$././MTZieXRlc29mc2FsdA$yNXlSHU9/ebg/PEhlA8horvxEz3kvQrf30sXL17RxJM", importedPassword},
		{"PBKDF2-SHA256 in common base64", "$pbkdf2-sha256$1000$+/+/MTZieXRlc29mc2FsdA==$yNXlSHU9/ebg/PEhlA8horvxEz3kvQrf30sXL17RxJM=", importedPassword},
		{"PBKDF2-SHA512", "$pbkdf2-sha512$1000$././MTZieXRlc29mc2FsdA$VPotEiaFkwsIkCd8RTK5rWh8trtWJzNhDjyWrQqLRHRK7JPeeKbvnv1gcuxr0aW4iBtA.MzDKg505pBHAl4JJg", importedPassword},
		{"PBKDF2 with a name", "{PBKDF2}$pbkdf2-sha256$1000$././MTZieXRlc29mc2FsdA$yNXlSHU9/ebg/PEhlA8horvxEz3kvQrf30sXL17RxJM", importedPassword},
		{"RFC 6070", "$pbkdf2$4096$c2FsdFNBTFRzYWx0U0FMVHNhbHRTQUxUc2FsdFNBTFRzYWx0$PS7sT.QchJuAyNg2YsDkSospGpZM8vBwOA", "passwordPASSWORDpassword"},
		{"RFC 7914", "$pbkdf2-sha256$1$c2FsdA$VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLxJypzM8Xm2RZkWZLOdd.8xfHG4RbHjC9UJESBB06GXgw", "passwd"},
		{"argon2id", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password"},
		{"argon2id in two lanes", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", "password"},
		{"argon2id with a name", "{ARGON2ID}$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password"},
	}
}

// An imported hash lets in whom it let in elsewhere, and nobody else; least of
// all who knows the hash.
func TestImportedHashVerifies(t *testing.T) {
	for _, h := range importedHashes() {
		if encoded, err := Encoded("password.value", h.stored); !encoded || err != nil {
			t.Errorf("%s is taken for a hash: %v, %v", h.name, encoded, err)
		}
		if right, err := VerifyPassword(h.stored, h.password); !right || err != nil {
			t.Errorf("%s: the right password: %v, %v", h.name, right, err)
		}
		for _, other := range []string{"", h.stored, h.password + " ", " " + h.password, h.password + "x", h.password[1:], strings.ToUpper(h.password) + "X", strings.ToLower(h.password) + "x"} {
			if right, err := VerifyPassword(h.stored, other); right || err != nil {
				t.Errorf("%s: %q: %v, %v", h.name, other, right, err)
			}
		}
		if !Upgradable(h.stored, DefaultHashCost()) {
			t.Errorf("%s would stay for ever", h.name)
		}
	}
	// The bytes that were hashed are those that were typed elsewhere.
	if right, _ := VerifyPassword("$2b$04$abcdefghijklmnopqrstuusq98TwtF9HnyghfkdMFtqs1ilxO8BqW", "Z\u00f6e fi"); right {
		t.Error("what was hashed elsewhere is not made normal")
	}
}

// A changed digest or salt is another hash: a flipped bit of either lets
// nobody in.
func TestImportedHashCountsWhole(t *testing.T) {
	for _, h := range importedHashes() {
		end := strings.TrimRight(h.stored, "=")
		for _, at := range []int{len(end) - 2, len(end) - 12} {
			changed := []byte(h.stored)
			if changed[at] = 'A'; h.stored[at] == 'A' {
				changed[at] = 'B'
			}
			if right, _ := VerifyPassword(string(changed), h.password); right {
				t.Errorf("%s, another character at %d: the password is still right", h.name, at)
			}
		}
	}
}

// What can't be verified is refused: taken for a password in clear, the hash
// would sign on.
func TestEncodedRefuses(t *testing.T) {
	const digest = "H6nhREPUKu0BOYJx3YqIzfy4xDE"
	bcrypt := "abcdefghijklmnopqrstuu5UWyuxawIwQzpnlr0Mft5nu6B9cYh/C"
	cases := []struct{ name, password string }{
		{"SHA-1 without salt", "{SHA}h0Vy56WuaklGamrFeLmK26eMaqY="},
		{"salted by name only", "{SSHA}h0Vy56WuaklGamrFeLmK26eMaqY="},
		{"SHA-512 without salt, salted by name only", "{SSHA512}xyu2IccEDPS2R0BjqaeXJpDiUvNa2+fPr/Wx7iMW7+c4LnI9QeATor+8M8MAfFDFhH0hqInM6DhTbqxyeAjeQA=="},
		{"a salt of three bytes", "{SSHA}4Ha3fI4O9lMR6aBdnnUKAh8Et91zYWw="},
		{"a salt of sixty-five bytes", "{SSHA}" + strings.Repeat("QUJD", 28) + "QQ=="},
		{"no base64", "{SSHA}09G1uuIbLWM0Hs1UTT5KDqw3v4s4Ynl0ZXMhIQ=!"},
		{"half a base64", "{SSHA}09G1uuIbLWM0Hs1UTT5KDqw3v4s4Ynl0ZXMhIQ"},
		{"empty", "{SSHA}"},
		{"lower case", "{ssha}09G1uuIbLWM0Hs1UTT5KDqw3v4s4Ynl0ZXMhIQ=="},
		{"an algorithm that SSHA has not", "{SSHA224}09G1uuIbLWM0Hs1UTT5KDqw3v4s4Ynl0ZXMhIQ=="},
		{"MD5", "{MD5}X03MO1qnZdYdgyfeuILPmQ=="},
		{"salted MD5", "{SMD5}X03MO1qnZdYdgyfeuILPmXNhbHQ="},
		{"crypt", "{CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJuesI68OTLiBFdcbYEdFCoEOfaS35inz1"},
		{"in clear, by name", "{CLEAR}Tr0ub4dor&3"},
		{"scrypt", "{SCRYPT_RFC7914}$s0$e0801$epIxT/h6HbbwHaehFnh/bw==$7H0vsXlY8UxxyW/BWx/9GuY7jEvGjT71GFd6O4SZND0="},
		{"scrypt of passlib", "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E"},
		{"SHA-512 crypt", "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJuesI68OTLiBFdcbYEdFCoEOfaS35inz1"},
		{"SHA-256 crypt", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc8"},
		{"MD5 crypt", "$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1"},
		{"bcrypt that costs too much", "$2b$15$" + bcrypt},
		{"bcrypt that costs 31", "{BCRYPT}$2b$31$" + bcrypt},
		{"bcrypt that costs nothing", "$2b$03$" + bcrypt},
		{"bcrypt of no cost that there is", "$2b$99$" + bcrypt},
		{"the bcrypt with the bug", "$2x$04$" + bcrypt},
		{"bcrypt cut off", "$2b$04$" + bcrypt[:52]},
		{"bcrypt and more", "$2b$04$" + bcrypt + "A"},
		{"bcrypt of characters that it has not", "$2b$04$" + strings.Replace(bcrypt, "u5", "u=", 1)},
		{"PBKDF2 of a million and one", "$pbkdf2-sha256$1000001$c2FsdA$" + digest},
		{"PBKDF2 of too many digits", "$pbkdf2-sha256$10000000$c2FsdA$" + digest},
		{"PBKDF2 of no iteration", "$pbkdf2-sha256$0$c2FsdA$" + digest},
		{"PBKDF2 of fewer than none", "$pbkdf2-sha256$-1$c2FsdA$" + digest},
		{"PBKDF2 without salt", "$pbkdf2-sha256$1000$$" + digest},
		{"PBKDF2 without digest", "$pbkdf2-sha256$1000$c2FsdA$"},
		{"PBKDF2 of a digest of fifteen bytes", "$pbkdf2-sha256$1000$c2FsdA$" + digest[:20]},
		{"PBKDF2 of a digest of 129 bytes", "$pbkdf2-sha256$1000$c2FsdA$" + strings.Repeat("A", 172)},
		{"PBKDF2 of another algorithm", "$pbkdf2-sha384$1000$c2FsdA$" + digest},
		{"PBKDF2 of broken base64", "$pbkdf2-sha256$1000$c2FsdA$" + digest + "AA"},
		{"PBKDF2 and more", "$pbkdf2-sha256$1000$c2FsdA$" + digest + "$x"},
		{"argon2i", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
		{"argon2d", "$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
		{"argon2id of another version", "$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
		{"argon2id of too much memory", "$argon2id$v=19$m=524289,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
		{"argon2id of too many passes", "$argon2id$v=19$m=256,t=17,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
		{"argon2id of a short salt", "$argon2id$v=19$m=256,t=2,p=1$c2FsdA$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
		{"argon2id without digest", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$"},
		{"argon2id and more", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4$"},
		{"a form that nobody knows", "{SOMETHING-ELSE}abc"},
	}
	for _, c := range cases {
		encoded, err := Encoded("password.value", c.password)
		var f *fault.Fault
		if encoded || !errors.As(err, &f) || !errors.Is(err, fault.Invalid) || len(f.Details) != 1 {
			t.Errorf("%s: %v, %v", c.name, encoded, err)
			continue
		}
		if d := f.Details[0]; d.Code != "INVALID_VALUE" || d.Target != "password.value" || !strings.HasPrefix(d.Message, "is an encoded password that can't be imported; the forms are {SSHA}, {SSHA256}, {SSHA384} or {SSHA512}") || len(d.Inner) > 0 {
			t.Errorf("%s: %+v", c.name, d)
		}
		if secret := c.password[strings.LastIndexAny(c.password, "}$")+1:]; len(secret) > 3 && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the refusal shows the hash: %v", c.name, err)
		}
		// Had it been stored all the same, it would let nobody in.
		if right, _ := VerifyPassword(c.password, importedPassword); right {
			t.Errorf("%s: it is verified", c.name)
		}
	}
}

// A password in clear may look like much.
func TestEncodedLeavesPasswordsInClear(t *testing.T) {
	for _, clear := range []string{"", "Tr0ub4dor&3", "{", "{}", "{}x", "{a}b", "{A}", "{SSHA", "SSHA}", "x{SSHA}y", " {SSHA}x", "{SS HA}x", "{SSHA:x}", "{" + strings.Repeat("A", 41) + "}",
		"$", "$$", "$2", "$2b", "$money$", "$7$", "x$2b$04$", "$ 6$x", "$pbkdf", "$argon", "2b$04$abc", "\n{SSHA}x", "$6"} {
		if encoded, err := Encoded("password.value", clear); encoded || err != nil {
			t.Errorf("%q is a password: %v, %v", clear, encoded, err)
		}
	}
}

// A hash is replaced at the next sign-on unless it was made here, at this cost.
func TestUpgradable(t *testing.T) {
	salt := []byte("0123456789abcdef")
	now := HashCost{Memory: 64, Time: 2, Lanes: 2}
	for _, c := range []struct {
		name   string
		stored string
		want   bool
	}{
		{"none", "", false},
		{"this cost", HashPassword("a", salt, now), false},
		{"less memory", HashPassword("a", salt, HashCost{32, 2, 2}), true},
		{"more memory", HashPassword("a", salt, HashCost{640, 2, 2}), true},
		{"fewer passes", HashPassword("a", salt, HashCost{64, 1, 2}), true},
		{"more passes", HashPassword("a", salt, HashCost{64, 16, 2}), true},
		{"other lanes", HashPassword("a", salt, HashCost{64, 2, 1}), true},
		{"a name before it", "{ARGON2ID}" + HashPassword("a", salt, now), true},
		{"another version", strings.Replace(HashPassword("a", salt, now), "v=19", "v=16", 1), true},
		{"another algorithm", strings.Replace(HashPassword("a", salt, now), "argon2id", "argon2i", 1), true},
	} {
		if got := Upgradable(c.stored, now); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// FuzzEncoded: no text makes reading a hash panic, and what is taken over can
// be verified: its password is not unreadable later.
func FuzzEncoded(f *testing.F) {
	for _, h := range importedHashes() {
		f.Add(h.stored, h.password)
	}
	for _, s := range []string{"{SSHA}=", "$pbkdf2$$$", "$pbkdf2-sha1$1$A$A", "{PBKDF2}$pbkdf2$1$=$=", "$2b$04$", "$argon2id$", "{ARGON2ID}$argon2id$$$$$", "{}$2a$"} {
		f.Add(s, "")
	}
	dear := regexp.MustCompile(`\$2[aby]\$(0[5-9]|[1-9])|\$\d{4,7}\$`)
	f.Fuzz(func(t *testing.T, stored, password string) {
		if dear.MatchString(stored) {
			return
		}
		if _, _, c, err := readPHC(strings.TrimPrefix(stored, "{ARGON2ID}")); err == nil && (c.Memory > 1024 || c.Time > 2) {
			return
		}
		encoded, err := Encoded("x", stored)
		if encoded && err != nil {
			t.Errorf("%q is taken and refused: %v", stored, err)
		}
		if _, unread := VerifyPassword(stored, password); encoded && unread != nil {
			t.Errorf("%q was taken and can't be read: %v", stored, unread)
		}
	})
}
