/** One agent by several doors and sockets: it leaves by one and is there by the other; others do not get its name. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { startHall } from './harness/hall.mjs';
import { meet, meetAs } from './harness/linker.mjs';
import { eventually } from './harness/mailbox.mjs';
import { open } from './harness/socket.mjs';

test('two doors: who leaves by tRPC gets messages by the linker still, and is listed once', async (t) => {
  const hall = await startHall(t);
  const trpc = await open(t, hall.compat);
  const { agent } = await trpc.join('scout');
  const [web, scout] = await meetAs(t, hall.linker, 'web', 'scout');
  web.say('scout', 'by both');
  assert.equal((await scout.pushed()).message.content, 'by both');
  await trpc.mutate('session.leave', { agentId: agent.id });
  assert.deepEqual((await web.names()).filter((name) => name === 'scout'), ['scout']);
  web.say('scout', 'by one');
  web.say('broadcast', 'to all');
  assert.equal((await scout.pushed()).message.content, 'by one');
  assert.equal((await scout.pushed()).message.content, 'to all');
  assert.deepEqual(await scout.contents(), ['by both', 'by one', 'to all']);
});

test('two doors: who leaves by the linker is here by tRPC still, and what comes waits in the one mailbox', async (t) => {
  const hall = await startHall(t);
  const [web, scout] = await meetAs(t, hall.linker, 'web', 'scout');
  const trpc = await open(t, hall.compat);
  await trpc.join('scout');
  await web.joined('scout');
  scout.ws.close();
  await scout.socket.end();
  await eventually(async () => (await trpc.query('session.list')).filter(({ name }) => name === 'scout').length === 1);
  const { instances } = await web.ask('list_instances');
  const [listed] = instances.filter(({ name }) => name === 'scout');
  assert.equal(listed.id, scout.id, 'it is the same agent');
  assert.match(listed.description, /^trpc, /);
  web.say(scout.id, 'by its id');
  await web.settled();
  await hall.restart('SIGKILL');
  const [back] = await meetAs(t, hall.linker, 'scout');
  assert.equal(back.id, scout.id);
  assert.deepEqual(await back.contents(), ['by its id']);
});

test('twin sockets: when the newer goes, the older is told again, and nothing is lost or doubled between them', async (t) => {
  const hall = await startHall(t);
  const [web, older] = await meetAs(t, hall.linker, 'web', 'twin');
  const [newer] = await meetAs(t, hall.linker, 'twin');
  await web.joined('twin');
  web.say('twin', 'first');
  assert.equal((await newer.pushed()).message.content, 'first');
  newer.ws.terminate();
  // Told to the older once the server has noticed; until then what is sent waits.
  let sent = 1;
  await eventually(async () => {
    web.say('twin', String((sent += 1)));
    await web.settled();
    return older.socket.record.some((text) => text.startsWith('{"type":"new_message"'));
  });
  assert.deepEqual(await older.contents(), ['first', ...Array.from({ length: sent - 1 }, (_, i) => String(i + 2))]);
  assert.deepEqual(await older.contents(), []);
});

test('twin sockets: what one fetched without evidence is offered to the other, and once to both after it', async (t) => {
  const hall = await startHall(t);
  const [web] = await meetAs(t, hall.linker, 'web');
  const deaf = await meet(t, hall.linker, { autoPong: false });
  await deaf.register('twin');
  await web.joined('twin');
  const [other] = await meetAs(t, hall.linker, 'twin');
  web.say('twin', 'for either');
  await web.settled();
  assert.deepEqual(await deaf.contents(), ['for either']);
  assert.deepEqual(await other.contents(), ['for either'], 'nothing shows that the first has it');
  await other.settled();
  await deaf.settled();
  assert.deepEqual([await deaf.contents(), await other.contents()], [[], []]);
  const { receipts } = await web.ask('get_receipts');
  assert.deepEqual(receipts.map(({ status }) => status), ['delivered']);
});

test('twin sockets come back after a restart, the older first: the newer is told', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'twin');
  web.say('twin', 'before');
  await web.settled();
  await hall.restart('SIGKILL');
  const [again] = await meetAs(t, hall.linker, 'web');
  const [older] = await meetAs(t, hall.linker, 'twin');
  const [newer] = await meetAs(t, hall.linker, 'twin');
  assert.deepEqual([older.id, newer.id], [api.id, api.id]);
  again.say('twin', 'after');
  assert.equal((await newer.pushed()).message.content, 'after');
  assert.deepEqual(await newer.contents(), ['before', 'after']);
  await newer.settled();
  assert.deepEqual(await older.contents(), []);
});

test('a name is its first holder’s also between tokens, through a restart, and by any door', async (t) => {
  const hall = await startHall(t);
  const [alice, mallory] = ['alice', 'mallory'].map((name) => hall.token('agent', name).token);
  const url = () => `${hall.main}/linker`;
  const web = await meet(t, url(), { token: alice });
  await web.register('web');
  await web.register('api');
  await web.register('web');
  web.say('api', 'for alice’s api');
  await web.settled();
  await hall.restart('SIGKILL');
  const thief = await meet(t, url(), { token: mallory });
  for (const name of ['web', 'api']) await assert.rejects(thief.register(name), /held by another principal/);
  const trpc = await open(t, `${hall.main}/trpc`, { token: mallory });
  const { error } = await trpc.call('mutation', 'session.join', { name: 'api', role: 'source', repoPath: '/src' });
  assert.match(error?.message ?? 'let in', /held by another principal/);
  await thief.register('thief');
  thief.say('api', 'anybody may write');
  await thief.settled();
  const api = await meet(t, url(), { token: alice });
  await api.register('api');
  assert.deepEqual(await api.contents(), ['for alice’s api', 'anybody may write']);
});
