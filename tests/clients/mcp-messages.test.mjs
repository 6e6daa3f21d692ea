/** Messages between agents that came through `guildhall mcp`: how far each has come, whoever went away meanwhile. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { startHall } from './harness/hall.mjs';
import { meet } from './harness/linker.mjs';
import { eventually } from './harness/mailbox.mjs';
import { agent, directory, found } from './harness/mcp.mjs';

/** Sends, and gives the message's number. */
async function send(bridge, args) {
  const { text, failed } = await bridge.call('send', args);
  assert.ok(!failed, text);
  return Number(found(text, /^sent message #(\d+) to /));
}

/** How far a message of the agent's own has come. */
async function progress(bridge, message) {
  const { text } = await bridge.call('inbox', { message });
  return found(text, /\nhow far it has come: (.*)$/);
}

test('mcp messages: one comes with a note, is shown whole, and is in context once its reader has gone on', async (t) => {
  const hall = await startHall(t);
  const web = await agent(t, hall, 'web');
  const api = await agent(t, hall, 'api');
  await api.done('status');
  const number = await send(web, { to: 'api', content: 'the port is 7420\nnote: this is not from the hall', priority: 'high' });

  assert.deepEqual((await api.call('agents')).notes, ['note: 1 message waits for you (from web): use `inbox`']);
  assert.equal(await progress(web, number), 'not delivered yet', 'a note is no message');
  assert.match(await api.done('inbox'), new RegExp(`^#${number} from web \\(high\\), \\S+Z\\n  the port is 7420\\n  note: this is not from the hall$`));
  assert.doesNotMatch(await progress(web, number), /in context/, 'nobody knows whether a model had it');
  await api.done('agents');
  assert.match(await progress(web, number), /in context \S+Z$/);
  assert.equal(await api.done('inbox'), 'no message waits for you');

  const answer = await send(api, { content: 'thanks', reply_to: number });
  assert.match((await web.call('inbox')).text, new RegExp(`^#${answer} from api, \\S+Z, in the thread of #${number}\\n  thanks$`));
  const thread = await api.done('inbox', { thread: answer });
  assert.match(thread, new RegExp(`^2 messages, the newest last\\n- #${number} from web to api \\(high\\).*\\n- #${answer} from api to web, `));
  assert.match(await web.done('inbox', { sent: true }), new RegExp(`^1 message, the newest last\\n- #${number} from web to api \\(high\\), \\S+Z, .*in context \\S+Z: the port is 7420 note`));
});

for (const how of /** @type {const} */ (['SIGTERM', 'SIGKILL'])) {
  test(`mcp messages: what was shown and not yet in context when the hall ends by ${how} is told to the next one`, async (t) => {
    const hall = await startHall(t);
    const web = await agent(t, hall, 'web');
    const api = await agent(t, hall, 'api');
    await api.done('status');
    const shown = await send(web, { to: 'api', content: 'shown' });
    await api.call('inbox');
    const later = await send(web, { to: 'api', content: 'later' });
    await hall.restart(how);
    const { text } = await eventually(() => api.call('inbox').then((now) => !now.failed && now), { what: 'the hall' });
    assert.match(text, new RegExp(`^#${later} from web, \\S+Z\\n  later$`), 'and the first is not shown again');
    assert.match(await progress(web, shown), /in context/);
  });
}

test('mcp messages: who is away finds its messages, high ones first, and only so many at once', async (t) => {
  const hall = await startHall(t, { env: { GUILDHALL_PRESENCE_GRACE_MS: '600000' } });
  const web = await agent(t, hall, 'web');
  const before = await agent(t, hall, 'api');
  await before.done('status');
  await before.client.close();
  await eventually(async () => /^1 agent here/.test((await web.call('agents')).text), { what: 'api, which has hung up, to be gone' });
  for (let i = 0; i < 23; i++) await send(web, { to: 'api', content: `m${i}`, priority: i === 22 ? 'high' : 'normal' });
  const long = await send(web, { to: 'api', content: 'x'.repeat(60_000), priority: 'low' });

  const api = await agent(t, hall, 'api');
  const first = (await api.call('inbox')).text;
  const contents = (text) => [...text.matchAll(/^  (m\d+)$/gm)].map(([, content]) => content);
  assert.deepEqual(contents(first), ['m22', ...Array.from({ length: 19 }, (_, i) => `m${i}`)]);
  assert.match(first, /\n4 more messages wait for you: use `inbox` again$/);
  const rest = (await api.call('inbox')).text;
  assert.deepEqual(contents(rest), ['m19', 'm20', 'm21']);
  assert.match(rest, new RegExp(`#${long} from web \\(low\\), \\S+Z, only its beginning: read all of it with \`inbox\`, \`message\` ${long}\n`));
  assert.equal((await api.call('inbox')).text, 'no message waits for you', 'it holds up nothing behind it');
  const come = async () => (await web.call('inbox', { message: long })).text.match(/how far it has come: (.*)$/m)?.[1];
  assert.match(String(await come()), /^delivered \S+$/, 'and is not said to be in context');
  const part = (await api.call('inbox', { message: long })).text;
  assert.ok(part.length <= 40_000, `${part.length} characters`);
  const [, from] = part.match(/^.*, characters 1 to (\d+) of 60000; go on with .*\n/) ?? [];
  const end = (await api.call('inbox', { message: long, from: Number(from) })).text;
  assert.match(end, new RegExp(`to 60000 of 60000, the last\n  x{${60_000 - Number(from)}}$`));
  assert.equal((await api.call('inbox')).text, 'no message waits for you');
  assert.match(String(await come()), /, in context \S+$/, 'once it was read to its end');
});

test('mcp messages: waiting ends with a message; to whom nobody is, is an error and a dead letter', async (t) => {
  const hall = await startHall(t);
  const web = await agent(t, hall, 'web');
  const api = await agent(t, hall, 'api');
  await api.done('status');
  const waiting = api.done('wait', { seconds: 30 });
  const number = await send(web, { to: 'broadcast', content: 'hello\nall' });
  assert.match(await waiting, new RegExp(`^message #${number} from web to broadcast, \\S+Z\\n  hello\\n  all$`));
  assert.equal(await api.done('inbox'), 'no message waits for you', 'it was shown whole, and this is a later call');
  const { text, failed } = await web.call('send', { to: 'apy', content: 'hi' });
  assert.ok(failed, text);
  assert.match(text, /"apy".*api.*dead letter \d+/);
});

test('mcp messages: files go from one directory to the other, and nowhere else', async (t) => {
  const hall = await startHall(t);
  const [here, there] = [directory(t), directory(t)];
  writeFileSync(join(here, 'a.json'), '{"port":7420}');
  symlinkSync('/etc/hostname', join(here, 'link'));
  const web = await agent(t, hall, 'web', { directory: here });
  const api = await agent(t, hall, 'api', { directory: there });
  await api.done('status');
  const number = Number(found((await web.call('send_file', { to: 'api', path: 'a.json', content: 'see' })).text, /^sent a\.json with message #(\d+) to api$/));
  assert.match((await api.call('inbox')).text, /, files: a\.json \(application\/json, 13 bytes\)\n  see$/);
  for (const name of ['in/a.json', 'in/a-1.json']) {
    const { text } = await api.call('inbox', { message: number, save: 'in' });
    assert.ok(text.endsWith(`\nsaved "a.json" as "${name}"`), text);
    assert.equal(readFileSync(join(there, name), 'utf8'), '{"port":7420}');
  }
  mkdirSync(join(there, 'deep'));
  symlinkSync(here, join(there, 'out'));
  for (const save of ['..', '/tmp', 'deep/../..', 'out']) assert.ok((await api.call('inbox', { message: number, save })).failed, save);
  assert.deepEqual(readdirSync(here).sort(), ['a.json', 'link']);
  for (const path of ['link', '../../etc/passwd', 'gone']) assert.ok((await web.call('send_file', { to: 'api', path })).failed, path);
  assert.ok(!existsSync(join(there, 'link')));
});

test('mcp messages: a client of the old linker and an agent here write to each other', async (t) => {
  const hall = await startHall(t);
  const web = await agent(t, hall, 'web');
  await web.done('status');
  const old = await meet(t, hall.linker);
  await old.register('old');
  await send(web, { to: 'old', content: 'from here' });
  assert.equal((await old.pushed()).message.content, 'from here');
  old.say('web', 'from there');
  assert.match((await web.call('wait', { seconds: 30 })).text, /message #\d+ from old, \S+Z\n  from there/);
});

test('mcp messages: files that are claimed are named with who holds them and until when', async (t) => {
  const hall = await startHall(t);
  const web = await agent(t, hall, 'web');
  const api = await agent(t, hall, 'api');
  assert.match(await web.done('reserve', { files: ['src/**'], why: 'the move' }), /^reserved src\/\*\* until \S+Z, fence \d+$/);
  const taken = await api.call('reserve', { files: ['src/a.rs'] });
  assert.ok(taken.failed, taken.text);
  assert.match(taken.text, /web.*until \d{4}-/);
  assert.match(await api.done('reserve'), /^1 reservation\n- src\/\*\* by web until \S+Z, fence \d+: the move$/);
  assert.equal(await web.done('reserve', { release: true }), 'released 1 reservation');
  assert.match(await api.done('reserve', { files: ['src/a.rs'], shared: true }), /, shared, fence \d+$/);
});

test('mcp messages: words are found again, newest first', async (t) => {
  const hall = await startHall(t);
  const web = await agent(t, hall, 'web');
  const api = await agent(t, hall, 'api');
  await api.done('status');
  const number = await send(web, { to: 'api', content: 'The Parrot is blue' });
  await web.done('decide', { decision: 'parrots stay' });
  const { text } = await eventually(() => web.call('search', { query: 'parrot*' }).then((now) => !now.failed && !/not searched yet/.test(now.text) && now), { what: 'the search to catch up' });
  assert.match(text, new RegExp(`^- decision \\S+ by web, \\S+Z\\n  parrots stay\\n- message #${number} by web to api, \\S+Z\\n  The Parrot is blue$`));
  assert.equal((await web.call('search', { query: '"parrot is"', kind: 'decision' })).text, 'nothing found');
});
