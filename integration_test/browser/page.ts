// What a page does with the server: once from an origin that the server lists,
// once from one that it does not. The driver calls both through the global
// name "page".
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'

interface Setup { mcp: string, reader: string, writer: string, expired: string }
interface Check { name: string, error?: string }
interface Reply { status: number, challenge: string | null }

const timeout = 10_000
const eras = { legacy: 'legacy', modern: { pin: '2026-07-28' } } as const
type Era = keyof typeof eras

// connection is an official client, its transport, and what its page could
// read of the replies.
function connection(url: string, era: Era, token?: string) {
  const replies: Reply[] = []
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: token ? { headers: { Authorization: `Bearer ${token}` } } : undefined,
    fetch: async (input, init) => {
      const response = await fetch(input, init)
      replies.push({ status: response.status, challenge: response.headers.get('WWW-Authenticate') })
      return response
    },
  })
  const client = new Client({ name: 'page', version: '1.0.0' }, { versionNegotiation: { mode: eras[era] } })
  return {
    client, transport, replies,
    connect: () => client.connect(transport, { timeout }),
    call: (name: string, args: Record<string, unknown>) => client.callTool({ name, arguments: args }, { timeout }),
  }
}

function last(replies: Reply[]): Reply {
  const reply = replies.at(-1)
  if (!reply) throw new Error('the page could read no reply')
  return reply
}

function expect(truth: unknown, message: string, got: unknown) {
  if (!truth) throw new Error(`${message}; got ${JSON.stringify(got)}`)
}

// refused returns the error of what must not succeed.
async function refused(attempt: Promise<unknown>): Promise<Error> {
  let result: unknown
  try {
    result = await attempt
  } catch (error) {
    return error as Error
  }
  throw new Error(`it was not refused; got ${JSON.stringify(result)}`)
}

function checks() {
  const done: Check[] = []
  const check = async (name: string, f: () => Promise<void>) => {
    try {
      await f()
      done.push({ name })
    } catch (error) {
      done.push({ name, error: String((error as Error)?.message ?? error) })
    }
  }
  return { done, check }
}

export async function listed(s: Setup): Promise<Check[]> {
  const { done, check } = checks()
  for (const era of Object.keys(eras) as Era[]) {
    const reader = connection(s.mcp, era, s.reader)
    await check(`${era}: connects`, async () => {
      await reader.connect()
      const version = reader.client.getNegotiatedProtocolVersion()
      expect(version === (era === 'modern' ? '2026-07-28' : '2025-11-25'), 'another protocol version', version)
    })
    const session = reader.transport.sessionId
    await check(`${era}: ${era === 'legacy' ? 'reads Mcp-Session-Id from the reply' : 'has no session'}`, async () => {
      expect((era === 'legacy') === Boolean(session), 'wrong', session)
    })
    await check(`${era}: lists the tools`, async () => {
      const names = (await reader.client.listTools({}, { timeout })).tools.map(t => t.name)
      expect(names.includes('invoices_list'), 'invoices_list is missing', names)
    })
    await check(`${era}: calls invoices_list`, async () => {
      const result = await reader.call('invoices_list', { number: 'A-2' })
      const list = result.structuredContent as { total: number, items: { amount_cents: number }[] }
      expect(list?.total === 1 && list.items[0].amount_cents === 300, 'wrong result', result)
    })
    await check(`${era}: reads the challenge of a 403`, async () => {
      await refused(reader.call('invoices_create', { number: 'B-1', amount_cents: 1 }))
      const { status, challenge } = last(reader.replies)
      expect(status === 403 && /^Bearer /.test(challenge ?? '') && /error="insufficient_scope"/.test(challenge!) &&
        /scope="[^"]*invoices:write/.test(challenge!), 'wrong', { status, challenge })
    })
    if (era === 'legacy')
      await check(`${era}: ends its session with DELETE`, async () => {
        await reader.transport.terminateSession()
        const { status } = last(reader.replies)
        expect(status === 204, 'wrong status', status)
      })
    await reader.client.close().catch(() => {})

    for (const [what, token, wanted] of [
      ['no token', undefined, /^Bearer(?!.*error=)/],
      ['a token that is none', 'not-a-token', /^Bearer .*error="invalid_token"/],
      ['an expired token', s.expired, /^Bearer .*error="invalid_token"/],
    ] as const)
      await check(`${era}: reads the challenge of a 401 for ${what}`, async () => {
        const stranger = connection(s.mcp, era, token)
        await refused(stranger.connect())
        const { status, challenge } = last(stranger.replies)
        expect(status === 401 && wanted.test(challenge ?? ''), 'wrong', stranger.replies)
      })
  }
  return done
}

// unlisted has tokens that work, so that nothing but its origin stops it.
export async function unlisted(s: Setup): Promise<Check[]> {
  const { done, check } = checks()
  for (const era of Object.keys(eras) as Era[])
    await check(`${era}: cannot connect`, async () => {
      const writer = connection(s.mcp, era, s.writer)
      await refused(writer.connect())
      expect(writer.replies.length === 0, 'the page could read a reply', writer.replies)
    })

  // What needs no preflight is sent, and the server must refuse it by itself.
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'invoices_create', arguments: { number: 'B-2', amount_cents: 1 } } })
  const post = (mode: RequestMode) => fetch(s.mcp, { method: 'POST', mode, body, signal: AbortSignal.timeout(timeout) })
  await check('cannot read the reply to a request without preflight', async () => {
    const error = await refused(post('cors'))
    expect(error instanceof TypeError, 'another error', String(error))
  })
  await check('gets nothing out of a request that asks for no reply', async () => {
    const response = await post('no-cors')
    expect(response.type === 'opaque', 'the reply is not opaque', response.type)
  })
  await check('cannot read the answer to a GET', async () => {
    const error = await refused(fetch(s.mcp, { signal: AbortSignal.timeout(timeout) }))
    expect(error instanceof TypeError, 'another error', String(error))
  })
  return done
}
