/** Linker wire facts, §2: what the compatibility listener does below the frames. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import test from 'node:test';
import { startHall } from './harness/hall.mjs';
import { UUID, meet, meetAs } from './harness/linker.mjs';
import { pause } from './harness/mailbox.mjs';
import { refusal } from './harness/socket.mjs';

const MIB = 1024 * 1024;

/** One plain HTTP exchange. @param {string} url @param {{ method?: string, headers?: Record<string, string> }} [options] */
function http(url, { method = 'GET', headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = request(url.replace(/^ws/, 'http'), { method, headers }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      incoming.on('end', () => resolve({ status: incoming.statusCode, headers: incoming.headers, body: text }));
    });
    outgoing.on('upgrade', ({ statusCode, headers }, socket) => {
      socket.destroy();
      resolve({ status: statusCode, headers, body: '' });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version': '13',
};

test('§2 protocol: the first frame comes unasked, and every frame is one JSON object as text', async (t) => {
  const hall = await startHall(t);
  const client = await meet(t, hall.linker);
  assert.deepEqual(Object.keys(client.connected), ['type', 'connectionId']);
  assert.match(client.connected.connectionId, UUID);
  await client.register('web');
  assert.ok(client.socket.record.every((text) => text.startsWith('{"type":"')));
});

test('§2 URL path / query / Origin: every path and query is let in, a token in the query counts, a browser page is refused', async (t) => {
  const hall = await startHall(t);
  for (const path of ['/', '/linker', '/any/where', '/?a=b', '/w/default/linker']) {
    await (await meet(t, hall.linker + path)).settled();
  }
  for (const origin of ['null', 'http://localhost:8765', 'https://evil.example']) {
    assert.equal((await refusal(hall.linker, { origin })).status, 403, origin);
  }
  assert.equal((await refusal(`${hall.linker}/?token=guildhall_forged`)).status, 401);
  assert.equal((await refusal(`${hall.linker}/w/elsewhere/linker`)).status, 404);
});

test('§2 URL path / query / Origin: on the main listener the door asks for a token', async (t) => {
  const hall = await startHall(t);
  const { token } = hall.token('agent', 'ada');
  for (const path of ['/linker', '/w/default/linker']) {
    assert.equal((await refusal(hall.main + path)).status, 401, path);
    const client = await meet(t, hall.main + path, { token });
    await client.register(`ada${path.length}`);
  }
});

test('§2 subprotocol: none is needed, and of those offered the first is echoed', async (t) => {
  const hall = await startHall(t);
  assert.equal((await meet(t, hall.linker)).ws.protocol, '');
  assert.equal((await meet(t, hall.linker, { protocols: ['a', 'b'] })).ws.protocol, 'a');
});

test('§2 compression: it is offered by the client and never taken up', async (t) => {
  const hall = await startHall(t);
  assert.equal((await meet(t, hall.linker)).ws.extensions, '');
});

test('§2 client binary frames: they are taken as text, and so are messages in fragments', async (t) => {
  const hall = await startHall(t);
  const client = await meet(t, hall.linker);
  client.ws.send(Buffer.from('{"type":"heartbeat"}'));
  await client.frame('heartbeat_ack');
  client.ws.send('{"type":"hea', { fin: false });
  client.ws.send('rtbeat"}', { fin: true });
  await client.frame('heartbeat_ack');
});

test('§2 max message: 4 MiB of content arrive, more is refused, a frame above 16 MiB closes 1009', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  web.say('api', 'x'.repeat(4 * MIB));
  assert.equal((await api.pushed()).message.content.length, 4 * MIB);
  web.say('api', 'x'.repeat(4 * MIB + 1));
  assert.match(await web.error(), /^Message not sent: content is 4194305 bytes/);
  web.say('api', 'x'.repeat(16 * MIB));
  assert.equal((await web.socket.end()).code, 1009);
});

test('§2 invalid UTF-8 in text: closes 1007, and what is no WebSocket closes 1002', async (t) => {
  const hall = await startHall(t);
  const mangled = await meet(t, hall.linker);
  mangled.socket.sendAsText(Buffer.from([0x7b, 0xff, 0x7d]));
  assert.equal((await mangled.socket.end()).code, 1007);
  for (const frame of [[0x81, 0x00], [0x83, 0x80, 0, 0, 0, 0], [0xc1, 0x80, 0, 0, 0, 0]]) {
    const client = await meet(t, hall.linker);
    client.ws._socket.write(Buffer.from(frame));
    assert.equal((await client.socket.end()).code, 1002, String(frame));
  }
});

test('§2 server pings: a silent client is asked and stays if it answers; its own pings are answered as they came', async (t) => {
  const hall = await startHall(t, { env: { GUILDHALL_KEEPALIVE_MS: '300', GUILDHALL_KEEPALIVE_GRACE_MS: '300' } });
  const client = await meet(t, hall.linker);
  const deaf = await meet(t, hall.linker, { autoPong: false });
  let pings = 0;
  client.ws.on('ping', () => (pings += 1));
  const pong = new Promise((resolve) => client.ws.once('pong', (payload) => resolve(payload.toString())));
  client.ws.ping('abc');
  assert.equal(await pong, 'abc');
  assert.equal((await deaf.socket.end()).code, 1006, 'who does not answer is dropped');
  await pause(700);
  assert.ok(pings >= 1, 'it was asked');
  await client.settled();
});

test('§2 close handshake: the code and the reason of the client are echoed, and none is none', async (t) => {
  const hall = await startHall(t);
  const coded = await meet(t, hall.linker);
  coded.ws.close(4001, 'bye');
  const { code, reason } = await coded.socket.end();
  assert.deepEqual([code, String(reason)], [4001, 'bye']);
  const plain = await meet(t, hall.linker);
  plain.ws.close();
  assert.equal((await plain.socket.end()).code, 1005);
});

test('§2 plain HTTP request: any method and path is 426', async (t) => {
  const hall = await startHall(t);
  for (const [method, path] of [['GET', '/'], ['POST', '/health'], ['GET', '/stats'], ['DELETE', '/dashboard']]) {
    const { status, headers, body } = await http(hall.linker + path, { method });
    assert.deepEqual([status, headers['content-type'], body], [426, 'text/plain', 'Upgrade Required'], path);
  }
});

test('§2 upgrade refusals: what does not fit is refused as it was', async (t) => {
  const hall = await startHall(t);
  const told = async (headers, method) => (await http(hall.linker, { method, headers: { ...UPGRADE, ...headers } })).status;
  assert.equal(await told({ 'sec-websocket-key': 'short' }), 400);
  const version = await http(hall.linker, { headers: { ...UPGRADE, 'sec-websocket-version': '12' } });
  assert.deepEqual([version.status, version.headers['sec-websocket-version']], [400, '13, 8']);
  for (const version of ['13', '8']) assert.equal(await told({ 'sec-websocket-version': version }), 101);
  assert.equal(await told({}, 'POST'), 405);
  assert.equal(await told({ upgrade: 'foo' }), 400);
  const { 'sec-websocket-key': _, ...keyless } = UPGRADE;
  assert.equal((await http(hall.linker, { headers: keyless })).status, 400);
});

test('§2 signals: what is under way is kept and answered, connections close 1012, and the process ends', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    const hall = await startHall(t);
    const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
    for (let i = 0; i < 500; i += 1) web.say('api', `m${i}`);
    web.say('nobody', 'x');
    await api.pushed();
    hall.signal(signal);
    assert.match(await web.error(), /^Unknown recipient/);
    assert.equal((await web.socket.end()).code, 1012);
    assert.equal((await api.socket.end()).code, 1012);
    assert.equal((await hall.ended()).code, 0);
    await hall.start();
    const [back] = await meetAs(t, hall.linker, 'api');
    assert.equal((await back.fetch()).length, 500);
  }
});
