import assert from 'node:assert/strict'
import { userInfo } from './person.mjs'
import { client } from './report.mjs'
import { open } from './spa.mjs'

const can = client('@openid/appauth')
let spa

can('sign-in', async () => {
  spa = await open('appauth')
  await spa.signIn()
  assert.ok((await spa.call('token')).idToken)
})

can('userinfo', async () => { assert.equal((await spa.call('userInfo')).email, 'ada@example.com') })

can('silent sign-in', async () => {
  const before = await spa.call('token')
  await spa.leave('silent', spa.url + '/callback?')
  assert.notEqual((await spa.call('token')).accessToken, before.accessToken)
})

can('refresh', async () => {
  const before = await spa.call('token')
  await spa.call('refresh')
  const after = await spa.call('token')
  assert.notEqual(after.accessToken, before.accessToken)
  assert.notEqual(after.refreshToken, before.refreshToken)
  assert.equal((await spa.call('userInfo')).email, 'ada@example.com')
})

can('revoke', async () => {
  await spa.call('revoke')
  assert.equal(await userInfo((await spa.call('token')).accessToken), 401)
  await assert.rejects(spa.call('refresh'))
})
