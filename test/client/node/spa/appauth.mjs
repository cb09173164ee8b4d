import {
  AuthorizationNotifier, AuthorizationRequest, AuthorizationServiceConfiguration, BaseTokenRequestHandler, BasicQueryStringUtils, DefaultCrypto,
  FetchRequestor, LocalStorageBackend, RedirectRequestHandler, RevokeTokenRequest, TokenRequest
} from '@openid/appauth'

const { issuer, clientID } = globalThis.settings
const here = { client_id: clientID, redirect_uri: location.origin + '/callback' }
const requestor = new FetchRequestor()
const tokens = new BaseTokenRequestHandler(requestor)

// The library looks for the answer behind the # unless it is told otherwise.
class Query extends BasicQueryStringUtils {
  parse (input) { return super.parse(input, false) }
}
const redirects = new RedirectRequestHandler(new LocalStorageBackend(), new Query(), location, new DefaultCrypto())

// answered is what the redirect has brought, and the request it answers.
function answered () {
  return new Promise((resolve, reject) => {
    const notifier = new AuthorizationNotifier()
    notifier.setAuthorizationListener((request, response, error) => response ? resolve({ request, response }) : reject(new Error(error.error)))
    redirects.setAuthorizationNotifier(notifier)
    redirects.completeAuthorizationRequestIfPossible()
  })
}

async function begin () {
  const server = await AuthorizationServiceConfiguration.fetchFromIssuer(issuer, requestor)
  let token
  if (location.pathname === '/callback') {
    const { request, response } = await answered()
    token = await tokens.performTokenRequest(server, new TokenRequest({
      ...here, grant_type: 'authorization_code', code: response.code, extras: { code_verifier: request.internal.code_verifier }
    }))
  }
  const authorize = extras => redirects.performAuthorizationRequest(server, new AuthorizationRequest({ ...here, scope: 'openid email', response_type: 'code', extras }))
  return {
    signIn: () => authorize({}),
    silent: () => authorize({ prompt: 'none' }),
    token: () => token,
    userInfo: () => requestor.xhr({ url: server.userInfoEndpoint, method: 'GET', dataType: 'json', headers: { authorization: `Bearer ${token.accessToken}` } }),
    refresh: async () => { token = await tokens.performTokenRequest(server, new TokenRequest({ ...here, grant_type: 'refresh_token', refresh_token: token.refreshToken })) },
    revoke: () => tokens.performRevokeTokenRequest(server, new RevokeTokenRequest({ token: token.refreshToken, client_id: clientID }))
  }
}
globalThis.app = begin()
