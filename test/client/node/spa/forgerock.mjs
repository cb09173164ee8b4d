import { oidc } from '@forgerock/oidc-client'

const { issuer, clientID, par } = globalThis.settings

// must turns the errors that the library returns into ones that are thrown.
async function must (answer) {
  const value = await answer
  if (value?.error) throw new Error(JSON.stringify(value))
  return value
}

// renew waits for what the library leaves behind: it revokes the old token and
// stores the new ones when its caller has them already.
async function renew (client) {
  const renewed = await must(client.token.get({ backgroundRenew: true, forceRenew: true }))
  while ((await client.token.get()).accessToken !== renewed.accessToken) await new Promise(resolve => setTimeout(resolve, 10))
  return renewed
}

// There is no signOutRedirectUri: the library would have fetch follow the
// redirect, and the page there would have to let it.
async function begin () {
  const client = await must(oidc({
    config: {
      clientId: clientID, redirectUri: location.origin + '/callback', scope: 'openid email', par,
      serverConfig: { wellknown: issuer + '/.well-known/openid-configuration' }
    }
  }))
  const answer = new URLSearchParams(location.search)
  if (location.pathname === '/callback' && answer.has('code') && top === self) await must(client.token.exchange(answer.get('code'), answer.get('state')))
  return {
    signIn: async () => location.assign(await must(client.authorize.url())),
    tokens: () => must(client.token.get()),
    userInfo: () => must(client.user.info()),
    background: options => client.authorize.background(options),
    renew: () => renew(client),
    session: () => must(client.user.session({ responseType: 'id_token' })),
    revoke: () => must(client.token.revoke()),
    signOff: () => must(client.user.logout())
  }
}
globalThis.app = begin()
