/** Coordinator wire facts, §6: one story per procedure, what it answers and what others see of it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertError } from './harness/errors.mjs';
import { startHall } from './harness/hall.mjs';
import { open } from './harness/socket.mjs';

const SOMEBODY = '7f0c1f0e-95a1-4d5e-8f8e-3c5f1f0b7a11';
const FEEDS = ['context.onContextChange', 'questions.onQuestion', 'session.onAgentChange'];

/**
 * One client that acts, and another that follows everything there is to follow.
 * @param {import('node:test').TestContext} t
 */
async function stage(t) {
  const hall = await startHall(t);
  const actor = await open(t, hall.compat);
  const watcher = await open(t, hall.compat);
  const [context, questions, agents] = await Promise.all(FEEDS.map((path) => watcher.subscribe(path)));
  assert.deepEqual(await agents.next(), []);
  return { hall, actor, watcher, context, questions, agents };
}

/** A call with the wrong kind of method is no procedure. */
async function assertOnly(socket, method, path) {
  for (const other of ['query', 'mutation', 'subscription'].filter((kind) => kind !== method)) {
    const frame = await socket.call(other, path, {});
    assertError(frame, frame.id, 'NOT_FOUND', { path });
  }
}

test('§6 session.join answers agent and session, and followers get the full list', async (t) => {
  const { actor, watcher, agents } = await stage(t);
  const first = await actor.mutate('session.join', { name: 'scout', role: 'source', repoPath: '/src' });
  assert.deepEqual(await agents.next(), [first.agent]);
  const second = await actor.mutate('session.join', { name: 'scout', role: 'target', repoPath: '/src' });
  assert.deepEqual(await agents.next(), [first.agent, second.agent]);
  assert.notEqual(first.agent.id, second.agent.id);
  await watcher.expectNoFrame(200);
  await assertOnly(actor, 'mutation', 'session.join');
});

test('§6 session.leave says whether somebody left, and only then tells followers', async (t) => {
  const { actor, watcher, agents } = await stage(t);
  const { agent } = await actor.join();
  await agents.next();
  assert.deepEqual(await actor.mutate('session.leave', { agentId: SOMEBODY }), { success: false });
  await watcher.expectNoFrame(200);
  assert.deepEqual(await actor.mutate('session.leave', { agentId: agent.id }), { success: true });
  assert.deepEqual(await agents.next(), []);
  assert.deepEqual(await actor.mutate('session.leave', { agentId: agent.id }), { success: false });
  await watcher.expectNoFrame(200);
  await assertOnly(actor, 'mutation', 'session.leave');
});

test('§6 session.list answers all agents in join order and ignores its input', async (t) => {
  const { actor } = await stage(t);
  const agents = [];
  for (const name of ['c', 'a', 'b']) agents.push((await actor.join(name)).agent);
  for (const input of [undefined, null, { role: 'source' }, 'text', 7]) assert.deepEqual(await actor.query('session.list', input), agents);
  await assertOnly(actor, 'query', 'session.list');
});

test('§6 session.onAgentChange starts with a snapshot and goes on with the full list per change', async (t) => {
  const { actor, hall } = await stage(t);
  const { agent } = await actor.join('early');
  const late = await open(t, hall.compat);
  const list = await late.subscribe('session.onAgentChange', { input: { ignored: true } });
  assert.deepEqual(await list.next(), [agent]);
  const second = (await actor.join('late')).agent;
  assert.deepEqual(await list.next(), [agent, second]);
  await actor.mutate('session.leave', { agentId: agent.id });
  assert.deepEqual(await list.next(), [second]);
  await assertOnly(actor, 'subscription', 'session.onAgentChange');
});

test('§6 context.share answers the entry and sends the same to followers', async (t) => {
  const { actor, watcher, context } = await stage(t);
  const entry = await actor.mutate('context.share', { key: 'k', value: 'v', tags: ['a'], agentId: SOMEBODY });
  assert.deepEqual(await context.next(), entry);
  await watcher.expectNoFrame(200);
  await assertOnly(actor, 'mutation', 'context.share');
});

test('§6 context.get answers the entry of a key, or null', async (t) => {
  const { actor, watcher } = await stage(t);
  assert.equal(await watcher.query('context.get', { key: 'k' }), null);
  const entry = await actor.mutate('context.share', { key: 'k', value: 'v', agentId: SOMEBODY });
  assert.deepEqual(await watcher.query('context.get', { key: 'k' }), entry);
  assert.equal(await watcher.query('context.get', { key: 'K' }), null);
  await assertOnly(actor, 'query', 'context.get');
});

test('§6 context.list answers entries, all of them or by tags and creator', async (t) => {
  const { actor } = await stage(t);
  const first = await actor.mutate('context.share', { key: 'z', value: '1', tags: ['x', 'y'], agentId: SOMEBODY });
  const { agent } = await actor.join();
  const second = await actor.mutate('context.share', { key: 'a', value: '2', tags: ['x'], agentId: agent.id });
  for (const input of [undefined, {}]) assert.deepEqual(await actor.query('context.list', input), [first, second]);
  assert.deepEqual(await actor.query('context.list', { tags: ['y'] }), [first]);
  assert.deepEqual(await actor.query('context.list', { createdBy: agent.id }), [second]);
  await assertOnly(actor, 'query', 'context.list');
});

test('§6 context.onContextChange sends one entry per share and no snapshot', async (t) => {
  const { actor, hall } = await stage(t);
  await actor.mutate('context.share', { key: 'before', value: 'v', agentId: SOMEBODY });
  const late = await open(t, hall.compat);
  const changes = await late.subscribe('context.onContextChange', { input: null });
  await late.expectNoFrame(200);
  for (const value of ['1', '2', '2']) {
    const entry = await actor.mutate('context.share', { key: 'k', value, agentId: SOMEBODY });
    assert.deepEqual(await changes.next(), entry);
  }
  await assertOnly(actor, 'subscription', 'context.onContextChange');
});

test('§6 questions.ask answers the pending question and sends it to followers', async (t) => {
  const { actor, watcher, questions } = await stage(t);
  const question = await actor.mutate('questions.ask', { question: 'why?', to: SOMEBODY, agentId: SOMEBODY });
  assert.equal(question.status, 'pending');
  assert.deepEqual(await questions.next(), question);
  await watcher.expectNoFrame(200);
  await assertOnly(actor, 'mutation', 'questions.ask');
});

test('§6 questions.answer answers the answered question and sends it to followers', async (t) => {
  const { actor, watcher, questions } = await stage(t);
  const { id } = await actor.mutate('questions.ask', { question: 'why?', agentId: SOMEBODY });
  await questions.next();
  const answered = await actor.mutate('questions.answer', { questionId: id, answer: 'because', agentId: SOMEBODY });
  assert.deepEqual([answered.id, answered.status, answered.answer], [id, 'answered', 'because']);
  assert.deepEqual(await questions.next(), answered);
  await watcher.expectNoFrame(200);
  await assertOnly(actor, 'mutation', 'questions.answer');
});

test('§6 questions.listPending answers what is still open, in asking order', async (t) => {
  const { actor } = await stage(t);
  const asked = [];
  for (const question of ['b', 'a', 'c']) asked.push(await actor.mutate('questions.ask', { question, agentId: SOMEBODY }));
  for (const input of [undefined, {}]) assert.deepEqual(await actor.query('questions.listPending', input), asked);
  await actor.mutate('questions.answer', { questionId: asked[1].id, answer: 'x', agentId: SOMEBODY });
  assert.deepEqual(await actor.query('questions.listPending'), [asked[0], asked[2]]);
  await assertOnly(actor, 'query', 'questions.listPending');
});

test('§6 questions.onQuestion sends bare questions for asking and answering, and no snapshot', async (t) => {
  const { actor, hall } = await stage(t);
  const asked = await actor.mutate('questions.ask', { question: 'early', agentId: SOMEBODY });
  const late = await open(t, hall.compat);
  const feed = await late.subscribe('questions.onQuestion');
  await late.expectNoFrame(200);
  const answered = await actor.mutate('questions.answer', { questionId: asked.id, answer: 'a', agentId: SOMEBODY });
  assert.deepEqual(await feed.next(), answered);
  const second = await actor.mutate('questions.ask', { question: 'late', agentId: SOMEBODY });
  assert.deepEqual(await feed.next(), second);
  await assertOnly(actor, 'subscription', 'questions.onQuestion');
});

test('§6 decisions.log answers the decision, and no feed of the old kind tells of it', async (t) => {
  const { actor, watcher } = await stage(t);
  const decision = await actor.mutate('decisions.log', { decision: 'go', rationale: 'why not', agentId: SOMEBODY });
  assert.deepEqual([decision.decision, decision.rationale, decision.by], ['go', 'why not', SOMEBODY]);
  await watcher.expectNoFrame(200);
  await assertOnly(actor, 'mutation', 'decisions.log');
});

test('§6 decisions.list answers decisions in log order and ignores foreign input', async (t) => {
  const { actor } = await stage(t);
  const logged = [];
  for (const decision of ['b', 'a', 'b']) logged.push(await actor.mutate('decisions.log', { decision, agentId: SOMEBODY }));
  for (const input of [undefined, {}, { by: SOMEBODY }]) assert.deepEqual(await actor.query('decisions.list', input), logged);
  await assertOnly(actor, 'query', 'decisions.list');
});
