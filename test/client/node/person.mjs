// What the scripts share: the server they were told about, and the person who
// signs in on its hosted page with plain requests.
import http from 'node:http'

export const pixy = JSON.parse(process.env.PIXY)
export const redirect = 'https://app.example.com/callback'

// signIn follows a browser from the authorize URL until it is sent to the
// application, and returns that URL.
export async function signIn (authorize) {
  const jar = new Map()
  let [method, url, body] = ['GET', String(authorize), undefined]
  for (let hop = 0; hop < 10; hop++) {
    if (url.startsWith(redirect)) return new URL(url)
    const response = await fetch(url, {
      method,
      body,
      redirect: 'manual',
      headers: { cookie: [...jar].map(([k, v]) => `${k}=${v}`).join('; '), ...(body && { 'content-type': 'application/x-www-form-urlencoded' }) }
    })
    for (const c of response.headers.getSetCookie()) {
      const [name, value] = c.split(';')[0].split('=')
      jar.set(name, value)
    }
    const page = await response.text()
    const action = page.match(/action="([^"]*)"/)
    if (response.status >= 300 && response.status < 400) {
      [method, url, body] = ['GET', new URL(response.headers.get('location'), url).href, undefined]
    } else if (action) {
      [method, url] = ['POST', action[1].replaceAll('&amp;', '&')]
      body = String(new URLSearchParams({ action: 'signon', username: pixy.username, password: pixy.password }))
    } else {
      throw new Error(`${response.status} ${url}: ${page}`)
    }
  }
  throw new Error('the browser is sent in circles')
}

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

export const application = (name, type, redirectUris) => manage('POST', '/applications', {
  name, type, redirectUris, enabled: true, protocol: 'OPENID_CONNECT', grantTypes: ['AUTHORIZATION_CODE'], responseTypes: ['CODE'],
  tokenEndpointAuthMethod: 'NONE', pkceEnforcement: 'S256_REQUIRED'
})

// serve runs a small web server on a free port of the loopback.
export function serve (handler, host = '127.0.0.1') {
  return new Promise(resolve => {
    const server = http.createServer(handler).listen(0, host, () => {
      const address = host.includes(':') ? `[${host}]` : host
      resolve({ url: `http://${address}:${server.address().port}`, close: () => { server.closeAllConnections(); server.close() } })
    })
  })
}
