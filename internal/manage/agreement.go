package manage

import (
	"time"

	"pixy/internal/facts"
	"pixy/internal/fault"
	"pixy/internal/kind"
	"pixy/internal/platform"
	"pixy/internal/store"
)

// currentRevision is the id of the revision of an agreement's language that is
// in force: the one that came into force last. "" when there is none.
func currentRevision(tx *store.Tx, language string) (string, error) {
	docs, err := tx.List("agreementRevision", store.Query{Where: kind.Equal("parent", language)})
	if err != nil {
		return "", err
	}
	current, since := "", time.Time{}
	for _, d := range docs {
		r, err := facts.Decode[platform.AgreementRevision](d)
		if err != nil {
			return "", err
		}
		from, err := time.Parse(time.RFC3339, r.EffectiveAt)
		if err == nil && !from.After(tx.Now()) && !from.Before(since) {
			current, since = d.ID, from
		}
	}
	return current, nil
}

// showCurrentRevision adds to an agreement's language which text is in force.
func showCurrentRevision(tx *store.Tx, id string, out kind.Body) error {
	current, err := currentRevision(tx, id)
	if current != "" {
		out["currentRevision"] = kind.Body{"id": current}
	}
	return err
}

// mayRemoveRevision refuses to delete the text that is in force.
func mayRemoveRevision(tx *store.Tx, _ Request, p place, d store.Document) error {
	current, err := currentRevision(tx, p.parent)
	if err == nil && current == d.ID {
		err = fault.Needed.Detailed(fault.Detail{Code: "CONSTRAINT_VIOLATION", Message: "A currently effective revision cannot be deleted."})
	}
	return err
}

// mayEnable refuses to enable an agreement that can't be shown in the
// environment's default language.
func (a *API) mayEnable(tx *store.Tx, p place, body kind.Body) error {
	if body["enabled"] != true {
		return nil
	}
	d, err := facts.Default(tx, "language")
	if err != nil {
		return facts.Lacking("a default language", err)
	}
	locale, err := facts.Decode[platform.Language](d)
	if err != nil {
		return err
	}
	languages, err := tx.List("agreementLanguage", store.Query{Where: kind.Equal("parent", p.id)})
	if err != nil {
		return err
	}
	for _, l := range languages {
		mine, err := facts.Decode[platform.Language](l)
		if err != nil {
			return err
		}
		current, err := currentRevision(tx, l.ID)
		if err != nil || mine.Locale == locale.Locale && mine.Enabled && current != "" {
			return err
		}
	}
	return fault.Invalid.Detailed(fault.Detail{Code: "INVALID_VALUE", Target: "enabled",
		Message: "The agreement can not be enabled without supporting the default language configured for the environment."})
}
