import assert from 'node:assert/strict'
import { userInfo } from './person.mjs'
import { client } from './report.mjs'
import { open } from './spa.mjs'

const can = client('oidc-client-ts')
let spa, sub

can('sign-in', async () => {
  spa = await open('oidc-client-ts')
  await spa.signIn()
  sub = (await spa.call('user')).profile.sub
  assert.match(sub, /^[0-9a-f-]{36}$/)
})

can('userinfo', async () => {
  assert.equal((await spa.call('user')).profile.email, 'ada@example.com')
})

can('silent sign-in', async () => {
  const before = await spa.call('user')
  const after = await spa.call('silent')
  assert.equal(after.profile.sub, sub)
  assert.notEqual(after.access_token, before.access_token)
})

can('refresh', async () => {
  const before = await spa.call('user')
  const after = await spa.call('refresh')
  assert.notEqual(after.access_token, before.access_token)
  assert.notEqual(after.refresh_token, before.refresh_token)
  assert.deepEqual(await spa.call('userInfo'), { status: 200, email: 'ada@example.com' })
})

can('revoke', async () => {
  const { access_token: revoked } = await spa.call('user')
  await spa.call('revoke')
  assert.equal(await userInfo(revoked), 401)
})

can('sign-off', async () => {
  await spa.call('silent')
  await spa.leave('signOff', spa.url + '/goodbye')
  assert.equal(await spa.call('user'), null)
  await assert.rejects(spa.call('silent'), /User authentication is required/)
})

can('DPoP', async () => {
  const bound = await open('oidc-client-ts', {}, { dpop: true })
  await bound.signIn()
  assert.equal((await bound.call('user')).token_type, 'DPoP')
  assert.equal((await bound.call('refresh')).token_type, 'DPoP')
  assert.deepEqual(await bound.call('userInfo'), { status: 200, email: 'ada@example.com' })
})
