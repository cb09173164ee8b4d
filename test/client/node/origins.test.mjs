// What pages of an application, and pages of somebody else, can do with the
// session of a person who is signed in.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import https from 'node:https'
import { after, before, test } from 'node:test'
import { launch, profile } from './browser.mjs'
import { application, pixy } from './person.mjs'

const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
const issuers = { 'the main host': pixy.issuer, 'a domain': pixy.domain }
const resolve = '--host-resolver-rules=' + ['net', 'org', 'com'].map(top => `MAP *.example.${top} 127.0.0.1`).join(', ')
let person, app, near, evil, clientID

// site serves empty pages under a name that only the browser knows, and
// remembers everything that it is told.
async function site (name) {
  const heard = []
  const tls = { cert: await readFile(pixy.certificate), key: await readFile(pixy.key) }
  const server = https.createServer(tls, (request, response) => {
    let body = ''
    request.on('data', part => { body += part })
    request.on('end', () => {
      heard.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)} ${body}`)
      response.setHeader('content-type', 'text/html').end('<title>a page</title>')
    })
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return { url: `https://${name}:${server.address().port}`, heard, close: () => { server.closeAllConnections(); server.close() } }
}

before(async () => {
  [app, near, evil] = [await site('app.example.net'), await site('app.example.com'), await site('evil.example.org')]
  clientID = (await application('Silent', 'SINGLE_PAGE_APP', [app.url + '/callback', near.url + '/callback'])).id
  person = await profile(resolve)
})
after(async () => { await person.close(); for (const s of [app, near, evil]) s.close() })

const authorize = (issuer, more = {}, to = app) => `${issuer}/authorize?` + new URLSearchParams({
  response_type: 'code', client_id: clientID, redirect_uri: to.url + '/callback', scope: 'openid', state: 'st4te',
  code_challenge: challenge, code_challenge_method: 'S256', ...more
})
const silently = (issuer, mode, to) => authorize(issuer, { prompt: 'none', response_mode: mode }, to)

// signedIn is a tab of an application, whose person has a session at an issuer
// and at no other.
async function signedIn (issuer, context = person, to = app) {
  await context.clearCookies()
  context.setDefaultTimeout(10000)
  const tab = await context.newPage()
  await tab.goto(authorize(issuer, {}, to))
  await tab.getByLabel('Username').fill(pixy.username)
  await tab.getByLabel('Password', { exact: true }).fill(pixy.password)
  await tab.keyboard.press('Enter')
  await tab.waitForURL(url => url.href.startsWith(to.url))
  assert.ok(new URL(tab.url()).searchParams.get('code'))
  return tab
}

// framed opens a URL in a hidden frame, and returns what the page that did so
// can read of where it ends.
const framed = url => new Promise(resolve => {
  const frame = document.createElement('iframe')
  frame.onload = () => {
    try { resolve(frame.contentWindow.location.href + ' ' + frame.contentDocument.documentElement.outerHTML) } catch (error) { resolve(error.name) }
  }
  frame.src = url
  document.body.append(frame)
})

const fetched = ([url, options]) => fetch(url, options).then(async r => `${r.status} ${await r.text()}`, error => error.name)

for (const [name, issuer] of Object.entries(issuers)) {
  test(`an application signs in silently by pi.flow at ${name}`, async () => {
    const tab = await signedIn(issuer)
    const answer = await tab.evaluate(fetched, [silently(issuer, 'pi.flow'), { method: 'POST', credentials: 'include' }])
    assert.match(answer, /^200 /)
    const { authorizeResponse } = JSON.parse(answer.slice(4))
    assert.match(authorizeResponse.code, /^[0-9a-f-]{36}$/)
    assert.equal(authorizeResponse.state, 'st4te')
    const stranger = await tab.evaluate(fetched, [silently(issuer, 'pi.flow'), { method: 'POST', credentials: 'omit' }])
    assert.match(stranger, /^400 .*login_required/)
  })

  test(`an application signs in silently in a frame at ${name}`, async () => {
    const tab = await signedIn(issuer)
    const [at] = (await tab.evaluate(framed, silently(issuer, 'query'))).split(' ')
    const { origin, searchParams } = new URL(at)
    assert.equal(origin, app.url)
    assert.match(searchParams.get('code'), /^[0-9a-f-]{36}$/)
    assert.equal(searchParams.get('iss'), issuer)
  })

  test(`a page of somebody else gets no code at ${name}`, async () => {
    const tab = await signedIn(issuer)
    const told = []
    tab.context().on('response', response => { if (response.url().startsWith(issuer + '/authorize')) told.push(response) })
    const read = await attack(tab, issuer)
    for (const [how, what] of Object.entries(read)) assert.match(what, /^(SecurityError|TypeError|opaque)$/, how)
    const shown = await Promise.all(told.map(async r => `${r.status()} ${r.request().method()} ${r.url()} ${r.status() === 302 ? '' : await r.text().catch(() => '')}`))
    assert.ok(told.length >= 12, `${told.length} requests reached the server`)
    for (const line of shown) assert.doesNotMatch(line, /authorizeResponse|"code":"[0-9a-f-]{36}"/)
    for (const line of shown.filter(line => line.includes('pi.flow'))) assert.match(line, /^403 /)
    const codes = app.heard.join('\n').match(/code=[0-9a-f-]{36}/g).map(text => text.slice(5))
    for (const code of codes) assert.ok(!evil.heard.join('\n').includes(code), 'a code is told to somebody else')
  })
}

// attack tries all ways to a code from a page of somebody else, and returns what
// that page can read.
async function attack (tab, issuer) {
  const read = {}
  await tab.goto(evil.url)
  for (const mode of ['pi.flow', 'query', 'fragment', 'form_post']) {
    const url = silently(issuer, mode)
    for (const method of ['GET', 'POST']) {
      read[`fetch ${method} ${mode}`] = await tab.evaluate(fetched, [url, { method, credentials: 'include' }])
      read[`fetch ${method} ${mode} without CORS`] = await tab.evaluate(async ([url, method]) => {
        const response = await fetch(url, { method, mode: 'no-cors', credentials: 'include' })
        return response.status === 0 && await response.text() === '' ? response.type : 'readable'
      }, [url, method]).catch(() => 'TypeError')
    }
    read[`frame ${mode}`] = await tab.evaluate(framed, url)
    read[`window ${mode}`] = await opened(tab, url)
    read[`form ${mode}`] = await posted(tab, url)
  }
  const sandboxed = silently(issuer, 'pi.flow')
  read['fetch of an opaque origin'] = await tab.evaluate(url => new Promise(resolve => {
    addEventListener('message', event => resolve(event.data), { once: true })
    const frame = document.createElement('iframe')
    frame.sandbox = 'allow-scripts'
    frame.srcdoc = `<script>fetch(${JSON.stringify(url)}, { method: 'POST', credentials: 'include' }).then(r => r.text(), e => e.name).then(t => parent.postMessage(t, '*'))</` + 'script>'
    document.body.append(frame)
  }), sandboxed)
  return read
}

// reads is what a page can read of the window that it holds in win.
const reads = () => { try { return globalThis.win.location.href } catch (error) { return error.name } }

async function opened (tab, url) {
  const [popup] = await Promise.all([tab.waitForEvent('popup'), tab.evaluate(url => { globalThis.win = window.open(url) }, url)])
  return ended(tab, popup)
}

// posted sends a form into a window of its own, as a link of the page would.
async function posted (tab, url) {
  const [popup] = await Promise.all([tab.waitForEvent('popup'), tab.evaluate(url => {
    globalThis.win = window.open('about:blank', 'win' + Math.random())
    const form = document.createElement('form')
    Object.assign(form, { method: 'POST', action: url, target: globalThis.win.name })
    document.body.append(form)
    form.submit()
  }, url)])
  await popup.waitForURL(url => url.protocol === 'https:')
  return ended(tab, popup)
}

async function ended (tab, popup) {
  await popup.waitForLoadState()
  const what = await tab.evaluate(reads)
  await popup.close()
  return what
}

test('who is signed in at the main host is a stranger at the domain', async () => {
  const tab = await signedIn(pixy.issuer)
  const answer = await tab.evaluate(fetched, [silently(pixy.domain, 'pi.flow'), { method: 'POST', credentials: 'include' }])
  assert.match(answer, /^400 .*login_required/)
})

// A domain of the site that the application is of: its cookies are nobody's
// third party.
test('a private window signs in silently at a domain of its own site, and only there', async t => {
  const browser = await launch(resolve)
  t.after(() => browser.close())
  for (const [issuer, works] of [[pixy.domain, true], [pixy.issuer, false]]) {
    const tab = await signedIn(issuer, await browser.newContext({ ignoreHTTPSErrors: true }), near)
    const answer = await tab.evaluate(fetched, [silently(issuer, 'pi.flow', near), { method: 'POST', credentials: 'include' }])
    assert.match(answer, works ? /^200 .*authorizeResponse/ : /^400 .*login_required/)
    const [at] = (await tab.evaluate(framed, silently(issuer, 'query', near))).split(' ')
    assert.equal(new URL(at).searchParams.has('code'), works)
  }
})
