/** Coordinator wire facts, §4.1: what is answered to a request that cannot be served. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertError, assertParseError, issues } from './harness/errors.mjs';
import { startHall } from './harness/hall.mjs';
import { open } from './harness/socket.mjs';

const SOMEBODY = '7f0c1f0e-95a1-4d5e-8f8e-3c5f1f0b7a11';

/** @param {import('node:test').TestContext} t */
async function connection(t) {
  const hall = await startHall(t);
  return open(t, hall.compat);
}

/** Sends messages that cannot be tied to a call, and sees the connection alive after each. */
async function assertUnparsable(socket, messages, message) {
  for (const sent of messages) {
    socket.send(sent);
    assertParseError(await socket.next(), message);
  }
  assert.deepEqual(await socket.query('session.list'), []);
}

test('§4.1 unknown path, router path, empty path, __proto__…, wrong call type (query↔mutation↔subscription): NOT_FOUND', async (t) => {
  const socket = await connection(t);
  for (const [method, path] of /** @type {const} */ ([
    ['query', 'session.nobody'],
    ['mutation', 'session'],
    ['query', ''],
    ['query', '.'],
    ['query', 'session.list.'],
    ['query', '__proto__'],
    ['query', '__proto__.toString'],
    ['query', 'session.constructor'],
    ['query', 'session.join'],
    ['mutation', 'session.list'],
    ['subscription', 'session.list'],
    ['query', 'session.onAgentChange'],
    ['subscription', 'context.share'],
  ])) {
    const frame = await socket.call(method, path);
    assertError(frame, frame.id, 'NOT_FOUND', { message: `No "${method}"-procedure on path "${path}"`, path });
  }
});

test('§4.1 invalid input: BAD_REQUEST with the issues of the validator as its message', async (t) => {
  const socket = await connection(t);
  const frame = await socket.call('query', 'context.get', { key: 1 });
  assertError(frame, frame.id, 'BAD_REQUEST', {
    path: 'context.get',
    message: issues({ expected: 'string', code: 'invalid_type', path: ['key'], message: 'Invalid input: expected string, received number' }),
  });
});

test('§4.1 handler threw (only: unknown question id): INTERNAL_SERVER_ERROR that names the question', async (t) => {
  const socket = await connection(t);
  const frame = await socket.call('mutation', 'questions.answer', { questionId: SOMEBODY, answer: 'a', agentId: SOMEBODY });
  assertError(frame, frame.id, 'INTERNAL_SERVER_ERROR', { message: `Question not found: ${SOMEBODY}`, path: 'questions.answer' });
});

test('§4.1 live subscription id reused for a subscription: BAD_REQUEST, and the first keeps running', async (t) => {
  const socket = await connection(t);
  for (const id of [7, 'seven']) {
    const first = await socket.subscribe('context.onContextChange', { id });
    socket.send({ id, method: 'subscription', params: { path: 'session.onAgentChange' } });
    assertError(await socket.reply(id), id, 'BAD_REQUEST', { message: `Duplicate id ${id}` });
    const entry = await socket.mutate('context.share', { key: 'k', value: 'v', agentId: SOMEBODY });
    assert.deepEqual(await first.next(), entry);
    await first.stop();
    await (await socket.subscribe('context.onContextChange', { id })).stop();
  }
});

test('§4.1 bad JSON: PARSE_ERROR without an id', async (t) => {
  await assertUnparsable(await connection(t), ['{', '{"id":1', 'hello', '', ' ', "{'id':1}", '[{]', '{"id":1,}']);
});

test('§4.1 JSON not an object, params missing/not an object: Not an object', async (t) => {
  await assertUnparsable(
    await connection(t),
    ['1', '"text"', 'null', 'true', '[1]', { id: 1, method: 'query' }, { id: 1, method: 'query', params: 'x' }, { id: 1, method: 'query', params: null }, { id: 1, method: 'query', params: [] }],
    'Not an object',
  );
});

test('§4.1 unknown method / bad path or lastEventId type / jsonrpc: each by its own name', async (t) => {
  const socket = await connection(t);
  const params = { path: 'session.list' };
  await assertUnparsable(socket, [{ id: 1, method: 'fetch', params }], 'Invalid procedure type');
  await assertUnparsable(socket, [{ id: 1, method: 'query', params: { path: 1 } }, { id: 1, method: 'query', params: { path: 'session.list', lastEventId: 1 } }], 'Invalid string');
  await assertUnparsable(socket, [{ id: 1, jsonrpc: '1.0', method: 'query', params }], 'Must be JSONRPC 2.0');
});

test('§4.1 id:null: an id is required', async (t) => {
  await assertUnparsable(await connection(t), [{ id: null, method: 'query', params: { path: 'session.list' } }], '`id` is required');
});

test('§4.1 binary frame: PARSE_ERROR without an id', async (t) => {
  await assertUnparsable(await connection(t), [Buffer.from('{"id":1,"method":"query","params":{"path":"session.list"}}'), Buffer.from('PING'), Buffer.alloc(0)]);
});

test('§4.1 stopping what was never started is not answered', async (t) => {
  const socket = await connection(t);
  socket.send({ id: 99, method: 'subscription.stop' });
  await socket.expectNoFrame(300);
});
