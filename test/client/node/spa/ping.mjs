import { OidcClient } from '@pingidentity-developers-experience/ping-oidc-client-sdk'

const { issuer, clientID, implicit } = globalThis.settings

async function begin () {
  const client = await OidcClient.initializeFromOpenIdConfig(issuer, {
    client_id: clientID, redirect_uri: location.origin + '/callback', scope: 'openid profile email', ...(implicit && { response_type: 'token', usePkce: false })
  })
  return {
    signIn: () => client.authorize(),
    silent: () => client.authorize(undefined, true),
    token: () => client.getToken(),
    userInfo: () => client.fetchUserInfo(),
    refresh: () => client.refreshToken(),
    revoke: () => client.revokeToken(),
    signOff: () => client.endSession(location.origin + '/goodbye')
  }
}
globalThis.app = begin()
