// Opens the page from both origins in headless Chromium, lets it do its
// checks, and compares what it saw with what the browser and the server say.
//
//	node drive.mjs CHROMIUM PROFILE SETUP
//
// CHROMIUM is the browser's executable, PROFILE an empty folder, SETUP the line
// that the server printed. Run it where playwright-core can be resolved.
import { createRequire } from 'node:module'
import path from 'node:path'

const [executablePath, profile, line] = process.argv.slice(2)
const setup = JSON.parse(line)
const timeout = 60_000
const { chromium } = createRequire(path.resolve('x.cjs'))('playwright-core')

let passed = 0, failed = 0
function report(name, error) {
  error ? failed++ : passed++
  console.log(`${error ? 'FAIL' : 'pass'}  ${name}${error ? `\n      ${error}` : ''}`)
}
const expect = (name, truth, got) => report(name, truth ? undefined : `got ${JSON.stringify(got)}`)

async function journal() {
  const response = await fetch(setup.journal, { signal: AbortSignal.timeout(timeout) })
  if (!response.ok) throw new Error(`journal: status ${response.status}`)
  return response.json()
}

// visit runs one function of the page and returns the requests that the
// browser kept from it by the rules of CORS.
async function visit(context, origin, f) {
  const page = await context.newPage()
  const blocked = []
  const devtools = await context.newCDPSession(page)
  devtools.on('Network.loadingFailed', e => { if (e.corsErrorStatus) blocked.push(e.corsErrorStatus.corsError) })
  await devtools.send('Network.enable')
  await page.goto(`${origin}/page.html`, { timeout })
  const late = AbortSignal.timeout(timeout)
  const checks = await Promise.race([
    page.evaluate(([f, setup]) => globalThis.page[f](setup), [f, setup]),
    new Promise((_, reject) => late.addEventListener('abort', () => reject(new Error(`the ${f} page did not finish in ${timeout} ms`)))),
  ])
  for (const { name, error } of checks) report(`${f}  ${name}`, error)
  await page.close()
  return blocked
}

const context = await chromium.launchPersistentContext(profile, {
  executablePath, headless: true, timeout,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--no-proxy-server', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
})
try {
  console.log(`Chromium ${context.browser()?.version() ?? ''}, server ${setup.mcp}, pages ${setup.listed} (listed) and ${setup.unlisted} (not)`)
  const start = await journal()

  let blocked = await visit(context, setup.listed, 'listed')
  const middle = await journal()
  const from = (j, origin) => j.requests.filter(r => r.origin === origin)
  const preflights = from(middle, setup.listed).filter(r => r.method === 'OPTIONS')
  expect('listed  the browser blocked nothing', blocked.length === 0, blocked)
  expect('listed  preflights, which have no token, were answered', preflights.length > 0 && preflights.every(r => !r.token && r.status === 204), preflights)
  expect('listed  the server ran invoices.list once for each era', middle.calls.filter(c => c === 'invoices.list').length === 2, middle.calls)
  expect('listed  the refused tool changed nothing', middle.rows === start.rows, middle.rows)

  blocked = await visit(context, setup.unlisted, 'unlisted')
  const end = await journal()
  const seen = from(end, setup.unlisted)
  expect('unlisted  the browser blocked both clients and both reads as CORS errors', blocked.length >= 4, blocked)
  expect('unlisted  the server refused every request with 403', seen.length >= 5 && seen.every(r => r.status === 403), seen)
  expect('unlisted  no token left the browser', seen.every(r => !r.token), seen)
  expect('unlisted  the server executed nothing', end.calls.length === middle.calls.length && end.rows === start.rows, end)
} catch (error) {
  report('the check itself', error.stack)
} finally {
  await context.close()
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed ? 1 : 0)
