/** Messages over tRPC, which the coordinator had none of: with real clients, to and from one another and the linker's. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertError } from './harness/errors.mjs';
import { connect, follow } from './harness/generations.mjs';
import { startHall } from './harness/hall.mjs';
import { meetAs } from './harness/linker.mjs';
import { eventually } from './harness/mailbox.mjs';
import { open } from './harness/socket.mjs';

const MESSAGE = ['number', 'id', 'from', 'fromName', 'to', 'content', 'priority', 'sentAt', 'dead'];
const SOMEBODY = '7f0c1f0e-95a1-4d5e-8f8e-3c5f1f0b7a11';

/** Clients dial again after 0, 2, 4, 8 … seconds; a start in between is found within this many milliseconds. */
const REDIAL = 20_000;

/**
 * Joins, and speaks as who joined.
 * @param {any} client of `@trpc/client`
 * @param {string} name
 */
async function join(client, name) {
  const { agent } = await client.session.join.mutate({ name, role: 'source', repoPath: `/${name}` });
  const as = (/** @type {object} */ input = {}) => ({ agentId: agent.id, ...input });
  return {
    id: agent.id,
    client,
    as,
    say: (to, content, more) => client.messages.send.mutate(as({ to, content, ...more })),
    inbox: (more) => client.messages.inbox.query(as(more)),
    took: (receipt, stage = 'in_context') => client.messages.took.mutate(as({ receipt, stage })),
    list: async (more) => (await client.messages.list.query(as(more))).messages.map(({ content }) => content),
    get: (number) => client.messages.get.query(as({ number })),
  };
}

/** @param {import('node:test').TestContext} t @param {string[]} names each of a connection of its own */
async function room(t, ...names) {
  const hall = await startHall(t);
  const agents = [];
  for (const name of names) agents.push(await join(connect(t, '11.25', hall.compat).client, name));
  return { hall, agents };
}

/** @param {Promise<unknown>} call @param {string} code @param {RegExp} message */
const refused = (call, code, message) =>
  assert.rejects(call, (error) => {
    assert.equal(error.data?.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });

const contents = ({ messages }) => messages.map(({ content }) => content);

test('messages: two agents write to one another, and each sees what the other has had', async (t) => {
  const { agents: [web, api] } = await room(t, 'web', 'api');
  const live = await follow(api.client.messages.onMessage, api.as());
  const sent = await web.say('api', 'which port?');
  assert.deepEqual(Object.keys(sent), MESSAGE);
  assert.deepEqual([sent.fromName, sent.to, sent.priority, sent.dead], ['web', 'api', 'normal', false]);
  assert.deepEqual(await live.next(), sent);

  const answer = await api.say(sent.from, '7420', { replyTo: sent.number, priority: 'high', ttlMs: 60_000 });
  assert.deepEqual([answer.to, answer.thread, answer.priority], ['web', sent.number, 'high']);
  assert.equal(Date.parse(answer.expiresAt) - Date.parse(answer.sentAt), 60_000);
  assert.deepEqual((await web.inbox()).messages, [answer]);

  // What was pushed was not necessarily read.
  assert.deepEqual((await web.get(sent.number)).progress, {});
  const { receipt } = await api.inbox();
  await api.took(receipt, 'delivered');
  await api.took(receipt);
  const { progress } = await web.get(sent.number);
  assert.deepEqual(Object.keys(progress), ['deliveredAt', 'inContextAt']);
  assert.deepEqual(await api.client.messages.markRead.mutate(api.as({ ids: [sent.id] })), { count: 1 });
  assert.deepEqual(Object.keys((await web.get(sent.number)).progress), ['deliveredAt', 'inContextAt', 'readAt']);
  assert.ok(!('progress' in (await api.get(sent.number))), 'how far it has come is its sender’s to know');
});

test('messages: an inbox shows the same until it is said that it was taken', async (t) => {
  const { agents: [web, api] } = await room(t, 'web', 'api');
  for (const [content, priority] of [['low', 'low'], ['one', 'normal'], ['two', 'normal'], ['high', 'high']]) await web.say('api', content, { priority });
  const first = await api.inbox();
  assert.deepEqual(contents(first), ['high', 'one', 'two', 'low']);
  assert.deepEqual(await api.inbox(), first);
  const part = await api.inbox({ limit: 2 });
  assert.deepEqual([contents(part), part.left], [['high', 'one'], 2]);
  assert.deepEqual(await api.took(part.receipt), { success: true });
  assert.deepEqual(await api.took(part.receipt), { success: false }, 'it is no news a second time');
  const rest = await api.inbox();
  assert.deepEqual([contents(rest), rest.left], [['two', 'low'], 0]);
  assert.deepEqual(await api.took(rest.receipt, 'read'), { success: true });
  assert.deepEqual(await api.inbox(), { messages: [], left: 0, receipt: [] });
  assert.deepEqual(await api.list(), ['low', 'one', 'two', 'high'], 'they can be found all the same');
});

test('messages: marked by number or id, each as often as it is named, and only what is one’s own', async (t) => {
  const { agents: [web, api, third] } = await room(t, 'web', 'api', 'third');
  const [one, two] = [await web.say('api', 'one'), await web.say('api', 'two')];
  const mark = (agent, ...ids) => agent.client.messages.markRead.mutate(agent.as({ ids }));
  assert.deepEqual(await mark(api, two.number, two.id, SOMEBODY), { count: 2 });
  assert.deepEqual(contents(await api.inbox()), ['one']);
  assert.deepEqual(await mark(web, one.id, one.number), { count: 0 }, 'it was for somebody else');
  await refused(mark(third, one.number), 'FORBIDDEN', /neither from this agent nor for it/);
  await refused(mark(api, 999_999), 'NOT_FOUND', /there is no message 999999/);
});

test('messages: one to nobody is refused by the number of its dead letter, which its sender finds', async (t) => {
  const { agents: [web, api] } = await room(t, 'web', 'api');
  let number = 0;
  await assert.rejects(web.say('nobody', 'lost'), (error) => {
    number = Number(/nobody is known as "nobody"; the message is kept as dead letter (\d+)$/.exec(error.message)?.[1]);
    return error.data.code === 'NOT_FOUND' && number > 0;
  });
  assert.deepEqual(await web.list({ dead: true }), ['lost']);
  assert.deepEqual([(await web.get(number)).dead, (await web.get(number)).to], [true, 'nobody']);
  assert.deepEqual(await api.list({ dead: true }), []);
  await refused(api.get(number), 'FORBIDDEN', /neither from this agent nor for it/);
});

test('messages: topics reach who follows them, a broadcast everybody but its sender', async (t) => {
  const { agents: [web, api, third] } = await room(t, 'web', 'api', 'third');
  const live = await follow(api.client.messages.onMessage, api.as());
  const topic = (agent, on) => agent.client.topics.follow.mutate(agent.as({ topic: 'build', follow: on }));
  await web.say('topic:build', 'too early');
  assert.deepEqual(await topic(api, true), { success: true });
  assert.deepEqual(await topic(api, true), { success: false });
  await web.say('topic:build', 'green');
  await web.say('broadcast', 'lunch');
  assert.deepEqual([await live.next(), await live.next()].map(({ to, content }) => [to, content]), [['topic:build', 'green'], ['broadcast', 'lunch']]);
  assert.deepEqual(contents(await api.inbox()), ['green', 'lunch']);
  assert.deepEqual(contents(await third.inbox()), ['lunch']);
  assert.deepEqual(contents(await web.inbox()), []);
  await topic(api, false);
  await web.say('topic:build', 'red');
  await web.say('api', 'the end');
  assert.equal((await live.next()).content, 'the end');
  assert.deepEqual(await third.list({ topic: 'build' }), ['too early', 'green', 'red'], 'topics are open to all');
  await refused(topic(api, undefined), 'BAD_REQUEST', /expected boolean, received undefined/);
});

test('messages: what was said is listed oldest first, by whom it was with, by thread, and backwards by page', async (t) => {
  const { agents: [web, api, third] } = await room(t, 'web', 'api', 'third');
  const began = await web.say('api', 'a');
  await third.say('api', 'x');
  const asked = await api.say('web', 'b', { replyTo: began.number });
  const drawnIn = await web.say('third', 'c', { replyTo: asked.number });
  assert.equal(drawnIn.thread, began.number);
  assert.deepEqual(await api.list(), ['a', 'x']);
  assert.deepEqual(await api.list({ with: 'web' }), ['a', 'b']);
  assert.deepEqual(await api.list({ sent: true }), ['b']);
  assert.deepEqual(await web.list({ thread: asked.number }), ['a', 'b', 'c']);
  assert.deepEqual(await third.list({ thread: drawnIn.number }), ['c'], 'what others have said to one another is theirs');
  await refused(third.say('web', 'y', { replyTo: began.number }), 'FORBIDDEN', /neither from this agent nor for it/);

  const newest = await web.client.messages.list.query(web.as({ thread: began.number, limit: 2 }));
  assert.deepEqual([contents(newest), newest.more], [['b', 'c'], true]);
  const before = await web.client.messages.list.query(web.as({ thread: began.number, limit: 2, before: newest.before }));
  assert.deepEqual([contents(before), before.more], [['a'], false]);
  await refused(web.list({ sent: true, with: 'api' }), 'BAD_REQUEST', /at most one of with, topic, thread, sent and dead/);
  await refused(web.list({ with: 'nobody' }), 'NOT_FOUND', /nobody is known as "nobody"/);
});

test('messages: nobody speaks or reads as an agent that is another’s, or none', async (t) => {
  const { hall, agents: [web] } = await room(t, 'web');
  const mine = connect(t, '11.25', `${hall.main}/trpc`, { token: hall.token('member', 'ada').token });
  const ada = await join(mine.client, 'ada');
  const { number } = await web.say('ada', 'for ada alone');
  const theirs = connect(t, '11.25', `${hall.main}/trpc`, { token: hall.token('member', 'bob').token });
  const viewer = connect(t, '11.25', `${hall.main}/trpc`, { token: hall.token('viewer', 'eve').token });
  const anybody = connect(t, '11.25', hall.compat);

  for (const [{ client }, agentId, code] of [
    [theirs, ada.id, 'FORBIDDEN'],
    [anybody, ada.id, 'FORBIDDEN'],
    [viewer, ada.id, 'FORBIDDEN'],
    [mine, web.id, 'FORBIDDEN'],
    [theirs, SOMEBODY, 'NOT_FOUND'],
    [anybody, ada.id.toUpperCase(), 'NOT_FOUND'],
  ]) {
    const message = code === 'FORBIDDEN' ? /belongs to another principal/ : /no agent has joined as/;
    await refused(client.messages.inbox.query({ agentId }), code, message);
    await refused(client.messages.list.query({ agentId }), code, message);
    await refused(client.messages.get.query({ agentId, number }), code, message);
    for (const feed of [client.messages.onMessage, client.messages.onMessageTracked]) {
      await refused(new Promise((_, onError) => feed.subscribe({ agentId }, { onError })), code, message);
    }
    const [only, why] = client === viewer.client ? ['FORBIDDEN', /may only read/] : [code, message];
    await refused(client.messages.send.mutate({ agentId, to: 'web', content: 'x' }), only, why);
    await refused(client.messages.took.mutate({ agentId, receipt: [[1, 99]], stage: 'read' }), only, why);
    await refused(client.messages.markRead.mutate({ agentId, ids: [number] }), only, why);
    await refused(client.topics.follow.mutate({ agentId, topic: 'x', follow: true }), only, why);
  }
  assert.deepEqual(contents(await ada.inbox()), ['for ada alone']);
  assert.deepEqual((await web.get(number)).progress, {});

  await mine.client.session.leave.mutate(ada.as());
  await refused(ada.say('web', 'x'), 'NOT_FOUND', /Sender not found/);
  assert.deepEqual(contents(await ada.inbox()), ['for ada alone'], 'who has left has a mailbox still');
});

test('messages: a query sees what its connection wrote before it, and a subscriber its event before the reply', async (t) => {
  const hall = await startHall(t);
  const socket = await open(t, hall.compat);
  const { agent } = await socket.join('web');
  const live = await socket.subscribe('messages.onMessage', { input: { agentId: agent.id } });
  const [send, took, inbox] = [socket.id(), socket.id(), socket.id()];
  socket.send([
    { id: send, method: 'mutation', params: { path: 'messages.send', input: { agentId: agent.id, to: 'web', content: 'to myself' } } },
    { id: inbox, method: 'query', params: { path: 'messages.inbox', input: { agentId: agent.id } } },
  ]);
  const { result } = await socket.reply(inbox);
  assert.deepEqual(socket.record.slice(-3).map((text) => JSON.parse(text).id), [live.id, send, inbox]);
  assert.deepEqual([await live.next()], result.data.messages);
  socket.send([
    { id: took, method: 'mutation', params: { path: 'messages.took', input: { agentId: agent.id, receipt: result.data.receipt, stage: 'read' } } },
    { id: inbox, method: 'query', params: { path: 'messages.inbox', input: { agentId: agent.id } } },
  ]);
  assert.deepEqual((await socket.reply(took)).result.data, { success: true });
  assert.deepEqual((await socket.reply(inbox)).result.data, { messages: [], left: 0, receipt: [] });
  const frame = await socket.call('mutation', 'messages.send', { agentId: agent.id, to: '', content: 'x' });
  assertError(frame, frame.id, 'BAD_REQUEST', { path: 'messages.send' });
});

test('messages: what is sent again under its key is the same message, also after a restart', async (t) => {
  const hall = await startHall(t);
  let socket = await open(t, hall.compat);
  const [web, api] = [(await socket.join('web')).agent, (await socket.join('api')).agent];
  const send = (content, key, agent = web) => socket.mutate('messages.send', { agentId: agent.id, to: 'api', content, key });
  const { number } = await send('once', 'k');
  assert.equal((await send('once', 'k')).number, number);
  await hall.restart('SIGKILL');
  socket = await open(t, hall.compat);
  assert.equal((await send('once', 'k')).number, number);
  const other = await socket.call('mutation', 'messages.send', { agentId: web.id, to: 'api', content: 'another', key: 'k' });
  assert.equal(other.error.data.code, 'CONFLICT');
  assert.notEqual((await send('once', 'k', api)).number, number, 'each agent has keys of its own');
  assert.deepEqual(contents(await socket.query('messages.inbox', { agentId: api.id })), ['once', 'once']);
});

test('messages: what has expired is offered no more, to an inbox or a subscription that resumes', async (t) => {
  const hall = await startHall(t);
  const socket = await open(t, hall.compat);
  const { agent } = await socket.join('web');
  const input = { agentId: agent.id };
  const say = (content, more) => socket.mutate('messages.send', { ...input, to: 'web', content, ...more });
  const feed = await socket.subscribe('messages.onMessageTracked', { input });
  await say('first');
  const { id } = await feed.nextTracked();
  await feed.stop();
  const { expiresAt } = await say('gone', { ttlMs: 1 });
  await say('last');
  await eventually(() => Date.now() > Date.parse(expiresAt), { what: 'the message to expire' });
  const resumed = await socket.subscribe('messages.onMessageTracked', { input, lastEventId: id });
  assert.equal((await resumed.nextTracked()).data.content, 'last');
  assert.deepEqual(contents(await socket.query('messages.inbox', input)), ['first', 'last']);
  const frame = await socket.call('subscription', 'messages.onMessageTracked', { ...input, lastEventId: 'x.1' });
  assert.equal(frame.error.data.code, 'PRECONDITION_FAILED', 'it is of no life of this workspace');
});

test('messages: long ones come a few at a time, and none is cut short', async (t) => {
  const { agents: [web, api] } = await room(t, 'web', 'api');
  const long = (letter) => letter.repeat(2 * 1024 * 1024);
  for (const letter of ['a', 'b', 'c']) await web.say('api', long(letter));
  const first = await api.inbox();
  assert.deepEqual([contents(first), first.left], [[long('a')], 2]);
  await api.took(first.receipt);
  const next = await api.inbox();
  assert.deepEqual([contents(next), next.left], [[long('b')], 1]);
  const newest = await api.client.messages.list.query(api.as());
  assert.deepEqual([contents(newest), newest.more], [[long('c')], true]);
  const before = await api.client.messages.list.query(api.as({ before: newest.before }));
  assert.deepEqual([contents(before), before.more], [[long('b')], true]);
});

test('messages: an inbox of long names is given in parts that fit', async (t) => {
  const { hall, agents: [web] } = await room(t, 'web');
  const name = '\u0001'.repeat(4000);
  const verbose = await join(connect(t, '11.25', hall.compat).client, name);
  await Promise.all(Array.from({ length: 1000 }, (_, i) => verbose.say('web', String(i))));
  const seen = new Set();
  for (let inbox = await web.inbox({ limit: 1000 }); inbox.messages.length > 0; inbox = await web.inbox({ limit: 1000 })) {
    assert.ok(inbox.messages.length < 1000);
    contents(inbox).forEach((content) => seen.add(content));
    await web.took(inbox.receipt, 'delivered');
  }
  assert.equal(seen.size, 1000);
});

test('messages: a tracked subscription misses nothing and doubles nothing over a restart', { timeout: 90_000 }, async (t) => {
  const { hall, agents: [web] } = await room(t, 'web');
  const { client } = connect(t, '11.25', hall.compat);
  const api = await join(client, 'api');
  const feed = await follow(client.messages.onMessageTracked, api.as());
  for (const content of ['one', 'two']) await web.say('api', content);
  assert.deepEqual([(await feed.next()).data.content, (await feed.next()).data.content], ['one', 'two']);

  for (const how of /** @type {const} */ (['SIGTERM', 'SIGKILL'])) {
    await hall.restart(how);
    // Written before the reader is back, most likely, and in any case told once.
    const writer = await join(connect(t, '11.25', hall.compat).client, `writer-${how}`);
    await writer.say('api', `after ${how}`);
    await writer.say('broadcast', `to all after ${how}`);
    assert.equal((await feed.next(undefined, REDIAL)).data.content, `after ${how}`);
    assert.equal((await feed.next()).data.content, `to all after ${how}`);
  }
  await web.say('api', 'the end');
  await feed.next(({ data }) => data.content === 'the end');
  assert.deepEqual(feed.events.map(({ data }) => data.content), [
    'one',
    'two',
    'after SIGTERM',
    'to all after SIGTERM',
    'after SIGKILL',
    'to all after SIGKILL',
    'the end',
  ]);
  assert.deepEqual(contents(await api.inbox()), feed.events.map(({ data }) => data.content), 'and none of it was taken by being pushed');
});

test('messages: an agent of tRPC and one of the linker write to one another, live and away', async (t) => {
  const { hall, agents: [web] } = await room(t, 'web');
  const live = await follow(web.client.messages.onMessage, web.as());
  const [old] = await meetAs(t, hall.linker, 'old');
  await web.say('old', 'from tRPC');
  const { message } = await old.pushed();
  assert.equal(message.content, 'from tRPC');
  old.say('web', 'from the linker');
  const got = await live.next();
  assert.deepEqual([got.fromName, got.content, got.from], ['old', 'from the linker', old.id]);
  assert.deepEqual((await web.inbox()).messages, [got]);
  assert.deepEqual(await web.took((await web.inbox()).receipt, 'read'), { success: true });
  assert.equal((await old.frame('read_receipt')).receipt.messageId, got.id);

  await old.ask('mark_read', { messageIds: [message.id] });
  const [{ number }] = (await web.client.messages.list.query(web.as({ sent: true }))).messages;
  assert.ok((await web.get(number)).progress.readAt);
  const [third] = await meetAs(t, hall.linker, 'third');
  await old.leave(third);
  await web.say('old', 'while you were away', { replyTo: got.number });
  const [back] = await meetAs(t, hall.linker, 'old');
  assert.deepEqual(await back.contents(), ['while you were away']);
  assert.deepEqual(await web.list({ with: 'old' }), ['from tRPC', 'from the linker', 'while you were away']);
});
