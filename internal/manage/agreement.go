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

// mayKeep refuses a body that other documents speak against: an agreement is
// enabled only when it can be shown in the environment's default language.
func (a *API) mayKeep(tx *store.Tx, p place, body kind.Body) error {
	if p.spec.Name != "agreement" || body["enabled"] != true {
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
