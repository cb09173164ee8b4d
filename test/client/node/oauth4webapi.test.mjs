import assert from 'node:assert/strict'
import test from 'node:test'
import * as oauth from 'oauth4webapi'
import { pixy, redirect, signIn } from './person.mjs'

const discovered = async algorithm => {
  const issuer = new URL(pixy.issuer)
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm }))
}

test('oauth4webapi signs in from discovery alone', async () => {
  const as = await discovered('oidc')
  const client = { client_id: pixy.apps.native }
  const verifier = oauth.generateRandomCodeVerifier()
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
  const authorize = new URL(as.authorization_endpoint)
  authorize.search = new URLSearchParams({
    response_type: 'code', client_id: client.client_id, redirect_uri: redirect, scope: 'openid email', state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256'
  })
  const parameters = oauth.validateAuthResponse(as, client, await signIn(authorize), state)
  const response = await oauth.authorizationCodeGrantRequest(as, client, oauth.None(), parameters, redirect, verifier)
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, { expectedNonce: nonce, requireIdToken: true })
  await oauth.validateApplicationLevelSignature(as, response)
  const { sub } = oauth.getValidatedIdTokenClaims(tokens)
  const info = await oauth.processUserInfoResponse(as, client, sub, await oauth.userInfoRequest(as, client, tokens.access_token))
  assert.equal(info.email, 'ada@example.com')
})

test('RFC 8414 metadata says the same as OpenID discovery', async () => {
  assert.deepEqual(await discovered('oauth2'), await discovered('oidc'))
})
