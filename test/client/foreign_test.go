package client

import (
	"net/http"
	"strings"
	"testing"
)

// foreignClients is the server that the foreign clients share, and the report
// of what they did with it.
type foreignClients struct {
	*pixy
	report   report
	metadata map[string]any
}

// TestForeignClients lets each foreign client do what it can, from discovery
// alone, and holds the table in README.md against what it did.
func TestForeignClients(t *testing.T) {
	// covers: Certification Basic/OIDCCServerTest, Certification Basic/OIDCCServerTestClientSecretPost
	// covers: RFC 8414 §3/1, RFC 8414 §3.2/1, RFC 8414 §3.3/1
	f := &foreignClients{pixy: start(t, "--tls-dev", "--hash-memory", "1024", "--hash-time", "1"), report: newReport(t)}
	f.prepare()
	r, err := http.NewRequest("GET", f.issuer()+"/.well-known/openid-configuration", nil)
	if err != nil {
		t.Fatal(err)
	}
	f.metadata = f.do(r, 200)
	suites := []struct {
		name string
		run  func(*testing.T)
	}{
		{"x-oauth2", f.oauth2Clients}, {"zitadel", f.zitadelClients}, {"oauth2-proxy", f.oauth2Proxy}, {"node", f.nodeClients}, {"browser", f.browserClients},
	}
	ran := 0
	for _, suite := range suites {
		t.Run(suite.name, func(t *testing.T) { ran++; suite.run(t) })
	}
	if ran == len(suites) && !t.Failed() {
		f.report.compare(t)
	}
}

// client is one of them.
type client struct {
	*foreignClients
	name, version string
}

// can tests one feature of a client, and reports it when the test has passed.
func (c client) can(t *testing.T, feature string, test func(*testing.T)) {
	t.Helper()
	t.Run(strings.ReplaceAll(feature, " ", "-"), func(t *testing.T) {
		test(t)
		if !t.Failed() {
			c.report.did(t, c.name, c.version, feature)
		}
	})
}
