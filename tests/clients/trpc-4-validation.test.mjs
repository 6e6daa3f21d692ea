/** Coordinator wire facts, §4.2: the issue objects inside the message of a BAD_REQUEST, key by key. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertError, issues } from './harness/errors.mjs';
import { startHall } from './harness/hall.mjs';
import { open } from './harness/socket.mjs';

const SOMEBODY = '7f0c1f0e-95a1-4d5e-8f8e-3c5f1f0b7a11';
const UUID_PATTERN =
  '/^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}|00000000-0000-0000-0000-000000000000|ffffffff-ffff-ffff-ffff-ffffffffffff)$/';

const wrongType = (path, expected, received) => ({ expected, code: 'invalid_type', path, message: `Invalid input: expected ${expected}, received ${received}` });
const empty = (path) => ({ origin: 'string', code: 'too_small', minimum: 1, inclusive: true, path, message: 'Too small: expected string to have >=1 characters' });
const badUuid = (path) => ({ origin: 'string', code: 'invalid_format', format: 'uuid', pattern: UUID_PATTERN, path, message: 'Invalid UUID' });
const badRole = (path) => ({ code: 'invalid_value', values: ['source', 'target'], path, message: 'Invalid option: expected one of "source"|"target"' });

/** @param {import('node:test').TestContext} t */
async function connection(t) {
  const hall = await startHall(t);
  return open(t, hall.compat);
}

/** Each input is refused with exactly these issues. */
async function assertIssues(socket, method, path, cases) {
  for (const [input, ...expected] of cases) {
    const frame = await socket.call(method, path, input);
    assertError(frame, frame.id, 'BAD_REQUEST', { path, message: issues(...expected) });
  }
}

test('§4.2 wrong/missing type: what was expected and what came, at its path', async (t) => {
  const socket = await connection(t);
  await assertIssues(socket, 'query', 'context.get', [
    [undefined, wrongType([], 'object', 'undefined')],
    [null, wrongType([], 'object', 'null')],
    [3, wrongType([], 'object', 'number')],
    ['text', wrongType([], 'object', 'string')],
    [true, wrongType([], 'object', 'boolean')],
    [['k'], wrongType([], 'object', 'array')],
    [{}, wrongType(['key'], 'string', 'undefined')],
    [{ key: null }, wrongType(['key'], 'string', 'null')],
    [{ key: 1.5 }, wrongType(['key'], 'string', 'number')],
    [{ key: false }, wrongType(['key'], 'string', 'boolean')],
    [{ key: {} }, wrongType(['key'], 'string', 'object')],
  ]);
  await assertIssues(socket, 'mutation', 'context.share', [
    [{ key: 'k', value: 'v', tags: [1, 'a', null], agentId: SOMEBODY }, wrongType(['tags', 0], 'string', 'number'), wrongType(['tags', 2], 'string', 'null')],
    [{ key: 'k', value: 'v', tags: 'a', agentId: SOMEBODY }, wrongType(['tags'], 'array', 'string')],
    [{ key: 'k', value: 'v', tags: {}, agentId: SOMEBODY }, wrongType(['tags'], 'array', 'object')],
  ]);
});

test('§4.2 wrong/missing type: optional fields may be absent, not null', async (t) => {
  const socket = await connection(t);
  await assertIssues(socket, 'mutation', 'context.share', [[{ key: 'k', value: 'v', tags: null, agentId: SOMEBODY }, wrongType(['tags'], 'array', 'null')]]);
  await assertIssues(socket, 'mutation', 'questions.ask', [[{ question: 'q', to: null, agentId: SOMEBODY }, wrongType(['to'], 'string', 'null')]]);
  await assertIssues(socket, 'mutation', 'decisions.log', [[{ decision: 'd', rationale: null, agentId: SOMEBODY }, wrongType(['rationale'], 'string', 'null')]]);
  await assertIssues(socket, 'query', 'questions.listPending', [[null, wrongType([], 'object', 'null')], [{ agentId: null }, wrongType(['agentId'], 'string', 'null')]]);
  await assertIssues(socket, 'query', 'context.list', [[null, wrongType([], 'object', 'null')], [{ tags: null }, wrongType(['tags'], 'array', 'null')], [{ createdBy: null }, wrongType(['createdBy'], 'string', 'null')]]);
});

test('§4.2 wrong/missing type: all failing fields are reported in the order of the schema', async (t) => {
  const socket = await connection(t);
  await assertIssues(socket, 'mutation', 'session.join', [
    [{}, wrongType(['name'], 'string', 'undefined'), badRole(['role']), wrongType(['repoPath'], 'string', 'undefined')],
    [{ repoPath: '', role: 1, name: '' }, empty(['name']), badRole(['role']), empty(['repoPath'])],
  ]);
  await assertIssues(socket, 'mutation', 'context.share', [
    [{ agentId: 'x', tags: 1, value: 2, key: '' }, empty(['key']), wrongType(['value'], 'string', 'number'), wrongType(['tags'], 'array', 'number'), badUuid(['agentId'])],
  ]);
  await assertIssues(socket, 'mutation', 'questions.answer', [
    [{}, wrongType(['questionId'], 'string', 'undefined'), wrongType(['answer'], 'string', 'undefined'), wrongType(['agentId'], 'string', 'undefined')],
  ]);
  await assertIssues(socket, 'mutation', 'questions.ask', [
    [{ to: 'x' }, wrongType(['question'], 'string', 'undefined'), badUuid(['to']), wrongType(['agentId'], 'string', 'undefined')],
  ]);
  await assertIssues(socket, 'mutation', 'decisions.log', [
    [{ rationale: 1 }, wrongType(['decision'], 'string', 'undefined'), wrongType(['rationale'], 'string', 'number'), wrongType(['agentId'], 'string', 'undefined')],
  ]);
});

test('§4.2 empty string: refused where a character is needed, an array adds an issue of its own', async (t) => {
  const socket = await connection(t);
  await assertIssues(socket, 'query', 'context.get', [
    [{ key: '' }, empty(['key'])],
    [
      { key: [] },
      wrongType(['key'], 'string', 'array'),
      { origin: 'array', code: 'too_small', minimum: 1, inclusive: true, path: ['key'], message: 'Too small: expected array to have >=1 items' },
    ],
    [{ key: ['k'] }, wrongType(['key'], 'string', 'array')],
  ]);
  await assertIssues(socket, 'mutation', 'questions.ask', [[{ question: '', agentId: SOMEBODY }, empty(['question'])]]);
  await assertIssues(socket, 'mutation', 'questions.answer', [[{ questionId: SOMEBODY, answer: '', agentId: SOMEBODY }, empty(['answer'])]]);
  await assertIssues(socket, 'mutation', 'decisions.log', [[{ decision: '', agentId: SOMEBODY }, empty(['decision'])]]);
  assert.equal(await socket.query('context.get', { key: ' ' }), null);
});

test('§4.2 bad uuid: versions 1 to 8, the nil and the max uuid pass, everything else is refused with the pattern', async (t) => {
  const socket = await connection(t);
  for (const agentId of [
    SOMEBODY,
    SOMEBODY.toUpperCase(),
    '7f0c1f0e-95a1-1d5e-9f8e-3c5f1f0b7a11',
    '7f0c1f0e-95a1-8d5e-bf8e-3c5f1f0b7a11',
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
  ]) {
    assert.deepEqual(await socket.mutate('session.leave', { agentId }), { success: false }, agentId);
  }
  const refused = [
    '',
    'agent',
    `urn:uuid:${SOMEBODY}`,
    SOMEBODY.replaceAll('-', ''),
    `${SOMEBODY} `,
    `{${SOMEBODY}}`,
    '7f0c1f0e-95a1-0d5e-8f8e-3c5f1f0b7a11',
    '7f0c1f0e-95a1-9d5e-8f8e-3c5f1f0b7a11',
    '7f0c1f0e-95a1-4d5e-cf8e-3c5f1f0b7a11',
    'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF',
  ];
  await assertIssues(socket, 'mutation', 'session.leave', refused.map((agentId) => [{ agentId }, badUuid(['agentId'])]));
  await assertIssues(socket, 'query', 'context.list', [[{ createdBy: 'x' }, badUuid(['createdBy'])]]);
  await assertIssues(socket, 'query', 'questions.listPending', [[{ agentId: 'x' }, badUuid(['agentId'])]]);
});

test('§4.2 bad uuid: an upper-case id is accepted and matches nobody', async (t) => {
  const socket = await connection(t);
  const { agent } = await socket.join();
  const shouted = agent.id.toUpperCase();
  assert.deepEqual(await socket.mutate('session.leave', { agentId: shouted }), { success: false });
  await socket.mutate('questions.ask', { question: 'q', to: agent.id, agentId: SOMEBODY });
  assert.deepEqual(await socket.query('questions.listPending', { agentId: shouted }), []);
});

test('§4.2 bad role (any wrong value, also missing): the options are named', async (t) => {
  const socket = await connection(t);
  const roles = [undefined, null, 1, '', 'Source', 'observer', [], {}];
  await assertIssues(socket, 'mutation', 'session.join', roles.map((role) => [{ name: 'n', role, repoPath: '/r' }, badRole(['role'])]));
  assert.deepEqual(await socket.query('session.list'), []);
});
