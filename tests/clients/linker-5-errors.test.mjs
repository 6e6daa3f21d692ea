/** Linker wire facts, §5: what is said when something is not done. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { startHall } from './harness/hall.mjs';
import { meet, meetAs } from './harness/linker.mjs';

/** Sends each of these and takes the error it gets; the connection goes on. @param {import('./harness/linker.mjs').Linker} client */
async function told(client, frames) {
  const texts = [];
  for (const frame of frames) {
    client.ws.send(frame);
    texts.push(await client.error());
  }
  await client.settled();
  return texts;
}

const all = (texts, expected) => assert.deepEqual(texts, texts.map(() => expected));

test('§5 not a frame: invalid format', async (t) => {
  const hall = await startHall(t);
  const client = await meet(t, hall.linker);
  all(await told(client, ['nonsense', '', '\ufeff{"type":"heartbeat"}', 'null', '{"type":', Buffer.from([0xff])]), 'Invalid message format');
});

test('§5 no payload: invalid format', async (t) => {
  const hall = await startHall(t);
  const client = await meet(t, hall.linker);
  const frames = ['register', 'send_message', 'mark_read'].flatMap((type) => [{ type }, { type, payload: null }]);
  all(await told(client, frames.map((frame) => JSON.stringify(frame))), 'Invalid message format');
});

test('§5 unknown type: named as JavaScript would', async (t) => {
  const hall = await startHall(t);
  const client = await meet(t, hall.linker);
  const texts = await told(client, ['{}', '5', 'true', '"x"', '[]', '{"type":null}', '{"type":5}', '{"type":{}}', '{"type":"REGISTER"}', '{"type":""}']);
  const types = ['undefined', 'undefined', 'undefined', 'undefined', 'undefined', 'null', '5', '[object Object]', 'REGISTER', ''];
  assert.deepEqual(texts, types.map((type) => `Unknown message type: ${type}`));
});

test('§5 mark_read without an array: invalid messageIds', async (t) => {
  const hall = await startHall(t);
  const client = await meet(t, hall.linker);
  const payloads = [{}, { messageIds: 'a' }, { messageIds: null }, { messageIds: {} }, 5];
  all(await told(client, payloads.map((payload) => JSON.stringify({ type: 'mark_read', payload }))), 'Invalid messageIds');
});

test('§5 stale id: there is none, so nobody is told', async (t) => {
  const hall = await startHall(t);
  const [web] = await meetAs(t, hall.linker, 'web');
  const [older] = await meetAs(t, hall.linker, 'twin');
  const [newer] = await meetAs(t, hall.linker, 'twin');
  older.say('web', 'x');
  await web.pushed();
  await older.settled();
  await newer.quiet();
});

test('§5 nobody there: who is not registered is told to, and who writes to nobody is told so', async (t) => {
  const hall = await startHall(t);
  const client = await meet(t, hall.linker);
  client.say('web', 'x');
  assert.equal(await client.error(), 'Unknown sender: register first');
  await client.register('web');
  for (const to of [undefined, 5, '']) {
    client.say(to, 'x');
    assert.match(await client.error(), /^Unknown recipient/);
  }
  // Errors come in their turn too.
  client.say('nobody', 'x');
  client.send('heartbeat');
  assert.equal((await client.socket.next()).type, 'error');
  assert.equal((await client.socket.next()).type, 'heartbeat_ack');
});
