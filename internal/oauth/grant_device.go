package oauth

import (
	"cmp"
	"net/url"
	"slices"
	"time"

	"pixy/internal/fault"
)

// GrantDevice is the grant_type of RFC 8628 §3.4.
const GrantDevice = "urn:ietf:params:oauth:grant-type:device_code"

// defaultDevicePath ends the verification URI of applications that name none.
const defaultDevicePath = "activate"

// DeviceParameters are those of a device authorization request (RFC 8628 §3.1).
func DeviceParameters() []string { return []string{"scope", "resource"} }

// deviceChecks is the order in which a device authorization request is refused
// (RFC 8628 §3.1).
func deviceChecks() []Check[Authorization] {
	return []Check[Authorization]{
		{"device.allowed", func(a Authorization) error {
			if !slices.Contains(a.Client.GrantTypes, allowDevice) {
				return fault.DeviceNotAllowed
			}
			return nil
		}},
		{"client.access_control", accessControl},
		{"resource.known", func(a Authorization) error { return a.Client.mayTarget(a.Form["resource"]) }},
		{"scope", func(a Authorization) error { _, err := a.granted(); return err }},
	}
}

// AcceptDevice is what a device waits for from now on.
func (a Authorization) AcceptDevice(now time.Time) (Pending, error) {
	if err := First(deviceChecks(), a); err != nil {
		return Pending{}, err
	}
	scopes, _ := a.granted() // the checks have accepted it
	return Pending{ClientID: a.Client.ID, Scopes: scopes, Resources: a.Form["resource"], Interval: a.Client.DevicePollingInterval,
		ExpiresAt: now.Add(time.Duration(a.Client.DeviceTimeout) * time.Second)}, nil
}

// VerificationURI is where a person enters the codes of the application's
// devices, and the same with a code in it (RFC 8628 §3.2, §3.3.1). base is
// where the environment's pages are.
func (c *Client) VerificationURI(base, userCode string) (plain, complete string) {
	plain = cmp.Or(c.DeviceCustomVerificationURI, base+"/device/"+cmp.Or(c.DevicePathID, defaultDevicePath))
	return plain, Append(plain, url.Values{"user_code": {userCode}})
}

// decideDevice answers a device that asks for its tokens.
func decideDevice(x Exchange) Outcome { return poll(x, "device_code") }
