/** Coordinator wire facts, §7: what the three generations of the client library put on the wire and take from it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { connect, follow, Follower, GENERATIONS } from './harness/generations.mjs';
import { startHall } from './harness/hall.mjs';
import { eventually, pause } from './harness/mailbox.mjs';

const SOMEBODY = '7f0c1f0e-95a1-4d5e-8f8e-3c5f1f0b7a11';
const ELEVENS = GENERATIONS.filter((generation) => generation !== '10.45');

test('§7 request/reply frames are the same in all generations', async (t) => {
  const hall = await startHall(t);
  for (const generation of GENERATIONS) {
    const { client, sockets } = connect(t, generation, hall.compat);
    assert.equal(await client.context.get.query({ key: generation }), null);
    const entry = await client.context.share.mutate({ key: generation, value: 'v', agentId: SOMEBODY });
    assert.deepEqual(await client.context.get.query({ key: generation }), entry);
    await assert.rejects(client.context.get.query({ key: '' }), (error) => {
      assert.equal(error.name, 'TRPCClientError');
      assert.deepEqual(error.data, { code: 'BAD_REQUEST', httpStatus: 400, path: 'context.get' });
      return true;
    });
    const [first] = sockets[0].requests;
    assert.deepEqual(first, { id: first.id, method: 'query', params: { input: { key: generation }, path: 'context.get' } });
    assert.equal(sockets[0].received[0], JSON.stringify({ id: first.id, result: { type: 'data', data: null } }));
  }
});

test('§7 connectionParams handshake, lazy mode, client keepAlive PING: not in 10, in both of 11', async (t) => {
  const hall = await startHall(t);
  const { token } = hall.token('member', 'traveller');
  for (const generation of ELEVENS) {
    const known = connect(t, generation, `${hall.main}/trpc`, { token });
    assert.deepEqual(await known.client.session.list.query(), []);
    assert.deepEqual(known.sockets[0].requests[0], { method: 'connectionParams', data: { token } });

    const lazy = connect(t, generation, hall.compat, { lazy: { enabled: true, closeMs: 100 } });
    await pause(200);
    assert.equal(lazy.sockets.length, 0);
    assert.deepEqual(await lazy.client.session.list.query(), []);
    await eventually(() => lazy.sockets[0].readyState === lazy.sockets[0].CLOSED, { what: 'the idle connection closed' });
    assert.deepEqual(await lazy.client.session.list.query(), []);
    assert.equal(lazy.sockets.length, 2);

    const kept = connect(t, generation, hall.compat, { keepAlive: { enabled: true, intervalMs: 100, pongTimeoutMs: 2_000 } });
    assert.deepEqual(await kept.client.session.list.query(), []);
    await eventually(() => kept.sockets[0].received.filter((text) => text === 'PONG').length >= 3, { what: 'three PONGs' });
    assert.equal(kept.sockets.length, 1);
  }
  const old = connect(t, '10.45', `${hall.main}/trpc`, { token });
  assert.deepEqual(await old.client.session.list.query(), []);
  assert.equal(old.sockets[0].requests[0].method, 'query');
});

test('§7 server text PING would break 10, so none is sent to anybody', async (t) => {
  const hall = await startHall(t, { env: { GUILDHALL_KEEPALIVE_MS: '100', GUILDHALL_KEEPALIVE_GRACE_MS: '400' } });
  const all = GENERATIONS.map((generation) => connect(t, generation, hall.compat));
  const followers = await Promise.all(all.map(({ client }) => follow(client.context.onContextChange)));
  await pause(2_000);
  for (const [i, { client, sockets }] of all.entries()) {
    await client.context.share.mutate({ key: 'k', value: String(i), agentId: SOMEBODY });
    for (const follower of followers) assert.equal((await follower.next()).value, String(i));
    assert.equal(sockets.length, 1);
    assert.ok(!sockets[0].received.includes('PING'));
  }
});

test('§7 tracked events / lastEventId: both of 11 resume after a drop where they were', async (t) => {
  const hall = await startHall(t);
  for (const generation of ELEVENS) {
    const { client, sockets } = connect(t, generation, hall.compat, { retryDelayMs: () => 500 });
    const share = (value) => connect(t, '10.45', hall.compat).client.context.share.mutate({ key: 'k', value, agentId: SOMEBODY });
    const follower = await follow(client.context.onContextChangeTracked);
    await share('1');
    const first = await follower.next();
    assert.deepEqual([typeof first.id, first.data.value], ['string', '1']);

    sockets[0].terminate();
    await share('2');
    await share('3');
    assert.deepEqual([(await follower.next()).data.value, (await follower.next()).data.value], ['2', '3']);
    const again = sockets.at(-1).requests.find(({ method }) => method === 'subscription');
    assert.equal(again.params.lastEventId, first.id);
    await share('4');
    assert.equal((await follower.next()).data.value, '4');
    assert.equal(new Set(follower.events.map(({ id }) => id)).size, 4);
  }
});

test('§7 tracked events / lastEventId: 10 reads the plain feeds, which are never wrapped', async (t) => {
  const hall = await startHall(t);
  const { client } = connect(t, '10.45', hall.compat);
  const follower = await follow(client.context.onContextChange);
  const entry = await client.context.share.mutate({ key: 'k', value: 'v', agentId: SOMEBODY });
  assert.deepEqual(await follower.next(), entry);
});

test('§7 ids are whole numbers from 1, per client, and echoed', async (t) => {
  const hall = await startHall(t);
  for (const generation of GENERATIONS) {
    const { client, sockets } = connect(t, generation, hall.compat);
    for (let i = 0; i < 3; i += 1) await client.session.list.query();
    const ids = sockets[0].requests.map(({ id }) => id);
    assert.deepEqual(ids, [1, 2, 3], generation);
    assert.deepEqual(sockets[0].received.map((text) => JSON.parse(text).id), ids);
  }
});

test('§7 ids are per connection: two connections with the same ids do not meet', async (t) => {
  const hall = await startHall(t);
  const [one, other] = GENERATIONS.slice(1).map((generation) => connect(t, generation, hall.compat));
  const followers = [await follow(one.client.session.onAgentChange), await follow(other.client.session.onAgentChange)];
  assert.equal(one.sockets[0].requests[0].id, other.sockets[0].requests[0].id);
  followers[0].unsubscribe();
  await eventually(() => one.sockets[0].received.some((text) => text.includes('"stopped"')), { what: 'stopped' });
  const { agent } = await one.client.session.join.mutate({ name: 'n', role: 'source', repoPath: '/r' });
  assert.deepEqual(await followers[1].next((list) => list.length > 0), [agent]);
});

test('§7 on stop the client sends subscription.stop, the server says stopped, and no event follows', async (t) => {
  const hall = await startHall(t);
  for (const generation of GENERATIONS) {
    const { client, sockets } = connect(t, generation, hall.compat);
    const follower = await follow(client.context.onContextChange);
    const { id } = sockets[0].requests[0];
    follower.unsubscribe();
    await eventually(() => sockets[0].received.includes(JSON.stringify({ id, result: { type: 'stopped' } })), { what: 'stopped' });
    assert.deepEqual(sockets[0].requests[1], { id, method: 'subscription.stop' });
    await client.context.share.mutate({ key: 'k', value: 'v', agentId: SOMEBODY });
    assert.deepEqual(follower.events, []);
    assert.equal(sockets[0].received.filter((text) => JSON.parse(text).id === id).length, 2, 'started and stopped');
  }
});

test('§7 after an error frame on a subscription the client may say stop, and both sides go on', async (t) => {
  const hall = await startHall(t);
  for (const generation of GENERATIONS) {
    const { client, sockets } = connect(t, generation, hall.compat);
    await client.session.list.query();
    const error = await new Follower(client.session.onNothing).hasFailed();
    assert.deepEqual(error.data, { code: 'NOT_FOUND', httpStatus: 404, path: 'session.onNothing' });
    if (generation !== '10.45') await eventually(() => sockets[0].requests.some(({ method }) => method === 'subscription.stop'), { what: 'subscription.stop' });
    assert.deepEqual(await client.session.list.query(), []);
    assert.equal(sockets[0].received.length, 3, 'a stop for an id that is not running is not answered');
    assert.equal(sockets.length, 1);
  }
});

test('§7 client options defaults: connected at once, no PING, one connection', async (t) => {
  const hall = await startHall(t);
  for (const generation of GENERATIONS) {
    const { client, sockets } = connect(t, generation, hall.compat);
    await eventually(() => sockets.length === 1 && sockets[0].readyState === sockets[0].OPEN, { what: 'the connection' });
    await pause(100);
    const greeting = sockets[0].sent.length; // some say [] once they are connected, which is not answered
    assert.deepEqual(sockets[0].requests, []);
    assert.ok(!sockets[0].sent.includes('PING'));
    await Promise.all([client.session.list.query(), client.context.list.query(), client.decisions.list.query()]);
    assert.equal(sockets[0].sent.length, greeting + 1, 'calls of one tick are one array');
    assert.equal(JSON.parse(sockets[0].sent.at(-1)).length, 3);
    assert.equal(sockets[0].received.length, 3);
  }
});

test('§7 11.25 takes an error without an id before any result as a refusal and backs off', async (t) => {
  const hall = await startHall(t);
  const { sockets, client } = connect(t, '11.25', `${hall.main}/trpc`, { token: 'not-a-token' });
  void client.session.list.query().catch(() => {});
  await eventually(() => sockets.length >= 1 && sockets[0].readyState === sockets[0].CLOSED, { what: 'the refusal' });
  assert.equal(JSON.parse(sockets[0].received[0]).error.data.code, 'UNAUTHORIZED');
  await pause(1_000);
  assert.ok(sockets.length <= 3, `${sockets.length} connections in a second`);
});
