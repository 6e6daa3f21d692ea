/** Coordinator wire facts, §3 and §3.1: what clients send, field by field, and the handshake before it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertError, assertParseError } from './harness/errors.mjs';
import { startHall } from './harness/hall.mjs';
import { open } from './harness/socket.mjs';

const LIST = { path: 'session.list' };
const SOMEBODY = '7f0c1f0e-95a1-4d5e-8f8e-3c5f1f0b7a11';

/** @param {import('node:test').TestContext} t */
async function connection(t) {
  const hall = await startHall(t);
  return open(t, hall.compat);
}

test('§3 id: numbers and strings come back verbatim, nothing else is an id', async (t) => {
  const socket = await connection(t);
  for (const id of ['1', '-7', '1.5', '0', '"abc"', '""', '9007199254740991', '"zoë \\"q\\""']) {
    socket.send(`{"id":${id},"method":"query","params":{"path":"session.list"}}`);
    await socket.next();
    assert.equal(socket.record.at(-1), `{"id":${id},"result":{"type":"data","data":[]}}`);
  }
  const [long, longer] = [4 * 1024 - 2, 4 * 1024 - 1].map((length) => 'x'.repeat(length));
  socket.send({ id: long, method: 'query', params: LIST });
  assert.deepEqual((await socket.reply(long)).result.data, []);
  socket.send({ id: longer, method: 'query', params: LIST });
  assertParseError(await socket.next(), 'Invalid request id');
  socket.send({ id: null, method: 'query', params: LIST });
  assertParseError(await socket.next(), '`id` is required');
  for (const id of [undefined, true, {}, []]) {
    socket.send({ id, method: 'query', params: LIST });
    assertParseError(await socket.next(), 'Invalid request id');
  }
});

test('§3 jsonrpc: absent or "2.0", echoed only if sent, in every frame of the call', async (t) => {
  const socket = await connection(t);
  socket.send({ id: 1, jsonrpc: '2.0', method: 'query', params: LIST });
  await socket.next();
  assert.equal(socket.record.at(-1), '{"id":1,"jsonrpc":"2.0","result":{"type":"data","data":[]}}');
  socket.send({ id: 2, jsonrpc: '2.0', method: 'query', params: { path: 'no.such' } });
  assert.deepEqual(Object.keys(await socket.next()), ['id', 'jsonrpc', 'error']);

  socket.send({ id: 3, jsonrpc: '2.0', method: 'subscription', params: { path: 'session.onAgentChange' } });
  await socket.next();
  await socket.next();
  socket.send({ id: 3, jsonrpc: '2.0', method: 'subscription.stop' });
  await socket.next();
  assert.deepEqual(socket.record.slice(-3), [
    '{"id":3,"jsonrpc":"2.0","result":{"type":"started"}}',
    '{"id":3,"jsonrpc":"2.0","result":{"type":"data","data":[]}}',
    '{"id":3,"jsonrpc":"2.0","result":{"type":"stopped"}}',
  ]);

  for (const jsonrpc of [null, '1.0', 2, '']) {
    socket.send({ id: 4, jsonrpc, method: 'query', params: LIST });
    assertParseError(await socket.next(), 'Must be JSONRPC 2.0');
  }
});

test('§3 method: query, mutation, subscription and subscription.stop are known, nothing else is', async (t) => {
  const socket = await connection(t);
  assert.deepEqual(await socket.query('session.list'), []);
  assert.deepEqual(await socket.mutate('session.leave', { agentId: SOMEBODY }), { success: false });
  const changes = await socket.subscribe('session.onAgentChange');
  assert.deepEqual(await changes.next(), []);
  assert.deepEqual(await changes.stop(), { id: changes.id, result: { type: 'stopped' } });
  for (const method of ['connectionParams', 'Query', 'subscribe', '', 1, null, undefined]) {
    socket.send({ id: 9, method, params: LIST });
    assertParseError(await socket.next(), 'Invalid procedure type');
  }
});

test('§3 params.path: dot-separated, the slash form is no procedure', async (t) => {
  const socket = await connection(t);
  assert.deepEqual(await socket.query('session.list'), []);
  assertError(await socket.call('query', 'session/list'), 2, 'NOT_FOUND', { message: 'No "query"-procedure on path "session/list"', path: 'session/list' });
  for (const path of [undefined, null, 1, ['session', 'list']]) {
    socket.send({ id: 3, method: 'query', params: { path } });
    assertParseError(await socket.next(), 'Invalid string');
  }
});

test('§3 params.input: left out when undefined', async (t) => {
  const socket = await connection(t);
  socket.send('{"id":1,"method":"query","params":{"path":"context.list"}}');
  assert.deepEqual(await socket.next(), { id: 1, result: { type: 'data', data: [] } });
  socket.send('{"id":2,"method":"query","params":{"path":"context.get"}}');
  assertError(await socket.next(), 2, 'BAD_REQUEST', { path: 'context.get' });
});

test('§3 params.lastEventId: absent or a string, dropped by every procedure that does not track', async (t) => {
  const socket = await connection(t);
  for (const [path, input, data] of [
    ['session.list', undefined, []],
    ['context.list', undefined, []],
    ['context.get', { key: 'k' }, null],
  ]) {
    socket.send({ id: 1, method: 'query', params: { input, path, lastEventId: '41' } });
    assert.deepEqual(await socket.next(), { id: 1, result: { type: 'data', data } });
  }
  const events = await socket.subscribe('session.onAgentChange', { lastEventId: '41', id: 2 });
  assert.deepEqual(await events.next(), []);
  for (const lastEventId of [5, null, {}]) {
    socket.send({ id: 3, method: 'subscription', params: { path: 'session.onAgentChange', lastEventId } });
    assertParseError(await socket.next(), 'Invalid string');
  }
});

test('§3 unknown keys are ignored wherever they stand', async (t) => {
  const socket = await connection(t);
  socket.send({ trace: {}, id: 1, method: 'query', params: { input: { key: 'k', more: [1] }, path: 'context.get', meta: null }, context: 1 });
  assert.deepEqual(await socket.next(), { id: 1, result: { type: 'data', data: null } });
});

test('§3 batching: an array of calls is answered by one object per frame', async (t) => {
  const socket = await connection(t);
  socket.send([1, 2, 3].map((id) => ({ id, method: 'query', params: LIST })));
  const answers = [await socket.next(), await socket.next(), await socket.next()];
  assert.deepEqual(answers.map(({ id }) => id).sort(), [1, 2, 3]);
  for (const answer of answers) assert.deepEqual(answer.result, { type: 'data', data: [] });
});

test('§3 batching: the empty array is not answered, a nested one is a parse error', async (t) => {
  const socket = await connection(t);
  socket.send([]);
  await socket.expectNoFrame(300);
  socket.send([[{ id: 1, method: 'query', params: LIST }]]);
  assertParseError(await socket.next());
});

test('§3 batching: one unparsable element rejects the whole, and nothing in it happens', async (t) => {
  const socket = await connection(t);
  const log = (id) => ({ id, method: 'mutation', params: { path: 'decisions.log', input: { decision: `d${id}`, agentId: SOMEBODY } } });
  socket.send([log(1), { id: 2, method: 'nonsense', params: LIST }, log(3)]);
  assertParseError(await socket.next(), 'Invalid procedure type');
  await socket.expectNoFrame(300);
  assert.deepEqual(await socket.query('decisions.list'), []);
});

test('§3 batching: calls of one type keep their order', async (t) => {
  const socket = await connection(t);
  const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`);
  socket.send(keys.map((key, i) => ({ id: i, method: 'mutation', params: { path: 'context.share', input: { key, value: '', agentId: SOMEBODY } } })));
  for (let id = 0; id < keys.length; id += 1) await socket.reply(id);
  assert.deepEqual((await socket.query('context.list')).map(({ key }) => key), keys);
});

test('§3 batching: all calls of one tick are answered, however many a client has', async (t) => {
  const socket = await connection(t);
  const most = 10_000;
  const calls = (count) => Array.from({ length: count }, (_, id) => ({ id, method: 'query', params: { path: 'context.get', input: { key: 'k' } } }));
  socket.send(calls(most));
  for (let i = 0; i < most; i += 1) assert.equal((await socket.next()).result.data, null);
  socket.send(calls(most + 1));
  for (let i = 0; i <= most; i += 1) assertError(await socket.next(), i, 'BAD_REQUEST', { message: 'Batch call exceeds maximum size' });
  const mutations = Array.from({ length: 2_000 }, (_, id) => ({ id, method: 'mutation', params: { path: 'decisions.log', input: { decision: `d${id}`, agentId: SOMEBODY } } }));
  socket.send([...mutations, { id: 'list', method: 'query', params: { path: 'decisions.list' } }]);
  const list = await socket.reply('list', 60_000);
  assert.deepEqual(list.result.data.map(({ decision }) => decision), mutations.map(({ id }) => `d${id}`));
});

test('§3 batching: a subscription and a join in one batch end with the agent in the list', async (t) => {
  const socket = await connection(t);
  socket.send([
    { id: 1, method: 'subscription', params: { path: 'session.onAgentChange' } },
    { id: 2, method: 'mutation', params: { path: 'session.join', input: { name: 'n', role: 'target', repoPath: '/r' } } },
  ]);
  assert.deepEqual(await socket.reply(1), { id: 1, result: { type: 'started' } });
  const { agent } = (await socket.reply(2)).result.data;
  let list = [];
  while (list.length === 0) list = (await socket.reply(1)).result.data;
  assert.deepEqual(list, [agent]);
});

/** A connection that has announced parameters. @param {import('node:test').TestContext} t */
async function announced(t) {
  const hall = await startHall(t);
  return open(t, `${hall.compat}/?connectionParams=1`);
}

test('§3.1 object with string values, {} or data:null: accepted without a reply', async (t) => {
  const hall = await startHall(t);
  for (const data of [{ a: 'b', c: '' }, {}, null]) {
    const socket = await open(t, `${hall.compat}/?connectionParams=1`);
    socket.send({ method: 'connectionParams', data });
    assert.deepEqual(await socket.query('session.list'), []);
    assert.equal(socket.record.length, 1);
  }
});

test('§3.1 object with string values, {} or data:null: of a value given twice the last counts', async (t) => {
  const hall = await startHall(t);
  const socket = await open(t, `${hall.compat}/?connectionParams=%31&connectionParams=0`);
  socket.send('{"method":"connectionParams","data":{"a":1,"a":"b"}}');
  assert.deepEqual(await socket.query('session.list'), []);
  const refused = await open(t, `${hall.compat}/?connectionParams=1`);
  refused.send('{"method":"connectionParams","data":{"a":"b","a":1}}');
  assertParseError(await refused.next(), 'Invalid connection params shape');
});

test('§3.1 data missing / not object / non-string value / some other request: refused, then closed without a code', async (t) => {
  const hall = await startHall(t);
  for (const first of [
    { method: 'connectionParams' },
    { method: 'connectionParams', data: 'x' },
    { method: 'connectionParams', data: { a: 1 } },
    { id: 1, method: 'query', params: LIST },
  ]) {
    const socket = await open(t, `${hall.compat}/?connectionParams=1`);
    socket.send(first);
    assertParseError(await socket.next(), 'Invalid connection params shape');
    assert.equal((await socket.end()).code, 1005, JSON.stringify(first));
    assert.equal(socket.record.length, 1);
  }
});

test('§3.1 not JSON / scalar: refused as malformed, then closed without a code', async (t) => {
  const hall = await startHall(t);
  for (const first of ['{nonsense', 'ping', '42', '"text"', 'null']) {
    const socket = await open(t, `${hall.compat}/?connectionParams=1`);
    socket.send(first);
    assertParseError(await socket.next(), 'Malformed TRPCConnectionParamsMessage');
    assert.equal((await socket.end()).code, 1005, first);
  }
});

test('§3.1 text PING first: answered, and the handshake is still open', async (t) => {
  const socket = await announced(t);
  socket.send('PING');
  assert.equal(await socket.next(), 'PONG');
  socket.send({ method: 'connectionParams', data: {} });
  assert.deepEqual(await socket.query('session.list'), []);
});

test('§3.1 without the query flag, message sent anyway: a parse error, and the connection stays usable', async (t) => {
  const socket = await connection(t);
  socket.send({ method: 'connectionParams', data: {} });
  assertParseError(await socket.next());
  assert.deepEqual(await socket.query('session.list'), []);
});
