package describe

import (
	"maps"
	"slices"
	"strings"

	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/server"
)

// kinds are the tables of kinds, by the paths at which they are served.
type kinds map[string]*kind.Spec

func newKinds() kinds {
	byName := map[string]*kind.Spec{}
	for _, k := range platform.Kinds() {
		byName[k.Table().Name] = k.Table()
	}
	var collection func(spec *kind.Spec, under string) string
	collection = func(spec *kind.Spec, under string) string {
		if under == "" {
			return v1 + "/" + spec.Plural
		}
		above := byName[under]
		return collection(above, above.Parents[0]) + "/{" + under + "}/" + spec.Plural
	}
	out := kinds{}
	for _, spec := range byName {
		for _, under := range spec.Parents {
			out[collection(spec, under)] = spec
		}
	}
	return out
}

// of is the kind whose documents a route takes or gives, or nil: that of the
// collection or element at its path, or else the one that has the same fields.
func (k kinds) of(r server.Route, fields []kind.Field) *kind.Spec {
	path := r.Path
	if i := strings.LastIndex(path, "/{"); i > 0 && strings.HasSuffix(path, "}") {
		path = path[:i]
	}
	if spec := k[path]; spec != nil {
		if len(fields) == 0 || len(spec.Fields) > 0 && has(fields, spec.Fields[0].Name) {
			return spec
		}
		return nil
	}
	for _, path := range slices.Sorted(maps.Keys(k)) {
		if len(fields) > 3 && (sameNames(fields, k[path].Every()) || sameNames(fields, k[path].Fields)) {
			return k[path]
		}
	}
	return nil
}

func sameNames(a, b []kind.Field) bool {
	for _, f := range b {
		if !has(a, f.Name) {
			return false
		}
	}
	return len(once(a)) == len(once(b))
}

// shape is the table of fields of a body: those that every body has, and
// further ones by the value of one of them.
type shape struct {
	fields   []kind.Field
	variants []kind.Variant
}

// takes is the shape of a route's body. What stands for another document is
// named by its id.
func (k kinds) takes(r server.Route) shape {
	spec := k.of(r, r.Takes)
	out := shapeOf(r.Takes, spec)
	if spec != nil && spec.By != "" {
		out.fields = slices.DeleteFunc(out.fields, func(f kind.Field) bool { return f.Name == spec.By })
		out.fields = append([]kind.Field{{Name: "id", Type: kind.Text, Required: true, MaxLen: 64, Ref: spec.By}}, out.fields...)
	}
	return out
}

// gives is the shape of a route's answer: what is counted and what is shown
// beside the document stands in it, too.
func (k kinds) gives(r server.Route) shape {
	spec := k.of(r, r.Gives)
	if spec == nil || len(r.Gives) == 0 {
		return shapeOf(r.Gives, spec)
	}
	fields := slices.Clone(r.Gives)
	for _, c := range spec.Counts {
		if !strings.Contains(c.Field, ".") {
			fields = append(fields, kind.Field{Name: c.Field, Type: kind.Number, Access: kind.ReadOnly})
		}
	}
	return shapeOf(append(fields, beside()[spec.Name]...), spec)
}

// beside are the members that a kind shows and does not keep.
func beside() map[string][]kind.Field {
	object := func(name string, fields ...kind.Field) kind.Field {
		return kind.Field{Name: name, Type: kind.Object, Access: kind.ReadOnly, Fields: fields}
	}
	state := kind.Field{Name: "status", Type: kind.Text, Access: kind.ReadOnly, Enum: []string{"VALID", "EXPIRED"}}
	return map[string][]kind.Field{
		"application":         {{Name: "clientId", Type: kind.Text, Access: kind.ReadOnly}},
		"applicationResource": {object("parent", kind.Field{Name: "type", Type: kind.Text}, kind.Field{Name: "id", Type: kind.Text})},
		"key":                 {state},
		"certificate":         {state},
		"user": {
			object("account", kind.Field{Name: "canAuthenticate", Type: kind.Boolean}, kind.Field{Name: "status", Type: kind.Text, Enum: []string{"OK", "LOCKED"}},
				kind.Field{Name: "lockedAt", Type: kind.Time}, kind.Field{Name: "unlockAt", Type: kind.Time}, kind.Field{Name: "secondsUntilUnlock", Type: kind.Number}),
			object("lastSignOn", kind.Field{Name: "at", Type: kind.Time}, kind.Field{Name: "remoteIp", Type: kind.Text}),
		},
	}
}

// shapeOf is fields as a shape: those of the kind's variants stand with their
// variant, not among the others.
func shapeOf(fields []kind.Field, spec *kind.Spec) shape {
	if spec == nil || len(spec.Variants) == 0 {
		return shape{fields: once(fields)}
	}
	own := slices.DeleteFunc(once(fields), func(f kind.Field) bool {
		return !has(spec.Fields, f.Name) && slices.ContainsFunc(spec.Variants, func(v kind.Variant) bool { return has(v.Fields, f.Name) })
	})
	return shape{own, spec.Variants}
}

func has(fields []kind.Field, name string) bool {
	return slices.ContainsFunc(fields, func(f kind.Field) bool { return f.Name == name })
}

// once is the fields without those whose name came before.
func once(fields []kind.Field) []kind.Field {
	var out []kind.Field
	for _, f := range fields {
		if !has(out, f.Name) {
			out = append(out, f)
		}
	}
	return out
}
