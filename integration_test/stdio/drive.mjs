// Drives a server over its standard streams with the official TypeScript clients. Run by run.sh in
// the folder of the packages: node drive.mjs SERVER FOLDER, where SERVER is the test binary of this
// package. Prints one line for each check; the exit status is 1 when one fails.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [, , server, folder] = process.argv;
const packages = createRequire(`${process.cwd()}/x.cjs`);
const load = name => import(pathToFileURL(packages.resolve(name)).href);

const eras = {
  'client 2, modern': async () => connect2({ pin: '2026-07-28' }),
  'client 2, dated': async () => connect2('legacy'),
  'client 2, asks': async () => connect2('auto'),
  'client 1': connect1,
};

function parameters(name) {
  const database = `${folder}/${name.replaceAll(/\W/g, '-')}.db`;
  return { command: server, env: { ...process.env, MCPECHO_STDIO_DATABASE: database }, stderr: 'pipe' };
}

const info = { name: 'drive', version: '1' };
let name;

async function connect2(mode) {
  const { Client } = await load('@modelcontextprotocol/client');
  const { StdioClientTransport } = await load('@modelcontextprotocol/client/stdio');
  const client = new Client(info, { versionNegotiation: { mode } });
  return start(client, new StdioClientTransport(parameters(name)), (p, o) => client.callTool(p, o));
}

async function connect1() {
  const { Client } = await load('@modelcontextprotocol/sdk/client/index.js');
  const { StdioClientTransport } = await load('@modelcontextprotocol/sdk/client/stdio.js');
  const client = new Client(info);
  return start(client, new StdioClientTransport(parameters(name)), (p, o) => client.callTool(p, undefined, o));
}

async function start(client, transport, call) {
  const errors = [];
  const one = { client, transport, call, errors, log: '' };
  transport.stderr.on('data', chunk => { one.log += chunk; });
  await client.connect(transport);
  client.onerror = e => errors.push(String(e)); // a line that is no message among others
  return one;
}

async function until(what, done) {
  for (let i = 0; i < 3000; i++) {
    if (done()) return;
    await new Promise(resolve => setTimeout(resolve, 10));
  }
  throw new Error(`waited too long for ${what}`);
}

const checks = {
  'lists tools': async ({ client }) => {
    const { tools } = await client.listTools();
    if (!tools.some(t => t.name === 'invoices_create')) throw new Error(JSON.stringify(tools));
  },
  'calls a tool': async ({ call }) => {
    const r = await call({ name: 'invoices_create', arguments: { number: 'B-1', amount_cents: 5 } });
    if (r.isError || r.structuredContent.number !== 'B-1') throw new Error(JSON.stringify(r));
  },
  'is told what is wrong': async ({ call }) => {
    const r = await call({ name: 'invoices_create', arguments: { number: 7 } });
    if (!r.isError || !r.content[0].text.includes('validation_error')) throw new Error(JSON.stringify(r));
  },
  'reads a resource': async ({ client }) => {
    const r = await client.readResource({ uri: 'invoices://stats' });
    if (!r.contents.length) throw new Error(JSON.stringify(r));
  },
  'gets a prompt': async ({ client }) => {
    const r = await client.getPrompt({ name: 'summarise', arguments: { period: '2026-01' } });
    if (!r.messages.length) throw new Error(JSON.stringify(r));
  },
  'calls side by side': async ({ call }) => {
    const all = await Promise.all(Array.from({ length: 50 }, () => call({ name: 'invoices_list', arguments: {} })));
    if (all.some(r => r.isError)) throw new Error('one failed');
  },
  // These clients lose a report that they read together with the reply, so the call must go on.
  'sees progress, and cancels': async one => {
    const stop = new AbortController();
    const seen = [];
    const options = { signal: stop.signal, onprogress: p => seen.push(p) };
    const call = one.call({ name: 'wait', arguments: {} }, options).then(() => 'answered', () => 'aborted');
    await until('progress', () => seen.some(p => p.progress === 1 && p.message === 'waiting'));
    stop.abort('enough');
    if (await call !== 'aborted') throw new Error('the call was answered');
    await until('the end of the call', () => one.log.includes('waited'));
  },
  'ends the process': async ({ client, transport, log, errors }) => {
    const pid = transport.pid;
    const began = Date.now();
    await client.close();
    await until('the exit', () => {
      try { process.kill(pid, 0); return false; } catch { return true; }
    });
    if (Date.now() - began > 1900) throw new Error('it had to be killed');
    if (errors.length) throw new Error(errors.join('\n') + log);
  },
};

let failed = 0;
for (name of Object.keys(eras)) {
  let one;
  try {
    one = await eras[name]();
  } catch (e) {
    console.log(`FAIL ${name} connects: ${e}`);
    failed++;
    continue;
  }
  for (const [what, check] of Object.entries(checks)) {
    try {
      await check(one);
      console.log(`ok   ${name} ${what}`);
    } catch (e) {
      console.log(`FAIL ${name} ${what}: ${e}\n${one.log}`);
      failed++;
    }
  }
}
process.exit(failed ? 1 : 0);
