/** Coordinator wire facts, §2.2: how the server takes its leave, and what each generation of clients makes of it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { connect, follow } from './harness/generations.mjs';
import { startHall } from './harness/hall.mjs';
import { eventually } from './harness/mailbox.mjs';
import { open, refusal } from './harness/socket.mjs';

const DRAIN = 4_000;
const settings = { env: { GUILDHALL_DRAIN_MS: String(DRAIN) } };

/** Clients dial again after 0, 2, 4, 8 … seconds; a start in between is found within this many milliseconds. */
const REDIAL = 20_000;

/** Waits until the newest connection is open and its subscription has started: only then are events promised. */
function resubscribed(sockets) {
  const ready = (socket) => socket.readyState === socket.OPEN && socket.received.some((text) => text.includes('"started"'));
  return eventually(() => ready(sockets.at(-1)), { within: REDIAL, what: 'the subscription on the new server' });
}

test('§2.2 what is in flight is answered first, then clients are asked to move, the listener stays for them, and the process ends', async (t) => {
  const hall = await startHall(t, settings);
  const socket = await open(t, hall.compat);
  const { agent } = await socket.join();
  const batch = Array.from({ length: 50 }, (_, i) => ({
    id: 100 + i,
    method: 'mutation',
    params: { path: 'decisions.log', input: { decision: `d${i}`, agentId: agent.id } },
  }));
  socket.send(batch);
  await socket.reply(100);
  hall.signal('SIGTERM');
  await socket.reconnect();
  for (const { id } of batch.slice(1)) assert.equal((await socket.reply(id, 1)).result.data.by, agent.id, 'answered before reconnect');
  assert.equal(socket.record.at(-1), '{"id":null,"method":"reconnect"}');

  await socket.settled();
  const mover = await open(t, hall.compat);
  assert.equal((await mover.query('decisions.list')).length, 50);

  assert.deepEqual(await hall.ended(2 * DRAIN), { code: 0, signal: null });
  await socket.end();
  await mover.end();
});

test('§2.2 SIGINT is the same, and every open connection is told', async (t) => {
  const hall = await startHall(t);
  const sockets = await Promise.all(Array.from({ length: 20 }, () => open(t, hall.compat)));
  hall.signal('SIGINT');
  for (const socket of sockets) await socket.reconnect();
  assert.equal((await hall.ended()).code, 0);
});

test('shutdown: a server whose terminal is closed takes its leave as well, though it can say nothing any more', async (t) => {
  const hall = await startHall(t, settings);
  const socket = await open(t, hall.compat);
  const { agent } = await socket.join();
  socket.send({ id: 'last', method: 'mutation', params: { path: 'decisions.log', input: { decision: 'd', agentId: agent.id } } });
  hall.hangUp();
  hall.signal('SIGHUP'); // the shell and the system both send it, and neither means to hurry
  await socket.reconnect();
  assert.equal((await socket.reply('last', 1)).result.data.by, agent.id, 'answered before reconnect');
  const mover = await open(t, hall.compat);
  assert.equal((await mover.query('decisions.list')).length, 1, 'clients that move are served');
  assert.deepEqual(await hall.ended(2 * DRAIN), { code: 0, signal: null });
});

test('shutdown: who takes nothing off the socket is not waited for longer than the drain, and no one once it is to hurry', async (t) => {
  for (const again of [false, true]) {
    // Left to the stall, it would be waited for so long for every mebibyte.
    const hall = await startHall(t, { env: { GUILDHALL_DRAIN_MS: String(DRAIN), GUILDHALL_WRITE_STALL_MS: '60000' } });
    const socket = await open(t, hall.compat);
    const { agent } = await socket.join();
    await socket.mutate('context.share', { key: 'k', value: 'x'.repeat(1024 * 1024), agentId: agent.id });
    socket.ws.pause();
    for (let id = 100; id < 164; id += 1) socket.send({ id, method: 'query', params: { path: 'context.get', input: { key: 'k' } } });
    const other = await open(t, hall.compat);
    await other.settled();
    hall.signal('SIGTERM');
    await other.reconnect();
    if (again) hall.signal('SIGINT');
    assert.deepEqual(await hall.ended(again ? DRAIN : 2 * DRAIN), { code: 0, signal: null });
  }
});

test('shutdown: a server started by nohup outlives its terminal', async (t) => {
  const hall = await startHall(t, { through: ['nohup'] });
  const socket = await open(t, hall.compat);
  hall.hangUp();
  await socket.join();
  await socket.expectNoFrame(300);
  assert.equal((await socket.query('session.list')).length, 1);
  assert.deepEqual(await hall.terminate(), { code: 0, signal: null });
});

test('§2.2 ids, order and the session id are the same after a restart', async (t) => {
  const hall = await startHall(t);
  const before = await open(t, hall.compat);
  const { agent, sessionId } = await before.join('first');
  const second = await before.join('second');
  for (const key of ['b', 'a', 'c']) await before.mutate('context.share', { key, value: key, agentId: agent.id });
  const question = await before.mutate('questions.ask', { question: 'why?', agentId: agent.id });
  await before.mutate('decisions.log', { decision: 'yes', agentId: agent.id });
  const lists = async (socket) => {
    const paths = ['session.list', 'context.list', 'questions.listPending', 'decisions.list'];
    return Promise.all(paths.map((path) => socket.query(path)));
  };
  const kept = await lists(before);
  assert.deepEqual(kept[0], [agent, second.agent]);
  assert.deepEqual(kept[2], [question]);

  for (const how of /** @type {const} */ (['SIGTERM', 'SIGKILL'])) {
    await hall.restart(how);
    const after = await open(t, hall.compat);
    assert.deepEqual(await lists(after), kept, `after ${how}`);
    const probe = await after.join('probe');
    assert.equal(probe.sessionId, sessionId);
    await after.mutate('session.leave', { agentId: probe.agent.id });
  }
});

test('§2.2 11.18 closes the old socket, dials again and re-sends what was in flight', async (t) => {
  const hall = await startHall(t, settings);
  const { client, sockets } = connect(t, '11.18', hall.compat);
  const { agent } = await client.session.join.mutate({ name: 'mover', role: 'source', repoPath: '/r' });
  const follower = await follow(client.context.onContextChange);
  hall.signal('SIGTERM');
  await eventually(() => sockets[0].readyState === sockets[0].CLOSED, { what: 'the old socket closed' });
  await eventually(() => sockets.at(-1).requests.some(({ params }) => params?.path === 'context.onContextChange'), { what: 'the subscription sent again' });

  await hall.ended(2 * DRAIN);
  await hall.start();
  await resubscribed(sockets);
  await client.context.share.mutate({ key: 'k', value: 'after', agentId: agent.id });
  assert.equal((await follower.next()).value, 'after');
});

test('§2.2 11.25 subscribes on a second socket before it leaves the first, and the application sees no second start', async (t) => {
  const hall = await startHall(t, settings);
  const { client, sockets } = connect(t, '11.25', hall.compat);
  const { agent } = await client.session.join.mutate({ name: 'mover', role: 'source', repoPath: '/r' });
  const follower = await follow(client.context.onContextChange);
  const { id } = sockets[0].requests.find(({ method }) => method === 'subscription');

  hall.signal('SIGTERM');
  await eventually(() => sockets[0].readyState === sockets[0].CLOSED, { within: 2 * DRAIN, what: 'the old socket closed' });
  assert.ok(sockets[1].requests.some((sent) => sent.method === 'subscription' && sent.id === id), 'the same id on the new socket');
  assert.ok(sockets[1].received.includes(JSON.stringify({ id, result: { type: 'started' } })));
  const farewell = sockets[0].sent.slice(-2);
  assert.deepEqual(JSON.parse(farewell[0]), { id, method: 'subscription.stop' });
  assert.equal(farewell[1], 'PING');
  assert.ok(sockets[0].received.includes('PONG'), 'the old socket is answered to its end');
  assert.equal(follower.started, 1);

  await hall.ended(2 * DRAIN);
  await hall.start();
  await resubscribed(sockets);
  await client.context.share.mutate({ key: 'k', value: 'after', agentId: agent.id });
  assert.equal((await follower.next()).value, 'after');
  assert.deepEqual(follower.errors, []);
});

test('§2.2 10.45 opens a second socket, subscribes again and closes the old one', async (t) => {
  const hall = await startHall(t, settings);
  const { client, sockets } = connect(t, '10.45', hall.compat);
  const { agent } = await client.session.join.mutate({ name: 'mover', role: 'source', repoPath: '/r' });
  const follower = await follow(client.context.onContextChange);
  hall.signal('SIGTERM');
  await eventually(() => sockets.length > 1 && sockets[0].readyState === sockets[0].CLOSED, { within: 2 * DRAIN, what: 'the move' });
  await eventually(() => sockets.at(-1).received.some((text) => text.includes('"started"')), { what: 'the subscription on the new socket' });

  await hall.ended(2 * DRAIN);
  await hall.start();
  await resubscribed(sockets);
  await client.context.share.mutate({ key: 'k', value: 'after', agentId: agent.id });
  assert.equal((await follower.next((entry) => entry.value === 'after')).key, 'k');
});

test('§2.2 once the process is gone nothing listens on its ports', async (t) => {
  const hall = await startHall(t);
  await hall.terminate();
  await assert.rejects(refusal(hall.compat), { code: 'ECONNREFUSED' });
  await assert.rejects(refusal(`${hall.main}/trpc`), { code: 'ECONNREFUSED' });
});
