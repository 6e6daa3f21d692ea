/** Nonsense, malice and strangers: each gets its protocol's error, and nothing has changed afterwards. */
import assert from 'node:assert/strict';
import { get } from 'node:http';
import test from 'node:test';
import { assertError, assertParseError, ERRORS } from './harness/errors.mjs';
import { startHall } from './harness/hall.mjs';
import { open, refusal } from './harness/socket.mjs';

const SOMEBODY = '7f0c1f0e-95a1-4d5e-8f8e-3c5f1f0b7a11';
const MIB = 1024 * 1024;

/**
 * A hall with something in it, and a second look that must find the same.
 * @param {import('node:test').TestContext} t
 */
async function furnished(t) {
  const hall = await startHall(t);
  const owner = await open(t, hall.compat);
  const { agent } = await owner.join('resident');
  await owner.mutate('context.share', { key: 'k', value: 'v', tags: ['t'], agentId: agent.id });
  const question = await owner.mutate('questions.ask', { question: 'q', agentId: agent.id });
  await owner.mutate('decisions.log', { decision: 'd', agentId: agent.id });
  const lists = () => Promise.all(['session.list', 'context.list', 'questions.list', 'questions.listPending', 'decisions.list'].map((path) => owner.query(path)));
  const before = await lists();
  assert.deepEqual(before.map((list) => list.length), [1, 1, 1, 1, 1]);
  return { hall, agent, question, unchanged: async () => assert.deepEqual(await lists(), before) };
}

test('bad input: broken JSON is a parse error and the connection goes on', async (t) => {
  const { hall, unchanged } = await furnished(t);
  const socket = await open(t, hall.compat);
  for (const text of ['{', '{"id":1,"method":"mutation"', '[', '[{},', '"', 'NaN', '{"id":1}}', '\u0000', '\ufeff{}', '{"a":"\ud800"', '[1,2', 'undefined']) {
    socket.send(text);
    assertParseError(await socket.next());
  }
  assert.equal((await socket.query('session.list')).length, 1);
  await unchanged();
});

test('bad input: wrong types are refused by field', async (t) => {
  const { hall, agent, question, unchanged } = await furnished(t);
  const socket = await open(t, hall.compat);
  for (const wrong of [null, 1, true, [], {}, [['x']], { toString: 'x' }]) {
    for (const [path, input] of [
      ['session.join', { name: wrong, role: 'source', repoPath: '/r' }],
      ['session.join', { name: 'n', role: wrong, repoPath: '/r' }],
      ['session.leave', { agentId: wrong }],
      ['context.share', { key: wrong, value: 'v', agentId: agent.id }],
      ['context.share', { key: 'k', value: wrong, agentId: agent.id }],
      ['context.share', { key: 'k', value: 'v', tags: [wrong], agentId: agent.id }],
      ['questions.ask', { question: 'q', to: wrong, agentId: agent.id }],
      ['questions.answer', { questionId: question.id, answer: wrong, agentId: agent.id }],
      ['decisions.log', { decision: 'd', rationale: wrong, agentId: agent.id }],
      ['context.delete', { key: 'k', agentId: wrong }],
    ]) {
      const frame = await socket.call('mutation', path, input);
      assertError(frame, frame.id, 'BAD_REQUEST', { path });
    }
  }
  await unchanged();
});

test('bad input: unknown ids are told apart from malformed ones', async (t) => {
  const { hall, agent, unchanged } = await furnished(t);
  const socket = await open(t, hall.compat);
  const unknown = await socket.call('mutation', 'questions.answer', { questionId: SOMEBODY, answer: 'a', agentId: agent.id });
  assertError(unknown, unknown.id, 'INTERNAL_SERVER_ERROR', { message: `Question not found: ${SOMEBODY}` });
  const malformed = await socket.call('mutation', 'questions.answer', { questionId: 'q-1', answer: 'a', agentId: agent.id });
  assertError(malformed, malformed.id, 'BAD_REQUEST');
  assert.deepEqual(await socket.mutate('session.leave', { agentId: SOMEBODY }), { success: false });
  assert.equal(await socket.query('questions.get', { id: SOMEBODY }), null);
  assert.deepEqual(await socket.query('context.history', { key: 'no such key' }), []);
  await unchanged();
});

test('bad input: too large a value is refused by its call, too large a frame ends the connection', async (t) => {
  const { hall, agent, question, unchanged } = await furnished(t);
  const socket = await open(t, hall.compat);
  const large = await socket.call('mutation', 'context.share', { key: 'k', value: 'ü'.repeat(2 * MIB) + 'x', agentId: agent.id });
  assertError(large, large.id, 'PAYLOAD_TOO_LARGE', { path: 'context.share' });
  const long = 'x'.repeat(MIB + 1);
  for (const [path, input] of [
    ['session.join', { name: long, role: 'source', repoPath: '/r' }],
    ['session.join', { name: 'n', role: 'source', repoPath: long }],
    ['context.share', { key: long, value: 'v', agentId: agent.id }],
    ['context.share', { key: 'k', value: 'v', tags: [long], agentId: agent.id }],
    ['questions.ask', { question: long, agentId: agent.id }],
    ['questions.answer', { questionId: question.id, answer: long, agentId: agent.id }],
    ['decisions.log', { decision: long, agentId: agent.id }],
    ['decisions.log', { decision: 'd', rationale: long, agentId: agent.id }],
  ]) {
    const frame = await socket.call('mutation', path, input);
    assertError(frame, frame.id, 'PAYLOAD_TOO_LARGE', { path });
  }
  socket.send('x'.repeat(16 * MIB + 1));
  assert.equal((await socket.end()).code, 1009);
  await unchanged();
});

test('bad input: before it is known who a client is, its message is small; afterwards it may be large at once', async (t) => {
  const { hall, unchanged } = await furnished(t);
  const address = `${hall.main}/trpc?connectionParams=1`;
  const INTRODUCTION = 64 * 1024;
  const { token } = hall.token('member', 'ada');
  const introduction = (padding) => JSON.stringify({ method: 'connectionParams', data: { token, padding } });

  const stranger = await open(t, address);
  stranger.send(introduction('x'.repeat(INTRODUCTION)));
  assert.equal((await stranger.end()).code, 1009);
  const inPieces = await open(t, address);
  for (let i = 0; i < 5; i += 1) inPieces.ws.send('x'.repeat(INTRODUCTION / 4), { fin: false });
  assert.equal((await inPieces.end()).code, 1009);

  const ada = await open(t, address);
  ada.send(introduction('x'.repeat(INTRODUCTION - introduction('').length)));
  const asked = ada.call('query', 'context.get', { key: 'k'.repeat(MIB) });
  assert.equal((await asked).result.data, null);
  await unchanged();
});

test('bad input: a stranger is not told whether there is a workspace', async (t) => {
  const { hall, unchanged } = await furnished(t);
  hall.workspace('research');
  const answers = async (workspace, data) => {
    const socket = await open(t, `${hall.main}/w/${workspace}/trpc?connectionParams=1`);
    socket.send({ method: 'connectionParams', data });
    const frame = await socket.next();
    return { frame, end: await socket.end() };
  };
  for (const data of [null, {}, { token: 'wrong' }, 'not even parameters']) {
    const there = await answers('research', data);
    assert.deepEqual(there, await answers('nowhere', data));
    assert.equal(there.frame.error.data.code, typeof data === 'string' ? 'PARSE_ERROR' : 'UNAUTHORIZED');
  }
  const elsewhere = JSON.parse(hall.cli('token', 'create', '--json', '--role', 'member', '--name', 'ada', '--only', 'default'));
  const there = await answers('research', { token: elsewhere.token });
  assertError(there.frame, null, 'NOT_FOUND', { message: 'no such workspace' });
  assert.deepEqual(there, await answers('nowhere', { token: elsewhere.token }));
  await unchanged();
});

test('bad input: an address that shows too many bad tokens is told so in the first message too', async (t) => {
  const hall = await startHall(t, { env: { GUILDHALL_AUTH_FAILURES_BURST: '1' } });
  const codes = [];
  for (let i = 0; i < 2; i += 1) {
    const socket = await open(t, `${hall.main}/trpc?connectionParams=1`);
    socket.send({ method: 'connectionParams', data: { token: 'wrong' } });
    codes.push((await socket.next()).error.data.code);
    await socket.end();
  }
  assert.deepEqual(codes, ['UNAUTHORIZED', 'TOO_MANY_REQUESTS']);
});

test('bad input: deep nesting is refused without falling over', async (t) => {
  const { hall, unchanged } = await furnished(t);
  const socket = await open(t, hall.compat);
  const arrays = (depth) => '['.repeat(depth) + ']'.repeat(depth);
  const objects = (depth) => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);
  const share = (value) => `{"id":1,"method":"mutation","params":{"path":"context.share","input":{"key":"k","value":${value},"agentId":"${SOMEBODY}"}}}`;
  for (const text of [share(arrays(1_000)), share(arrays(100_000)), share(objects(100_000)), arrays(100_000), '['.repeat(100_000)]) {
    socket.send(text);
    const frame = await socket.next();
    const key = frame.id === null ? 'PARSE_ERROR' : 'BAD_REQUEST';
    assert.equal(frame.error?.code, ERRORS[key][0], JSON.stringify(frame).slice(0, 300));
  }
  assert.equal((await socket.query('session.list')).length, 1);
  await unchanged();
});

test('bad input: text that is no UTF-8 ends the connection with 1007', async (t) => {
  const { hall, unchanged } = await furnished(t);
  const message = Buffer.from(JSON.stringify({ id: 1, method: 'mutation', params: { path: 'decisions.log', input: { decision: '?', agentId: SOMEBODY } } }));
  for (const byte of [0xff, 0xc0, 0x80]) {
    const socket = await open(t, hall.compat);
    const broken = Buffer.from(message);
    broken[broken.indexOf('?')] = byte;
    socket.sendAsText(broken);
    assert.equal((await socket.end()).code, 1007);
  }
  await unchanged();
});

test('bad input: a foreign Origin is refused on both listeners, with a token too', async (t) => {
  const { hall, unchanged } = await furnished(t);
  const { token } = hall.token('member', 'ada');
  for (const origin of ['https://evil.example', 'http://evil.example:3030', 'null']) {
    assert.equal((await refusal(hall.compat, { origin })).status, 403, origin);
    assert.equal((await refusal(`${hall.main}/trpc`, { origin, token })).status, 403, origin);
  }
  await unchanged();
});

test('bad input: a name rebound to this machine is refused on the main listener', async (t) => {
  const { hall, unchanged } = await furnished(t);
  const { token } = hall.token('member', 'ada');
  const host = `evil.example:${new URL(hall.http).port}`;
  const refused = [403, 421];
  assert.ok(refused.includes((await refusal(`${hall.main}/trpc`, { host, token })).status));
  const origin = `http://${host}`;
  assert.ok(refused.includes((await refusal(`${hall.main}/trpc`, { host, origin, token })).status), 'Origin equal to Host proves nothing');
  for (const path of ['/', '/healthz', '/trpc']) {
    const status = await new Promise((resolve, reject) => {
      get(hall.http + path, { headers: { host } }, (response) => resolve(response.resume().statusCode)).on('error', reject);
    });
    assert.ok(refused.includes(status), `${path}: ${status}`);
  }
  await unchanged();
});

test('bad input: no token, a wrong one and a revoked one are refused at the door', async (t) => {
  const { hall, unchanged } = await furnished(t);
  const revoked = hall.token('member', 'gone');
  await (await open(t, `${hall.main}/trpc`, { token: revoked.token })).query('session.list');
  hall.cli('token', 'revoke', revoked.id);

  assert.equal((await refusal(`${hall.main}/trpc`)).status, 401);
  for (const token of ['wrong', `${revoked.token}x`, revoked.token]) {
    assert.equal((await refusal(`${hall.main}/trpc`, { token })).status, 401, token);
    assert.equal((await refusal(`${hall.compat}/?token=${token}`)).status, 401, token);
    const socket = await open(t, `${hall.main}/trpc?connectionParams=1`);
    socket.send({ method: 'connectionParams', data: { token } });
    socket.send({ id: 1, method: 'mutation', params: { path: 'decisions.log', input: { decision: 'd', agentId: SOMEBODY } } });
    assertError(await socket.reply(null), null, 'UNAUTHORIZED');
    await socket.end();
  }
  for (const data of [null, {}, { token: '' }]) {
    const socket = await open(t, `${hall.main}/trpc?connectionParams=1`);
    socket.send({ method: 'connectionParams', data });
    assertError(await socket.next(), null, 'UNAUTHORIZED');
    await socket.end();
  }
  await unchanged();
});

test('bad input: the id of another principal is forbidden', async (t) => {
  const { hall, agent, question, unchanged } = await furnished(t);
  const stranger = await open(t, `${hall.main}/trpc`, { token: hall.token('member', 'stranger').token });
  for (const [path, input] of [
    ['session.leave', { agentId: agent.id }],
    ['context.share', { key: 'k', value: 'stolen', agentId: agent.id }],
    ['context.delete', { key: 'k', agentId: agent.id }],
    ['questions.answer', { questionId: question.id, answer: 'forged', agentId: agent.id }],
    ['decisions.log', { decision: 'forged', agentId: agent.id }],
  ]) {
    const frame = await stranger.call('mutation', path, input);
    assertError(frame, frame.id, 'FORBIDDEN', { path });
  }
  await unchanged();
});

test('bad input: who may only look cannot write', async (t) => {
  const { hall, unchanged } = await furnished(t);
  const viewer = await open(t, `${hall.main}/trpc`, { token: hall.token('viewer', 'guest').token });
  assert.equal((await viewer.query('session.list')).length, 1);
  for (const [path, input] of [
    ['session.join', { name: 'n', role: 'source', repoPath: '/r' }],
    ['context.share', { key: 'k', value: 'v', agentId: SOMEBODY }],
    ['decisions.log', { decision: 'd', agentId: SOMEBODY }],
  ]) {
    const frame = await viewer.call('mutation', path, input);
    assertError(frame, frame.id, 'FORBIDDEN', { path });
  }
  await unchanged();
});
