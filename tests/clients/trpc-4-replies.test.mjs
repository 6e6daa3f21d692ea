/** Coordinator wire facts, §4: the frames a client receives, letter by letter. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { startHall } from './harness/hall.mjs';
import { open } from './harness/socket.mjs';

const SOMEBODY = '7f0c1f0e-95a1-4d5e-8f8e-3c5f1f0b7a11';

/** @param {import('node:test').TestContext} t */
async function connection(t) {
  const hall = await startHall(t);
  return open(t, hall.compat);
}

test('§4 success: id, then result with type and data; null is a value', async (t) => {
  const socket = await connection(t);
  await socket.call('query', 'session.list');
  assert.equal(socket.record.at(-1), '{"id":1,"result":{"type":"data","data":[]}}');
  await socket.call('query', 'context.get', { key: 'missing' });
  assert.equal(socket.record.at(-1), '{"id":2,"result":{"type":"data","data":null}}');
  await socket.call('mutation', 'session.leave', { agentId: SOMEBODY });
  assert.equal(socket.record.at(-1), '{"id":3,"result":{"type":"data","data":{"success":false}}}');
});

test('§4 error: message, code and data in this order, and never a stack', async (t) => {
  const socket = await connection(t);
  await socket.call('query', 'no.such');
  assert.equal(
    socket.record.at(-1),
    '{"id":1,"error":{"message":"No \\"query\\"-procedure on path \\"no.such\\"","code":-32004,"data":{"code":"NOT_FOUND","httpStatus":404,"path":"no.such"}}}',
  );
  socket.send({ id: null, method: 'query', params: { path: 'session.list' } });
  await socket.next();
  assert.equal(
    socket.record.at(-1),
    '{"id":null,"error":{"message":"`id` is required","code":-32700,"data":{"code":"PARSE_ERROR","httpStatus":400}}}',
  );
});

test('§4 subscription started: the first frame of a subscription', async (t) => {
  const socket = await connection(t);
  await socket.subscribe('questions.onQuestion', { id: 'q' });
  assert.deepEqual(socket.record, ['{"id":"q","result":{"type":"started"}}']);
});

test('§4 subscription event: the data of a success under the id of the subscription', async (t) => {
  const socket = await connection(t);
  await (await socket.subscribe('session.onAgentChange', { id: 'a' })).next();
  assert.equal(socket.record.at(-1), '{"id":"a","result":{"type":"data","data":[]}}');
});

test('§4 subscription ended: stopped, and nothing after it', async (t) => {
  const socket = await connection(t);
  const events = await socket.subscribe('context.onContextChange', { id: 'c' });
  await events.stop();
  assert.equal(socket.record.at(-1), '{"id":"c","result":{"type":"stopped"}}');
  await socket.mutate('context.share', { key: 'k', value: 'v', agentId: SOMEBODY });
  await socket.expectNoFrame(200);
});

test('§4 tracked event (not used by the peer): sent only by procedures made for it, with the event id twice', async (t) => {
  const socket = await connection(t);
  await socket.subscribe('context.onContextChangeTracked', { id: 't' });
  await socket.subscribe('context.onContextChange', { id: 'p' });
  const entry = JSON.stringify(await socket.mutate('context.share', { key: 'k', value: 'v', agentId: SOMEBODY }));
  await socket.reply('t');
  await socket.reply('p');
  const [, id] = /"type":"data","data":\{"id":("[^"]+")/.exec(socket.record.find((text) => text.startsWith('{"id":"t","result":{"type":"data"'))) ?? [];
  assert.ok(socket.record.includes(`{"id":"t","result":{"type":"data","data":{"id":${id},"data":${entry}},"id":${id}}}`), socket.record.join('\n'));
  assert.ok(socket.record.includes(`{"id":"p","result":{"type":"data","data":${entry}}}`));
});

test('§4 reconnect: one frame without a result', async (t) => {
  const hall = await startHall(t);
  const socket = await open(t, hall.compat);
  hall.signal('SIGTERM');
  await socket.reconnect();
  assert.deepEqual(socket.record, ['{"id":null,"method":"reconnect"}']);
});

test('§4 dates are strings with milliseconds and Z, and what is undefined is left out', async (t) => {
  const socket = await connection(t);
  const { agent } = await socket.join();
  assert.match(agent.connectedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const question = await socket.mutate('questions.ask', { question: 'why?', agentId: agent.id });
  assert.ok(!('to' in question) && !('answer' in question));
  assert.ok(!('rationale' in (await socket.mutate('decisions.log', { decision: 'd', agentId: agent.id }))));
});
