/** Agents that came through `guildhall mcp`: what they see of each other, what others see of them, and hard times. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { connect } from './harness/generations.mjs';
import { BINARY, startHall } from './harness/hall.mjs';
import { eventually, pause } from './harness/mailbox.mjs';
import { agent, Bridge, found, Lines } from './harness/mcp.mjs';

/** How long one who is gone stays on the list, shortened. */
const SHORT_GRACE = { GUILDHALL_PRESENCE_GRACE_MS: '300' };

const TOOLS = ['agents', 'ask', 'answer', 'context', 'decide', 'send', 'inbox', 'reserve', 'search', 'send_file', 'status', 'wait'];

test('mcp: a host is told what this is for, and finds twelve small tools', async (t) => {
  const hall = await startHall(t);
  const web = await agent(t, hall, 'web');
  assert.equal(web.client.getServerVersion()?.name, 'guildhall');
  assert.match(web.client.getInstructions() ?? '', /agent "web" in workspace "default"/);
  const { tools } = await web.client.listTools();
  assert.deepEqual(tools.map(({ name }) => name), TOOLS);
  const bytes = Buffer.byteLength(JSON.stringify({ tools }));
  assert.ok(bytes / 3.5 < 2000, `${bytes} bytes`);
  assert.deepEqual(web.garbage, []);
});

test('mcp: two agents see each other, and a tRPC client sees both', async (t) => {
  const hall = await startHall(t, { env: SHORT_GRACE });
  const { client: trpc } = connect(t, '11.25', hall.compat);
  const web = await agent(t, hall, 'web');
  const api = await agent(t, hall, 'api');
  const [webId, apiId] = [await web.id(), await api.id()];
  await eventually(async () => (await trpc.session.list.query()).length === 2, { what: 'both on the list' });
  const roster = await trpc.session.list.query();
  assert.deepEqual(roster.map(({ id, name }) => [id, name]).sort(), [[webId, 'web'], [apiId, 'api']].sort());

  const seen = await web.done('agents');
  assert.match(seen, /^2 agents here\n/);
  assert.match(seen, new RegExp(`^- web \\(you\\): \\w+ in \\S.*, id ${webId}$`, 'm'));
  assert.match(seen, new RegExp(`^- api: \\w+ in \\S.*, by mcp since \\S+Z, id ${apiId}$`, 'm'));
  assert.match(await web.done('status'), /^2 agents here, 0 context keys, 0 open questions \(0 for you\)$/m);

  await api.client.close();
  await eventually(async () => (await trpc.session.list.query()).length === 1, { what: 'api to be gone' });
  assert.match(await web.done('agents'), /^1 agent here\n- web \(you\): [^\n]*$/);
});

test('mcp: what one shares another reads, and is told once when it changes', async (t) => {
  const hall = await startHall(t);
  const { client: trpc } = connect(t, '11.25', hall.compat);
  const web = await agent(t, hall, 'web');
  const api = await agent(t, hall, 'api');
  assert.equal(await api.done('context', { action: 'share', key: 'schema', value: '{"v":1}', tags: ['db', 'api'] }), '"schema" is shared at version 1');
  const read = await web.done('context', { action: 'get', key: 'schema' });
  assert.match(read, /^"schema" version 1 by api at \S+Z, tags db, api\n\{"v":1\}$/);
  assert.equal((await trpc.context.get.query({ key: 'schema' })).value, '{"v":1}');

  await api.done('context', { action: 'share', key: 'schema', value: '{"v":2}', if_version: 1 });
  await api.done('context', { action: 'share', key: 'schema', value: '{"v":3}' });
  const { notes } = await web.call('agents');
  assert.deepEqual(notes, ['note: context key "schema" that you read at version 1 is now at version 3']);
  await web.done('agents');

  const conflict = await api.call('context', { action: 'share', key: 'schema', value: 'x', if_version: 1 });
  assert.ok(conflict.failed, conflict.text);
  assert.match(conflict.text, /Look at how things stand now, then decide again$/);
  assert.match(await web.done('context', { action: 'history', key: 'schema' }), /^3 versions, the newest first\n- "schema" version 3 by api at \S+: \{"v":3\}\n/);
  assert.match(await web.done('context', { action: 'list', tags: ['db'] }), /^no such keys$/, 'tags belong to a version');
  assert.match(await web.done('context', { action: 'list' }), /^1 key\n- "schema" version 3 by api at \S+: \{"v":3\}$/);
  assert.equal(await api.done('context', { action: 'delete', key: 'schema' }), '"schema" is deleted');
  assert.equal(await api.done('context', { action: 'delete', key: 'schema' }), '"schema" had no value');
  const gone = await web.call('context', { action: 'get', key: 'schema' });
  assert.equal(gone.text, '"schema" has no value');
});

test('mcp: a question goes from agent to agent, by ticket', async (t) => {
  const hall = await startHall(t);
  const { client: trpc } = connect(t, '11.25', hall.compat);
  const web = await agent(t, hall, 'web');
  const api = await agent(t, hall, 'api');
  await api.done('status');
  const ticket = await web.ask({ question: 'which port?', to: ['api'], options: ['3000', '7420'] });
  assert.equal((await trpc.questions.get.query({ id: ticket })).question, 'which port?');

  const told = await api.call('agents');
  assert.deepEqual(told.notes, ['note: 1 question waits for you: use `answer`']);
  assert.equal(await api.done('answer'), `1 question for you\n- ${ticket} from web: which port? [choose: 3000 | 7420]`);
  assert.match(await web.done('wait', { ticket, seconds: 1 }), /is pending: it waits for api \(waited 1 s/);

  const waiting = web.done('wait', { ticket, seconds: 30 });
  assert.equal(await api.done('answer', { question: ticket, answer: '7420' }), `answered question ${ticket} from web`);
  assert.equal(await waiting, `question ${ticket} was answered by api: 7420`);
  await web.done('status');
  assert.equal((await trpc.questions.get.query({ id: ticket })).answer, '7420');
  const again = await api.done('answer', { question: ticket, answer: '3000' });
  assert.equal(again, `answered question ${ticket} from web, in place of the answer by api: 7420`);
  assert.deepEqual((await web.call('status')).notes, [`note: your question ${ticket} was answered by api: 3000 (which port?)`]);
  const unknown = await api.call('answer', { question: '00000000-0000-4000-8000-000000000000', answer: 'x' });
  assert.deepEqual([unknown.failed, unknown.text], [true, 'Question not found: 00000000-0000-4000-8000-000000000000']);
});

test('mcp: asking and waiting in one call; an answer that came meanwhile stands in a note', async (t) => {
  const hall = await startHall(t);
  const { client: trpc } = connect(t, '11.25', hall.compat);
  const { agent: scout } = await trpc.session.join.mutate({ name: 'scout', role: 'target', repoPath: '/scout' });
  const web = await agent(t, hall, 'web');

  const asking = web.done('ask', { question: 'are you there?', to: 'role:target', wait: 30 });
  const [question] = await eventually(async () => {
    const pending = await trpc.questions.listPending.query();
    return pending.length === 1 && pending;
  }, { what: 'the question' });
  await trpc.questions.answer.mutate({ questionId: question.id, answer: 'yes', agentId: scout.id });
  assert.equal(await asking, `question ${question.id} was answered by scout: yes`);

  const ticket = await web.ask({ question: 'all well?', to: 'scout' });
  await trpc.questions.answer.mutate({ questionId: ticket, answer: 'quite', agentId: scout.id });
  const { notes } = await web.call('agents');
  assert.deepEqual(notes, [`note: your question ${ticket} was answered by scout: quite (all well?)`]);

  const waiting = web.call('wait', { seconds: 30 });
  const put = await trpc.questions.ask.mutate({ question: 'and you?', to: await web.id(), agentId: scout.id });
  assert.equal((await waiting).text, `question for you: ${put.id} from scout: and you? (use \`answer\`)`);
  assert.match(await web.done('wait', { seconds: 0 }), /^nothing new in 0 s; 1 question still waits for you/);
});

test('mcp: a question whose time is over gets its default, or is given up', async (t) => {
  const hall = await startHall(t);
  const web = await agent(t, hall, 'web');
  await agent(t, hall, 'api');
  await eventually(async () => /^- api/m.test((await web.call('agents')).text), { what: 'api' });
  const answered = await web.done('ask', { question: 'port?', to: 'api', deadline: 1, default: '8080', wait: 20 });
  assert.match(answered, /^question \S+ was answered by hall: 8080$/);
  const failed = await web.done('ask', { question: 'port?', to: 'api', deadline: 1, wait: 20 });
  assert.match(failed, /^question \S+ was given up: nobody answered in time$/);
  const unknown = await web.call('ask', { question: 'port?', to: ['nobody-of-this-name'] });
  assert.ok(unknown.failed && unknown.text.includes('nobody-of-this-name'), unknown.text);
});

test('mcp: decisions are written down, replaced and read', async (t) => {
  const hall = await startHall(t);
  const { client: trpc } = connect(t, '11.25', hall.compat);
  const web = await agent(t, hall, 'web');
  const api = await agent(t, hall, 'api');
  assert.equal(await api.done('decide'), 'no decisions yet');
  const first = found(await web.done('decide', { decision: 'port 3000', rationale: 'habit' }), /^decision (\S+) is written down$/);
  const second = found(await api.done('decide', { decision: 'port 7420', supersedes: first }), /^decision (\S+) is/);
  const [head, one, two] = (await web.done('decide')).split('\n');
  assert.equal(head, '2 decisions');
  assert.match(one, new RegExp(`^- port 3000, because habit \\(you at \\S+Z, id ${first}\\)$`));
  assert.match(two, new RegExp(`^- port 7420 \\(api at \\S+Z, id ${second}, replaces ${first}\\)$`));
  assert.deepEqual((await trpc.decisions.list.query()).map(({ decision }) => decision), ['port 3000', 'port 7420']);
});

test('mcp: wrong arguments are told to the model, by name', async (t) => {
  const hall = await startHall(t);
  const web = await agent(t, hall, 'web');
  for (const [tool, args, complaint] of /** @type {const} */ ([
    ['ask', {}, 'argument `question` is missing'],
    ['ask', { question: '?', wait: 46 }, 'argument `wait` must be a whole number from 0 to 45; got 46'],
    ['context', { action: 'steal' }, 'argument `action` must be one of share, get, list, history, delete; got "steal"'],
    ['decide', { decision: ['a'] }, 'argument `decision` must be a text; got a list'],
    ['wait', { ticket: 'q', second: 3 }, 'argument `second` is unknown: `wait` takes seconds, ticket'],
  ])) {
    const { text, failed } = await web.call(tool, args);
    assert.deepEqual({ text, failed }, { text: complaint, failed: true });
  }
  await assert.rejects(web.client.callTool({ name: 'fly', arguments: {} }), /-32602.*unknown tool: fly/);
});

test('mcp: without a hall every call fails within five seconds and says what to do', async (t) => {
  const hall = await startHall(t);
  await hall.terminate();
  const web = await agent(t, hall, 'web');
  const began = Date.now();
  const { text, failed } = await web.call('agents');
  const took = Date.now() - began;
  assert.ok(failed && took < 6_000, `${took} ms: ${text}`);
  assert.match(text, /^Guildhall is not running at .*; start it with `guildhall serve`\. Nothing was done: tell your user, /);
  await hall.start();
  assert.match((await eventually(() => web.call('agents').then((now) => !now.failed && now), { what: 'the hall' })).text, /^1 agent here/);
});

test('mcp: a hall that is stopped in its tracks hangs nobody', { timeout: 60_000 }, async (t) => {
  const hall = await startHall(t);
  const web = await agent(t, hall, 'web');
  await web.done('status');
  hall.signal('SIGSTOP');
  const began = Date.now();
  const { text, failed } = await web.call('decide', { decision: 'x' });
  assert.ok(failed && Date.now() - began < 30_000, text);
  assert.match(text, /^the hall has not answered for 15 s; whether this was done is unknown\./);
  hall.signal('SIGCONT');
  await eventually(async () => /^1 decision\n- x /.test((await web.call('decide')).text), { what: 'the decision, which in this case was carried out' });
});

for (const how of /** @type {const} */ (['SIGTERM', 'SIGKILL'])) {
  test(`mcp: a hall restarted by ${how} finds the same agent, and its waiting calls go on`, async (t) => {
    const hall = await startHall(t);
    const web = await agent(t, hall, 'web');
    const api = await agent(t, hall, 'api');
    const before = [await web.id(), await api.id()];
    const ticket = await web.ask({ question: 'still there?', to: 'api' });
    await web.done('context', { action: 'share', key: 'k', value: '1' });
    await api.call('context', { action: 'get', key: 'k' });

    const waiting = web.done('wait', { ticket, seconds: 40 });
    await pause(200);
    await hall.restart(how);
    assert.match(await api.done('answer'), new RegExp(`^1 question for you\n- ${ticket} from web: still there\\?$`));
    await api.done('answer', { question: ticket, answer: 'yes' });
    assert.equal(await waiting, `question ${ticket} was answered by api: yes`);
    assert.deepEqual([await web.id(), await api.id()], before);

    await web.done('context', { action: 'share', key: 'k', value: '2' });
    assert.deepEqual((await api.call('status')).notes, ['note: context key "k" that you read at version 1 is now at version 2']);
    assert.deepEqual([...web.garbage, ...api.garbage], []);
  });
}

test('mcp: the probe of the newer era is answered, then the conversation opens as of old', async (t) => {
  const hall = await startHall(t);
  const lines = new Lines(t, hall, 'web');
  const probe = await lines.request(7, 'server/discover', { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } });
  assert.equal(probe.error.code, -32601);
  assert.equal((await lines.open()).protocolVersion, '2025-11-25');
  assert.equal((await lines.request(8, 'tools/call', { name: 'status' })).result.isError, false);
  assert.equal((await lines.request(9, 'no/such/method')).error.code, -32601);
  assert.deepEqual(lines.garbage, []);
});

test('mcp: a host that hangs up ends the bridge, also while a call waits', async (t) => {
  const hall = await startHall(t, { env: SHORT_GRACE });
  const { client: trpc } = connect(t, '11.25', hall.compat);
  for (const name of ['idle', 'waiting']) {
    const lines = new Lines(t, hall, name);
    await lines.open();
    await lines.request(2, 'tools/call', { name: 'status' });
    if (name === 'waiting') lines.send(3, 'tools/call', { name: 'wait', arguments: { seconds: 45 } });
    await pause(200);
    const began = Date.now();
    lines.child.stdin.end();
    assert.deepEqual(await lines.exit, { code: 0, signal: null });
    assert.ok(Date.now() - began < 4_000, `${name}: ${Date.now() - began} ms`);
    assert.deepEqual(lines.garbage, []);
  }
  await eventually(async () => (await trpc.session.list.query()).length === 0, { what: 'both to be gone' });
});

test("mcp: an agent's own shell may not do what only people may", async (t) => {
  const hall = await startHall(t);
  assert.doesNotThrow(() => hall.cli('token', 'list'), 'a person at a terminal');
  const web = await agent(t, hall, 'web');
  await web.done('status');
  // This very process started the bridge, so whatever it starts is the agent's from now on.
  const shell = spawnSync('sh', ['-c', `'${BINARY}' token list; exit $?`], { env: { PATH: process.env.PATH, GUILDHALL_HOME: hall.home }, encoding: 'utf8', timeout: 20_000 });
  assert.notEqual(shell.status, 0, shell.stdout);
  assert.equal(shell.stdout, '');
  assert.match(shell.stderr, /belongs to the agent .?web/);
  assert.match(shell.stderr, /own shell/);
  const person = await web.ask({ question: 'may I deploy?', to: ['person'] });
  const own = await web.call('answer', { question: person, answer: 'yes' });
  assert.ok(own.failed, own.text);
});

test('mcp: many calls at once are answered each', async (t) => {
  const hall = await startHall(t);
  const web = await agent(t, hall, 'web');
  const shares = Array.from({ length: 20 }, (_, i) => web.done('context', { action: 'share', key: `k${i}`, value: String(i) }));
  assert.deepEqual(await Promise.all(shares), shares.map((_, i) => `"k${i}" is shared at version 1`));
  const bridge = new Bridge(hall, 'web');
  t.after(() => bridge.client.close());
  await bridge.client.connect(bridge.transport);
  assert.match(await bridge.done('context', { action: 'list', limit: 20 }), /^20 keys\n/);
});
