/** A working day with real clients: every generation joins, shares, asks, answers and decides, through a restart. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { connect, follow, GENERATIONS } from './harness/generations.mjs';
import { startHall } from './harness/hall.mjs';
import { eventually, pause } from './harness/mailbox.mjs';

/** Clients dial again after 0, 2, 4, 8 … seconds; a start in between is found within this many milliseconds. */
const REDIAL = 20_000;

for (const generation of GENERATIONS) {
  for (const how of /** @type {const} */ (['SIGTERM', 'SIGKILL'])) {
    test(`story: a client of ${generation} works through a restart by ${how}`, { timeout: 60_000 }, async (t) => {
      const hall = await startHall(t);
      const { client, sockets } = connect(t, generation, hall.compat);
      const { client: peer } = connect(t, generation, hall.compat);

      const roster = await follow(client.session.onAgentChange);
      const context = await follow(client.context.onContextChange);
      const questions = await follow(client.questions.onQuestion);
      const { agent, sessionId } = await client.session.join.mutate({ name: 'api', role: 'source', repoPath: '/api' });
      const other = await peer.session.join.mutate({ name: 'web', role: 'target', repoPath: '/web' });
      assert.equal(other.sessionId, sessionId);
      await roster.next((list) => list.length === 2);
      assert.deepEqual(roster.events, [[], [agent], [agent, other.agent]]);

      const entry = await peer.context.share.mutate({ key: 'schema', value: '{}', tags: ['api'], agentId: other.agent.id });
      assert.deepEqual(await context.next(), entry);
      const question = await client.questions.ask.mutate({ question: 'which port?', to: other.agent.id, agentId: agent.id });
      assert.deepEqual(await questions.next(), question);
      assert.deepEqual(await peer.questions.listPending.query({ agentId: other.agent.id }), [question]);

      await hall.restart(how);
      await eventually(() => sockets.at(-1).readyState === sockets[0].OPEN && sockets.at(-1).received.filter((text) => text.includes('"started"')).length === 3, {
        within: REDIAL,
        what: 'all three subscriptions on the new server',
      });

      const answered = await peer.questions.answer.mutate({ questionId: question.id, answer: '7420', agentId: other.agent.id });
      assert.deepEqual(await questions.next((event) => event.status === 'answered', REDIAL), answered);
      assert.deepEqual(answered, { ...question, status: 'answered', answer: '7420', answeredBy: other.agent.id, answeredAt: answered.answeredAt });
      assert.deepEqual(await client.questions.listPending.query(), []);
      assert.deepEqual(await client.questions.get.query({ id: question.id }), answered);

      const again = await client.context.share.mutate({ key: 'schema', value: '{"v":2}', agentId: agent.id });
      assert.deepEqual([again.id, again.createdBy], [entry.id, other.agent.id]);
      assert.deepEqual(await context.next(), again);
      const decision = await client.decisions.log.mutate({ decision: 'port 7420', rationale: 'free', agentId: agent.id });
      assert.deepEqual(await client.decisions.list.query(), [decision]);
      assert.deepEqual(await client.session.list.query(), [agent, other.agent]);
      assert.deepEqual(await client.session.leave.mutate({ agentId: agent.id }), { success: true });
      assert.deepEqual(await roster.next((list) => list.every(({ id }) => id !== agent.id) && list.length > 0), [other.agent]);
      assert.deepEqual([roster, context, questions].flatMap(({ errors }) => errors), []);
    });
  }
}

test('story: three generations in one room see the same', async (t) => {
  const hall = await startHall(t);
  const { token } = hall.token('member', 'team');
  const clients = [...GENERATIONS.map((generation) => connect(t, generation, hall.compat)), ...GENERATIONS.map((generation) => connect(t, generation, `${hall.main}/trpc`, { token }))];
  const feeds = await Promise.all(clients.map(({ client }) => follow(client.context.onContextChange)));
  const agents = [];
  for (const [i, { client }] of clients.entries()) agents.push((await client.session.join.mutate({ name: `agent-${i}`, role: 'source', repoPath: '/r' })).agent);
  for (const [i, { client }] of clients.entries()) {
    assert.deepEqual(await client.session.list.query(), agents);
    const entry = await client.context.share.mutate({ key: `from-${i}`, value: 'hello', agentId: agents[i].id });
    for (const feed of feeds) assert.deepEqual(await feed.next(), entry);
  }
});

for (const generation of GENERATIONS.filter((each) => each !== '10.45')) {
  test(`story: a client of ${generation} follows tracked events through two restarts, none lost, none twice`, { timeout: 90_000 }, async (t) => {
    const hall = await startHall(t);
    const { token } = hall.token('member', 'reader');
    const reader = connect(t, generation, `${hall.main}/trpc`, { token });
    const writer = connect(t, generation, hall.compat);
    const { agent } = await writer.client.session.join.mutate({ name: 'writer', role: 'source', repoPath: '/r' });
    const feed = await follow(reader.client.context.onContextChangeTracked);
    const answered = [];
    const share = async (value) => {
      try {
        await writer.client.context.share.mutate({ key: 'counter', value, agentId: agent.id });
        answered.push(value);
      } catch {
        // The connection went away with the call: whether it happened is unknown, and the reader will tell.
      }
    };
    let working = true;
    const work = (async () => {
      for (let i = 0; working; i += 1) {
        await share(String(i));
        await pause(20);
      }
    })();
    for (const how of /** @type {const} */ (['SIGKILL', 'SIGTERM'])) {
      const before = answered.length;
      await eventually(() => answered.length > before + 10, { within: REDIAL, what: 'ten shares' });
      await hall.restart(how);
    }
    const before = answered.length;
    await eventually(() => answered.length > before + 10, { within: REDIAL, what: 'ten shares after the restarts' });
    working = false;
    await work;
    await eventually(() => feed.events.some(({ data }) => data.value === answered.at(-1)), { within: REDIAL, what: 'the last share at the reader' });

    const ids = feed.events.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, 'no event twice');
    const seen = feed.events.map(({ data }) => data.value);
    assert.deepEqual(answered.filter((value) => !seen.includes(value)), [], 'whatever was answered was seen');
    const inOrder = [...new Set(seen)].map(Number);
    assert.deepEqual(inOrder, [...inOrder].sort((a, b) => a - b));
    assert.deepEqual(feed.errors, []);
  });
}
