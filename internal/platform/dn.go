package platform

import (
	"crypto/x509/pkix"
	"errors"
	"strings"
)

// ReadDN reads a distinguished name (RFC 4514), without its escapes: the parts
// CN, OU, O, L, ST and C, of which there is a CN or an O.
func ReadDN(s string) (pkix.Name, error) {
	var out pkix.Name
	for _, part := range strings.Split(s, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		value = strings.TrimSpace(value)
		if !ok || value == "" || strings.ContainsAny(value, `"\<>;+#`) {
			return out, errors.New("a part is not name=value")
		}
		switch strings.ToUpper(strings.TrimSpace(key)) {
		case "CN":
			if out.CommonName != "" {
				return out, errors.New("it has two CN")
			}
			out.CommonName = value
		case "OU":
			out.OrganizationalUnit = append(out.OrganizationalUnit, value)
		case "O":
			out.Organization = append(out.Organization, value)
		case "L":
			out.Locality = append(out.Locality, value)
		case "ST":
			out.Province = append(out.Province, value)
		case "C":
			out.Country = append(out.Country, value)
		default:
			return out, errors.New("a part has a name that is not known")
		}
	}
	if out.CommonName == "" && len(out.Organization) == 0 {
		return out, errors.New("it has neither CN nor O")
	}
	return out, nil
}
