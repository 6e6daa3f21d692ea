/** What the old MCP servers do on the wire, version by version, against this server. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { startHall } from './harness/hall.mjs';
import { meetAs } from './harness/linker.mjs';
import { OldServer } from './harness/linker-server.mjs';
import { eventually, pause } from './harness/mailbox.mjs';
import { open } from './harness/socket.mjs';

for (const version of ['1.0', '1.1', '1.2', '1.3']) {
  test(`server ${version}: registers, lists, sends, fetches once, and finds who spoke`, async (t) => {
    const hall = await startHall(t);
    const web = await new OldServer(t, hall.linker, 'web', version).ready();
    const api = await new OldServer(t, hall.linker, 'api', '1.3').ready();
    assert.deepEqual((await web.listInstances()).map(({ name }) => name), ['web', 'api']);
    web.sendMessage('api', 'ping');
    await eventually(() => api.pushed.length === 1, { what: 'the push' });
    api.sendMessage('web', 'pong');
    await eventually(() => web.pushed.length === 1, { what: 'the answer' });
    assert.deepEqual((await web.getMessages()).map(({ fromName, content }) => [fromName, content]), [['api', 'pong']]);
    assert.deepEqual(await web.getMessages(), []);
    assert.deepEqual((await web.getConversation({ with: 'api' })).map(({ fromName }) => fromName), ['web', 'api']);
    assert.deepEqual(web.errors, []);
  });

  test(`server ${version}: dials again after a restart, has its id, and misses nothing`, async (t) => {
    const hall = await startHall(t);
    const server = await new OldServer(t, hall.linker, 'api', version).ready();
    const { instanceId } = server;
    const [web] = await meetAs(t, hall.linker, 'web');
    web.say('api', 'before');
    await web.settled();
    await hall.restart('SIGKILL');
    const [again] = await meetAs(t, hall.linker, 'web');
    again.say('api', 'after');
    await again.settled();
    await server.ready(2);
    assert.equal(server.instanceId, instanceId);
    assert.deepEqual((await server.getMessages()).map(({ content }) => content), ['before', 'after']);
  });
}

test('server 1.1: registers again when its membership is gone, once', async (t) => {
  const hall = await startHall(t);
  const server = await new OldServer(t, hall.linker, 'api', '1.1').ready();
  const trpc = await open(t, hall.compat);
  const [{ id }] = await trpc.query('session.list');
  await trpc.mutate('session.leave', { agentId: id });
  server.sendMessage('api', 'lost');
  await server.ready(2);
  await pause(3 * server.beat);
  assert.equal(server.registrations, 2, 'no loop');
  server.sendMessage('api', 'found');
  await eventually(() => server.pushed.some(({ content }) => content === 'found'));
});

test('server 1.1: a name that another principal holds is refused without a loop', async (t) => {
  const hall = await startHall(t);
  await meetAs(t, hall.linker, 'mine');
  const { token } = hall.token('agent', 'mallory');
  const server = new OldServer(t, `${hall.linker}/?token=${token}`, 'mine', '1.1');
  await eventually(() => server.errors.length > 0, { what: 'the refusal' });
  await pause(3 * server.beat);
  assert.equal(server.errors.length, 1);
  assert.match(server.errors[0], /held by another principal/);
});

test('server 1.2: gathers receipts of what it sent', async (t) => {
  const hall = await startHall(t);
  const server = await new OldServer(t, hall.linker, 'web', '1.2').ready();
  const [api] = await meetAs(t, hall.linker, 'api');
  server.sendMessage('api', 'x');
  const [message] = (await api.pushed(), await api.fetch());
  await api.ask('mark_read', { messageIds: [message.id] });
  await eventually(() => server.receipts.length === 2, { what: 'both receipts' });
  assert.deepEqual(server.receipts.map(({ messageId, to, status }) => [messageId, to, status]), [
    [message.id, api.id, 'delivered'],
    [message.id, api.id, 'read'],
  ]);
});

test('server 1.3: its footer counts what it would fetch, and is empty when it has', async (t) => {
  const hall = await startHall(t);
  const [web] = await meetAs(t, hall.linker, 'web');
  const away = await new OldServer(t, hall.linker, 'api', '1.3').ready();
  away.end();
  await eventually(async () => !(await web.names()).includes('api'));
  web.say('api', 'a');
  web.say('api', 'b', { ttl: -1 });
  await web.settled();
  const server = await new OldServer(t, hall.linker, 'api', '1.3').ready();
  await eventually(() => server.pending.length > 0, { what: 'the count' });
  assert.deepEqual(server.pending, [{ from: 'web' }]);
  assert.equal((await server.getMessages()).length, 1);
  await pause(3 * server.beat);
  assert.deepEqual(server.pending, []);
});
