/** What this server does beyond the coordinator it replaces. Nothing here may change what older clients receive. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertError } from './harness/errors.mjs';
import { startHall } from './harness/hall.mjs';
import { DEADLINE, eventually } from './harness/mailbox.mjs';
import { open, refusal } from './harness/socket.mjs';

const SOMEBODY = '7f0c1f0e-95a1-4d5e-8f8e-3c5f1f0b7a11';
const ENTRY = ['id', 'key', 'value', 'tags', 'createdBy', 'createdAt', 'updatedAt'];

/** @param {import('node:test').TestContext} t */
async function connection(t) {
  const hall = await startHall(t);
  return { hall, socket: await open(t, hall.compat) };
}

test('workspaces: each has a roster and a memory of its own, and an unknown one is refused', async (t) => {
  const { hall, socket } = await connection(t);
  hall.workspace('research');
  const research = await open(t, `${hall.compat}/w/research/trpc`);
  const here = await socket.join('here');
  const there = await research.join('there');
  assert.notEqual(here.sessionId, there.sessionId);
  assert.deepEqual(await socket.query('session.list'), [here.agent]);
  assert.deepEqual(await research.query('session.list'), [there.agent]);
  assert.deepEqual(await (await open(t, `${hall.compat}/w/default/trpc`)).query('session.list'), [here.agent]);

  const feed = await research.subscribe('context.onContextChange');
  await socket.mutate('context.share', { key: 'k', value: 'here', agentId: here.agent.id });
  const entry = await research.mutate('context.share', { key: 'k', value: 'there', agentId: there.agent.id });
  assert.deepEqual(await feed.next(), entry);
  assert.equal((await socket.query('context.get', { key: 'k' })).value, 'here');

  assert.equal((await refusal(`${hall.compat}/w/nowhere/trpc`)).status, 404);
  const { token } = hall.token('member', 'ada');
  assert.ok([401, 403, 404].includes((await refusal(`${hall.main}/w/nowhere/trpc`, { token })).status));
  assert.equal((await refusal(`${hall.main}/w/research/trpc`)).status, 401);
});

test('tokens: by header or connection parameter on the main listener, in the address on the compatibility listener only', async (t) => {
  const { hall } = await connection(t);
  const { token } = hall.token('member', 'ada');
  const byHeader = await open(t, `${hall.main}/trpc`, { token });
  const { agent } = await byHeader.join('ada');

  const byParameter = await open(t, `${hall.main}/trpc?connectionParams=1`);
  byParameter.send({ method: 'connectionParams', data: { token } });
  assert.deepEqual(await byParameter.query('session.list'), [agent]);

  const inAddress = await open(t, `${hall.compat}/?token=${token}`);
  assert.deepEqual(await inAddress.query('session.list'), [agent]);
  assert.equal((await refusal(`${hall.main}/trpc?token=${token}`)).status, 401);
});

test('tokens: the id of another principal is forbidden and changes nothing; one of the same principal works', async (t) => {
  const { hall } = await connection(t);
  const ada = await open(t, `${hall.main}/trpc`, { token: hall.token('member', 'ada').token });
  const bobToken = hall.token('member', 'bob').token;
  const { agent } = await ada.join('ada');
  const question = await ada.mutate('questions.ask', { question: 'q', agentId: agent.id });
  const before = await Promise.all(['session.list', 'context.list', 'questions.list', 'decisions.list'].map((path) => ada.query(path)));

  for (const bob of [await open(t, `${hall.main}/trpc`, { token: bobToken }), await open(t, `${hall.compat}/?token=${bobToken}`)]) {
    for (const [path, input] of [
      ['context.share', { key: 'k', value: 'v', agentId: agent.id }],
      ['questions.ask', { question: 'q', agentId: agent.id }],
      ['questions.answer', { questionId: question.id, answer: 'a', agentId: agent.id }],
      ['decisions.log', { decision: 'd', agentId: agent.id }],
      ['context.delete', { key: 'k', agentId: agent.id }],
      ['session.leave', { agentId: agent.id }],
    ]) {
      const frame = await bob.call('mutation', path, input);
      assertError(frame, frame.id, 'FORBIDDEN', { path });
    }
  }
  const after = await Promise.all(['session.list', 'context.list', 'questions.list', 'decisions.list'].map((path) => ada.query(path)));
  assert.deepEqual(after, before);

  const bob = await open(t, `${hall.main}/trpc`, { token: bobToken });
  const own = await bob.join('bob');
  assert.equal((await bob.mutate('context.share', { key: 'k', value: 'v', agentId: own.agent.id })).createdBy, own.agent.id);
  assert.equal((await bob.mutate('questions.answer', { questionId: question.id, answer: 'a', agentId: own.agent.id })).answeredBy, own.agent.id);
});

test('tokens: a connection ends when its token expires, though it says nothing', async (t) => {
  const { hall } = await connection(t);
  const { token } = JSON.parse(hall.cli('token', 'create', '--json', '--role', 'member', '--name', 'ada', '--life', '2'));
  const byHeader = await open(t, `${hall.main}/trpc`, { token });
  const byParameter = await open(t, `${hall.main}/trpc?connectionParams=1`);
  byParameter.send({ method: 'connectionParams', data: { token } });
  await byParameter.query('session.list');
  // The next ping, when it would be noticed anyway, is half a minute away.
  await Promise.all([byHeader.end(), byParameter.end()]);
});

test('questions.get: a question in any state, or null', async (t) => {
  const { socket } = await connection(t);
  assert.equal(await socket.query('questions.get', { id: SOMEBODY }), null);
  const asked = await socket.mutate('questions.ask', { question: 'q', agentId: SOMEBODY });
  assert.deepEqual(await socket.query('questions.get', { id: asked.id }), asked);
  const answered = await socket.mutate('questions.answer', { questionId: asked.id, answer: 'a', agentId: SOMEBODY });
  assert.equal(JSON.stringify(await socket.query('questions.get', { id: asked.id })), JSON.stringify(answered));
  const frame = await socket.call('query', 'questions.get', { id: 'x' });
  assertError(frame, frame.id, 'BAD_REQUEST', { path: 'questions.get' });
});

test('questions.list: all questions in asking order, by status, page by page', async (t) => {
  const { socket } = await connection(t);
  const asked = [];
  for (const question of ['a', 'b', 'c', 'd']) asked.push(await socket.mutate('questions.ask', { question, agentId: SOMEBODY }));
  asked[1] = await socket.mutate('questions.answer', { questionId: asked[1].id, answer: 'x', agentId: SOMEBODY });
  assert.deepEqual(await socket.query('questions.list'), asked);
  assert.deepEqual(await socket.query('questions.list', { status: 'answered' }), [asked[1]]);
  assert.deepEqual(await socket.query('questions.list', { status: 'pending' }), [asked[0], asked[2], asked[3]]);
  assert.deepEqual(await socket.query('questions.list', { status: 'pending', limit: 1, after: asked[0].id }), [asked[2]]);
});

test('paging: limit and after walk every list once, in its order', async (t) => {
  const { socket } = await connection(t);
  for (let i = 0; i < 7; i += 1) {
    await socket.mutate('context.share', { key: `k${i}`, value: '', tags: i % 2 ? ['odd'] : [], agentId: SOMEBODY });
    await socket.mutate('questions.ask', { question: `q${i}`, agentId: SOMEBODY });
    await socket.mutate('decisions.log', { decision: `d${i}`, agentId: SOMEBODY });
  }
  for (const [path, filter] of [['context.list', {}], ['context.list', { tags: ['odd'] }], ['questions.list', {}], ['decisions.list', {}]]) {
    const whole = await socket.query(path, filter);
    const walked = [];
    for (let page = await socket.query(path, { ...filter, limit: 2 }); page.length > 0; page = await socket.query(path, { ...filter, limit: 2, after: page.at(-1).id })) {
      assert.ok(page.length <= 2);
      walked.push(...page);
    }
    assert.deepEqual(walked, whole, path);
  }
});

test('paging: session.list and questions.listPending too, and what they ignored they ignore still', async (t) => {
  const { socket } = await connection(t);
  for (const name of ['a', 'b', 'c']) await socket.join(name);
  for (const question of ['a', 'b', 'c']) await socket.mutate('questions.ask', { question, agentId: SOMEBODY });
  for (const path of ['session.list', 'questions.listPending']) {
    const whole = await socket.query(path);
    assert.deepEqual(await socket.query(path, { limit: 2 }), whole.slice(0, 2));
    assert.deepEqual(await socket.query(path, { limit: 2, after: whole[1].id }), whole.slice(2));
    assert.deepEqual(await socket.query(path, { after: whole[2].id }), []);
    const nowhere = await socket.call('query', path, { after: SOMEBODY });
    assertError(nowhere, nowhere.id, 'BAD_REQUEST', { path });
  }
  assert.equal((await socket.query('session.list', ['ignored'])).length, 3);
});

test('limits: a list too large for a reply is an error that says what to do, and is never cut short', async (t) => {
  const { hall, socket } = await connection(t);
  const watcher = await open(t, hall.compat);
  // Control characters take six times their room on the wire: a reply holds 136 of these members.
  const name = '\u0001'.repeat(4096);
  const repoPath = '\u0001'.repeat(16 * 1024);
  const join = () => socket.mutate('session.join', { name, role: 'source', repoPath });
  const few = 130;
  const members = 140;
  for (let i = 0; i < few; i += 1) await join();
  const feed = await watcher.subscribe('session.onAgentChange');
  assert.equal((await feed.next()).length, few);
  for (let i = few; i < members; i += 1) await join();
  const list = await socket.call('query', 'session.list');
  assertError(list, list.id, 'PAYLOAD_TOO_LARGE', { path: 'session.list' });
  let seen = 0;
  let page = [];
  do {
    page = await socket.query('session.list', { limit: 100, ...(page.length && { after: page.at(-1).id }) });
    seen += page.length;
  } while (page.length > 0);
  assert.equal(seen, members);

  let frame = await watcher.reply(feed.id);
  for (let known = few; frame.result; frame = await watcher.reply(feed.id)) {
    assert.ok(frame.result.data.length > known, 'each list is whole');
    known = frame.result.data.length;
  }
  assertError(frame, feed.id, 'PAYLOAD_TOO_LARGE');
  await watcher.settled();
  await watcher.expectNoFrame(100);
  const again = await watcher.call('subscription', 'session.onAgentChange');
  assertError(again, again.id, 'PAYLOAD_TOO_LARGE', { path: 'session.onAgentChange' });

  const question = '?'.repeat(1024 * 1024);
  for (let i = 0; i < 17; i += 1) await socket.mutate('questions.ask', { question, agentId: SOMEBODY });
  const pending = await socket.call('query', 'questions.listPending');
  assertError(pending, pending.id, 'PAYLOAD_TOO_LARGE', { path: 'questions.listPending' });
  assert.equal((await socket.query('questions.listPending', { limit: 15 })).length, 15);
});

test('limits: a flood of tags in a filter is answered at once, and keeps nobody waiting', async (t) => {
  const { hall, socket } = await connection(t);
  const other = await open(t, hall.compat);
  const tags = Array.from({ length: 1_000 }, (_, i) => `t${i}`);
  const entries = [];
  for (let i = 0; i < 20; i += 1) entries.push(await socket.mutate('context.share', { key: `k${i}`, value: '', tags, agentId: SOMEBODY }));
  const flood = Array.from({ length: 500_000 }, (_, i) => `f${i}`);
  const asked = socket.query('context.list', { tags: [...tags, ...flood] });
  assert.equal((await other.query('context.get', { key: 'k0' })).key, 'k0');
  assert.deepEqual(await asked, []);
  const again = flood.map((_, i) => tags[i % tags.length]);
  assert.deepEqual(await socket.query('context.list', { tags: again }), entries, 'a tag given twice is one tag');
});

test('limits: what grows too large to be kept by its escapes is refused by its call', async (t) => {
  const { socket } = await connection(t);
  // Control characters take six times their room: of a value that is short enough some 13 MB are to be kept.
  const value = '\u0001'.repeat(2.1 * 1024 * 1024);
  const frame = await socket.call('mutation', 'context.share', { key: 'k', value, agentId: SOMEBODY });
  assertError(frame, frame.id, 'PAYLOAD_TOO_LARGE', { path: 'context.share' });
  assert.equal(await socket.query('context.get', { key: 'k' }), null);
});

test('presence: an agent that only asks what waits for it is here, and a query never fails because of it', async (t) => {
  const grace = 500;
  const hall = await startHall(t, { env: { GUILDHALL_PRESENCE_GRACE_MS: String(grace) } });
  const ada = hall.token('member', 'ada').token;
  const joined = await open(t, `${hall.main}/trpc`, { token: ada });
  const { agent } = await joined.join('ada');
  const { agent: second } = await joined.join('second');
  const watcher = await open(t, hall.compat);
  const roster = await watcher.subscribe('session.onAgentChange');
  assert.deepEqual(await roster.next(), [agent, second]);

  const asking = await open(t, `${hall.main}/trpc`, { token: ada });
  assert.deepEqual(await asking.query('questions.listPending', { agentId: agent.id }), []);
  joined.ws.close();
  assert.deepEqual(await roster.next(DEADLINE), [agent], 'only who was not asked for is gone');
  await watcher.expectNoFrame(2 * grace);

  // One that was let lapse comes back; one of somebody else's does not, nor does one that nobody has heard of.
  assert.deepEqual(await asking.query('questions.listPending', { agentId: second.id }), []);
  assert.deepEqual((await roster.next()).map(({ id }) => id), [agent.id, second.id]);
  asking.ws.close();
  assert.equal((await roster.next(DEADLINE)).length, 1);
  assert.equal((await roster.next(DEADLINE)).length, 0);
  const bob = await open(t, `${hall.main}/trpc`, { token: hall.token('member', 'bob').token });
  for (const agentId of [agent.id, SOMEBODY]) assert.deepEqual(await bob.query('questions.listPending', { agentId }), []);
  const viewer = await open(t, `${hall.main}/trpc`, { token: hall.token('viewer', 'ada').token });
  assert.deepEqual(await viewer.query('questions.listPending', { agentId: agent.id }), []);
  await watcher.expectNoFrame(200);
});

test('questions: one that was given up at its deadline is failed, not pending', async (t) => {
  const { hall, socket } = await connection(t);
  const { agent } = await socket.join();
  hall.cli('ask', 'too late?', '--deadline', '1', '--on-timeout', 'fail');
  const [{ id }] = await socket.query('questions.listPending');
  await eventually(async () => (await socket.query('questions.listPending')).length === 0, { what: 'the deadline' });
  const failed = await socket.query('questions.get', { id });
  assert.deepEqual(Object.keys(failed), ['id', 'question', 'from', 'status', 'createdAt']);
  assert.deepEqual([failed.question, failed.status], ['too late?', 'failed']);
  const open_ = await socket.mutate('questions.ask', { question: 'q', agentId: agent.id });
  assert.deepEqual(await socket.query('questions.list'), [failed, open_]);
  assert.deepEqual(await socket.query('questions.list', { status: 'failed' }), [failed]);
  assert.deepEqual(await socket.query('questions.list', { status: 'pending' }), [open_]);
  assert.equal((await socket.mutate('questions.answer', { questionId: id, answer: 'a', agentId: agent.id })).status, 'answered');
});

test('minPos: a query is answered when the log has come so far, and refused if it never does', async (t) => {
  const { hall, socket } = await connection(t);
  const feed = await (await open(t, hall.compat)).subscribe('context.onContextChangeTracked');
  const entry = await socket.mutate('context.share', { key: 'k', value: 'v', agentId: SOMEBODY });
  const { id: minPos } = await feed.nextTracked();
  const queries = [
    ['session.list', {}, []],
    ['context.get', { key: 'k' }, entry],
    ['context.list', {}, [entry]],
    ['context.history', { key: 'k' }, [{ ...entry, version: 1 }]],
    ['questions.get', { id: SOMEBODY }, null],
    ['questions.list', {}, []],
    ['questions.listPending', {}, []],
    ['decisions.list', {}, []],
  ];
  const refused = async (path, input, code) => {
    const { error } = await socket.call('query', path, input);
    assert.deepEqual([error.data.code, error.data.path], [code, path], error.message);
    return error.message;
  };
  for (const [path, input, expected] of queries) {
    assert.deepEqual(await socket.query(path, { ...input, minPos }), expected, path);
    for (const other of ['', 'x', '7', `${'0'.repeat(32)}.1`]) await refused(path, { ...input, minPos: other }, 'PRECONDITION_FAILED');
    await refused(path, { ...input, minPos: 7 }, 'BAD_REQUEST');
  }
  const [life, position] = minPos.split('.');
  assert.match(await refused('context.get', { key: 'k', minPos: `${life}.${Number(position) + 1}` }, 'TIMEOUT'), /is not reached/);

  // What is still to come is waited for, and nothing else waits with it: not even the call that brings it.
  const waiting = socket.query('context.get', { key: 'next', minPos: `${life}.${Number(position) + 1}` });
  assert.deepEqual(await socket.query('context.get', { key: 'k' }), entry);
  const next = await socket.mutate('context.share', { key: 'next', value: 'v', agentId: SOMEBODY });
  assert.deepEqual(await waiting, next);
});

test('context versions: only who asks sees them, and a share may name the one it replaces', async (t) => {
  const { socket } = await connection(t);
  const share = (value, more = {}) => ({ key: 'k', value, agentId: SOMEBODY, ...more });
  assert.deepEqual(Object.keys(await socket.mutate('context.share', share('1'))), ENTRY);
  const second = await socket.mutate('context.share', share('2', { withVersion: true }));
  assert.deepEqual(Object.keys(second), [...ENTRY, 'version']);
  assert.equal(second.version, 2);
  assert.deepEqual(Object.keys(await socket.query('context.get', { key: 'k' })), ENTRY);
  assert.deepEqual(await socket.query('context.get', { key: 'k', withVersion: true }), second);
  assert.deepEqual(await socket.query('context.list', { withVersion: true }), [second]);

  const stale = await socket.call('mutation', 'context.share', share('lost', { ifVersion: 1 }));
  assertError(stale, stale.id, 'CONFLICT', { path: 'context.share' });
  assert.equal((await socket.query('context.get', { key: 'k' })).value, '2');
  assert.equal((await socket.mutate('context.share', share('3', { ifVersion: 2, withVersion: true }))).version, 3);
  assert.equal((await socket.mutate('context.share', { ...share('1'), key: 'other', withVersion: true })).version, 1);
});

test('context versions: of many who replace the same one, exactly one wins', async (t) => {
  const { hall, socket } = await connection(t);
  await socket.mutate('context.share', { key: 'k', value: '', agentId: SOMEBODY });
  const rivals = await Promise.all(Array.from({ length: 20 }, () => open(t, hall.compat)));
  const frames = await Promise.all(rivals.map((rival, i) => rival.call('mutation', 'context.share', { key: 'k', value: `${i}`, agentId: SOMEBODY, ifVersion: 1 })));
  const won = frames.filter((frame) => frame.result);
  assert.equal(won.length, 1);
  for (const frame of frames.filter((each) => each.error)) assertError(frame, frame.id, 'CONFLICT');
  assert.deepEqual(await socket.query('context.get', { key: 'k' }), won[0].result.data);
});

test('context.history: every version, newest first, page by page, across a restart', async (t) => {
  const { hall, socket } = await connection(t);
  assert.deepEqual(await socket.query('context.history', { key: 'k' }), []);
  const written = [];
  for (const value of ['1', '2', '3', '4']) written.unshift(await socket.mutate('context.share', { key: 'k', value, tags: [value], agentId: SOMEBODY, withVersion: true }));
  await socket.mutate('context.share', { key: 'other', value: 'x', agentId: SOMEBODY });
  await hall.restart();
  const after = await open(t, hall.compat);
  assert.deepEqual(await after.query('context.history', { key: 'k' }), written);
  assert.deepEqual(written.map(({ version }) => version), [4, 3, 2, 1]);
  assert.deepEqual(await after.query('context.history', { key: 'k', limit: 2 }), written.slice(0, 2));
  assert.deepEqual(await after.query('context.history', { key: 'k', limit: 2, after: String(written[1].version) }), written.slice(2));
});

test('context.delete: the entry is gone from the list and marked in the history', async (t) => {
  const { socket } = await connection(t);
  assert.deepEqual(await socket.mutate('context.delete', { key: 'k', agentId: SOMEBODY }), { success: false });
  const first = await socket.mutate('context.share', { key: 'k', value: '1', agentId: SOMEBODY, withVersion: true });
  const stale = await socket.call('mutation', 'context.delete', { key: 'k', agentId: SOMEBODY, ifVersion: 7 });
  assertError(stale, stale.id, 'CONFLICT', { path: 'context.delete' });
  assert.deepEqual(await socket.mutate('context.delete', { key: 'k', agentId: SOMEBODY, ifVersion: 1 }), { success: true });
  assert.equal(await socket.query('context.get', { key: 'k' }), null);
  assert.deepEqual(await socket.query('context.list'), []);
  assert.deepEqual(await socket.mutate('context.delete', { key: 'k', agentId: SOMEBODY }), { success: false });

  const again = await socket.mutate('context.share', { key: 'k', value: '2', agentId: SOMEBODY, withVersion: true });
  const history = await socket.query('context.history', { key: 'k' });
  assert.deepEqual(history.map(({ deleted }) => deleted), [undefined, true, undefined]);
  assert.deepEqual([history[0], history[2]], [again, first]);
  assert.ok(history[0].version > history[1].version && history[1].version > history[2].version);
});

test('decisions.onDecision: bare decisions as they are logged, no snapshot', async (t) => {
  const { hall, socket } = await connection(t);
  await socket.mutate('decisions.log', { decision: 'before', agentId: SOMEBODY });
  const watcher = await open(t, hall.compat);
  const feed = await watcher.subscribe('decisions.onDecision');
  await watcher.expectNoFrame(200);
  const decision = await socket.mutate('decisions.log', { decision: 'd', rationale: 'r', agentId: SOMEBODY });
  assert.equal(JSON.stringify(await feed.next()), JSON.stringify(decision));
});

/** What each tracked feed follows: how to cause an event, and what tells it apart. */
const TRACKED = [
  ['context.onContextChangeTracked', 'context.share', (mark) => ({ key: 'k', value: mark, agentId: SOMEBODY }), (data) => data.value],
  ['questions.onQuestionTracked', 'questions.ask', (mark) => ({ question: mark, agentId: SOMEBODY }), (data) => data.question],
  ['decisions.onDecisionTracked', 'decisions.log', (mark) => ({ decision: mark, agentId: SOMEBODY }), (data) => data.decision],
];

for (const [feedPath, path, input, markOf] of TRACKED) {
  test(`tracked: ${feedPath} resumes by lastEventId across restarts, nothing lost and nothing twice`, async (t) => {
    const { hall, socket } = await connection(t);
    const feed = await (await open(t, hall.compat)).subscribe(feedPath);
    for (const mark of ['1', '2', '3']) await socket.mutate(path, input(mark));
    const seen = [await feed.nextTracked(), await feed.nextTracked()];

    await socket.mutate(path, input('4'));
    await hall.restart('SIGKILL');
    const writer = await open(t, hall.compat);
    await writer.mutate(path, input('5'));
    const resumed = await (await open(t, hall.compat)).subscribe(feedPath, { lastEventId: seen[1].id });
    await writer.mutate(path, input('6'));
    for (let i = 0; i < 4; i += 1) seen.push(await resumed.nextTracked());
    assert.deepEqual(seen.map(({ data }) => markOf(data)), ['1', '2', '3', '4', '5', '6']);
    assert.equal(new Set(seen.map(({ id }) => id)).size, 6);

    await hall.restart();
    const last = await open(t, hall.compat);
    const byInput = await last.subscribe(feedPath, { input: { lastEventId: seen[4].id } });
    assert.deepEqual(await byInput.nextTracked(), seen[5]);
    const upToDate = await last.subscribe(feedPath, { lastEventId: seen[5].id });
    await last.expectNoFrame(200);
    await last.mutate(path, input('7'));
    assert.equal(markOf((await byInput.nextTracked()).data), '7');
    assert.equal(markOf((await upToDate.nextTracked()).data), '7');
  });
}

test('tracked: session.onAgentChangeTracked ends with the true list after a restart, and no id comes twice', async (t) => {
  const { hall, socket } = await connection(t);
  const feed = await (await open(t, hall.compat)).subscribe('session.onAgentChangeTracked');
  const { agent: first } = await socket.join('first');
  const seen = [await feed.nextTracked()];
  while (seen.at(-1).data.length === 0) seen.push(await feed.nextTracked());
  assert.deepEqual(seen.at(-1).data, [first]);

  await socket.mutate('session.leave', { agentId: first.id });
  const { agent: second } = await socket.join('second');
  await hall.restart();
  const resumed = await (await open(t, hall.compat)).subscribe('session.onAgentChangeTracked', { lastEventId: seen.at(-1).id });
  await eventually(async () => {
    seen.push(await resumed.nextTracked());
    return seen.at(-1).data.some(({ id }) => id === second.id);
  });
  assert.deepEqual(seen.at(-1).data, [second]);
  assert.equal(new Set(seen.map(({ id }) => id)).size, seen.length);
});
