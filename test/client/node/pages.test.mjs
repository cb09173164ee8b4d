import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch } from './browser.mjs'
import { application, manage, pixy, serve } from './person.mjs'

const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
const pictures = 'pictures' // of the last run, to look at
let browser, app, clientID, axe

before(async () => {
  app = await serve((request, response) => response.setHeader('content-type', 'text/html').end('<title>arrived</title>'))
  clientID = (await application('Browser app', 'NATIVE_APP', [app.url + '/callback', 'http://[::1]/callback', 'com.example.app:/callback'])).id
  browser = await launch()
  await mkdir(pictures, { recursive: true })
  axe = await readFile('node_modules/axe-core/axe.min.js', 'utf8')
})
after(async () => { await browser.close(); app.close() })

const authorize = (redirect = app.url + '/callback', more = {}) => `${pixy.issuer}/authorize?` + new URLSearchParams({
  response_type: 'code', client_id: clientID, redirect_uri: redirect, scope: 'openid', state: 'st4te',
  code_challenge: challenge, code_challenge_method: 'S256', ...more
})

// person opens a browser of its own, whose every complaint about the policy of
// a page and every request to somebody else fails the test.
async function person (t, options = {}) {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(10000)
  const wrong = []
  context.on('console', message => { if (/Content Security Policy|Refused/.test(message.text())) wrong.push(message.text()) })
  context.on('request', request => {
    const { origin, protocol } = new URL(request.url())
    if (![pixy.base, app.url].includes(origin) && protocol.startsWith('http') && !request.url().includes('[::1]')) wrong.push('a request to ' + request.url())
  })
  t.after(async () => { await context.close(); assert.deepEqual(wrong, []) })
  return context
}

async function fill (tab, username, password = pixy.password) {
  await tab.getByLabel('Username').fill(username)
  await tab.getByLabel('Password', { exact: true }).fill(password)
  await tab.keyboard.press('Enter')
}

const arrived = tab => tab.waitForURL(url => url.href.startsWith(app.url)).then(() => new URL(tab.url()).searchParams)

test('signs in, and says where it goes', async t => {
  const tab = await (await person(t)).newPage()
  await tab.goto(authorize())
  await assert.doesNotReject(tab.getByText('Browser app').first().waitFor())
  await fill(tab, pixy.username, 'wrong')
  const alert = tab.getByRole('alert')
  await alert.waitFor()
  assert.match(await alert.innerText(), /incorrect/)
  await shoot(tab, 'incorrect')
  await fill(tab, pixy.username)
  const parameters = await arrived(tab)
  assert.equal(parameters.get('state'), 'st4te')
  assert.equal(parameters.get('iss'), pixy.issuer)
  assert.match(parameters.get('code'), /^[0-9a-f-]{36}$/)
})

test('signs in without JavaScript', async t => {
  const tab = await (await person(t, { javaScriptEnabled: false })).newPage()
  await tab.goto(authorize())
  await fill(tab, 'noscript')
  assert.ok((await arrived(tab)).get('code'))
})

test('goes back to a loopback IPv6 address and to a custom scheme', async t => {
  const six = await serve((request, response) => response.end('arrived'), '::1')
  t.after(six.close)
  const context = await person(t)
  let tab = await context.newPage()
  await tab.goto(authorize(six.url + '/callback'))
  await fill(tab, pixy.username)
  await tab.waitForURL(url => url.href.startsWith(six.url))
  tab = await context.newPage()
  const custom = new Promise(resolve => tab.on('request', request => { if (request.url().startsWith('com.example.app:')) resolve(request.url()) }))
  await tab.goto(authorize('com.example.app:/callback', { prompt: 'login' }))
  await fill(tab, pixy.username)
  // Chromium hands a custom scheme to the system; that it is asked for shows
  // that the policy of the page lets it go there.
  assert.match(await custom, /^com\.example\.app:\/callback\?code=/)
})

test('cancel tells the application', async t => {
  const tab = await (await person(t)).newPage()
  await tab.goto(authorize())
  await tab.getByRole('button', { name: 'Cancel' }).click()
  assert.equal((await arrived(tab)).get('error'), 'access_denied')
})

test('locks out after five wrong passwords', async t => {
  const tab = await (await person(t)).newPage()
  await tab.goto(authorize())
  for (let i = 0; i < 5; i++) {
    const refused = tab.waitForResponse(response => response.request().method() === 'POST')
    await fill(tab, 'locked', 'wrong' + i)
    assert.equal((await refused).status(), 400)
    await tab.waitForLoadState()
  }
  await tab.getByText('Try again in 15 minutes').waitFor()
  await shoot(tab, 'locked')
})

test('a new password is asked for when it must be changed', async t => {
  const tab = await (await person(t)).newPage()
  await tab.goto(authorize())
  await fill(tab, 'changes')
  await tab.getByLabel('Current password').fill(pixy.password)
  await tab.getByLabel('New password', { exact: true }).fill('abc')
  await tab.getByLabel(/again|repeat|confirm/i).fill('abc')
  await tab.keyboard.press('Enter')
  await tab.getByText('too short').waitFor()
  await shoot(tab, 'new-password')
  await tab.getByLabel('Current password').fill(pixy.password)
  await tab.getByLabel('New password', { exact: true }).fill('S3cond+phraSe!')
  await tab.getByLabel(/again|repeat|confirm/i).fill('S3cond+phraSe!')
  await tab.keyboard.press('Enter')
  assert.ok((await arrived(tab)).get('code'))
})

for (const [order, first, second] of [['the first first', 0, 1], ['the second first', 1, 0]]) {
  test('two tabs sign in, ' + order, async t => {
    const context = await person(t)
    const tabs = [await context.newPage(), await context.newPage()]
    for (const [i, tab] of tabs.entries()) await tab.goto(authorize(undefined, { state: 'tab' + i }))
    for (const i of [first, second]) {
      await fill(tabs[i], 'tabs')
      const parameters = await arrived(tabs[i])
      assert.equal(parameters.get('state'), 'tab' + i)
      assert.ok(parameters.get('code'))
    }
  })
}

test('reload and back give a page that helps', async t => {
  const tab = await (await person(t)).newPage()
  await tab.goto(authorize())
  await tab.reload()
  await fill(tab, 'back')
  await arrived(tab)
  for (const move of ['goBack', 'reload']) {
    const response = await tab[move]()
    assert.equal(response.headers()['content-type'], 'text/html; charset=utf-8')
    assert.equal(new URL(tab.url()).origin, pixy.base)
    await tab.getByText('This sign-on is over').waitFor()
  }
})

test('reload after a wrong password asks again', async t => {
  const tab = await (await person(t)).newPage()
  await tab.goto(authorize())
  await fill(tab, 'back', 'wrong')
  await tab.getByRole('alert').waitFor()
  await tab.reload() // sends the form again
  await tab.getByRole('alert').waitFor()
  await fill(tab, 'back')
  assert.ok((await arrived(tab)).get('code'))
})

test('the flow of another browser is not shown', async t => {
  const tab = await (await person(t)).newPage()
  await tab.goto(authorize())
  const stranger = await (await person(t)).newPage()
  const response = await stranger.goto(tab.url())
  assert.equal(response.status(), 401)
  assert.match(await stranger.innerText('body'), /begun in another browser/)
  assert.equal(await stranger.locator('form').count(), 0)
})

test('who is signed in is said, and somebody else can sign in', async t => {
  const tab = await (await person(t)).newPage()
  await tab.goto(authorize())
  await fill(tab, pixy.username)
  await arrived(tab)
  await tab.goto(authorize(undefined, { prompt: 'login' }))
  await tab.getByText('Signed in as ada').waitFor()
  await shoot(tab, 'signed-in')
  await tab.getByRole('button', { name: 'Not you?' }).click()
  await tab.getByText('Signed in as').waitFor({ state: 'detached' })
  await fill(tab, 'other')
  assert.ok((await arrived(tab)).get('code'))
})

test('a password can be shown and hidden again', async t => {
  const tab = await (await person(t)).newPage()
  await tab.goto(authorize())
  const password = tab.getByLabel('Password', { exact: true })
  const reveal = tab.getByRole('button', { name: 'Show password' })
  const state = async () => [await password.getAttribute('type'), await reveal.getAttribute('aria-pressed')]
  assert.deepEqual(await state(), ['password', 'false'])
  await reveal.click()
  assert.deepEqual(await state(), ['text', 'true'])
  await reveal.click()
  assert.deepEqual(await state(), ['password', 'false'])
})

test('a double click sends the form once', async t => {
  const tab = await (await person(t)).newPage()
  await tab.goto(authorize())
  const sent = []
  tab.on('request', request => { if (request.method() === 'POST') sent.push(request.url()) })
  await tab.getByLabel('Username').fill('noscript')
  await tab.getByLabel('Password', { exact: true }).fill('wrong')
  await tab.getByRole('button', { name: 'Sign in' }).dblclick()
  await tab.getByRole('alert').waitFor()
  assert.equal(sent.length, 1)
})

test('error pages say what was wrong', async t => {
  const tab = await (await person(t)).newPage()
  const response = await tab.goto(authorize('https://evil.example.com/'))
  assert.equal(response.status(), 400)
  assert.match(await tab.innerText('body'), /redirectUris/)
  await shoot(tab, 'error')
  await tab.goto(`${pixy.base}/${pixy.env}/signon/?flowId=00000000-0000-4000-8000-000000000000`)
  assert.match(await tab.innerText('body'), /expired/)
  await shoot(tab, 'expired')
  await tab.goto(pixy.base)
  assert.match(await tab.innerText('body'), /Pixy is running/)
  await shoot(tab, 'welcome')
  for (const link of await tab.getByRole('link').all()) {
    const url = await link.evaluate(a => a.href)
    assert.notEqual((await fetch(url)).status, 404, url)
  }
})

test('asks before it signs out, and says so afterwards', async t => {
  const bye = app.url + '/bye'
  const { id } = await manage('POST', '/applications', {
    name: 'Harbour Invoices', type: 'NATIVE_APP', redirectUris: [app.url + '/callback'], postLogoutRedirectUris: [bye], enabled: true,
    protocol: 'OPENID_CONNECT', grantTypes: ['AUTHORIZATION_CODE'], responseTypes: ['CODE'], tokenEndpointAuthMethod: 'NONE'
  })
  const signoff = parameters => `${pixy.issuer}/signoff?` + new URLSearchParams(parameters)
  const tab = await (await person(t)).newPage()
  await tab.goto(authorize(undefined, { client_id: id }))
  await fill(tab, pixy.username)
  await arrived(tab)
  await tab.goto(signoff({ client_id: id, post_logout_redirect_uri: bye + '?foo=bar' }))
  assert.match(await tab.innerText('body'), /You were not signed out/)
  await shoot(tab, 'sign-out-refused')
  await tab.goto(signoff({ client_id: id, post_logout_redirect_uri: bye, state: 'st4te' }))
  assert.match(await tab.innerText('body'), /Do you want to sign out/)
  await shoot(tab, 'sign-out')
  await tab.getByRole('button', { name: 'Cancel' }).click()
  await tab.getByText('You are still signed in').waitFor()
  await shoot(tab, 'still-signed-in')
  await tab.goto(signoff({ client_id: id, post_logout_redirect_uri: bye, state: 'st4te' }))
  await tab.getByRole('button', { name: 'Sign out' }).click()
  await tab.waitForURL(bye + '?state=st4te')
  await tab.goto(signoff({ client_id: id, post_logout_redirect_uri: bye }))
  await tab.getByText('You are signed out').waitFor()
  await shoot(tab, 'signed-out')
  await tab.getByRole('link', { name: 'Return to' }).click()
  await tab.waitForURL(bye)
  await tab.goto(authorize(undefined, { client_id: id, prompt: 'none' }))
  assert.equal((await arrived(tab)).get('error'), 'login_required')
})

test('the sign-on page is small and keeps still', async t => {
  const tab = await (await person(t)).newPage()
  const bodies = []
  tab.on('response', response => { if (response.status() === 200) bodies.push(response.body()) })
  await tab.addInitScript(() => {
    globalThis.shifts = 0
    new PerformanceObserver(list => { for (const entry of list.getEntries()) globalThis.shifts += entry.value }).observe({ type: 'layout-shift', buffered: true })
  })
  await tab.goto(authorize(), { waitUntil: 'networkidle' })
  const bytes = (await Promise.all(bodies)).reduce((sum, body) => sum + body.length, 0)
  assert.ok(bodies.length === 3 && bytes < 20000, `${bodies.length} files, ${bytes} bytes`)
  assert.equal(await tab.evaluate(() => globalThis.shifts), 0)
  t.diagnostic(`${bytes} bytes, first paint after ${await tab.evaluate(() => Math.round(performance.getEntriesByName('first-contentful-paint')[0].startTime))} ms`)
  await shoot(tab, 'sign-on')
})

// tooWide is what a narrow window would cut off or scroll to.
const tooWide = () => [document.documentElement, ...document.querySelectorAll('body *')]
  .filter(e => e.getBoundingClientRect().right > innerWidth || (e.matches('html, main') && e.scrollWidth > e.clientWidth))
  .map(e => e.outerHTML.slice(0, 80))

// shoot takes pictures, light, dark and narrow, and holds the page against the
// rules of WCAG 2.2 AA.
async function shoot (tab, name) {
  for (const [scheme, width] of [['light', 1000], ['dark', 1000], ['light', 320], ['dark', 320]]) {
    await tab.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
    await tab.setViewportSize({ width, height: 800 })
    await tab.screenshot({ path: join(pictures, `${name}-${scheme}-${width}.png`), fullPage: true })
    assert.deepEqual(await tab.evaluate(tooWide), [], `${name} is wider than ${width}`)
    await tab.evaluate(axe + '; 0')
    const { violations } = await tab.evaluate(() => globalThis.axe.run())
    assert.deepEqual(violations.map(v => v.id), [], `${name} ${scheme} ${width}`)
  }
}
