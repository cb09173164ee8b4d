import assert from 'node:assert/strict'
import { userInfo } from './person.mjs'
import { client } from './report.mjs'
import { open } from './spa.mjs'

const can = client('@forgerock/oidc-client')
let spa

can('sign-in', async () => {
  spa = await open('forgerock', { idpSignoff: true, grantTypes: ['AUTHORIZATION_CODE', 'IMPLICIT'], responseTypes: ['CODE', 'ID_TOKEN'] })
  await spa.signIn()
  assert.ok((await spa.call('tokens')).idToken)
})

can('userinfo', async () => { assert.equal((await spa.call('userInfo')).email, 'ada@example.com') })

can('silent sign-in', async () => {
  const { code } = await spa.call('background')
  assert.ok(code)
  const before = await spa.call('tokens')
  const posted = spa.tab.waitForRequest(request => request.method() === 'POST' && request.url().includes('response_mode=pi.flow'))
  assert.notEqual((await spa.call('renew')).accessToken, before.accessToken)
  await posted
  assert.equal((await spa.call('userInfo')).email, 'ada@example.com')
})

can('hybrid or implicit', async () => {
  assert.match((await spa.call('session')).claims.sub, /^[0-9a-f-]{36}$/)
})

can('revoke', async () => {
  const { accessToken } = await spa.call('tokens')
  await spa.call('revoke')
  assert.equal(await userInfo(accessToken), 401)
})

can('sign-off', async () => {
  await spa.call('renew')
  const ended = spa.tab.waitForResponse(response => response.url().includes('/as/idpSignoff?'))
  await spa.call('signOff')
  assert.equal((await ended).status(), 204)
  const refused = await spa.call('background')
  assert.equal(refused.error, 'login_required')
  assert.match(refused.redirectUrl, /\/as\/authorize/)
})

can('PAR', async () => {
  const pushes = await open('forgerock', { parRequirement: 'REQUIRED' }, { par: true })
  await pushes.signIn()
  assert.ok((await pushes.call('tokens')).accessToken)
  assert.ok((await pushes.call('background', { prompt: 'none' })).code)
})
