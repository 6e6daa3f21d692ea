/** What nobody's table says: the linker's clients among others, away, twice, and through restarts. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { startHall } from './harness/hall.mjs';
import { meet, meetAs } from './harness/linker.mjs';
import { eventually, pause } from './harness/mailbox.mjs';
import { open } from './harness/socket.mjs';

test('evidence: without a pong or another request the same messages are offered again, and nobody is told they arrived', async (t) => {
  const hall = await startHall(t);
  const [web] = await meetAs(t, hall.linker, 'web');
  const deaf = await meet(t, hall.linker, { autoPong: false });
  await deaf.register('api');
  await web.joined('api');
  web.say('api', 'a');
  const { message } = await deaf.pushed();
  assert.deepEqual((await deaf.fetch()).map(({ id }) => id), [message.id]);
  deaf.ws.terminate();
  await eventually(async () => !(await web.names()).includes('api'));
  assert.equal((await web.ask('get_receipts')).receipts[0].status, 'sent');
  const [back] = await meetAs(t, hall.linker, 'api');
  assert.deepEqual((await back.fetch()).map(({ id }) => id), [message.id], 'the same message, by the same id');
  await web.frame('delivery_receipt');
  assert.deepEqual(await back.contents(), []);
});

test('evidence: the pong alone is enough, and so is another request', async (t) => {
  const hall = await startHall(t);
  const [web, answering] = await meetAs(t, hall.linker, 'web', 'answering');
  const asking = await meet(t, hall.linker, { autoPong: false });
  await asking.register('asking');
  await web.joined('asking');
  web.say('broadcast', 'a');
  await answering.pushed();
  await asking.pushed();
  await answering.fetch();
  assert.equal((await web.frame('delivery_receipt')).receipt.to, answering.id);
  await asking.fetch();
  await web.quiet();
  await asking.settled();
  assert.equal((await web.frame('delivery_receipt')).receipt.to, asking.id);
});

test('evidence: what was sent together with the asking shows nothing, however the connection ends', async (t) => {
  const hall = await startHall(t);
  let [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  await api.leave(web);
  web.say('api', 'a');
  await web.settled();
  for (const end of ['cut', 'killed']) {
    const hasty = await meet(t, hall.linker, { autoPong: false });
    await hasty.register('api');
    await web.joined('api');
    hasty.ws.pause();
    // The last of them is a message, which shows that all of them were served.
    sendTogether(hasty, { type: 'get_messages' }, { type: 'heartbeat' }, { type: 'send_message', payload: { to: 'web', content: end } });
    assert.equal((await web.pushed()).message.content, end);
    assert.deepEqual((await web.ask('get_receipts')).receipts.map(({ status }) => status), ['sent'], end);
    if (end === 'cut') {
      hasty.ws.terminate();
      await eventually(async () => !(await web.names()).includes('api'));
    } else {
      await hall.restart('SIGKILL');
      [web] = await meetAs(t, hall.linker, 'web');
    }
    assert.equal((await web.ask('get_receipts')).receipts[0].status, 'sent', end);
  }
  const [back] = await meetAs(t, hall.linker, 'api');
  assert.deepEqual(await back.contents(), ['a']);
  await web.frame('delivery_receipt');
  assert.deepEqual(await back.contents(), []);
});

test('evidence: who asks again before the first reply has come is given the same, and one pong is enough for both', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  web.say('api', 'a');
  await web.settled();
  sendTogether(api, { type: 'get_messages' }, { type: 'get_messages' });
  for (const _ of ['first', 'second']) {
    assert.deepEqual((await api.frame('messages')).messages.map(({ content }) => content), ['a']);
  }
  await web.frame('delivery_receipt');
  await web.quiet();
  assert.deepEqual(await api.contents(), []);
});

test('who comes back behind a crowd of newcomers, and takes a broadcast, shows how far it has come', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  await api.leave(web);
  web.say('broadcast', 'a');
  await web.settled();
  const trpc = await open(t, hall.compat);
  // It was not said to them: their marks tell nothing.
  for (let i = 0; i < 40; i += 1) await trpc.join(`newcomer${i}`);
  const [back] = await meetAs(t, hall.linker, 'api');
  assert.deepEqual(await back.contents(), ['a']);
  await web.frame('delivery_receipt');
  assert.equal((await web.ask('get_receipts')).receipts[0].status, 'delivered');
  assert.equal((await web.ask('get_stats')).stats.byStatus.delivered, 1);
});

test('how far a broadcast has come is not forgotten when its reader leaves, and does not hang on who came first', async (t) => {
  const hall = await startHall(t);
  const [web, ...others] = await meetAs(t, hall.linker, 'web', ...Array.from({ length: 34 }, (_, i) => `reader ${i}`));
  const last = others[33];
  web.say('broadcast', 'lunch');
  const [{ id }] = (await last.pushed(), await last.fetch());
  await web.frame('delivery_receipt');
  const status = async () => (await web.ask('get_receipts')).receipts.find((receipt) => receipt.id === id).status;
  assert.equal(await status(), 'delivered');
  await last.leave(web);
  assert.equal(await status(), 'delivered', 'what has come has come');
});

test('a restart in the middle: no message that was settled is lost, and each is delivered once', async (t) => {
  const hall = await startHall(t);
  const [web] = await meetAs(t, hall.linker, 'web', 'api');
  for (let i = 0; i < 300; i += 1) web.say('api', `m${i}`);
  await web.settled();
  await hall.restart('SIGKILL');
  const [again, api] = await meetAs(t, hall.linker, 'web', 'api');
  for (let i = 300; i < 400; i += 1) again.say('api', `m${i}`);
  await again.settled();
  assert.deepEqual(await api.contents(), Array.from({ length: 400 }, (_, i) => `m${i}`));
  assert.deepEqual(await api.contents(), []);
});

test('one agent on two doors: tRPC and linker share the name, its id and its mailbox', async (t) => {
  const hall = await startHall(t);
  const trpc = await open(t, hall.compat);
  await trpc.join('scout');
  const [web] = await meetAs(t, hall.linker, 'web');
  const { instances } = await web.ask('list_instances');
  assert.deepEqual(instances.map(({ name, description }) => [name, description]), [['scout', 'trpc, /src/scout'], ['web', 'I am web']]);
  web.say('scout', 'can you see this?');
  await web.settled();
  const [scout] = await meetAs(t, hall.linker, 'scout');
  await web.joined('scout');
  assert.equal(scout.id, instances[0].id);
  assert.deepEqual(await scout.contents(), ['can you see this?']);
  assert.deepEqual(await web.names(), ['scout', 'web'], 'one name, one entry');
  const roster = await trpc.query('session.list');
  assert.deepEqual(roster.map(({ name }) => name), ['scout', 'web', 'scout'], 'each joining is an entry there');
  assert.deepEqual([roster[1].role, roster[1].repoPath], ['target', 'unknown']);
  await trpc.join('late');
  assert.equal((await web.joined('late')).instance.name, 'late', 'who comes by another door is announced');
});

test('metadata name the directory an agent works in', async (t) => {
  const hall = await startHall(t);
  const trpc = await open(t, hall.compat);
  const client = await meet(t, hall.linker);
  await client.register('web', { metadata: { cwd: '/src/web' } });
  assert.equal((await trpc.query('session.list'))[0].repoPath, '/src/web');
});

test('a name that was held by another principal is refused, away or here, and what waits for it stays', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  await api.leave(web);
  web.say('api', 'for you alone');
  await web.settled();
  const thief = await meet(t, `${hall.main}/linker`, { token: hall.token('agent', 'mallory').token });
  await assert.rejects(thief.register('api'), /^Error: Not registered: .*held by another principal, compat/);
  assert.deepEqual(await thief.fetch(), []);
  const [back] = await meetAs(t, hall.linker, 'api');
  assert.deepEqual(await back.contents(), ['for you alone']);
});

test('away for long: many waiting messages come page by page, and the count says how many', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  await api.leave(web);
  const many = 10_000;
  for (let i = 0; i < many; i += 1) web.say('api', String(i));
  await web.settled();
  const [back] = await meetAs(t, hall.linker, 'api');
  assert.equal((await back.ask('get_message_count')).count, many);
  const got = [];
  for (let page = await back.contents(); page.length > 0; page = await back.contents()) {
    assert.ok(page.length <= 4_096);
    got.push(...page);
  }
  assert.deepEqual(got, Array.from({ length: many }, (_, i) => String(i)));
});

test('marking one by one, out of turn too, marks each', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  for (let i = 0; i < 200; i += 1) web.say(i % 2 ? 'api' : 'broadcast', String(i));
  await web.settled();
  const ids = (await api.fetch()).map(({ id }) => id);
  for (const id of [...ids.filter((_, i) => i % 2), ...ids.filter((_, i) => !(i % 2))]) {
    assert.equal((await api.ask('mark_read', { messageIds: [id] })).count, 1);
  }
  const { receipts } = await web.ask('get_receipts');
  assert.equal(receipts.length, 200);
  assert.ok(receipts.every(({ status }) => status === 'read'));
});

test('large messages come in bounded replies, each once', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  for (const letter of 'abcde') web.say('api', letter.repeat(3 * 1024 * 1024));
  await web.settled();
  const pages = [];
  for (let page = await api.contents(); page.length > 0; page = await api.contents()) pages.push(page.map(([letter]) => letter).join(''));
  assert.deepEqual(pages, ['ab', 'cd', 'e']);
});

/** Sends frames in one write, so that they come together. @param {import('./harness/linker.mjs').Linker} client @param {...object} frames */
function sendTogether({ ws, socket }, ...frames) {
  ws._socket.cork();
  frames.forEach((frame) => socket.send(frame));
  ws._socket.uncork();
}

test('a server that was stopped for a while takes what came meanwhile, and gives nobody up for its own silence', async (t) => {
  const hall = await startHall(t, { env: { GUILDHALL_KEEPALIVE_MS: '300', GUILDHALL_KEEPALIVE_GRACE_MS: '300' } });
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  let sent = 0;
  // Longer than idle time and grace together; once asked right before, once not.
  for (const before of [0, 350]) {
    await pause(before);
    process.kill(hall.pid, 'SIGSTOP');
    for (let i = 0; i < 5; i += 1) web.say('api', String((sent += 1)));
    await pause(1_500);
    process.kill(hall.pid, 'SIGCONT');
    await web.settled();
    assert.deepEqual(await api.contents(), [1, 2, 3, 4, 5].map((i) => String(sent - 5 + i)));
  }
});

test('what a reply shows was pushed before it, and nothing that it does not show', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  const all = 600;
  let shown = 0;
  for (let i = 0; i < all; i += 1) {
    web.say('api', String(i));
    if (i % 10 === 9) {
      api.send('get_message_count');
      await api.frame('message_count');
      shown += (await api.fetch()).length;
    }
  }
  await web.settled();
  shown += (await api.fetch()).length;
  assert.equal(shown, all);
  let [pushed, fetched] = [0, 0];
  for (const frame of api.socket.record.map((text) => JSON.parse(text))) {
    if (frame.type === 'new_message') pushed += 1;
    if (frame.type === 'message_count') assert.equal(pushed - fetched, frame.count);
    if (frame.type === 'messages') assert.equal(pushed, (fetched += frame.messages.length));
  }
  assert.equal(fetched, all);
});
