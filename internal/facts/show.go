package facts

import (
	"encoding/json"
	"errors"
	"maps"

	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// Show is what is shown of a document by its table, by the custom fields, and
// by what stands beside it. stored is its body.
func Show(tx *store.Tx, k kind.Kind, custom []kind.Field, d store.Document) (out, stored kind.Body, err error) {
	if stored, err = Body(d); err != nil {
		return nil, nil, err
	}
	var beside json.RawMessage
	if noun := k.Table().Beside; noun != "" {
		b, err := tx.Get(noun, d.ID)
		if err != nil && !errors.Is(err, store.ErrMissing) {
			return nil, nil, err
		}
		beside = b.Body
	}
	more, err := k.Show(d.ID, d.Body, beside, tx.Now())
	if err != nil {
		return nil, nil, err
	}
	out = kind.Show(k.Table().All(stored), stored)
	kept, _ := stored[Custom].(kind.Body)
	maps.Copy(out, kind.Show(custom, kept))
	maps.Copy(out, more)
	out["id"], out["createdAt"], out["updatedAt"] = d.ID, platform.Stamp(d.Created), platform.Stamp(d.Updated)
	return out, stored, nil
}
