package describe

import (
	"strings"

	"pixy/internal/flow"
	"pixy/internal/kind"
)

// byMedia are the bodies of media types that differ from the others of their
// endpoint. The endpoint's own table of fields holds those of all of them.
func byMedia(media string) (fields []kind.Field, ok bool) {
	secret := func(name string) kind.Field {
		return kind.Field{Name: name, Type: kind.Text, Required: true, Access: kind.Given, MinLen: 1, MaxLen: flow.MaxPassword}
	}
	optional := func(f kind.Field) kind.Field {
		f.Required = false
		return f
	}
	force := kind.Field{Name: "forceChange", Type: kind.Boolean}
	switch strings.TrimSuffix(strings.TrimPrefix(media, vendor), "+json") {
	case "user.import":
		return []kind.Field{{Name: "password", Type: kind.Object, Access: kind.Given, Fields: []kind.Field{secret("value"), force}}}, true
	case "password.check":
		return []kind.Field{secret("password")}, true
	case "password.set":
		return []kind.Field{secret("value"), force}, true
	case "password.reset":
		return []kind.Field{secret("newPassword"), optional(secret("currentPassword")), force}, true
	case "password.recover":
		return []kind.Field{secret("recoveryCode"), secret("newPassword")}, true
	case "password.unlock", "password.sendRecoveryCode":
		return nil, true
	}
	return nil, false
}
