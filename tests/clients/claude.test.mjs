/** The real Claude Code, with a script in place of its model: it works with the hall by the line that `serve` prints. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Claude } from './harness/claude.mjs';
import { connect } from './harness/generations.mjs';
import { BINARY, startHall } from './harness/hall.mjs';
import { agent, found } from './harness/mcp.mjs';
import { startMessagesApi } from './harness/messages-api.mjs';

const tool = (name, input = {}) => ({ tool: `mcp__guildhall__${name}`, input });
const ALLOWED = ['--allowedTools', 'mcp__guildhall'];

/** A hall, and Claude Code that knows it. @param {import('node:test').TestContext} t @param {import('./harness/messages-api.mjs').Step[]} steps */
async function claudeAt(t, steps, { shellKnowsTheHall = false } = {}) {
  const hall = await startHall(t);
  const api = await startMessagesApi(t, steps);
  const claude = new Claude(t, { project: 'shop', api: api.url, env: shellKnowsTheHall ? { GUILDHALL_HOME: hall.home } : {} });
  // By the very line that `serve` prints; no word of it has a blank in it here.
  const [program, ...words] = hall.ready.register.split(' ');
  assert.equal(program, 'claude');
  const added = await claude.run(...words);
  assert.equal(added.code, 0, added.stderr);
  return { hall, api, claude };
}

test('claude: a session connects, looks around, shares, decides, and others see it', { timeout: 150_000 }, async (t) => {
  const { hall, api, claude } = await claudeAt(t, [
    tool('status'),
    tool('agents'),
    tool('context', { action: 'share', key: 'api/port', value: '7420', tags: ['net'] }),
    tool('context', { action: 'get', key: 'api/port' }),
    tool('decide', { decision: 'the port is 7420', rationale: 'it is free' }),
    tool('ask', { wait: 99 }),
    tool('answer'),
    { text: 'done' },
  ]);
  const session = await claude.session('look around', ...ALLOWED);
  assert.equal(session.code, 0, session.stderr);
  assert.deepEqual(session.init.mcp_servers.map(({ name, status }) => [name, status]), [['guildhall', 'connected']]);
  assert.equal(session.result.result, 'done', JSON.stringify(session.result));
  assert.deepEqual(session.result.permission_denials, []);

  const [status, agents, shared, read, decided, wrong, questions] = session.toolResults;
  const id = found(status.text, /^you are shop, id (\S+)$/m);
  assert.match(agents.text, new RegExp(`^1 agent here\n- shop \\(you\\): \\w+ in \\S*/shop, by mcp since \\S+Z, id ${id}$`));
  assert.equal(shared.text, '"api/port" is shared at version 1');
  assert.match(read.text, /^"api\/port" version 1 by you at \S+Z, tags net\n7420$/);
  assert.match(decided.text, /^decision \S+ is written down$/);
  assert.deepEqual([wrong.failed, wrong.text.includes('argument `question` is missing')], [true, true], wrong.text);
  assert.equal(questions.text, 'no question waits for you');
  assert.deepEqual(session.toolResults.map(({ failed }) => failed), [false, false, false, false, false, true, false]);

  // The model was shown what the hall said, what it is for, and the tools without having to search for them.
  const known = api.requests[0].tools.map(({ name }) => name).filter((name) => name.startsWith('mcp__guildhall__'));
  assert.deepEqual(known.sort(), ['agents', 'answer', 'ask', 'context', 'decide', 'inbox', 'reserve', 'search', 'send', 'send_file', 'status', 'wait'].map((name) => `mcp__guildhall__${name}`));
  assert.deepEqual(api.results.slice(0, 1), [status.text]);
  assert.match(JSON.stringify(api.requests[0]), /Guildhall is where the coding agents/);
  assert.equal(api.left, 0);

  const { client: trpc } = connect(t, '11.25', hall.compat);
  const entry = await trpc.context.get.query({ key: 'api/port' });
  assert.deepEqual([entry.value, entry.tags, entry.createdBy], ['7420', ['net'], id]);
  assert.deepEqual((await trpc.decisions.list.query()).map(({ decision }) => decision), ['the port is 7420']);
});

test('claude: a note at the end of any result reaches the model', { timeout: 150_000 }, async (t) => {
  const { hall, api, claude } = await claudeAt(t, [
    tool('context', { action: 'get', key: 'schema' }),
    tool('status'),
    tool('answer'),
    (results) => tool('answer', { question: found(results.at(-1) ?? '', /(\S+) from web: /), answer: '7420' }),
    { text: 'done' },
  ]);
  const web = await agent(t, hall, 'web');
  await web.done('context', { action: 'share', key: 'schema', value: '1' });
  let ticket = '';
  // Between two steps the other agent acts; the model is held until it has.
  api.before = async (turn) => {
    if (turn === 1) {
      ticket = await web.ask({ question: 'which port?', to: ['shop'] });
      await web.done('context', { action: 'share', key: 'schema', value: '2' });
    }
  };
  const session = await claude.session('work', ...ALLOWED);
  assert.equal(session.result?.result, 'done', `${session.stderr}\n${JSON.stringify(session.toolResults)}`);
  const [read, status, list, answered] = session.toolResults.map(({ text }) => text);
  assert.match(read, /^"schema" version 1 by web/);
  assert.match(status, /note: context key "schema" that you read at version 1 is now at version 2\nnote: 1 question waits for you: use `answer`$/);
  assert.equal(list, `1 question for you\n- ${ticket} from web: which port?`);
  assert.equal(answered, `answered question ${ticket} from web`);
  assert.equal(await web.done('wait', { ticket, seconds: 10 }), `question ${ticket} was answered by shop: 7420`);
});

test("claude: its own shell may not do what only people may", { timeout: 150_000 }, async (t) => {
  const list = { tool: 'Bash', input: { command: `${BINARY} token list`, description: 'list tokens' } };
  const { claude } = await claudeAt(t, [tool('status'), list, { text: 'done' }], { shellKnowsTheHall: true });
  const session = await claude.session('list the tokens', '--allowedTools', 'mcp__guildhall', `Bash(${BINARY} *)`);
  assert.equal(session.result?.result, 'done', session.stderr);
  const [, shell] = session.toolResults;
  assert.ok(shell.failed, shell.text);
  assert.match(shell.text, /belongs to the agent .?shop/);
});

test('claude: without a hall the session goes on, and hears why its call failed', { timeout: 150_000 }, async (t) => {
  const { hall, claude } = await claudeAt(t, [tool('agents'), { text: 'done' }]);
  await hall.terminate();
  const session = await claude.session('look around', ...ALLOWED);
  assert.deepEqual(session.init.mcp_servers.map(({ name, status }) => [name, status]), [['guildhall', 'connected']]);
  assert.equal(session.result?.result, 'done', session.stderr);
  const [agents] = session.toolResults;
  assert.ok(agents.failed, agents.text);
  assert.match(agents.text, /Guildhall is not running at /);
});
