/** Linker wire facts, §3: every frame, its keys in their order. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { startHall } from './harness/hall.mjs';
import { TIME, UUID, meet, meetAs } from './harness/linker.mjs';

const MESSAGE_KEYS = ['id', 'from', 'fromName', 'content', 'timestamp', 'priority'];

const keys = (value) => Object.keys(value);

test('§3.1 register: an agent is registered under its name, described or not', async (t) => {
  const hall = await startHall(t);
  const web = await meet(t, hall.linker);
  const reply = await web.register('web', { description: 'UI', metadata: { startedAt: 'now' } });
  assert.match(reply.instanceId, UUID);
  const bare = await meet(t, hall.linker);
  await bare.register('bare', {});
  for (const name of ['', 5, {}, null, undefined, 'broadcast']) {
    await assert.rejects(bare.ask('register', { name }), /^Error: Invalid name/, String(name));
  }
  await assert.rejects(bare.ask('register', { name: 'x', description: 'd'.repeat(5_000) }), /Invalid description/);
  assert.deepEqual(await web.names(), ['web', 'bare']);
});

test('§3.1 send_message: it has no reply, and says to whom, what, and how urgent', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  web.say('api', 'by name', { priority: 'high', ttl: 60_000, maxRetries: 3 });
  web.say(api.id, 'by id', { priority: 'low' });
  web.say('broadcast', 'to all', { priority: 'urgent' });
  const got = [await api.pushed(), await api.pushed(), await api.pushed()];
  assert.deepEqual(got.map(({ message }) => [message.content, message.priority]), [['by name', 'high'], ['by id', 'low'], ['to all', 'normal']]);
  await web.quiet();
});

test('§3.1 get_messages: everything that waits; nothing for who is not registered', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  const stranger = await meet(t, hall.linker);
  web.say('api', 'a');
  web.say('broadcast', 'b');
  await web.settled();
  assert.deepEqual(await api.contents(), ['a', 'b']);
  assert.deepEqual(await stranger.fetch(), []);
});

test('§3.1 get_message_count: counts and never takes', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  const stranger = await meet(t, hall.linker);
  assert.deepEqual(await stranger.ask('get_message_count'), { type: 'message_count', count: 0, from: [], highPriority: 0 });
  web.say('api', 'a');
  await web.settled();
  for (let i = 0; i < 3; i += 1) assert.equal((await api.ask('get_message_count')).count, 1);
  assert.deepEqual(await api.contents(), ['a']);
  assert.equal((await api.ask('get_message_count')).count, 0);
});

test('§3.1 list_instances: needs no registration', async (t) => {
  const hall = await startHall(t);
  await meetAs(t, hall.linker, 'web', 'api');
  assert.deepEqual(await (await meet(t, hall.linker)).names(), ['web', 'api']);
});

test('§3.1 get_conversation: with and without a payload', async (t) => {
  const hall = await startHall(t);
  const [web] = await meetAs(t, hall.linker, 'web', 'api');
  web.say('api', 'a');
  for (const payload of [undefined, null, {}, 5]) {
    assert.deepEqual((await web.ask('get_conversation', payload)).messages.map(({ content }) => content), ['a']);
  }
});

test('§3.1 mark_read: says how many were found', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  web.say('api', 'a');
  const { message } = await api.pushed();
  assert.deepEqual(await api.ask('mark_read', { messageIds: [message.id] }), { type: 'marked_read', count: 1 });
  assert.equal((await (await meet(t, hall.linker)).ask('mark_read', { messageIds: [message.id] })).count, 0);
});

test('§3.1 get_receipts: of the caller, who has none before it registers', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  web.say('api', 'a');
  assert.equal((await web.ask('get_receipts')).receipts.length, 1);
  assert.deepEqual((await api.ask('get_receipts')).receipts, []);
  assert.deepEqual((await (await meet(t, hall.linker)).ask('get_receipts')).receipts, []);
});

test('§3.1 get_stats: needs no registration', async (t) => {
  const hall = await startHall(t);
  const { stats } = await (await meet(t, hall.linker)).ask('get_stats');
  assert.deepEqual(stats, {
    total: 0,
    byStatus: { sent: 0, delivered: 0, read: 0 },
    byPriority: { high: 0, normal: 0, low: 0 },
    expired: 0,
    avgDeliveryTime: 0,
    instances: { total: 0, connected: 0 },
  });
});

test('§3.1 heartbeat: is acknowledged, registered or not', async (t) => {
  const hall = await startHall(t);
  assert.deepEqual(await (await meet(t, hall.linker)).ask('heartbeat'), { type: 'heartbeat_ack' });
});

test('§3.2 connected: a fresh id each time', async (t) => {
  const hall = await startHall(t);
  const ids = [(await meet(t, hall.linker)).connected.connectionId, (await meet(t, hall.linker)).connected.connectionId];
  assert.notEqual(ids[0], ids[1]);
});

test('§3.2 registered: keys in order', async (t) => {
  const hall = await startHall(t);
  const reply = await (await meet(t, hall.linker)).register('web');
  assert.deepEqual(keys(reply), ['type', 'instanceId', 'name']);
});

test('§3.2 instance_joined: to every other registered connection, also when one registers again', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  const stranger = await meet(t, hall.linker);
  await api.register('api', { description: 'the other' });
  assert.deepEqual(await web.joined('api'), { type: 'instance_joined', instance: { id: api.id, name: 'api', description: 'the other' } });
  await api.register('api', {});
  assert.deepEqual(keys((await web.joined('api')).instance), ['id', 'name']);
  await api.quiet();
  await stranger.quiet();
});

test('§3.2 new_message: six fields, and broadcast only for broadcasts', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  web.say('api', 'a "quoted" text\n');
  const direct = await api.frame('new_message');
  assert.deepEqual(keys(direct), ['type', 'message']);
  assert.deepEqual(keys(direct.message), MESSAGE_KEYS);
  const { id, timestamp, ...rest } = direct.message;
  assert.deepEqual(rest, { from: web.id, fromName: 'web', content: 'a "quoted" text\n', priority: 'normal' });
  assert.match(id, UUID);
  assert.match(timestamp, TIME);
  web.say('broadcast', 'b');
  const all = await api.frame('new_message');
  assert.deepEqual(keys(all), ['type', 'message']);
  assert.deepEqual([keys(all.message), all.message.broadcast], [[...MESSAGE_KEYS, 'broadcast'], true]);
});

test('§3.2 message_notification: the name, the beginning, and whether there is more', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  web.say('api', 'ping', { priority: 'high' });
  const { message, notification } = await api.pushed();
  assert.deepEqual(keys(notification), ['from', 'preview', 'timestamp', 'priority', 'hasMore']);
  assert.deepEqual(notification, { from: 'web', preview: 'ping', timestamp: message.timestamp, priority: 'high', hasMore: false });
  web.say('broadcast', 'all');
  const toAll = (await api.pushed()).notification;
  assert.deepEqual(keys(toAll), ['from', 'preview', 'timestamp', 'priority', 'broadcast', 'hasMore']);
  assert.equal(toAll.broadcast, true);
});

test('§3.2 messages: six fields each and never a broadcast flag', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  web.say('broadcast', 'b');
  const { broadcast, ...sixFields } = (await api.pushed()).message;
  assert.equal(broadcast, true);
  const reply = await api.ask('get_messages');
  assert.deepEqual(keys(reply), ['type', 'messages']);
  assert.deepEqual(reply.messages, [sixFields]);
});

test('§3.2 message_count: the senders in the order of the queue', async (t) => {
  const hall = await startHall(t);
  const [web, api, ops] = await meetAs(t, hall.linker, 'web', 'api', 'ops');
  web.say('ops', '1');
  web.say('ops', '2');
  await web.settled();
  api.say('ops', '3', { priority: 'high' });
  await api.settled();
  const count = await ops.ask('get_message_count');
  assert.deepEqual(count, { type: 'message_count', count: 3, from: ['api', 'web'], highPriority: 1 });
});

test('§3.2 instances: in order of registration, the caller too', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  const bare = await meet(t, hall.linker);
  await bare.register('bare', {});
  const { instances } = await api.ask('list_instances');
  assert.deepEqual(instances.map(({ id, name, description }) => [id, name, description]), [
    [web.id, 'web', 'I am web'],
    [api.id, 'api', 'I am api'],
    [bare.id, 'bare', undefined],
  ]);
  assert.deepEqual(keys(instances[0]), ['id', 'name', 'description', 'registeredAt', 'lastSeen']);
  assert.match(instances[0].registeredAt, TIME);
  assert.match(instances[0].lastSeen, TIME);
});

test('§3.2 conversation: oldest first, and who said it', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  web.say('api', 'a');
  web.say('broadcast', 'b');
  const { messages } = await web.ask('get_conversation');
  assert.deepEqual(keys(messages[0]), ['id', 'from', 'to', 'content', 'timestamp', 'fromName']);
  assert.deepEqual(messages.map(({ from, to, content, fromName }) => [from, to, content, fromName]), [
    [web.id, api.id, 'a', 'web'],
    [web.id, 'broadcast', 'b', 'web'],
  ]);
});

test('§3.2 marked_read: a repeated id counts twice, an unknown one not', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  web.say('api', 'a');
  const { message } = await api.pushed();
  const messageIds = [message.id, message.id, web.id, 'nothing', 5];
  assert.equal((await api.ask('mark_read', { messageIds })).count, 2);
  assert.equal((await api.ask('mark_read', { messageIds: [message.id] })).count, 1, 'also once more');
});

test('§3.2 receipts: in the order they were sent, null until it is so', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  web.say('api', 'a');
  web.say('broadcast', 'b');
  const { receipts: sent } = await web.ask('get_receipts');
  assert.deepEqual(keys(sent[0]), ['id', 'to', 'status', 'sentAt', 'deliveredAt', 'readAt']);
  assert.deepEqual(sent.map(({ to, status, deliveredAt, readAt }) => [to, status, deliveredAt, readAt]), [
    [api.id, 'sent', null, null],
    ['broadcast', 'sent', null, null],
  ]);
  const [first] = await api.fetch();
  await api.ask('mark_read', { messageIds: [first.id] });
  const { receipts } = await web.ask('get_receipts');
  assert.deepEqual(receipts.map(({ status }) => status), ['read', 'delivered']);
  assert.match(receipts[0].deliveredAt, TIME);
  assert.match(receipts[0].readAt, TIME);
});

test('§3.2 stats: by status, by priority, and who is here', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  web.say('api', 'a', { priority: 'high' });
  web.say('api', 'b', { priority: 'low' });
  web.say('api', 'c', { ttl: -1 });
  await web.settled();
  const [first] = await api.fetch();
  await api.ask('mark_read', { messageIds: [first.id] });
  const { stats } = await web.ask('get_stats');
  assert.deepEqual(keys(stats), ['total', 'byStatus', 'byPriority', 'expired', 'avgDeliveryTime', 'instances']);
  assert.deepEqual([stats.total, stats.byStatus, stats.byPriority, stats.expired, stats.instances], [
    3,
    { sent: 1, delivered: 1, read: 1 },
    { high: 1, normal: 1, low: 1 },
    1,
    { total: 2, connected: 2 },
  ]);
  assert.ok(Number.isInteger(stats.avgDeliveryTime));
});

test('§3.2 delivery_receipt: to the sender, from each who fetched', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  web.say('broadcast', 'a');
  const [message] = (await api.pushed(), await api.fetch());
  const { receipt } = await web.frame('delivery_receipt');
  assert.deepEqual(keys(receipt), ['messageId', 'to', 'status', 'deliveredAt']);
  assert.deepEqual([receipt.messageId, receipt.to, receipt.status], [message.id, api.id, 'delivered']);
  assert.match(receipt.deliveredAt, TIME);
});

test('§3.2 read_receipt: with the target as it was sent', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  for (const [to, shown] of [['api', api.id], ['broadcast', 'broadcast']]) {
    web.say(to, 'a');
    const { message } = await api.pushed();
    await api.ask('mark_read', { messageIds: [message.id] });
    const { receipt } = await web.frame('read_receipt');
    assert.deepEqual(keys(receipt), ['messageId', 'to', 'status', 'readAt']);
    assert.deepEqual([receipt.messageId, receipt.to, receipt.status], [message.id, shown, 'read']);
  }
});

test('§3.2 heartbeat_ack: nothing but its type', async (t) => {
  const hall = await startHall(t);
  const client = await meet(t, hall.linker);
  await client.settled();
  assert.equal(client.socket.record.at(-1), '{"type":"heartbeat_ack"}');
});

test('§3.2 error: a text', async (t) => {
  const hall = await startHall(t);
  const client = await meet(t, hall.linker);
  client.send('nonsense');
  assert.deepEqual(await client.frame('error'), { type: 'error', error: 'Unknown message type: nonsense' });
});
