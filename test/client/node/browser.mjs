// Chromium, as the scripts use it. Over https it finds the development CA in
// the home folder that it is given, and holds certificates against it.
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { pixy } from './person.mjs'

const options = {
  executablePath: process.env.CHROMIUM,
  env: { ...process.env, ...(pixy.browserHome && { HOME: pixy.browserHome }) },
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
}

export const launch = () => chromium.launch(options)

// profile is a browser whose profile lets an iframe of another site have its
// cookies, as background sign-in needs. What Chromium does otherwise hangs on
// who has built it.
export async function profile () {
  const folder = await mkdtemp(join(pixy.browserHome, 'profile-'))
  await mkdir(join(folder, 'Default'))
  await writeFile(join(folder, 'Default', 'Preferences'), JSON.stringify({ profile: { cookie_controls_mode: 0, block_third_party_cookies: false } }))
  return chromium.launchPersistentContext(folder, options)
}
