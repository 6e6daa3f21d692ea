/** Linker wire facts, §4: what the frames mean. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { startHall } from './harness/hall.mjs';
import { meet, meetAs } from './harness/linker.mjs';
import { pause } from './harness/mailbox.mjs';

const contents = (reply) => reply.messages.map(({ content }) => content);

test('§4 (1) identity: the id is the name’s, whoever holds the connection, and nobody takes an id for a name', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  const { id } = api;
  await api.leave(web);
  const back = await meet(t, hall.linker);
  await back.register('api');
  assert.equal(back.id, id, 'unlike the old broker: also after it was away');
  const upper = await meet(t, hall.linker);
  await upper.register('API');
  assert.notEqual(upper.id, id, 'names are case-sensitive');
  const impostor = await meet(t, hall.linker);
  await assert.rejects(impostor.register(id), /somebody else's id/, 'unlike the old broker: a name comes before an id');
  web.say(id, 'for whom?');
  assert.equal((await back.pushed()).message.content, 'for whom?');
});

test('§4 (2) the same socket again: one entry with its new description; another name leaves the first', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  const { id } = api;
  const [before] = (await web.ask('list_instances')).instances.filter(({ name }) => name === 'api');
  await pause(5);
  await api.register('api', { description: 'new' });
  await web.joined('api');
  assert.equal(api.id, id);
  const [after] = (await web.ask('list_instances')).instances.filter(({ name }) => name === 'api');
  assert.equal(after.description, 'new');
  assert.ok(after.registeredAt > before.registeredAt);
  await api.register('renamed');
  assert.notEqual(api.id, id);
  assert.deepEqual(await web.names(), ['web', 'renamed'], 'no ghost');
});

test('§4 order: `messages` comes before the receipts of what it shows', async (t) => {
  const hall = await startHall(t);
  const [web] = await meetAs(t, hall.linker, 'web');
  web.say('web', 'a note to myself');
  const [{ id }] = (await web.pushed(), await web.fetch());
  assert.equal((await web.frame('delivery_receipt')).receipt.messageId, id);
  const types = web.socket.record.map((text) => JSON.parse(text).type);
  assert.ok(types.indexOf('messages') < types.indexOf('delivery_receipt'), types.join(' '));
});

test('§4 (3) statuses: a push is no receipt, fetching delivers once, marking reads and hides', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  const statuses = async () => (await web.ask('get_receipts')).receipts.map(({ status }) => status);
  web.say('api', 'a');
  await api.pushed();
  assert.deepEqual(await statuses(), ['sent']);
  assert.deepEqual(await api.contents(), ['a'], 'it was pushed, and is returned all the same');
  await web.frame('delivery_receipt');
  assert.deepEqual(await statuses(), ['delivered']);
  assert.deepEqual(await api.contents(), []);
  web.say('api', 'b');
  const { message } = await api.pushed();
  await api.ask('mark_read', { messageIds: [message.id] });
  const { receipts } = await web.ask('get_receipts');
  assert.deepEqual([receipts[1].status, receipts[1].deliveredAt], ['read', null]);
  assert.deepEqual(await api.contents(), []);
});

test('§4 (4) order: by priority and then by arrival; replies as asked; registered before instance_joined', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  for (const [content, priority] of [['l1', 'low'], ['n1', 'normal'], ['h1', 'high'], ['l2', 'low'], ['n2', undefined], ['h2', 'high']]) {
    web.say('api', content, { priority });
  }
  await web.settled();
  assert.deepEqual(await api.contents(), ['h1', 'h2', 'n1', 'n2', 'l1', 'l2']);
  const pushed = [];
  for (let i = 0; i < 6; i += 1) pushed.push((await api.pushed()).message.content);
  assert.deepEqual(pushed, ['l1', 'n1', 'h1', 'l2', 'n2', 'h2']);

  const asked = await meet(t, hall.linker);
  const requests = ['heartbeat', 'get_stats', 'list_instances', 'get_messages', 'get_message_count', 'get_conversation', 'get_receipts'];
  const replies = ['heartbeat_ack', 'stats', 'instances', 'messages', 'message_count', 'conversation', 'receipts'];
  for (let i = 0; i < 20; i += 1) for (const type of requests) asked.send(type);
  for (let i = 0; i < 20; i += 1) for (const type of replies) assert.equal((await asked.socket.next()).type, type);

  // What one marks of one's own goes out before the reply.
  web.say('web', 'to myself');
  const { message } = await web.pushed();
  await web.ask('mark_read', { messageIds: [message.id] });
  const types = web.socket.record.map((text) => JSON.parse(text).type);
  assert.ok(types.indexOf('read_receipt') !== -1 && types.indexOf('read_receipt') < types.indexOf('marked_read'));
  const [registered, joined] = ['registered', 'instance_joined'].map((type) => types.indexOf(type));
  assert.ok(registered !== -1 && registered < joined, types.join(' '));
});

test('§4 (5) ttl: what is over is pushed, and neither fetched nor counted, and stays in the conversation', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  for (const [content, ttl] of [['over', -1], ['brief', 50], ['long', 60_000], ['ever', 0], ['spelt', '60000'], ['none', null]]) {
    web.say('api', content, { ttl });
  }
  for (let i = 0; i < 6; i += 1) await api.pushed();
  await pause(100);
  assert.equal((await api.ask('get_message_count')).count, 4);
  assert.deepEqual(await api.contents(), ['long', 'ever', 'spelt', 'none']);
  assert.equal((await web.ask('get_conversation')).messages.length, 6);
  assert.equal((await web.ask('get_receipts')).receipts.length, 6);
  assert.equal((await web.ask('get_stats')).stats.expired, 2);
});

test('§4 (6) a direct message waits for who is away, and one to nobody is told', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  await api.leave(web);
  web.say('api', 'while you were away');
  await web.settled();
  const [back] = await meetAs(t, hall.linker, 'api');
  assert.deepEqual(await back.contents(), ['while you were away']);
  web.say('nobody', 'hello?');
  assert.match(await web.error(), /^Unknown recipient: nobody \(kept as dead letter \d+\)$/);
});

test('§4 (7) a broadcast reaches all but its sender, and each has its own', async (t) => {
  const hall = await startHall(t);
  const [web, api, ops] = await meetAs(t, hall.linker, 'web', 'api', 'ops');
  const stranger = await meet(t, hall.linker);
  web.say('broadcast', 'lunch');
  for (const other of [api, ops]) assert.equal((await other.pushed()).message.broadcast, true);
  await web.quiet();
  await stranger.quiet();
  assert.deepEqual(await api.contents(), ['lunch']);
  assert.deepEqual(await ops.contents(), ['lunch'], 'what one took the other still has');
  assert.deepEqual(await web.contents(), []);
  const late = await meet(t, hall.linker);
  await late.register('late');
  assert.deepEqual(await late.contents(), []);
});

test('§4 (8) a conversation: of all, of two, by name or id, and so much of it', async (t) => {
  const hall = await startHall(t);
  const [web, api, ops] = await meetAs(t, hall.linker, 'web', 'api', 'ops');
  const say = async (from, to, content) => (from.say(to, content), from.settled());
  await say(web, 'api', '1');
  await say(api, 'web', '2');
  await say(web, 'ops', '3');
  await say(web, 'broadcast', '4');
  await say(web, 'api', '5');
  const ask = async (client, payload) => contents(await client.ask('get_conversation', payload));
  assert.deepEqual(await ask(ops, {}), ['1', '2', '3', '4', '5']);
  assert.deepEqual(await ask(ops, { with: '' }), ['1', '2', '3', '4', '5']);
  assert.deepEqual(await ask(web, { with: 'api' }), ['1', '2', '5'], 'the caller is one side');
  assert.deepEqual(await ask(web, { with: api.id }), ['1', '2', '5']);
  assert.deepEqual(await ask(ops, { with: 'api', instanceId: web.id }), ['1', '2', '5']);
  assert.deepEqual(await ask(web, { with: 'nobody' }), []);
  assert.deepEqual(await ask(await meet(t, hall.linker), { with: 'api' }), [], 'who is not registered has no side');
  for (const [limit, expected] of [
    [2, ['4', '5']],
    ['2', ['4', '5']],
    [2.9, ['4', '5']],
    [0, ['1', '2', '3', '4', '5']],
    [null, ['1', '2', '3', '4', '5']],
    ['many', ['1', '2', '3', '4', '5']],
    [-2, ['3', '4', '5']],
    [-9, []],
    [99, ['1', '2', '3', '4', '5']],
  ]) {
    assert.deepEqual(await ask(ops, { limit }), expected, String(limit));
  }
  assert.deepEqual(await ask(web, { with: 'api', limit: 1 }), ['5']);
});

test('§4 (9) lastSeen moves on registration and heartbeat and on nothing else', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  const seen = async () => (await api.ask('list_instances')).instances[0].lastSeen;
  const first = await seen();
  await pause(20);
  web.say('api', 'x');
  await web.fetch();
  assert.equal(await seen(), first);
  await web.settled();
  const second = await seen();
  assert.ok(second > first);
  await pause(20);
  await web.register('web');
  assert.ok((await seen()) > second);
});

test('§4 (10) the preview is a hundred UTF-16 units, and no character is cut', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  for (const [content, preview, hasMore] of [
    ['', '', false],
    ['é'.repeat(100), 'é'.repeat(100), false],
    ['é'.repeat(101), 'é'.repeat(100), true],
    [`${'x'.repeat(98)}🤖`, `${'x'.repeat(98)}🤖`, false],
    [`${'x'.repeat(99)}🤖`, 'x'.repeat(99), true],
  ]) {
    web.say('api', content);
    const { notification } = await api.pushed();
    assert.deepEqual([notification.preview, notification.hasMore], [preview, hasMore]);
  }
});

test('§4 (11) what is no text is refused, and nothing of it is kept', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  for (const content of [5, {}, null, undefined, ['a']]) {
    web.say('api', content);
    assert.equal(await web.error(), 'Invalid message format');
  }
  for (const ttl of ['soon', 1e16, {}]) {
    web.say('api', 'x', { ttl });
    assert.equal(await web.error(), 'Invalid message format');
  }
  web.say('api', 'x', { ttl: 1e12 });
  assert.match(await web.error(), /time to live/);
  web.say('api', '');
  assert.equal((await api.pushed()).message.content, '');
  assert.deepEqual(await api.contents(), ['']);
});

test('§4 (12) there are no stale ids: the older of two sockets speaks on when the newer has gone', async (t) => {
  const hall = await startHall(t);
  const [web] = await meetAs(t, hall.linker, 'web');
  const [older] = await meetAs(t, hall.linker, 'twin');
  const [newer] = await meetAs(t, hall.linker, 'twin');
  newer.ws.close();
  await newer.socket.end();
  const [third] = await meetAs(t, hall.linker, 'twin');
  older.say('web', 'still me');
  const { message } = await web.pushed();
  assert.deepEqual([message.from, message.fromName], [third.id, 'twin']);
  await older.settled();
  await third.quiet();
});
