import { IndexedDbDPoPStore, UserManager } from 'oidc-client-ts'

const { issuer, clientID, dpop } = globalThis.settings
const manager = new UserManager({
  authority: issuer, client_id: clientID, redirect_uri: location.origin + '/callback',
  silent_redirect_uri: location.origin + '/silent', post_logout_redirect_uri: location.origin + '/goodbye',
  scope: 'openid email', loadUserInfo: !dpop, automaticSilentRenew: false, monitorSession: false,
  dpop: dpop ? { bind_authorization_code: true, store: new IndexedDbDPoPStore() } : undefined
})

// userInfo asks as the library's documentation says for bound tokens.
async function userInfo (nonce) {
  const user = await manager.getUser()
  const endpoint = await manager.metadataService.getUserInfoEndpoint()
  const headers = { authorization: `${user.token_type} ${user.access_token}` }
  if (dpop) headers.dpop = await manager.dpopProof(endpoint, user, 'GET', nonce)
  const response = await fetch(endpoint, { headers })
  const wanted = response.headers.get('dpop-nonce')
  if (dpop && response.status === 401 && wanted && !nonce) return userInfo(wanted)
  return { status: response.status, email: (await response.json()).email }
}

async function begin () {
  if (location.pathname === '/silent') return manager.signinSilentCallback()
  if (location.pathname === '/callback') await manager.signinRedirectCallback()
  if (location.pathname === '/goodbye') await manager.signoutRedirectCallback()
  return {
    signIn: () => manager.signinRedirect(),
    user: () => manager.getUser(),
    userInfo,
    silent: () => manager.signinSilent({ forceIframeAuth: true }),
    refresh: () => manager.signinSilent(),
    revoke: () => manager.revokeTokens(['access_token', 'refresh_token']),
    signOff: () => manager.signoutRedirect()
  }
}
globalThis.app = begin()
