import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import test from 'node:test'
import { launch } from './browser.mjs'
import { application, pixy, serve } from './person.mjs'

// The single-page application: it signs in, and says in its title who it is.
const page = clientID => `<!doctype html><title>begin</title><script src="/oidc.js"></script><script>
const manager = new oidc.UserManager({
  authority: '${pixy.issuer}', client_id: '${clientID}', redirect_uri: location.origin + '/callback',
  silent_redirect_uri: location.origin + '/silent', scope: 'openid', loadUserInfo: true, automaticSilentRenew: false, monitorSession: false
})
const say = text => { document.title = text }
if (location.pathname === '/silent') manager.signinSilentCallback()
else if (location.pathname === '/callback') {
  manager.signinRedirectCallback().then(async user => {
    const again = await manager.signinSilent()
    say('signed in as ' + user.profile.sub + (again.profile.sub === user.profile.sub ? ', and silently again' : ''))
  }).catch(error => say('failed: ' + error.message))
} else manager.signinRedirect().catch(error => say('failed: ' + error.message))
</script>`

test('oidc-client-ts signs in in Chromium, with a redirect and then silently', async t => {
  const library = await readFile('node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js')
  let clientID
  const spa = await serve((request, response) => {
    if (request.url === '/oidc.js') return response.setHeader('content-type', 'text/javascript').end(library)
    response.setHeader('content-type', 'text/html').end(page(clientID))
  })
  t.after(spa.close)
  clientID = (await application('SPA', 'SINGLE_PAGE_APP', [spa.url + '/callback', spa.url + '/silent'])).id
  const browser = await launch()
  t.after(() => browser.close())
  const tab = await browser.newPage()
  await tab.goto(spa.url)
  await tab.getByLabel('Username').fill(pixy.username)
  await tab.getByLabel('Password', { exact: true }).fill(pixy.password)
  await tab.keyboard.press('Enter')
  await tab.waitForFunction(() => /^(signed|failed)/.test(document.title))
  assert.match(await tab.title(), /^signed in as [0-9a-f-]{36}, and silently again$/)
})
