import assert from 'node:assert/strict'
import test from 'node:test'
import * as client from 'openid-client'
import { pixy, redirect, signIn } from './person.mjs'

test('openid-client signs in from discovery alone', async () => {
  const config = await client.discovery(new URL(pixy.issuer), pixy.apps.native, undefined, client.None())
  assert.equal(config.serverMetadata().supportsPKCE(), true)
  const verifier = client.randomPKCECodeVerifier()
  const [state, nonce] = [client.randomState(), client.randomNonce()]
  const authorize = client.buildAuthorizationUrl(config, {
    redirect_uri: redirect, scope: 'openid profile email', state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256'
  })
  const arrived = await signIn(authorize)
  await assert.rejects(
    client.authorizationCodeGrant(config, arrived, { pkceCodeVerifier: client.randomPKCECodeVerifier(), expectedState: state, expectedNonce: nonce }),
    error => error.error === 'invalid_grant')
  const tokens = await client.authorizationCodeGrant(config, arrived, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true })
  const { sub } = tokens.claims()
  const info = await client.fetchUserInfo(config, tokens.access_token, sub)
  assert.equal(info.email, 'ada@example.com')
  assert.equal(info.name, 'Ada Lovelace')
})
