/** Coordinator wire facts, §5: the objects, with exactly these keys in this order. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { startHall } from './harness/hall.mjs';
import { open } from './harness/socket.mjs';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** @param {import('node:test').TestContext} t */
async function joined(t) {
  const hall = await startHall(t);
  const socket = await open(t, hall.compat);
  return { socket, ...(await socket.join()) };
}

/** Keys in this order; ids and dates well formed; the rest equal. */
function assertShape(object, { keys, ids = ['id'], dates, rest }) {
  assert.deepEqual(Object.keys(object), keys);
  for (const key of ids) assert.match(object[key], UUID_V4, key);
  for (const key of dates) assert.match(object[key], DATE, key);
  const free = new Set([...ids, ...dates]);
  assert.deepEqual(Object.fromEntries(Object.entries(object).filter(([key]) => !free.has(key))), rest);
}

test('§5 Agent: id, name, role, repoPath, connectedAt', async (t) => {
  const { socket } = await joined(t);
  const keys = ['id', 'name', 'role', 'repoPath', 'connectedAt'];
  for (const role of ['source', 'target']) {
    const { agent } = await socket.mutate('session.join', { repoPath: '/repo', role, name: 'Zoë 🦊', extra: 1 });
    assertShape(agent, { keys, dates: ['connectedAt'], rest: { name: 'Zoë 🦊', role, repoPath: '/repo' } });
    assert.deepEqual((await socket.query('session.list')).at(-1), agent);
  }
});

test('§5 ContextEntry: id, key, value, tags, createdBy, createdAt, updatedAt', async (t) => {
  const { socket, agent } = await joined(t);
  const entry = await socket.mutate('context.share', { key: ' ', value: '', tags: ['', 'b', 'b'], agentId: agent.id });
  assertShape(entry, {
    keys: ['id', 'key', 'value', 'tags', 'createdBy', 'createdAt', 'updatedAt'],
    dates: ['createdAt', 'updatedAt'],
    rest: { key: ' ', value: '', tags: ['', 'b', 'b'], createdBy: agent.id },
  });
  assert.equal(JSON.stringify(await socket.query('context.get', { key: ' ' })), JSON.stringify(entry));
  assert.equal(JSON.stringify(await socket.query('context.list')), JSON.stringify([entry]));
});

test('§5 Question pending: id, question, from, to if given, status, createdAt', async (t) => {
  const { socket, agent } = await joined(t);
  const rest = { question: 'why?', from: agent.id, status: 'pending' };
  const open_ = await socket.mutate('questions.ask', { question: 'why?', agentId: agent.id });
  assertShape(open_, { keys: ['id', 'question', 'from', 'status', 'createdAt'], dates: ['createdAt'], rest });
  const directed = await socket.mutate('questions.ask', { question: 'why?', to: agent.id, agentId: agent.id });
  assertShape(directed, { keys: ['id', 'question', 'from', 'to', 'status', 'createdAt'], dates: ['createdAt'], rest: { ...rest, to: agent.id } });
  assert.equal(JSON.stringify(await socket.query('questions.listPending')), JSON.stringify([open_, directed]));
});

test('§5 Question answered: the same with answer, answeredBy, answeredAt appended', async (t) => {
  const { socket, agent } = await joined(t);
  for (const to of [undefined, agent.id]) {
    const asked = await socket.mutate('questions.ask', { question: 'why?', to, agentId: agent.id });
    const answered = await socket.mutate('questions.answer', { questionId: asked.id, answer: ' ', agentId: agent.id });
    const { answeredAt, ...others } = answered;
    assert.match(answeredAt, DATE);
    assert.equal(JSON.stringify(others), JSON.stringify({ ...asked, status: 'answered', answer: ' ', answeredBy: agent.id }));
    assert.equal(Object.keys(answered).at(-1), 'answeredAt');
  }
});

test('§5 Decision: id, decision, rationale if given, by, createdAt', async (t) => {
  const { socket, agent } = await joined(t);
  const bare = await socket.mutate('decisions.log', { decision: 'go', agentId: agent.id });
  assertShape(bare, { keys: ['id', 'decision', 'by', 'createdAt'], dates: ['createdAt'], rest: { decision: 'go', by: agent.id } });
  const argued = await socket.mutate('decisions.log', { decision: 'go', rationale: '', agentId: agent.id });
  assertShape(argued, { keys: ['id', 'decision', 'rationale', 'by', 'createdAt'], dates: ['createdAt'], rest: { decision: 'go', rationale: '', by: agent.id } });
  assert.equal(JSON.stringify(await socket.query('decisions.list')), JSON.stringify([bare, argued]));
});

test('§5 JoinResult: agent, sessionId', async (t) => {
  const { socket } = await joined(t);
  const result = await socket.join('second');
  assert.deepEqual(Object.keys(result), ['agent', 'sessionId']);
  assert.match(result.sessionId, UUID_V4);
});

test('§5 strings of any ordinary length come back unchanged, character by character', async (t) => {
  const { socket, agent } = await joined(t);
  const odd = 'ü\u0000\u2028\\"\n';
  const name = odd.repeat(400);
  const text = odd.repeat(100_000);
  const second = (await socket.mutate('session.join', { name, role: 'source', repoPath: name })).agent;
  assert.deepEqual([second.name, second.repoPath], [name, name]);
  assert.equal((await socket.mutate('context.share', { key: name, value: text, tags: [name], agentId: agent.id })).value, text);
  const entry = await socket.query('context.get', { key: name });
  assert.deepEqual([entry.value, entry.tags], [text, [name]]);
  assert.equal((await socket.mutate('questions.ask', { question: text, agentId: agent.id })).question, text);
  const decision = await socket.mutate('decisions.log', { decision: text, rationale: text, agentId: agent.id });
  assert.deepEqual([decision.decision, decision.rationale], [text, text]);
});
