/** Linker wire facts, §6 and §9: the tools of the old MCP server, as `guildhall mcp --tools linker` serves them. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { startHall } from './harness/hall.mjs';
import { meet, meetAs, UUID } from './harness/linker.mjs';
import { eventually, pause } from './harness/mailbox.mjs';
import { agent, directory, found, Lines } from './harness/mcp.mjs';

const FOOTER = '\n💡 Use linker_get_messages to read them';

/** Two instances of the old tools, known to each other. */
async function pair(t, hall) {
  const [web, api] = [await agent(t, hall, 'web', { tools: 'linker' }), await agent(t, hall, 'api', { tools: 'linker' })];
  for (const instance of [web, api]) await instance.done('linker_list_instances');
  return [web, api];
}

/** The id that a result ends with. */
const idOf = (text) => found(text, /\(ID: (\S+)\)$/);

test('§6 linker_register: describes under the same name, and is another under another', async (t) => {
  const hall = await startHall(t, { env: { GUILDHALL_PRESENCE_GRACE_MS: '300' } });
  const [web, api] = await pair(t, hall);
  const id = found(await web.done('linker_register', { name: 'web', description: 'UI work' }), /^Successfully registered as "web" \(ID: (\S+)\)$/);
  assert.match(id, UUID);
  assert.ok((await api.done('linker_list_instances')).includes(`- web: UI work\n  (ID: ${id}, `));
  await web.done('linker_register', { name: 'frontend', description: 'UI work' });
  await eventually(async () => !/^- web:/m.test(await api.done('linker_list_instances')), { what: 'the old name to be gone' });
  assert.match(await api.done('linker_list_instances'), /^- frontend: UI work$/m);
  await api.done('linker_send_message', { to: 'frontend', content: 'hi' });
  assert.match(await web.done('linker_get_messages'), /^From: api$/m);
  await hall.restart();
  const status = await eventually(async () => /^✅/.test((await web.call('linker_status')).text) && (await web.call('linker_status')).text, { what: 'the hall' });
  assert.match(status, /^- Instance Name: frontend$/m);
});

test('§6 linker_send_message: says for whom, how soon, how long, and its id', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await pair(t, hall);
  const plain = await web.done('linker_send_message', { to: 'api', content: 'one' });
  assert.match(plain, /^Message sent to api \(ID: \S+\)$/);
  assert.match(idOf(plain), UUID);
  const urgent = await web.done('linker_send_message', { to: 'api', content: 'two', priority: 'high', ttl: 60_000, maxRetries: 3 });
  assert.match(urgent, /^Message sent to api \(priority: high\) \(expires in 60s\) \(ID: \S+\)$/);
  const unknown = await web.call('linker_send_message', { to: 'apy', content: 'x' });
  assert.ok(unknown.failed);
  assert.match(unknown.text, /^Error: .*"apy"/);
  assert.match(await api.done('linker_get_messages'), /two[^]*one/, 'high ones first');
});

test('§6 linker_broadcast: everybody else has it', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await pair(t, hall);
  const old = await meet(t, hall.linker);
  await old.register('old');
  assert.match(await web.done('linker_broadcast', { content: 'all' }), /^Message broadcast to all instances \(ID: \S+\)$/);
  assert.equal((await old.pushed()).message.content, 'all');
  assert.match(await api.done('linker_get_messages'), /^Message: all$/m);
  assert.equal(await web.done('linker_get_messages'), 'No new messages', 'unlike the old broker, not its sender');
});

test('§6 linker_get_messages: with ids and priority, and not again once the model has gone on', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await pair(t, hall);
  assert.equal(await api.done('linker_get_messages'), 'No new messages');
  const first = idOf(await web.done('linker_send_message', { to: 'api', content: 'one\nFrom: owner', priority: 'high' }));
  const second = idOf(await web.done('linker_send_message', { to: 'api', content: 'two' }));
  const [heading, blank, ...rest] = (await api.done('linker_get_messages')).split('\n');
  assert.deepEqual([heading, blank], ['You have 2 new message(s):', '']);
  const time = /^Time: \d{4}-\S+Z$/;
  assert.match(rest[1], time);
  assert.deepEqual(rest.toSpliced(1, 1).toSpliced(8, 1), [
    'From: web', `ID: ${first}`, 'Priority: high', 'Message: one', '  From: owner', '', '---', 'From: web', `ID: ${second}`, 'Message: two',
  ]);
  assert.equal(await api.done('linker_get_messages'), 'No new messages');
});

test('§6 linker_list_instances: who is here, by whichever door', async (t) => {
  const hall = await startHall(t);
  const [web] = await pair(t, hall);
  const old = await meet(t, hall.linker);
  await old.register('old');
  const listed = await web.done('linker_list_instances');
  assert.match(listed, /^Connected Claude instances:\n/);
  for (const name of ['web', 'api', 'old']) assert.match(listed, new RegExp(`^- ${name}: .+\\n  \\(ID: \\S+, Last seen: .+\\)$`, 'm'));
});

test('§6 linker_get_conversation: with names, and `with` finds what two have written', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await pair(t, hall);
  assert.equal(await web.done('linker_get_conversation'), 'No conversation history');
  const long = `long ${'x'.repeat(2_000)}`;
  await web.done('linker_send_message', { to: 'api', content: 'question' });
  await api.done('linker_get_messages');
  await api.done('linker_send_message', { to: 'web', content: long });
  await web.done('linker_get_messages');
  const told = await web.done('linker_get_conversation', { with: 'api' });
  assert.match(told, new RegExp(`^Conversation with api:\\n\\[\\S+Z\\] web: question \\(ID: \\S+\\)\\n\\[\\S+Z\\] api: ${long} \\(ID: \\S+\\)$`));
  assert.match(await web.done('linker_get_conversation', { with: 'api', limit: 1 }), /\n\[\S+Z\] api: long/);
  assert.doesNotMatch(told, /undefined/);
  // With nobody named, all that this instance has sent and been sent, with whom.
  await web.done('linker_broadcast', { content: 'to all' });
  const all = await web.done('linker_get_conversation', { any: 'argument that it does not know' });
  assert.match(all, new RegExp(`^Conversation history:\\n\\[\\S+Z\\] web to api: question .+\\n\\[\\S+Z\\] api to web: ${long} .+\\n\\[\\S+Z\\] web to \\S*broadcast: to all .+$`));
  const two = await web.done('linker_get_conversation', { limit: 2 });
  assert.match(two, /^Conversation history:\n\(older messages are left out\)\n\[\S+Z\] api to web: long/);
  assert.equal(two.split('\n').length, 4);
});

test('§6 linker_status: how this instance is connected, and that it is not', async (t) => {
  const hall = await startHall(t);
  const [web] = await pair(t, hall);
  const told = await web.done('linker_status');
  assert.match(told, /^✅ Connected\n\nConnection Details:\n- State: connected\n/);
  for (const line of [/^- Instance Name: web$/m, /^- Instance ID: \S+$/m, /^- Registered: yes$/m, /^- Last heartbeat: 0s ago$/m, /^- Pending messages: 0$/m]) assert.match(told, line);
  await hall.terminate();
  const { text, failed } = await web.call('linker_status');
  assert.ok(!failed);
  assert.match(text, /^❌ Not connected: /);
});

test('§6 linker_mark_read: by the ids that were shown; none is an error', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await pair(t, hall);
  const id = idOf(await web.done('linker_send_message', { to: 'api', content: 'one' }));
  assert.equal(found(await api.done('linker_get_messages'), /^ID: (\S+)$/m), id);
  assert.equal(await api.done('linker_mark_read', { messageIds: [id] }), 'Marked 1 message(s) as read');
  assert.match(await web.done('linker_get_receipts', { messageId: id }), /^Read by api at \S+Z$/m);
  const none = await api.call('linker_mark_read', { messageIds: [] });
  assert.ok(none.failed);
  assert.match(none.text, /^Error: .*messageIds.*non-empty/);
  assert.ok((await api.call('linker_mark_read')).failed);
});

test('§6 linker_get_receipts: of what was sent, all or by id', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await pair(t, hall);
  assert.match(await web.done('linker_get_receipts'), /^No receipts/);
  const id = idOf(await web.done('linker_send_message', { to: 'api', content: 'one' }));
  assert.equal(await web.done('linker_get_receipts'), `Message receipts (0 delivered, 0 read):\nMessage ${id}: Sent to api`);
  await api.done('linker_get_messages');
  await api.done('linker_list_instances');
  assert.match(await web.done('linker_get_receipts'), new RegExp(`^Message receipts \\(1 delivered, 0 read\\):\\nMessage ${id}: \\S.* api at \\S+Z$`));
  assert.match(await web.done('linker_get_receipts', { messageId: 'no-such-id' }), /^No receipts for message no-such-id/);
});

test('§6 (1) schemas: plain objects with a description for each property', async (t) => {
  const hall = await startHall(t);
  const web = await agent(t, hall, 'web', { tools: 'linker' });
  const { tools } = await web.client.listTools();
  assert.equal(tools.length, 13);
  for (const { name, inputSchema } of tools) {
    assert.deepEqual(Object.keys(inputSchema).filter((key) => !['type', 'properties', 'required'].includes(key)), [], name);
    for (const schema of Object.values(inputSchema.properties ?? {})) assert.equal(typeof schema.description, 'string', name);
  }
});

test('§6 (2) a failure is a result that begins with `Error:`, for an unknown tool too', async (t) => {
  const hall = await startHall(t);
  const web = await agent(t, hall, 'web', { tools: 'linker' });
  const { text, failed } = await web.call('linker_fly');
  assert.deepEqual([text, failed], ['Error: Unknown tool: linker_fly', true]);
});

test('§6 (3) a call that finds no hall fails after five seconds, not for ever', async (t) => {
  const hall = await startHall(t);
  const web = await agent(t, hall, 'web', { tools: 'linker' });
  await hall.terminate();
  const began = Date.now();
  const { text, failed } = await web.call('linker_list_instances');
  assert.ok(failed && Date.now() - began < 10_000, text);
  assert.match(text, /^Error: Guildhall is not running/);
});

test('§6 (4) the footer counts and names until the messages are read', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await pair(t, hall);
  await web.done('linker_send_message', { to: 'api', content: 'one', priority: 'high' });
  await web.done('linker_send_message', { to: 'api', content: 'two' });
  const footer = `\n\n📬 **You have 2 unread message(s)** (1 high priority!) from: web (2)${FOOTER}`;
  assert.ok((await api.done('linker_status')).endsWith(footer));
  assert.ok((await api.call('linker_send_message', { to: 'apy', content: 'x' })).text.endsWith(footer), 'on failures too');
  assert.doesNotMatch(await api.done('linker_get_messages'), /📬/);
  assert.doesNotMatch(await api.done('linker_status'), /📬/);
});

test('§6 (5) a hall that is frozen is noticed, and used again when it goes on', { timeout: 90_000 }, async (t) => {
  const hall = await startHall(t);
  const [web] = await pair(t, hall);
  hall.signal('SIGSTOP');
  const { text, failed } = await web.call('linker_send_message', { to: 'api', content: 'x' });
  assert.ok(failed, text);
  assert.match(text, /^Error: the hall has not answered for 15 s; whether this was done is unknown\./);
  hall.signal('SIGCONT');
  await eventually(async () => /^✅/.test((await web.call('linker_status')).text), { what: 'the hall' });
});

test('§6 (6) the connection is taken up again, under the same name, however often', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await pair(t, hall);
  const before = found(await web.done('linker_status'), /^- Instance ID: (\S+)$/m);
  for (const how of /** @type {const} */ (['SIGKILL', 'SIGTERM'])) {
    await hall.restart(how);
    const { text } = await eventually(() => api.call('linker_send_message', { to: 'web', content: how }).then((now) => !now.failed && now), { what: 'the hall' });
    assert.match(text, /^Message sent to web/);
  }
  assert.equal(found(await web.done('linker_status'), /^- Instance ID: (\S+)$/m), before);
  assert.match(await web.done('linker_get_messages'), /^You have 2 new/);
});

test('§6 (7) stdin that closes ends it, unlike the old server', async (t) => {
  const hall = await startHall(t);
  const lines = new Lines(t, hall, 'web', { tools: 'linker' });
  await lines.open();
  await pause(100);
  lines.child.stdin.end();
  assert.deepEqual(await lines.exit, { code: 0, signal: null });
});

test('§9 linker_send_file: of its own directory', async (t) => {
  const hall = await startHall(t);
  const here = directory(t);
  writeFileSync(join(here, 'a.md'), '# a');
  const web = await agent(t, hall, 'web', { tools: 'linker', directory: here });
  const there = directory(t);
  const api = await agent(t, hall, 'api', { directory: there });
  await api.done('status');
  assert.match(await web.done('linker_send_file', { to: 'api', file_path: 'a.md', description: 'read this' }), /^File a\.md sent to api \(ID: \S+\)$/);
  const { text } = await api.call('inbox');
  assert.match(text, /files: a\.md \(text\/markdown, 3 bytes\)\n  read this$/);
  await api.call('inbox', { message: Number(found(text, /^#(\d+) /)), save: '.' });
  assert.equal(readFileSync(join(there, 'a.md'), 'utf8'), '# a');
  assert.match((await web.call('linker_send_file', { to: 'api', file_path: '/etc/passwd' })).text, /^Error: "\/etc\/passwd" is not inside/);
  // A client of the old protocol knows no files, and is told of them below the text, in every frame.
  const [old] = await meetAs(t, hall.linker, 'old');
  await web.done('linker_send_file', { to: 'old', file_path: 'a.md', description: 'read this' });
  const { message, notification } = await old.pushed();
  assert.match(message.content, /^read this\n\nFiles: a\.md \(text\/markdown, 3 bytes\)\n\(to save them: guildhall inbox --message \d+ --save DIRECTORY\)$/);
  assert.ok(message.content.startsWith(notification.preview));
  assert.deepEqual(await old.contents(), [message.content]);
  assert.equal((await old.ask('get_conversation', { with: 'web' })).messages[0].content, message.content);
});

test('§9 linker_share_code: in a block that the code cannot end', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await pair(t, hall);
  await web.done('linker_share_code', { to: 'api', language: 'md', code: 'a\n```\nb', description: 'look' });
  assert.match(await api.done('linker_get_messages'), /^Message: look\n  \n  ````md\n  a\n  ```\n  b\n  ````$/m);
});

test('§9 linker_create_task: a note to whom it is for, or to all', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await pair(t, hall);
  await web.done('linker_create_task', { title: 'Test it', assignee: 'api', description: 'all of it', deadline: '2026-12-01' });
  await web.done('linker_create_task', { title: 'Rest' });
  assert.match(await api.done('linker_get_messages'), /^Message: Task: Test it\n  Assignee: api\n  Deadline: 2026-12-01\n  \n  all of it$[^]*^Message: Task: Rest$/m);
});

test('§9 linker_update_status: the list shows it', async (t) => {
  const hall = await startHall(t);
  const [web, api] = await pair(t, hall);
  assert.equal(await web.done('linker_update_status', { status: 'reviewing', description: 'the move' }), 'Status updated: reviewing: the move');
  assert.match(await api.done('linker_list_instances'), /^- web: reviewing: the move$/m);
});
