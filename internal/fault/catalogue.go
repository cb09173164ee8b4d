package fault

import "time"

// The public sentences that PingOne uses for whole classes of refusals.
const (
	invalidData    = "The request could not be completed. One or more validation errors were in the request."
	invalidRequest = "The request could not be completed. The request was malformed or invalid."
	requestFailed  = "The request could not be completed. There was an issue processing the request"
	noAccess       = "The request could not be completed. You do not have access to this resource."
)

// What any endpoint may refuse.
var (
	Malformed = &Fault{Rule: "request.form", Status: 400, Code: "INVALID_REQUEST", Message: invalidRequest}
	// RequestFailed is how the flows API wraps a refusal of OAuth.
	RequestFailed = &Fault{Rule: "request.failed", Status: 400, Code: "REQUEST_FAILED", Message: requestFailed}
	Invalid       = &Fault{Rule: "request.fields", Status: 400, Code: "INVALID_DATA", Message: invalidData}
	TooLarge      = &Fault{Rule: "request.size", Status: 413, Code: "REQUEST_TOO_LARGE",
		Message: "The request could not be completed. The body is larger than %d bytes."}
	UnknownPath = &Fault{Rule: "request.path", Status: 404, Code: "NOT_FOUND",
		Message: "The requested resource object cannot be found. There is nothing at this path."}
	WrongMethod = &Fault{Rule: "request.method", Status: 405, Code: "METHOD_NOT_ALLOWED",
		Message: "The request could not be completed. %s is not allowed here; allowed: %s."}
	WrongMedia = &Fault{Rule: "request.media", Status: 415, Code: "UNSUPPORTED_MEDIA_TYPE",
		Message: "The request could not be completed. Content-Type must be %s."}
	Missing = &Fault{Rule: "document.exists", Status: 404, Code: "NOT_FOUND", Message: "%s"}

	// Taken: a unique value stands already in another document.
	Taken = &Fault{Rule: "document.unique", Status: 400, Code: "INVALID_DATA", Message: invalidData}
	// Stale: the document or ticket was changed by somebody else since it was read.
	Stale = &Fault{Rule: "document.version", Status: 409, Code: "CONFLICT",
		Message: "The request could not be completed. The resource was changed at the same time. Read it again and retry."}
	// Needed: a document that must stay was to be deleted.
	Needed = &Fault{Rule: "document.needed", Status: 400, Code: "INVALID_DATA", Message: invalidData}
	// Busy: the queue of writes is full, or the retries are used up.
	Busy = &Fault{Rule: "store.busy", Status: 503, Code: "SERVICE_UNAVAILABLE", RetryAfter: time.Second,
		Message: "The request could not be completed. The server is busy. Try again in a moment."}
	// Full: the disk is full, or the database can't be written for another reason of storage.
	Full = &Fault{Rule: "store.full", Status: 503, Code: "SERVICE_UNAVAILABLE", RetryAfter: 30 * time.Second,
		Message: "The request could not be completed. The server can't store data at the moment."}
	// Unreachable: the database does not answer, or the connection to it was lost.
	// Nothing is kept.
	Unreachable = &Fault{Rule: "store.unreachable", Status: 503, Code: "SERVICE_UNAVAILABLE", RetryAfter: time.Second,
		Message: "The request could not be completed. The database can't be reached. Try again in a moment."}
	// Unconfirmed: the database did not say whether it has kept what it was told to.
	Unconfirmed = &Fault{Rule: "store.unconfirmed", Status: 503, Code: "SERVICE_UNAVAILABLE", RetryAfter: time.Second,
		Message: "The database did not confirm that the request was completed. Look whether it was before you try again."}
	// Stopping: who balances load should send nothing more here.
	Stopping = &Fault{Rule: "server.stopping", Status: 503, Code: "SERVICE_UNAVAILABLE", RetryAfter: time.Second,
		Message: "The request could not be completed. The server stops."}
	// Unstorable: a text has NUL in it, or is not UTF-8.
	Unstorable = &Fault{Rule: "store.text", Status: 400, Code: "INVALID_DATA", Message: "The request could not be completed. A text in it has a NUL character, or is not UTF-8."}
	// Unexpected is the only thing said about an internal error.
	Unexpected = &Fault{Rule: "internal", Status: 500, Code: "UNEXPECTED_ERROR", Message: "An unexpected error occurred."}
)

// Who may call the management API, and who may act on a flow.
var (
	TokenInvalid = &Fault{Rule: "bearer.valid", Section: "RFC 6750 §3.1", Status: 401, Code: "ACCESS_FAILED", Message: noAccess,
		Details: []Detail{{Code: "INVALID_TOKEN", Target: "Authentication Credentials",
			Message: "The authorization token is either missing or invalid, or it has expired."}}}
	NotPermitted = &Fault{Rule: "role.permits", Status: 403, Code: "ACCESS_FAILED", Message: noAccess,
		Details: []Detail{{Code: "INSUFFICIENT_PERMISSIONS", Message: "None of the actor's role assignments permits this."}}}
)

// NotAssignable refuses to give or take away a role that the actor could not
// have given.
var NotAssignable = &Fault{Rule: "role.assignable", Status: 403, Code: "ACCESS_FAILED", Message: noAccess,
	Details: []Detail{{Code: "INSUFFICIENT_PERMISSIONS", Target: "role", Message: "Must have role at the same or broader scope"}}}

// TooManyGroups refuses to decide by a part of somebody's groups.
var TooManyGroups = &Fault{Rule: "group.bound", Status: 400, Code: "INVALID_DATA",
	Message: "The request could not be completed. Somebody would be in more than %d groups, with those that they are nested in."}

// What the flows API refuses.
var (
	FlowMissing = &Fault{Rule: "flow.exists", Status: 404, Code: "NOT_FOUND",
		Message: "The requested resource object cannot be found. The flow is unknown, or 15 minutes have passed since the last interaction. Start again at the application."}
	FlowForeign = &Fault{Rule: "flow.browser", Status: 401, Code: "ACCESS_FAILED", Message: noAccess,
		Details: []Detail{{Code: "INVALID_TOKEN", Target: "Authentication Credentials",
			Message: "The session token cookie (ST) is missing, or the flow was started by another browser."}}}
	FlowOver = &Fault{Rule: "flow.once", Status: 409, Code: "REQUEST_FAILED",
		Message: "The request could not be completed. This sign-on is over; its result was delivered to the application before."}
	ActionNotOffered = &Fault{Rule: "flow.action", Status: 400, Code: "INVALID_REQUEST", Message: invalidRequest}
	BadCredentials   = &Fault{Rule: "flow.credentials", Status: 400, Code: "INVALID_DATA", Message: invalidData,
		Details: []Detail{{Code: "INVALID_CREDENTIALS", Target: "username", Message: "Invalid username and/or password."}}}
	LockedOut   = &Fault{Rule: "flow.lockout", Status: 400, Code: "INVALID_DATA", Message: invalidData}
	FormForeign = &Fault{Rule: "form.origin", Status: 403, Code: "ACCESS_FAILED",
		Message: "The form was sent by a page of another site."}
	Mistyped = &Fault{Rule: "password.confirmed", Status: 400, Code: "INVALID_DATA",
		Message: "The two new passwords are not the same."}
	// UserCodeWrong is said of every code that nothing can be decided by: whoever
	// tries codes must not learn which there were (RFC 8628 §5.1).
	UserCodeWrong = &Fault{Rule: "userCode.open", Section: "RFC 8628 §5.1", Status: 400, Code: "INVALID_DATA", Message: invalidData,
		Details: []Detail{{Code: "INVALID_VALUE", Target: "userCode", Message: "The code is wrong, or it has expired or was used."}}}
	ApprovalMissing = &Fault{Rule: "approval.open", Status: 410, Code: "NOT_FOUND",
		Message: "There is nothing to decide on: the request has expired, or was decided on already."}
	WrongPassword = &Fault{Rule: "password.right", Status: 400, Code: "INVALID_DATA", Message: invalidData}
	TooManyHashes = &Fault{Rule: "password.load", Status: 503, Code: "SERVICE_UNAVAILABLE", RetryAfter: time.Second,
		Message: "The request could not be completed. Too many sign-ins at once. Try again in a moment."}
)
