/**
 * Coordinator wire facts, §2.1: who notices that the other side is gone.
 *
 * Unlike the server that was measured, ours asks with WebSocket control pings, which every client answers by itself,
 * and never with a text `PING`, which breaks clients of generation 10. The periods are shortened by settings.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertParseError } from './harness/errors.mjs';
import { connect } from './harness/generations.mjs';
import { startHall } from './harness/hall.mjs';
import { pause } from './harness/mailbox.mjs';
import { open } from './harness/socket.mjs';

const IDLE = 400;
const GRACE = 400;
/** By when a dead connection must be cut: twice the time it takes. */
const CUT = 2 * (IDLE + GRACE);
const settings = { env: { GUILDHALL_KEEPALIVE_MS: String(IDLE), GUILDHALL_KEEPALIVE_GRACE_MS: String(GRACE) } };

test('§2.1 (1) a text PING is answered PONG at once, even before the connection parameters; PONG is swallowed; ping is no keepalive', async (t) => {
  const hall = await startHall(t);
  const socket = await open(t, hall.compat);
  socket.send('PING');
  assert.equal(await socket.next(), 'PONG');
  socket.send('PONG');
  await socket.expectNoFrame(200);
  socket.send('ping');
  assertParseError(await socket.next());

  const pending = await open(t, `${hall.compat}/?connectionParams=1`);
  pending.send('PING');
  assert.equal(await pending.next(), 'PONG');
  pending.send({ method: 'connectionParams', data: null });
  assert.deepEqual(await pending.query('session.list'), []);
});

test('§2.1 (2) a client that answers nothing is cut after idle time and grace, and is asked by control pings only', async (t) => {
  const hall = await startHall(t, settings);
  const deaf = await open(t, hall.compat, { autoPong: false });
  let pings = 0;
  deaf.ws.on('ping', () => (pings += 1));
  const { code } = await deaf.end(CUT);
  assert.equal(code, 1006);
  assert.ok(pings >= 1, 'it was asked first');
  assert.deepEqual(deaf.record, []);
});

test('§2.1 (3) any message of the client counts as a sign of life, and so does a control pong', async (t) => {
  const hall = await startHall(t, settings);
  const talking = await open(t, hall.compat, { autoPong: false });
  const answering = await open(t, hall.compat);
  const end = Date.now() + 2 * CUT;
  while (Date.now() < end) {
    assert.deepEqual(await talking.query('session.list'), []);
    await pause(IDLE / 4);
  }
  assert.deepEqual(await answering.query('session.list'), []);
  assert.ok(!answering.record.includes('PING'));
});

test('§2.1 (4) what the server sends is no sign of life of the client', async (t) => {
  const hall = await startHall(t, settings);
  const deaf = await open(t, hall.compat, { autoPong: false });
  const events = await deaf.subscribe('context.onContextChange');
  const busy = await open(t, hall.compat);
  const { agent } = await busy.join();
  let gone = false;
  void deaf.closed.then(() => (gone = true));
  const end = Date.now() + 2 * CUT;
  while (!gone) {
    assert.ok(Date.now() < end, 'events kept a dead client alive');
    await busy.mutate('context.share', { key: 'tick', value: String(Date.now()), agentId: agent.id });
    await pause(IDLE / 4);
  }
  assert.equal((await events.next()).key, 'tick');
  assert.equal((await deaf.end()).code, 1006);
});

test('§2.1 (5) a client of generation 10 survives a long silence, for no text PING is ever sent', async (t) => {
  const hall = await startHall(t, settings);
  for (const generation of /** @type {const} */ (['10.45', '11.18', '11.25'])) {
    const { client, sockets } = connect(t, generation, hall.compat);
    assert.deepEqual(await client.session.list.query(), []);
    await pause(2 * CUT);
    assert.deepEqual(await client.session.list.query(), []);
    assert.equal(sockets.length, 1, `${generation} was never dropped`);
    assert.ok(!sockets[0].received.includes('PING'));
  }
});

test('§2.1 a server that was stopped for a while answers what came meanwhile, and gives nobody up for its own silence', async (t) => {
  const hall = await startHall(t, settings);
  const socket = await open(t, hall.compat);
  const { agent } = await socket.join();
  process.kill(hall.pid, 'SIGSTOP');
  const shared = socket.mutate('context.share', { key: 'k', value: 'v', agentId: agent.id });
  await pause(2 * CUT);
  process.kill(hall.pid, 'SIGCONT');
  assert.equal((await shared).key, 'k');
  assert.equal((await socket.query('context.get', { key: 'k' })).value, 'v');
});
