import assert from 'node:assert/strict'
import test from 'node:test'
import * as oauth from 'oauth4webapi'
import { application, person, pixy, redirect, secret, site } from './person.mjs'
import { client as reporting } from './report.mjs'

const can = reporting('oauth4webapi')

const discovered = async algorithm => {
  const issuer = new URL(pixy.issuer)
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm }))
}
const as = await discovered('oidc')

// client makes an application, and says how it authenticates.
async function client (more, authentication = async () => oauth.None()) {
  const app = await application('oauth4webapi', more?.type ?? 'NATIVE_APP', [redirect], { postLogoutRedirectUris: [site + 'goodbye'], ...more })
  return { client_id: app.id, authentication: await authentication(app) }
}
const post = more => client({ type: 'WEB_APP', tokenEndpointAuthMethod: 'CLIENT_SECRET_POST', ...more }, async app => oauth.ClientSecretPost(await secret(app)))
const native = await client()

// retried sends a request again with the nonce that the server wants.
async function retried (send, process) {
  try {
    return await process(await send())
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error
    return process(await send())
  }
}

// parameters are those of an authorize request.
async function parameters (c, verifier, more) {
  return new URLSearchParams({
    response_type: 'code', client_id: c.client_id, redirect_uri: redirect, scope: 'openid email', state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce(),
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...more
  })
}

const authorize = parameters => {
  const url = new URL(as.authorization_endpoint)
  url.search = parameters
  return url
}

const validated = async (c, arrived, state) => oauth.validateAuthResponse(as, c, arrived instanceof URL ? arrived : new URLSearchParams(await arrived.text()), state)

async function redeem (c, verifier, answer, nonce, options) {
  return retried(
    () => oauth.authorizationCodeGrantRequest(as, c, c.authentication, answer, redirect, verifier, options),
    async response => {
      const tokens = await oauth.processAuthorizationCodeResponse(as, c, response, { expectedNonce: nonce, requireIdToken: true })
      await oauth.validateApplicationLevelSignature(as, response)
      return { ...tokens, sub: oauth.getValidatedIdTokenClaims(tokens).sub }
    })
}

async function signIn (c, { who = new person(), options, ...more } = {}) {
  const verifier = oauth.generateRandomCodeVerifier()
  const asked = await parameters(c, verifier, more)
  return redeem(c, verifier, await validated(c, await who.open(authorize(asked)), asked.get('state')), asked.get('nonce'), options)
}

const refresh = (c, token, options) => retried(
  () => oauth.refreshTokenGrantRequest(as, c, c.authentication, token, options),
  response => oauth.processRefreshTokenResponse(as, c, response))

async function checkUser (c, sub, token, options) {
  const info = await retried(() => oauth.userInfoRequest(as, c, token, options), response => oauth.processUserInfoResponse(as, c, sub, response))
  assert.equal(info.email, 'ada@example.com')
}

test('RFC 8414 metadata says the same as OpenID discovery', async () => {
  assert.deepEqual(await discovered('oauth2'), as)
})

can('sign-in', async () => { assert.match((await signIn(native)).sub, /^[0-9a-f-]{36}$/) })

can('userinfo', async () => {
  const tokens = await signIn(native)
  await checkUser(native, tokens.sub, tokens.access_token)
})

can('silent sign-in', async () => {
  const who = new person()
  const before = await signIn(native, { who })
  assert.equal((await signIn(native, { who, prompt: 'none' })).sub, before.sub)
  await assert.rejects(signIn(native, { prompt: 'none' }), error => error.error === 'login_required')
})

can('refresh', async () => {
  const before = await signIn(native)
  const after = await refresh(native, before.refresh_token)
  assert.notEqual(after.access_token, before.access_token)
  assert.notEqual(after.refresh_token, before.refresh_token)
  await checkUser(native, before.sub, after.access_token)
})

can('introspect', async () => {
  const c = await post()
  const tokens = await signIn(c)
  const introspect = async token => oauth.processIntrospectionResponse(as, c, await oauth.introspectionRequest(as, c, c.authentication, token))
  const answer = await introspect(tokens.access_token)
  assert.equal(answer.active, true)
  assert.equal(answer.sub, tokens.sub)
  assert.equal((await introspect('no token')).active, false)
})

can('revoke', async () => {
  const tokens = await signIn(native)
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, native, native.authentication, tokens.access_token))
  await assert.rejects(checkUser(native, tokens.sub, tokens.access_token))
})

can('sign-off', async () => {
  const who = new person()
  const tokens = await signIn(native, { who })
  const leave = new URL(as.end_session_endpoint)
  leave.search = new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: site + 'goodbye' })
  assert.equal(String(await who.open(leave)), site + 'goodbye')
  await assert.rejects(signIn(native, { who, prompt: 'none' }), error => error.error === 'login_required')
})

can('JWT authentication', async () => {
  const { privateKey, publicKey } = await oauth.generateKeyPair('RS256', { extractable: true })
  const jwks = JSON.stringify({ keys: [{ ...await crypto.subtle.exportKey('jwk', publicKey), kid: 'key-1' }] })
  const signs = await client({ type: 'WEB_APP', tokenEndpointAuthMethod: 'PRIVATE_KEY_JWT', jwks }, async () => oauth.PrivateKeyJwt({ key: privateKey, kid: 'key-1' }))
  const shares = await client({ type: 'WEB_APP', tokenEndpointAuthMethod: 'CLIENT_SECRET_JWT' }, async app => oauth.ClientSecretJwt(await secret(app)))
  for (const c of [signs, shares]) {
    const tokens = await signIn(c)
    await checkUser(c, tokens.sub, (await refresh(c, tokens.refresh_token)).access_token)
  }
})

can('PAR', async () => {
  const c = await post({ parRequirement: 'REQUIRED' })
  const verifier = oauth.generateRandomCodeVerifier()
  const asked = await parameters(c, verifier)
  const pushed = await oauth.processPushedAuthorizationResponse(as, c, await oauth.pushedAuthorizationRequest(as, c, c.authentication, asked))
  const arrived = await new person().open(authorize(new URLSearchParams({ client_id: c.client_id, request_uri: pushed.request_uri })))
  assert.ok((await redeem(c, verifier, await validated(c, arrived, asked.get('state')), asked.get('nonce'))).access_token)
})

can('DPoP', async () => {
  const options = { DPoP: oauth.DPoP(native, await oauth.generateKeyPair('ES256')) }
  const tokens = await signIn(native, { options })
  assert.equal(tokens.token_type, 'dpop')
  await checkUser(native, tokens.sub, tokens.access_token, options)
  await checkUser(native, tokens.sub, (await refresh(native, tokens.refresh_token, options)).access_token, options)
  await assert.rejects(checkUser(native, tokens.sub, tokens.access_token))
})

can('form_post', async () => { assert.ok((await signIn(native, { response_mode: 'form_post' })).access_token) })

can('hybrid or implicit', async () => {
  const c = await post({ grantTypes: ['AUTHORIZATION_CODE', 'IMPLICIT'], responseTypes: ['CODE', 'ID_TOKEN'] })
  const verifier = oauth.generateRandomCodeVerifier()
  const asked = await parameters(c, verifier, { response_type: 'code id_token' })
  const arrived = await new person().open(authorize(asked))
  const answer = await oauth.validateCodeIdTokenResponse(as, c, arrived, asked.get('nonce'), asked.get('state'))
  assert.ok((await redeem(c, verifier, answer, asked.get('nonce'))).access_token)
})
