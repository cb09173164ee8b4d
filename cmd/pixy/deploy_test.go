package main

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pixy/internal/store"
)

const deploy = "../../deploy/"

func readDeploy(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(deploy + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDeployedSettings gives pixy serve the settings of each example, as they
// reach it, and looks up every variable and flag in the help.
func TestDeployedSettings(t *testing.T) {
	setting := regexp.MustCompile(`(?m)^[ #]*(?:Environment=)?(PIXY_[A-Z_]+)(?:=|: )(\S+)$`)
	for _, e := range []struct {
		name  string
		files []string
		least int // settings
	}{
		{"compose", []string{"compose.yaml"}, 5},
		{"systemd", []string{"systemd/pixy@.service", "systemd/pixy.env", "systemd/1.env"}, 7},
		{"image", []string{"Dockerfile"}, 0},
	} {
		t.Run(e.name, func(t *testing.T) {
			all := ""
			for _, name := range e.files {
				all += readDeploy(t, name) + "\n"
			}
			for _, known := range regexp.MustCompile(`PIXY_[A-Z_]+`).FindAllString(all, -1) {
				if !strings.Contains(help, known) {
					t.Errorf("the help does not know %s", known)
				}
			}
			found := setting.FindAllStringSubmatch(all, -1)
			if len(found) < e.least {
				t.Fatalf("%d settings are found, of %d at least", len(found), e.least)
			}
			for _, s := range found {
				t.Setenv(s[1], regexp.MustCompile(`\$\{\w+:-(.*)\}`).ReplaceAllString(s[2], "$1"))
			}
			c, err := parse([]string{"serve"}, os.Stderr)
			if err != nil {
				t.Fatal(err)
			}
			serve := c.(*serveCommand)
			if err := serve.readHosts(); err != nil {
				t.Error(err)
			}
			if e.least > 0 && (!store.IsPostgres(serve.Database) || !strings.Contains(serve.Database, "target_session_attrs=read-write")) {
				t.Errorf("the database is %s", serve.Database)
			}
		})
	}
	for name, text := range map[string]string{"compose.yaml": "stop_grace_period: 15s", "systemd/pixy@.service": "TimeoutStopSec=15"} {
		if stopTimeout >= 15*time.Second || !strings.Contains(readDeploy(t, name), text) {
			t.Errorf("%s gives a stop, which takes %s, less time", name, stopTimeout)
		}
	}
}

// TestDeployedUnit has systemd read the unit, where it is installed.
func TestDeployedUnit(t *testing.T) {
	path := tool(t, "systemd-analyze")
	unit := filepath.Join(t.TempDir(), "pixy@1.service")
	// It is verified that the program is there.
	text := strings.ReplaceAll(readDeploy(t, "systemd/pixy@.service"), "/usr/local/bin/pixy", "/bin/true")
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path, "verify", unit).CombinedOutput(); err != nil || strings.Contains(string(out), unit) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestDeployedBalancer has HAProxy read its configuration, where it is installed.
func TestDeployedBalancer(t *testing.T) {
	path := tool(t, "haproxy")
	check := exec.Command(path, "-c", "-f", deploy+"haproxy/haproxy.cfg")
	check.Env = append(os.Environ(), "CERTIFICATE="+selfSigned(t))
	if out, err := check.CombinedOutput(); err != nil || strings.Contains(string(out), "WARNING") {
		t.Errorf("%v\n%s", err, out)
	}
}

// tool is the path of a program that not every machine has.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(err)
	}
	return path
}

// selfSigned is a file with a certificate and its key.
func selfSigned(t *testing.T) string {
	t.Helper()
	ca, err := developmentCA(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := ca.issue([]string{"https://localhost"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Certificate[0]})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: sealed})...)
	path := filepath.Join(t.TempDir(), "certificate.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
