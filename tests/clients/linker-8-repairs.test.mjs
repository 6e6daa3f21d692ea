/** Linker wire facts, §8: what was wrong with the old broker, and is not here. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { growsInProportion } from './harness/cpu.mjs';
import { startHall } from './harness/hall.mjs';
import { meet, meetAs } from './harness/linker.mjs';
import { eventually, pause } from './harness/mailbox.mjs';
import { open } from './harness/socket.mjs';

test('§8 1: what was sent while somebody was away, or pushed and not fetched, is there when they are back', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  web.say('api', 'pushed');
  await api.pushed();
  await api.leave(web);
  web.say('api', 'away');
  await web.settled();
  const [back] = await meetAs(t, hall.linker, 'api');
  assert.deepEqual(await back.contents(), ['pushed', 'away']);
});

test('§8 2: messages, history, ids and receipts outlive the server, however it ends', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  web.say('api', 'read');
  const { message } = await api.pushed();
  await api.ask('mark_read', { messageIds: [message.id] });
  web.say('api', 'waiting');
  await web.settled();
  for (const how of ['SIGTERM', 'SIGKILL']) {
    await hall.restart(how);
    const [again, other] = await meetAs(t, hall.linker, 'web', 'api');
    assert.deepEqual([again.id, other.id], [web.id, api.id]);
    assert.deepEqual(await other.names(), ['web', 'api'], 'nobody is listed who is not here');
    assert.equal((await other.ask('get_message_count')).count, 1);
    assert.deepEqual((await again.ask('get_receipts')).receipts.map(({ status }) => status), ['read', 'sent']);
    assert.equal((await again.ask('get_conversation', { with: 'api' })).messages.length, 2);
    // What was shown before the restart can still be marked.
    assert.equal((await other.ask('mark_read', { messageIds: [message.id] })).count, 1);
  }
});

test('§8 3: each follower takes its own copy of a broadcast, and its sender none', async (t) => {
  const hall = await startHall(t);
  const [web, ...others] = await meetAs(t, hall.linker, 'web', 'a', 'b', 'c');
  web.say('broadcast', 'lunch');
  await web.settled();
  for (const other of others) assert.deepEqual(await other.contents(), ['lunch']);
  const takers = [];
  for (const _ of others) takers.push((await web.frame('delivery_receipt')).receipt.to);
  assert.deepEqual(takers.sort(), others.map(({ id }) => id).sort());
  assert.deepEqual(await web.contents(), []);
});

test('§8 4: closing the older of two sockets changes nothing for the newer, which is the one that is told', async (t) => {
  const hall = await startHall(t);
  const [web] = await meetAs(t, hall.linker, 'web');
  const [older] = await meetAs(t, hall.linker, 'twin');
  const [newer] = await meetAs(t, hall.linker, 'twin');
  assert.equal((await older.joined('twin')).instance.id, newer.id);
  web.say('twin', 'first');
  assert.equal((await newer.pushed()).message.content, 'first');
  await older.quiet();
  older.ws.close();
  await older.socket.end();
  await pause(100);
  web.say('twin', 'second');
  assert.equal((await newer.pushed()).message.content, 'second');
  newer.say('web', 'here');
  assert.equal((await web.pushed()).message.from, newer.id);
  assert.deepEqual(await web.names(), ['web', 'twin']);
  assert.deepEqual(await newer.contents(), ['first', 'second']);
});

test('§8 5: a second name leaves the first, with no ghost, no double broadcast, and no inheritance', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'first');
  await api.register('second');
  assert.deepEqual(await web.names(), ['web', 'second']);
  assert.equal((await web.ask('get_stats')).stats.instances.connected, 2);
  web.say('broadcast', 'once');
  await api.pushed();
  await api.quiet();
  web.say('first', 'for the first');
  await web.settled();
  assert.deepEqual(await api.contents(), ['once']);
  const [heir] = await meetAs(t, hall.linker, 'first');
  assert.notEqual(heir.id, api.id);
  assert.deepEqual(await heir.contents(), ['once', 'for the first'], 'what the first was to have waits for the first');
});

test('§8 6: a name is its principal’s, one marks one’s own, and nobody is broadcast', async (t) => {
  const hall = await startHall(t, { env: { GUILDHALL_RATE_CALLS_PER_SECOND: '50', GUILDHALL_RATE_BURST: '50' } });
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  const thief = await meet(t, `${hall.main}/linker`, { token: hall.token('agent', 'mallory').token });
  await assert.rejects(thief.register('web'), (error) => /held by another principal/.test(error.message) && !/Unknown sender/.test(error.message));
  await assert.rejects(thief.ask('register', { name: 'broadcast' }), /Invalid name/);
  web.say('api', 'secret');
  const { message } = await api.pushed();
  await thief.register('mallory');
  assert.equal((await thief.ask('mark_read', { messageIds: [message.id] })).count, 0);
  assert.deepEqual(await api.contents(), ['secret']);
  for (let i = 0; i < 200; i += 1) thief.send('heartbeat');
  assert.equal(await thief.error(), 'Too many requests; slow down');
});

test('§8 6: a token that may only read neither registers nor marks, and one that is revoked ends', async (t) => {
  const hall = await startHall(t);
  const { token, id } = hall.token('viewer', 'eve');
  const viewer = await meet(t, `${hall.main}/linker`, { token });
  await assert.rejects(viewer.register('eve'), /may only read/);
  assert.deepEqual(await viewer.names(), []);
  hall.cli('token', 'revoke', id);
  assert.equal((await viewer.socket.end()).code, 1008);
});

test('§8 7: who sends learns of a failure', async (t) => {
  const hall = await startHall(t);
  const [web] = await meetAs(t, hall.linker, 'web');
  web.say('nobody', 'x');
  assert.match(await web.error(), /^Unknown recipient: nobody/);
  await web.register('nobody');
  assert.equal(web.name, 'nobody');
});

test('§8 8: a conversation with somebody is found without saying who asks, and names who spoke', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  web.say('api', 'hello');
  await web.settled();
  const { messages } = await api.ask('get_conversation', { with: 'web' });
  assert.deepEqual(messages.map(({ fromName, content }) => [fromName, content]), [['web', 'hello']]);
});

test('§8 9: fetching costs in proportion to what waits, not to its square', { timeout: 120_000 }, async (t) => {
  const hall = await startHall(t);
  const names = ['a', 'b', 'c', 'd'];
  let [web, ...readers] = await meetAs(t, hall.linker, 'web', ...names);
  for (const reader of readers) await reader.leave(web);
  await growsInProportion(hall, 1_000, async (each) => {
    for (let i = 0; i < 4 * each; i += 1) web.say(names[i % 4], `m${i}`);
    await web.settled();
    // So that all is read from the store, however little there is.
    await hall.restart();
    [web] = await meetAs(t, hall.linker, 'web');
    return async () => {
      for (const [at, name] of names.entries()) {
        const [back] = await meetAs(t, hall.linker, name);
        // As often as a client polls in ten minutes.
        for (let poll = 0; poll < 20; poll += 1) assert.equal((await back.ask('get_message_count')).count, each);
        assert.deepEqual(await back.contents(), Array.from({ length: each }, (_, i) => `m${4 * i + at}`));
        assert.equal((await back.ask('get_message_count')).count, 0);
        await back.leave(web);
      }
    };
  });
});

test('§8 9: marking costs in proportion to what is marked, not ids times messages', { timeout: 120_000 }, async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  await growsInProportion(hall, 1_000, async (many) => {
    for (let i = 0; i < many; i += 1) web.say('api', `m${i}`);
    await web.settled();
    const messageIds = (await api.fetch()).map(({ id }) => id);
    assert.equal(messageIds.length, many);
    return async () => {
      for (let again = 0; again < 10; again += 1) assert.equal((await api.ask('mark_read', { messageIds })).count, many);
    };
  });
});

test('§8 10: a reader that takes nothing is dropped, fills no memory, and finds everything', { timeout: 120_000 }, async (t) => {
  const hall = await startHall(t, { env: { GUILDHALL_WRITE_STALL_MS: '1000' } });
  const [web, slow, other] = await meetAs(t, hall.linker, 'web', 'slow', 'other');
  slow.ws.pause();
  const content = 'x'.repeat(500_000);
  const many = 300;
  for (let i = 0; i < many; i += 1) {
    web.say('slow', content);
    web.say('other', `m${i}`);
    assert.equal((await other.pushed()).message.content, `m${i}`, 'others are not delayed');
  }
  await eventually(async () => !(await web.names()).includes('slow'), { within: 60_000, what: 'the slow reader to be dropped' });
  assert.match(hall.stderr, /takes nothing off its socket/);
  const memory = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${hall.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  assert.ok(memory < 120, `the server holds ${Math.round(memory)} MiB of 150 MB`);
  const [back] = await meetAs(t, hall.linker, 'slow');
  let got = 0;
  for (let page = await back.fetch(); page.length > 0; page = await back.fetch()) got += page.length;
  assert.equal(got, many);
});

test('§8 11: what was never used is taken and does nothing', async (t) => {
  const hall = await startHall(t);
  const web = await meet(t, hall.linker);
  await web.register('web', { metadata: { anything: [1, 2, { three: 3 }] } });
  web.say('web', 'x', { maxRetries: -1 });
  assert.equal((await web.pushed()).message.content, 'x');
});

test('§8 12: the end of the server does not wait for clients', async (t) => {
  const hall = await startHall(t);
  const [web] = await meetAs(t, hall.linker, 'web');
  hall.signal('SIGINT');
  assert.equal((await web.socket.end()).code, 1012);
  assert.deepEqual(await hall.ended(), { code: 0, signal: null });
});

test('§8 15: who is gone is not listed any more', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  await api.leave(web);
  assert.deepEqual(await web.names(), ['web']);
  assert.deepEqual((await web.ask('get_stats')).stats.instances, { total: 1, connected: 1 });
});

test('§8 16: what is not sent is said to who tried, and registering again mends it', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  const stranger = await meet(t, hall.linker);
  stranger.say('web', 'x');
  assert.match(await stranger.error(), /Unknown sender/);
  await stranger.register('stranger');
  stranger.say('web', 'y');
  assert.equal((await web.pushed()).message.content, 'y');

  // A client of another door makes the membership leave behind its connection's back.
  const trpc = await open(t, hall.compat);
  const { id } = (await trpc.query('session.list')).find(({ name }) => name === 'api');
  await trpc.mutate('session.leave', { agentId: id });
  api.say('web', 'z');
  assert.equal(await api.error(), 'Unknown sender: register again');
  await api.register('api');
  api.say('web', 'z');
  assert.equal((await web.pushed()).message.content, 'z');
});
