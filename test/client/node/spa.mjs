// Single-page applications: each is a script in the folder spa, bundled with
// its library as applications are, and served to a tab of Chromium. The script
// sets app, a promise of the functions that a test calls.
import * as esbuild from 'esbuild'
import { after } from 'node:test'
import { profile } from './browser.mjs'
import { application, pixy, serve } from './person.mjs'

const served = []
let person
after(async () => {
  await person?.close()
  for (const server of served) server.close()
})

// open makes an application, and opens it as somebody who is not signed on.
export async function open (name, more, settings) {
  const bundle = await esbuild.build({ entryPoints: [`spa/${name}.mjs`], bundle: true, write: false, format: 'iife', logLevel: 'error' })
  const script = bundle.outputFiles[0].text
  const server = await serve((request, response) => {
    if (request.url === '/app.js') return response.setHeader('content-type', 'text/javascript').end(script)
    response.setHeader('content-type', 'text/html').end(`<!doctype html><title>${name}</title><script>settings = ${JSON.stringify(settings)}</script><script src="/app.js"></script>`)
  })
  served.push(server)
  const { id } = await application(name, 'SINGLE_PAGE_APP', [server.url + '/callback', server.url + '/silent'], { postLogoutRedirectUris: [server.url + '/goodbye'], ...more })
  settings = { issuer: pixy.issuer, clientID: id, ...settings }
  person ??= await profile()
  person.setDefaultTimeout(10000)
  await person.clearCookies()
  const tab = await person.newPage()
  await tab.goto(server.url)
  return new SPA(tab, server.url)
}

class SPA {
  constructor (tab, url) { Object.assign(this, { tab, url }) }

  // call calls a function of the application.
  call (name, ...args) {
    return this.tab.evaluate(async ([name, args]) => (await globalThis.app)[name](...args), [name, args])
  }

  // leave calls a function that sends the browser elsewhere, and waits until it
  // is there.
  leave (name, there) {
    return this.#until(there, () => this.tab.evaluate(name => { globalThis.app.then(app => app[name]()) }, name))
  }

  async #until (there, move) {
    const arrived = this.tab.waitForEvent('framenavigated', frame => frame === this.tab.mainFrame() && frame.url().startsWith(there))
    await move()
    await arrived
    await this.tab.waitForLoadState()
  }

  // signIn has the application send the person to the hosted page, where he
  // fills in the form and is sent back.
  async signIn () {
    await this.leave('signIn', pixy.base)
    await this.tab.getByLabel('Username').fill(pixy.username)
    await this.tab.getByLabel('Password', { exact: true }).fill(pixy.password)
    await this.#until(this.url, () => this.tab.keyboard.press('Enter'))
  }
}
