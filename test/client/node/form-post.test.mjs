import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import * as client from 'openid-client'
import { launch } from './browser.mjs'
import { application, pixy, secret, serve } from './person.mjs'
import { client as reporting } from './report.mjs'

const can = reporting('openid-client')

// A web application that takes its answer as a form, which a page of the server
// has Chromium post: openid-client.test.mjs posts it by itself.
can('form_post', async t => {
  let arrived
  const answered = new Promise(resolve => { arrived = resolve })
  const web = await serve(async (request, response) => {
    if (request.method === 'POST') arrived(new Request(web.url + request.url, { method: 'POST', headers: { 'content-type': request.headers['content-type'] }, body: await text(request) }))
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>arrived</title>')
  })
  t.after(web.close)
  const app = await application('form_post', 'WEB_APP', [web.url + '/callback'], { tokenEndpointAuthMethod: 'CLIENT_SECRET_BASIC' })
  const config = await client.discovery(new URL(pixy.issuer), app.id, undefined, client.ClientSecretBasic(await secret(app)))
  const verifier = client.randomPKCECodeVerifier()
  const browser = await launch()
  t.after(() => browser.close())
  const tab = await browser.newPage()
  await tab.goto(String(client.buildAuthorizationUrl(config, {
    redirect_uri: web.url + '/callback', scope: 'openid email', state: 'st4te', response_mode: 'form_post',
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256'
  })))
  await tab.getByLabel('Username').fill(pixy.username)
  await tab.getByLabel('Password', { exact: true }).fill(pixy.password)
  await tab.keyboard.press('Enter')
  const tokens = await client.authorizationCodeGrant(config, await answered, { pkceCodeVerifier: verifier, expectedState: 'st4te', idTokenExpected: true })
  assert.ok(tokens.access_token)
  await tab.waitForFunction(() => document.title === 'arrived')
})
