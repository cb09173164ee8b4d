// Chromium, as the scripts use it. Where it is given a home folder it finds the
// development CA there, and holds certificates against it; else a profile asks
// no questions about them.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { pixy } from './person.mjs'

const options = (more = []) => ({
  executablePath: process.env.CHROMIUM,
  env: { ...process.env, ...(pixy.browserHome && { HOME: pixy.browserHome }) },
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', ...more]
})

export const launch = (...args) => chromium.launch(options(args))

// profile is a browser whose person lets it send cookies along with requests of
// other sites, which those that launch gives do not.
export async function profile (...args) {
  const folder = await mkdtemp(join(tmpdir(), 'pixy-profile'))
  await mkdir(join(folder, 'Default'))
  await writeFile(join(folder, 'Default', 'Preferences'), JSON.stringify({ profile: { cookie_controls_mode: 0, block_third_party_cookies: false } }))
  const context = await chromium.launchPersistentContext(folder, { ...options(args), ignoreHTTPSErrors: !pixy.browserHome })
  context.on('close', () => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }))
  return context
}
