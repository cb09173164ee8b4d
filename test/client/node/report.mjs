// What a client did goes into a report, from which the table in README is made.
import { appendFileSync, readFileSync } from 'node:fs'
import test from 'node:test'
import { pixy } from './person.mjs'

// client returns a function that tests a feature of a client, and reports it
// when the test has passed.
export function client (name) {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`))
  return (feature, run) => test(`${name}: ${feature}`, async t => {
    await run(t)
    appendFileSync(pixy.report, JSON.stringify({ client: name, version, feature }) + '\n')
  })
}
