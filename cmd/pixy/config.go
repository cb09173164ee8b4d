package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"pixy/internal/store"
)

// cli is every command and flag. A flag is taken from the command line, else
// from its environment variable, else from the file of --config, else it has
// its default.
type cli struct {
	Config kong.ConfigFlag `help:"A JSON file with flags: {\"listen\": \"127.0.0.1:9000\"}." env:"PIXY_CONFIG" placeholder:"FILE"`

	Serve  serveCommand  `cmd:""`
	Demo   demoCommand   `cmd:""`
	Backup backupCommand `cmd:""`
	Store  struct {
		Copy copyCommand `cmd:""`
	} `cmd:""`
	Key struct {
		New    keyNewCommand    `cmd:""`
		Rotate keyRotateCommand `cmd:""`
	} `cmd:""`
}

// command is what a command line asks for.
type command interface {
	Run(ctx context.Context, out, errOut io.Writer) error
}

// usageError is a command line that makes no sense.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func parse(args []string, out io.Writer) (command, error) {
	if err := dropEmpty(); err != nil {
		return nil, err
	}
	var c cli
	parser, err := kong.New(&c, kong.Name("pixy"), kong.Writers(out, out), kong.NoDefaultHelp(),
		kong.Configuration(fileBelowEnvironment))
	if err != nil {
		return nil, err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return nil, &usageError{withoutPasswords(plainer(err.Error()), args)}
	}
	return parsed.Selected().Target.Addr().Interface().(command), nil
}

// plainer says what is missing in the words of the help.
func plainer(text string) string {
	text = strings.TrimSuffix(text, ".")
	if rest, is := strings.CutPrefix(text, `expected "<`); is {
		name, _, _ := strings.Cut(rest, ">")
		return "the argument " + strings.ToUpper(name) + " is missing"
	}
	if rest, is := strings.CutPrefix(text, "expected "); is {
		return "the command is not complete, it goes on with " + strings.TrimPrefix(rest, "one of ")
	}
	return text
}

// withoutPasswords is a text about arguments, with their URLs as they may be
// shown.
func withoutPasswords(text string, args []string) string {
	for _, arg := range args {
		if at := strings.Index(arg, "postgres"); at >= 0 && store.IsPostgres(arg[at:]) {
			text = strings.ReplaceAll(text, arg[at:], store.Named(arg[at:]))
		}
	}
	return text
}

// configFile is the file of --config: flags by their names, as in
// {"tls-dev": true}. A flag's environment variable wins over it.
type configFile map[string]any

func fileBelowEnvironment(r io.Reader) (kong.Resolver, error) {
	file := configFile{}
	d := json.NewDecoder(r)
	d.UseNumber()
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("the configuration file is not a JSON object: %w", err)
	}
	return file, nil
}

// Validate refuses a name that no flag has: what it was meant to set would
// silently keep its default.
func (f configFile) Validate(app *kong.Application) error {
	known := map[string]bool{}
	for _, node := range append(app.Children, app.Node) {
		for _, flag := range node.Flags {
			known[flag.Name] = true
		}
	}
	for name := range f {
		if !known[name] {
			return fmt.Errorf("the configuration file sets %q, which is no flag", name)
		}
	}
	return nil
}

// Resolve returns what the file says of a flag, nil for nothing.
func (f configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if slices.ContainsFunc(flag.Tag.Envs, func(name string) bool { return os.Getenv(name) != "" }) {
		return nil, nil
	}
	if n, ok := f[flag.Name].(json.Number); ok {
		return n.String(), nil
	}
	return f[flag.Name], nil
}

// dropEmpty takes a variable that is empty for one that is not set, as compose
// and unit files leave them.
func dropEmpty() error {
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "PIXY_") && value == "" {
			if err := os.Unsetenv(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// helped prints the help when it is asked for, or when nothing is.
func helped(args []string, out io.Writer) bool {
	asked := len(args) == 0 || slices.Contains(args, "--help") || slices.Contains(args, "-h") || args[0] == "help"
	switch {
	case asked:
		fmt.Fprint(out, help)
	case args[0] == "version" || args[0] == "--version":
		fmt.Fprintf(out, "pixy %s\n", version)
		return true
	}
	return asked
}

const help = `Pixy is a self-hosted OAuth 2 and OpenID Connect authorization server that
speaks the PingOne platform API. Its heart is the PKCE workflow.

Usage:
  pixy demo                          watch the workflow run, and an attack fail
  pixy demo --serve                  the same, then keep the server for a browser
  pixy demo --json | jq .            the same, one JSON object a step
  pixy serve                         serve http://127.0.0.1:8080 from ./pixy-data
  pixy serve --tls-dev --listen 127.0.0.1:8443
                                     serve https with a certificate of its own CA
  pixy serve --public-url https://login.example.com --listen :8080
                                     serve behind a proxy that ends TLS
  pixy key new                       print a new master key
  pixy key rotate                    seal everything under the next master key,
                                     while the server, or several nodes, serve
  pixy backup /var/backups/pixy.db   back up the database of a running server
  pixy store copy file:pixy-data/pixy.db postgres://pixy@db/pixy
                                     move everything to another database
  pixy version                       print the version
  pixy help                          print this text

Flags of demo:
  --serve          keep the server up and print a URL to sign in by hand
  --json           print one JSON object a step
  --listen ADDR    listen there; another port is taken when it is in use
                   (default 127.0.0.1:8080)

Flags of backup, as of serve:
  --data DIR               PIXY_DATA           the data folder (./pixy-data)
  --database SOURCE        PIXY_DATABASE       the database file (file:DIR/pixy.db)
  --master-key-file FILE   PIXY_MASTER_KEY_FILE
                                               where the key is that the backup is of
                                               no use without

Arguments of store copy, FROM and TO, are each a database as for --database of
serve. TO must be empty, or what an earlier copy that was stopped left of it. The
master key is in no backup and in no copy: keep it too.

Flags of key rotate: --data, --database, --master-key-file and
--next-master-key-file, as those of serve

Flags of serve, with their environment variables:
  --listen ADDR            PIXY_LISTEN         where to listen (127.0.0.1:8080)
  --data DIR               PIXY_DATA           the data folder (./pixy-data)
  --database SOURCE        PIXY_DATABASE       the database (file:DIR/pixy.db), or
                                               postgres://user@host/name, which
                                               several nodes may share
  --master-key-file FILE   PIXY_MASTER_KEY_FILE
                                               the key that seals secrets and keys,
                                               32 bytes in base64 (DIR/master.key,
                                               which is made with a new database
                                               file, but not for PostgreSQL)
  --next-master-key-file FILE
                           PIXY_NEXT_MASTER_KEY_FILE
                                               the key that is to replace it, when
                                               there is one (DIR/master.key.next)
  --public-url URL         PIXY_PUBLIC_URL     what clients call the server; issuer
                                               and links begin with it
  --domain HOST=ENV_ID     PIXY_DOMAINS        serve the environment at https://HOST/as
                                               too, without its id in the path; can
                                               be repeated, or a list with commas
  --trusted-proxies CIDR   PIXY_TRUSTED_PROXIES
                                               the reverse proxies, a list with commas,
                                               whose X-Forwarded-For and
                                               X-Forwarded-Host are believed (none)
  --tls-cert FILE          PIXY_TLS_CERT       serve https with this certificate
  --tls-key FILE           PIXY_TLS_KEY        and this key
  --tls-dev                PIXY_TLS_DEV        serve https with a certificate for
                                               localhost; clients trust DIR/ca.pem
  --hash-memory KIB        PIXY_HASH_MEMORY    argon2id memory (19456)
  --hash-time N            PIXY_HASH_TIME      argon2id passes (2)
  --hash-lanes N           PIXY_HASH_LANES     argon2id lanes (1)
  --hashes N               PIXY_HASHES         hashes at the same time (one a core,
                                               the last core apart)
  --signer NAME            PIXY_SIGNER         what signs with RSA keys: go, or libcrypto,
                                               the system's OpenSSL 3, in a build with
                                               the tag libcrypto (go)
  --audit-days N           PIXY_AUDIT_DAYS     how long the audit log is kept (90)
  --session-life DURATION  PIXY_SESSION_LIFE   how long a session lasts after the
                                               last sign-on (720h)
  --session-idle DURATION  PIXY_SESSION_IDLE   how long it may rest unused (0: as
                                               long as it lasts)
  --metrics-listen ADDR    PIXY_METRICS_LISTEN where to serve /metrics to Prometheus
                                               (nowhere)
  --profiles               PIXY_PROFILES       serve Go's profiles there too, under
                                               /debug/pprof/
  --traces URL             PIXY_TRACES         send traces there by OTLP over HTTP;
                                               OTEL_EXPORTER_OTLP_ENDPOINT does too
                                               (nowhere)
  --drain DURATION         PIXY_DRAIN          how long a server that is to stop goes
                                               on, while /readyz says 503 (500ms)
  --config FILE            PIXY_CONFIG         a JSON file with flags by their names,
                                               {"listen": ":8443", "tls-dev": true};
                                               a flag or a variable wins over it

  PIXY_MASTER_KEY, PIXY_NEXT_MASTER_KEY
                           the keys themselves, in place of the files
  PIXY_BOOTSTRAP_ENV_ID, PIXY_BOOTSTRAP_APP_ID, PIXY_BOOTSTRAP_APP_SECRET
                           ids and secret of the first environment and its worker
                           application; what is left out is made up and written
                           to DIR/bootstrap.json

Exit codes: 0 done, 1 failed, 2 the command line makes no sense.
`
