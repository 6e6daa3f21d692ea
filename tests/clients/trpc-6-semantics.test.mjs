/**
 * Coordinator wire facts, §6.1: semantics and surprises. Clients lean on them, so they are kept; where this server
 * goes further (state survives, answers can be read), the name of the story says so.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { startHall } from './harness/hall.mjs';
import { pause } from './harness/mailbox.mjs';
import { open } from './harness/socket.mjs';

const SOMEBODY = '7f0c1f0e-95a1-4d5e-8f8e-3c5f1f0b7a11';
const SOMEBODY_ELSE = 'c4b1f1f6-5a56-4a53-8f5e-0a9b8c7d6e5f';

/** @param {import('node:test').TestContext} t @param {import('./harness/hall.mjs').HallOptions} [options] */
async function pair(t, options) {
  const hall = await startHall(t, options);
  return { hall, one: await open(t, hall.compat), other: await open(t, hall.compat) };
}

test('§6.1 (1) any UUID works as agentId, joined or not, and anyone may remove anyone', async (t) => {
  const { one, other } = await pair(t);
  assert.equal((await one.mutate('context.share', { key: 'k', value: 'v', agentId: SOMEBODY })).createdBy, SOMEBODY);
  const question = await one.mutate('questions.ask', { question: 'q', agentId: SOMEBODY });
  assert.equal(question.from, SOMEBODY);
  assert.equal((await one.mutate('questions.answer', { questionId: question.id, answer: 'a', agentId: SOMEBODY_ELSE })).answeredBy, SOMEBODY_ELSE);
  assert.equal((await one.mutate('decisions.log', { decision: 'd', agentId: SOMEBODY })).by, SOMEBODY);
  assert.deepEqual(await one.query('session.list'), []);

  const { agent } = await one.join();
  assert.deepEqual(await other.mutate('session.leave', { agentId: agent.id }), { success: true });
  assert.equal((await one.mutate('context.share', { key: 'k', value: 'v', agentId: agent.id })).key, 'k');
});

test('§6.1 (2) joins of one connection pile up under the same name, and stay while it is only away for a moment', async (t) => {
  const { hall, one, other } = await pair(t);
  const joined = [];
  for (let i = 0; i < 3; i += 1) joined.push((await one.join('twin')).agent);
  assert.equal(new Set(joined.map(({ id }) => id)).size, 3);
  assert.deepEqual(await other.query('session.list'), joined);
  one.ws.terminate();
  await pause(300);
  assert.deepEqual(await other.query('session.list'), joined);
  const back = await open(t, hall.compat);
  await back.mutate('context.share', { key: 'k', value: 'v', agentId: joined[0].id });
  assert.deepEqual(await other.query('session.list'), joined);
});

test('§6.1 (2) unlike before, who stays away longer than the grace leaves the list, and its id stays valid', async (t) => {
  const grace = 500;
  const { hall, one, other } = await pair(t, { env: { GUILDHALL_PRESENCE_GRACE_MS: String(grace) } });
  const { agent } = await one.join('away');
  const { agent: present } = await other.join('present');
  const roster = await other.subscribe('session.onAgentChange');
  assert.deepEqual(await roster.next(), [agent, present]);

  one.ws.close();
  assert.deepEqual(await roster.next(2 * grace), [present]);
  assert.deepEqual(await other.query('session.list'), [present]);

  const back = await open(t, hall.compat);
  const entry = await back.mutate('context.share', { key: 'k', value: 'back', agentId: agent.id });
  assert.equal(entry.createdBy, agent.id);
  const ids = (list) => list.map(({ id }) => id).sort();
  const expected = [agent.id, present.id].sort();
  assert.deepEqual(ids(await roster.next()), expected);
  const list = await other.query('session.list');
  assert.deepEqual(ids(list), expected);
  assert.deepEqual(list.find(({ id }) => id === agent.id).name, 'away');
});

test('§6.1 (3) context.share on an existing key keeps id, creator, creation and position, replaces value, resets tags, bumps updatedAt', async (t) => {
  const { one, other } = await pair(t);
  const first = await one.mutate('context.share', { key: 'k', value: 'old', tags: ['a'], agentId: SOMEBODY });
  assert.equal(first.createdAt, first.updatedAt);
  const later = await one.mutate('context.share', { key: 'later', value: '', agentId: SOMEBODY });
  await pause(10);
  const second = await other.mutate('context.share', { key: 'k', value: 'new', agentId: SOMEBODY_ELSE });
  const { updatedAt, ...kept } = second;
  assert.deepEqual(kept, { id: first.id, key: 'k', value: 'new', tags: [], createdBy: SOMEBODY, createdAt: first.createdAt });
  assert.ok(updatedAt > first.updatedAt);
  assert.deepEqual(await one.query('context.list'), [second, later]);
});

test('§6.1 (4) context.list wants all tags, takes no tags as no filter, knows the first creator, and ignores a prefix', async (t) => {
  const { one } = await pair(t);
  const share = (key, tags, agentId) => one.mutate('context.share', { key, value: '', tags, agentId });
  await share('a', ['x', 'y'], SOMEBODY);
  await share('b', ['x'], SOMEBODY_ELSE);
  await share('c', ['y', 'x'], SOMEBODY_ELSE);
  await share('b', ['x'], SOMEBODY);
  const keys = async (input) => (await one.query('context.list', input)).map(({ key }) => key);
  assert.deepEqual(await keys({ tags: ['x', 'y'] }), ['a', 'c']);
  assert.deepEqual(await keys({ tags: [] }), ['a', 'b', 'c']);
  assert.deepEqual(await keys({ createdBy: SOMEBODY_ELSE }), ['b', 'c']);
  assert.deepEqual(await keys({ createdBy: SOMEBODY_ELSE, tags: ['y'] }), ['c']);
  assert.deepEqual(await keys({ tags: ['X'] }), []);
  assert.deepEqual(await keys({ prefix: 'zzz' }), ['a', 'b', 'c']);
});

test('§6.1 (5) the addressee is advisory: all see it, anybody answers, and who asks sees their own open questions', async (t) => {
  const { one, other } = await pair(t);
  const feeds = await Promise.all([one, other].map((socket) => socket.subscribe('questions.onQuestion')));
  const open_ = await one.mutate('questions.ask', { question: 'to all', agentId: SOMEBODY });
  const directed = await one.mutate('questions.ask', { question: 'to nobody known', to: SOMEBODY_ELSE, agentId: SOMEBODY });
  for (const feed of feeds) assert.deepEqual([await feed.next(), await feed.next()], [open_, directed]);
  assert.deepEqual(await one.query('questions.listPending', { agentId: SOMEBODY }), [open_]);
  assert.deepEqual(await one.query('questions.listPending', { agentId: SOMEBODY_ELSE }), [open_, directed]);
  assert.deepEqual(await one.query('questions.listPending'), [open_, directed]);
  assert.equal((await other.mutate('questions.answer', { questionId: directed.id, answer: 'a', agentId: SOMEBODY })).answeredBy, SOMEBODY);
});

test('§6.1 (6) a second answer overwrites the first and is sent again', async (t) => {
  const { one, other } = await pair(t);
  const feed = await other.subscribe('questions.onQuestion');
  const { id } = await one.mutate('questions.ask', { question: 'q', agentId: SOMEBODY });
  await feed.next();
  for (const [answer, agentId] of [['first', SOMEBODY], ['second', SOMEBODY_ELSE]]) {
    const answered = await one.mutate('questions.answer', { questionId: id, answer, agentId });
    assert.deepEqual([answered.answer, answered.answeredBy], [answer, agentId]);
    assert.deepEqual(await feed.next(), answered);
  }
});

test('§6.1 (7) an answered question leaves the pending list; unlike before, it can be read with questions.get', async (t) => {
  const { one, other } = await pair(t);
  const { id } = await one.mutate('questions.ask', { question: 'q', agentId: SOMEBODY });
  const answered = await other.mutate('questions.answer', { questionId: id, answer: 'a', agentId: SOMEBODY_ELSE });
  assert.deepEqual(await one.query('questions.listPending'), []);
  assert.deepEqual(await one.query('questions.get', { id }), answered);
});

test('§6.1 (8) onQuestion sends plain questions without a wrapper, and decisions have no event there', async (t) => {
  const { one, other } = await pair(t);
  const feed = await other.subscribe('questions.onQuestion');
  await one.mutate('decisions.log', { decision: 'd', agentId: SOMEBODY });
  const question = await one.mutate('questions.ask', { question: 'q', agentId: SOMEBODY });
  const event = await feed.next();
  assert.deepEqual(event, question);
  assert.ok(!('type' in event));
});

test('§6.1 (9) on one connection the event precedes the reply, and every connection gets every event once and in order', async (t) => {
  const { one, other } = await pair(t);
  const own = await one.subscribe('context.onContextChange');
  const theirs = await other.subscribe('context.onContextChange');
  one.send({ id: 'call', method: 'mutation', params: { path: 'context.share', input: { key: 'k', value: 'v', agentId: SOMEBODY } } });
  assert.equal((await one.next()).id, own.id);
  assert.equal((await one.next()).id, 'call');
  await theirs.next();

  const keys = Array.from({ length: 200 }, (_, i) => `k${i}`);
  const share = (key) => one.mutate('context.share', { key, value: '', agentId: SOMEBODY });
  await Promise.all(keys.map(share));
  for (const feed of [own, theirs]) {
    for (const key of keys) assert.equal((await feed.next()).key, key);
  }
  await one.expectNoFrame(200);
  await other.expectNoFrame(0);
});

test('§6.1 (10) one session id for all joins; unlike before, it outlives the process', async (t) => {
  const { hall, one, other } = await pair(t);
  const { sessionId } = await one.join();
  assert.equal((await other.join()).sessionId, sessionId);
  await hall.restart();
  assert.equal((await (await open(t, hall.compat)).join()).sessionId, sessionId);
});

test('§6.1 (11) keys like __proto__ are ordinary data; unlike before, state and old ids survive a restart', async (t) => {
  const { hall, one } = await pair(t);
  const { agent } = await one.join();
  const keys = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
  for (const key of keys) {
    assert.equal(await one.query('context.get', { key }), null);
    assert.equal((await one.mutate('context.share', { key, value: key, tags: ['__proto__'], agentId: agent.id })).key, key);
  }
  await hall.restart();
  const after = await open(t, hall.compat);
  for (const key of keys) assert.equal((await after.query('context.get', { key })).value, key);
  assert.deepEqual((await after.query('context.list', { tags: ['__proto__'] })).map(({ key }) => key), keys);
  assert.equal((await after.mutate('decisions.log', { decision: 'd', agentId: agent.id })).by, agent.id);
  assert.deepEqual(await after.mutate('session.leave', { agentId: agent.id }), { success: true });
});

test('§6.1 (12) more than ten subscribers of one kind all get the event', async (t) => {
  const { one, other } = await pair(t);
  const feeds = [];
  for (let i = 0; i < 25; i += 1) feeds.push(await other.subscribe('context.onContextChange'));
  const entry = await one.mutate('context.share', { key: 'k', value: 'v', agentId: SOMEBODY });
  for (const feed of feeds) assert.deepEqual(await feed.next(), entry);
});
