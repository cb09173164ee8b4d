import { oidc } from '@forgerock/oidc-client'

const { issuer, clientID, par } = globalThis.settings

// must turns the errors that the library returns into ones that are thrown.
async function must (answer) {
  const value = await answer
  if (value?.error) throw new Error(JSON.stringify(value))
  return value
}

async function begin () {
  const client = await must(oidc({
    config: {
      clientId: clientID, redirectUri: location.origin + '/callback', scope: 'openid email', par,
      signOutRedirectUri: location.origin + '/goodbye', serverConfig: { wellknown: issuer + '/.well-known/openid-configuration' }
    }
  }))
  const answer = new URLSearchParams(location.search)
  if (location.pathname === '/callback' && answer.has('code') && top === self) await must(client.token.exchange(answer.get('code'), answer.get('state')))
  return {
    signIn: async () => location.assign(await must(client.authorize.url())),
    tokens: () => must(client.token.get()),
    userInfo: () => must(client.user.info()),
    background: options => client.authorize.background(options),
    renew: () => must(client.token.get({ backgroundRenew: true, forceRenew: true })),
    session: () => must(client.user.session({ responseType: 'id_token' })),
    revoke: () => must(client.token.revoke()),
    signOff: () => must(client.user.logout())
  }
}
globalThis.app = begin()
