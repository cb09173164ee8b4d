package facts

import (
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// Custom is the member of a stored user that holds those of the environment's
// schema: nothing that is called what Pixy keeps beside it can change that.
const Custom = "custom"

// CustomFields are the members that the schema of an environment adds to users.
func CustomFields(tx *store.Tx) ([]kind.Field, error) {
	return store.Recall(tx, "custom fields", func() ([]kind.Field, error) {
		attributes, err := All[platform.SchemaAttribute](tx, "schemaAttribute", kind.Equal("schemaType", "CUSTOM"))
		return platform.CustomFields(attributes), err
	})
}
