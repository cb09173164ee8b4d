import assert from 'node:assert/strict'
import * as client from 'openid-client'
import { application, person, pixy, redirect, secret, site } from './person.mjs'
import { client as reporting } from './report.mjs'

const can = reporting('openid-client')
const scope = 'openid profile email'

const discovered = (app, authentication) => client.discovery(new URL(pixy.issuer), app.id, undefined, authentication)

// request is what an authorize request has, and what its answer is held
// against.
async function request (more) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()]
  return {
    parameters: {
      redirect_uri: redirect, scope, state: expectedState, nonce: expectedNonce,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256', ...more
    },
    checks: { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }
  }
}

async function signIn (config, { who = new person(), build = client.buildAuthorizationUrl, DPoP, ...more } = {}) {
  const { parameters, checks } = await request(more)
  const arrived = await who.open(await build(config, parameters, { DPoP }))
  return client.authorizationCodeGrant(config, arrived, checks, undefined, { DPoP })
}

async function checkUser (config, tokens, sub, options) {
  const info = await client.fetchUserInfo(config, tokens.access_token, sub, options)
  assert.equal(info.email, 'ada@example.com')
  assert.equal(info.name, 'Ada Lovelace')
}

const native = await discovered(await application('openid-client', 'NATIVE_APP', [redirect], { postLogoutRedirectUris: [site + 'goodbye'] }), client.None())
const web = async more => application('openid-client', 'WEB_APP', [redirect], { tokenEndpointAuthMethod: 'CLIENT_SECRET_BASIC', ...more })
const basic = async more => {
  const app = await web(more)
  return discovered(app, client.ClientSecretBasic(await secret(app)))
}

can('sign-in', async () => {
  assert.equal(native.serverMetadata().supportsPKCE(), true)
  const { parameters, checks } = await request()
  const arrived = await new person().open(client.buildAuthorizationUrl(native, parameters))
  await assert.rejects(
    client.authorizationCodeGrant(native, arrived, { ...checks, pkceCodeVerifier: client.randomPKCECodeVerifier() }),
    error => error.error === 'invalid_grant')
  const tokens = await client.authorizationCodeGrant(native, arrived, checks)
  assert.match(tokens.claims().sub, /^[0-9a-f-]{36}$/)
})

can('userinfo', async () => {
  const tokens = await signIn(native)
  await checkUser(native, tokens, tokens.claims().sub)
})

can('silent sign-in', async () => {
  const who = new person()
  const before = await signIn(native, { who })
  const after = await signIn(native, { who, prompt: 'none' })
  assert.equal(after.claims().sub, before.claims().sub)
  await assert.rejects(signIn(native, { prompt: 'none' }), error => error.error === 'login_required')
})

can('refresh', async () => {
  const before = await signIn(native)
  const after = await client.refreshTokenGrant(native, before.refresh_token)
  assert.notEqual(after.access_token, before.access_token)
  assert.notEqual(after.refresh_token, before.refresh_token)
  await checkUser(native, after, before.claims().sub)
})

can('introspect', async () => {
  const config = await basic()
  const tokens = await signIn(config)
  const answer = await client.tokenIntrospection(config, tokens.access_token)
  assert.equal(answer.active, true)
  assert.equal(answer.sub, tokens.claims().sub)
  assert.equal(answer.client_id, config.clientMetadata().client_id)
  assert.equal((await client.tokenIntrospection(config, 'no token')).active, false)
})

can('revoke', async () => {
  const tokens = await signIn(native)
  await client.tokenRevocation(native, tokens.refresh_token)
  await assert.rejects(client.refreshTokenGrant(native, tokens.refresh_token), error => error.error === 'invalid_grant')
  await assert.rejects(checkUser(native, tokens, tokens.claims().sub))
})

can('sign-off', async () => {
  const who = new person()
  const { id_token: hint } = await signIn(native, { who })
  const leave = client.buildEndSessionUrl(native, { id_token_hint: hint, post_logout_redirect_uri: site + 'goodbye', state: 'so-long' })
  assert.equal(String(await who.open(leave)), site + 'goodbye?state=so-long')
  await assert.rejects(signIn(native, { who, prompt: 'none' }), error => error.error === 'login_required')
})

can('JWT authentication', async () => {
  const { privateKey, publicKey } = await crypto.subtle.generateKey({ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }, true, ['sign', 'verify'])
  const jwk = { ...await crypto.subtle.exportKey('jwk', publicKey), kid: 'key-1', use: 'sig' }
  const signs = await discovered(await web({ tokenEndpointAuthMethod: 'PRIVATE_KEY_JWT', jwks: JSON.stringify({ keys: [jwk] }) }), client.PrivateKeyJwt({ key: privateKey, kid: 'key-1' }))
  const shares = await web({ tokenEndpointAuthMethod: 'CLIENT_SECRET_JWT' })
  for (const config of [signs, await discovered(shares, client.ClientSecretJwt(await secret(shares)))]) {
    const tokens = await signIn(config)
    await checkUser(config, await client.refreshTokenGrant(config, tokens.refresh_token), tokens.claims().sub)
  }
})

can('PAR', async () => {
  const tokens = await signIn(await basic({ parRequirement: 'REQUIRED' }), { build: client.buildAuthorizationUrlWithPAR })
  assert.ok(tokens.access_token)
})

can('DPoP', async () => {
  const DPoP = client.getDPoPHandle(native, await client.randomDPoPKeyPair())
  const tokens = await signIn(native, { DPoP, dpop_jkt: await DPoP.calculateThumbprint() })
  assert.equal(tokens.token_type, 'dpop')
  await checkUser(native, tokens, tokens.claims().sub, { DPoP })
  const again = await client.refreshTokenGrant(native, tokens.refresh_token, undefined, { DPoP })
  await checkUser(native, again, tokens.claims().sub, { DPoP })
  await assert.rejects(checkUser(native, again, tokens.claims().sub))
})

can('form_post', async () => {
  const tokens = await signIn(native, { response_mode: 'form_post' })
  assert.ok(tokens.access_token)
})

can('hybrid or implicit', async () => {
  const settings = { grantTypes: ['AUTHORIZATION_CODE', 'IMPLICIT'], responseTypes: ['CODE', 'ID_TOKEN'] }
  const hybrid = await basic(settings)
  client.useCodeIdTokenResponseType(hybrid)
  assert.ok((await signIn(hybrid)).access_token)
  const implicit = await basic(settings)
  client.useIdTokenResponseType(implicit)
  const nonce = client.randomNonce()
  const arrived = await new person().open(client.buildAuthorizationUrl(implicit, { redirect_uri: redirect, scope, nonce, state: 'st4te' }))
  assert.match((await client.implicitAuthentication(implicit, arrived, nonce, { expectedState: 'st4te' })).sub, /^[0-9a-f-]{36}$/)
})
