// What the scripts share: the server they were told about, its administrator,
// and the person who signs in on its hosted page with plain requests.
import http from 'node:http'

export const pixy = JSON.parse(process.env.PIXY)

// An application that is not there: whoever is sent to its host has arrived.
export const site = 'https://app.example.com/'
export const redirect = site + 'callback'

const input = (page, pattern) => [...page.matchAll(pattern)].map(match => match.slice(1).map(s => s.replaceAll('&#43;', '+').replaceAll('&#34;', '"').replaceAll('&amp;', '&')))

// person has cookies of its own.
export class person {
  #jar = new Map()

  async #fetch (url, body) {
    const response = await fetch(url, {
      method: body ? 'POST' : 'GET',
      body,
      redirect: 'manual',
      headers: { cookie: [...this.#jar].map(([k, v]) => `${k}=${v}`).join('; ') }
    })
    for (const c of response.headers.getSetCookie()) {
      const [name, value] = c.split(';')[0].split('=')
      this.#jar.set(name, value)
    }
    return response
  }

  // open follows the browser from a URL until it is sent to the application,
  // and returns that URL, or that request when it is a form.
  async open (to) {
    let [url, body] = [String(to), undefined]
    for (let hop = 0; hop < 10; hop++) {
      if (url.startsWith(site)) return body ? new Request(url, { method: 'POST', body }) : new URL(url)
      const response = await this.#fetch(url, body)
      const page = await response.text()
      const form = input(page, /<form[^>]* action="([^"]*)"/g)[0]
      if (response.status >= 300 && response.status < 400) {
        [url, body] = [new URL(response.headers.get('location'), url).href, undefined]
      } else if (response.ok && form) {
        url = new URL(form[0], url).href
        body = new URLSearchParams(input(page, /<input type="hidden" name="([^"]*)" value="([^"]*)"/g))
        if (page.includes('name="username"')) for (const [k, v] of Object.entries({ action: 'signon', username: pixy.username, password: pixy.password })) body.set(k, v)
      } else {
        throw new Error(`${response.status} ${url}: ${page}`)
      }
    }
    throw new Error('the browser is sent in circles')
  }
}

// userInfo is the status that userinfo has for a token.
export const userInfo = async token => (await fetch(pixy.issuer + '/userinfo', { headers: { authorization: `Bearer ${token}` } })).status

// manage calls the management API.
export async function manage (method, path, body) {
  const response = await fetch(`${pixy.base}/v1/environments/${pixy.env}${path}`, {
    method,
    headers: { authorization: `Bearer ${pixy.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body)
  })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  return response.json()
}

// application makes a public client with PKCE, unless told otherwise, that may
// ask for the scopes of OpenID Connect.
export async function application (name, type, redirectUris, more) {
  const app = await manage('POST', '/applications', {
    name, type, redirectUris, enabled: true, protocol: 'OPENID_CONNECT', grantTypes: ['AUTHORIZATION_CODE', 'REFRESH_TOKEN'], responseTypes: ['CODE'],
    tokenEndpointAuthMethod: 'NONE', pkceEnforcement: 'S256_REQUIRED', ...more
  })
  const openid = (await manage('GET', '/resources'))._embedded.resources.find(r => r.name === 'openid')
  const { scopes } = (await manage('GET', `/resources/${openid.id}/scopes`))._embedded
  await manage('POST', `/applications/${app.id}/grants`, {
    resource: { id: openid.id }, scopes: scopes.filter(s => ['profile', 'email'].includes(s.name)).map(s => ({ id: s.id }))
  })
  return app
}

export const secret = async app => (await manage('GET', `/applications/${app.id}/secret`)).secret

// serve runs a small web server on a free port of the loopback.
export function serve (handler, host = '127.0.0.1') {
  return new Promise(resolve => {
    const server = http.createServer(handler).listen(0, host, () => {
      const address = host.includes(':') ? `[${host}]` : host
      resolve({ url: `http://${address}:${server.address().port}`, close: () => { server.closeAllConnections(); server.close() } })
    })
  })
}
