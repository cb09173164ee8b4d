// What a client did goes into a report, from which the table in README is made.
import { appendFileSync, readFileSync } from 'node:fs'
import test from 'node:test'
import { pixy } from './person.mjs'

const metadata = await (await fetch(pixy.issuer + '/.well-known/openid-configuration')).json()

// What discovery must have for a feature.
const announced = {
  refresh: metadata.grant_types_supported.includes('refresh_token'),
  revoke: metadata.revocation_endpoint,
  introspect: metadata.introspection_endpoint,
  'sign-off': metadata.end_session_endpoint,
  'JWT authentication': metadata.token_endpoint_auth_methods_supported.includes('private_key_jwt'),
  PAR: metadata.pushed_authorization_request_endpoint,
  DPoP: metadata.dpop_signing_alg_values_supported,
  form_post: metadata.response_modes_supported.includes('form_post'),
  'hybrid or implicit': metadata.response_types_supported.includes('code id_token')
}

// client returns a function that tests a feature of a client, and reports it
// when the test has passed.
export function client (name) {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`))
  return (feature, run, options) => test(`${name}: ${feature}`, { skip: feature in announced && !announced[feature], ...options }, async t => {
    await run(t)
    appendFileSync(pixy.report, JSON.stringify({ client: name, version, feature }) + '\n')
  })
}
