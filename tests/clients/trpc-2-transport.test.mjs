/** Coordinator wire facts, §2: what the compatibility listener does below the messages. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import test from 'node:test';
import { assertError, assertParseError } from './harness/errors.mjs';
import { startHall } from './harness/hall.mjs';
import { open, refusal } from './harness/socket.mjs';

const MIB = 1024 * 1024;
const FRAME_LIMIT = 16 * MIB;
const VALUE_LIMIT = 4 * MIB;

/**
 * One plain HTTP exchange.
 * @param {string} url
 * @param {{ method?: string, headers?: Record<string, string>, body?: string }} [options]
 */
function http(url, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = request(url.replace(/^ws/, 'http'), { method, headers }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      incoming.on('end', () => resolve({ status: incoming.statusCode, headers: incoming.headers, body: text }));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version': '13',
};

/**
 * The subprotocol of an upgrade that asks in its own words: a library would not offer what is no name.
 * @param {string} url
 * @param {Record<string, string>} headers
 */
function upgraded(url, headers) {
  return new Promise((resolve, reject) => {
    const asked = request(url.replace(/^ws/, 'http'), { headers: { ...UPGRADE, ...headers } });
    asked.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response.headers['sec-websocket-protocol']);
    });
    asked.on('response', (response) => reject(new Error(`not upgraded: ${response.statusCode}`)));
    asked.on('error', reject);
    asked.end();
  });
}

test('§2 WS path: every path is the default workspace and the query is ignored', async (t) => {
  const hall = await startHall(t);
  const { agent } = await (await open(t, hall.compat)).join();
  for (const path of ['/', '/trpc', '/any/where/else', '/%20', '/?foo=1&connectionParams=0', '/x?connectionParams=']) {
    const socket = await open(t, hall.compat + path);
    assert.deepEqual(await socket.query('session.list'), [agent], path);
  }
});

test('§2 Subprotocol: none is needed, and of those offered the first is echoed', async (t) => {
  const hall = await startHall(t);
  assert.equal((await open(t, hall.compat)).ws.protocol, '');
  const socket = await open(t, hall.compat, { protocols: ['graphql-ws', 'trpc'] });
  assert.equal(socket.ws.protocol, 'graphql-ws');
  assert.deepEqual(await socket.query('session.list'), []);
  const echoed = (offered) => upgraded(hall.compat, { 'sec-websocket-protocol': offered });
  assert.equal(await echoed('a , b'), 'a');
  for (const offered of ['a b,', 'a b', 'a,', '"a"']) assert.equal(await echoed(offered), undefined, offered);
});

test('§2 Compression: permessage-deflate is offered by the client and never taken up', async (t) => {
  const hall = await startHall(t);
  const socket = await open(t, hall.compat);
  assert.equal(socket.ws.extensions, '');
  assert.deepEqual(await socket.query('session.list'), []);
});

test('§2 Origin / Host / auth: nothing is asked of a program, a browser page is refused', async (t) => {
  const hall = await startHall(t);
  assert.deepEqual(await (await open(t, hall.compat)).query('session.list'), []);
  for (const origin of ['https://evil.example', 'http://localhost:3000', 'null', hall.compat.replace('ws', 'http')]) {
    assert.equal((await refusal(hall.compat, { origin })).status, 403, origin);
  }
});

test('§2 Max message: a value of 4 MiB works, a larger one is refused by its id, a frame above 16 MiB closes 1009', async (t) => {
  const hall = await startHall(t);
  const socket = await open(t, hall.compat);
  const { agent } = await socket.join();
  const share = (length) => ({ key: 'large', value: 'x'.repeat(length), agentId: agent.id });

  const entry = await socket.mutate('context.share', share(VALUE_LIMIT));
  assert.equal(entry.value.length, VALUE_LIMIT);
  assert.equal((await socket.query('context.get', { key: 'large' })).value.length, VALUE_LIMIT);

  const id = socket.id();
  socket.send({ id, method: 'mutation', params: { path: 'context.share', input: share(VALUE_LIMIT + 1) } });
  assertError(await socket.reply(id), id, 'PAYLOAD_TOO_LARGE', { path: 'context.share' });
  assert.deepEqual((await socket.query('context.get', { key: 'large' })).updatedAt, entry.updatedAt);

  const full = socket.id();
  const frame = (length) => {
    const empty = JSON.stringify({ id: full, method: 'mutation', params: { path: 'context.share', input: share(0) } });
    return empty.replace('"value":""', `"value":"${'x'.repeat(length - empty.length)}"`);
  };
  assert.equal(frame(FRAME_LIMIT).length, FRAME_LIMIT);
  socket.send(frame(FRAME_LIMIT));
  assertError(await socket.reply(full), full, 'PAYLOAD_TOO_LARGE');

  socket.send(frame(FRAME_LIMIT + 1));
  assert.equal((await socket.end()).code, 1009);
});

test('§2 Invalid UTF-8 text: the connection is closed with 1007', async (t) => {
  const hall = await startHall(t);
  const socket = await open(t, hall.compat);
  socket.sendAsText(Buffer.from([0x22, 0xc3, 0x28, 0x22]));
  assert.equal((await socket.end()).code, 1007);
});

test('§2 Plain HTTP on the port: any method and path is 426, on the main listener there is a health endpoint', async (t) => {
  const hall = await startHall(t);
  for (const [method, path] of [['GET', '/'], ['GET', '/healthz'], ['POST', '/trpc/session.join'], ['DELETE', '/x?y=z'], ['OPTIONS', '/']]) {
    const answer = await http(hall.compat + path, { method, body: method === 'POST' ? '{}' : undefined });
    assert.equal(answer.status, 426, `${method} ${path}`);
    assert.match(answer.headers['content-type'], /^text\/plain/);
    assert.equal(answer.body, 'Upgrade Required');
  }
  assert.equal((await http(hall.compat, { method: 'HEAD' })).status, 426);
  for (const path of ['/healthz', '/readyz']) assert.equal((await http(hall.http + path)).status, 200, path);
});

test('§2 Bad upgrade: a missing key and a wrong version are told apart', async (t) => {
  const hall = await startHall(t);
  const { 'sec-websocket-key': _key, ...keyless } = UPGRADE;
  const missing = await http(hall.compat, { headers: keyless });
  assert.equal(missing.status, 400);
  assert.match(missing.headers['content-type'], /^text\/html/);
  assert.equal(missing.body, 'Missing or invalid Sec-WebSocket-Key header');

  const version = await http(hall.compat, { headers: { ...UPGRADE, 'sec-websocket-version': '7' } });
  assert.equal(version.status, 400);
  assert.match(version.headers['content-type'], /^text\/html/);
  assert.equal(version.body, 'Missing or invalid Sec-WebSocket-Version header');
  assert.equal(version.headers['sec-websocket-version'], '13, 8');
});

test('§2 Frames: text JSON only, a binary frame is a parse error whatever it holds', async (t) => {
  const hall = await startHall(t);
  const socket = await open(t, hall.compat);
  for (const binary of [Buffer.from('PING'), Buffer.from(JSON.stringify({ id: 1, method: 'query', params: { path: 'session.list' } }))]) {
    socket.send(binary);
    assertParseError(await socket.next());
  }
  assert.deepEqual(await socket.query('session.list'), []);
});

test('§2 Backpressure, rate, connection or item limits: ordinary use meets none, and a set rate answers TOO_MANY_REQUESTS', async (t) => {
  const hall = await startHall(t);
  const sockets = await Promise.all(Array.from({ length: 100 }, () => open(t, hall.compat)));
  const { agent } = await sockets[0].join();
  await Promise.all(sockets.map((socket, i) => socket.mutate('decisions.log', { decision: `d${i}`, agentId: agent.id })));
  assert.equal((await sockets[0].query('decisions.list')).length, 100);

  const strict = await startHall(t, { env: { GUILDHALL_RATE_CALLS_PER_SECOND: '5', GUILDHALL_RATE_BURST: '10' } });
  const hasty = await open(t, strict.compat);
  const log = (i) => hasty.call('mutation', 'decisions.log', { decision: `d${i}`, agentId: agent.id });
  const frames = await Promise.all(Array.from({ length: 60 }, (_, i) => log(i)));
  const refused = frames.filter((frame) => frame.error);
  assert.ok(refused.length > 0 && refused.length < 60, `${refused.length} of 60 refused`);
  for (const frame of refused) assertError(frame, frame.id, 'TOO_MANY_REQUESTS', { path: 'decisions.log' });

  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const kept = await hasty.query('decisions.list');
  assert.equal(kept.length, 60 - refused.length, 'what was refused did not happen');
});
