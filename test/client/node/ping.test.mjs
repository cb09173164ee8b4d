import assert from 'node:assert/strict'
import { userInfo } from './person.mjs'
import { client } from './report.mjs'
import { open } from './spa.mjs'

const can = client('@pingidentity-developers-experience/ping-oidc-client-sdk')
let spa

can('sign-in', async () => {
  spa = await open('ping')
  await spa.signIn()
  assert.ok((await spa.call('token')).id_token)
})

can('userinfo', async () => { assert.equal((await spa.call('userInfo')).email, 'ada@example.com') })

can('silent sign-in', async () => {
  const before = await spa.call('token')
  await spa.leave('silent', spa.url + '/callback?')
  assert.notEqual((await spa.call('token')).access_token, before.access_token)
})

can('refresh', async () => {
  const before = await spa.call('token')
  const after = await spa.call('refresh')
  assert.notEqual(after.access_token, before.access_token)
  assert.equal((await spa.call('userInfo')).email, 'ada@example.com')
})

can('revoke', async () => {
  const { access_token: token } = await spa.call('token')
  await spa.call('revoke')
  assert.equal(await userInfo(token), 401)
})

can('sign-off', async () => {
  await spa.leave('silent', spa.url + '/callback?')
  assert.ok((await spa.call('token')).id_token)
  await spa.leave('signOff', spa.url + '/goodbye')
  await spa.leave('silent', spa.url + '/callback?')
  assert.equal(new URL(spa.tab.url()).searchParams.get('error'), 'login_required')
})

can('hybrid or implicit', async () => {
  const implicit = await open('ping', { grantTypes: ['IMPLICIT'], responseTypes: ['TOKEN'], pkceEnforcement: 'OPTIONAL' }, { implicit: true })
  await implicit.signIn()
  assert.ok((await implicit.call('token')).access_token)
  assert.equal((await implicit.call('userInfo')).email, 'ada@example.com')
})
