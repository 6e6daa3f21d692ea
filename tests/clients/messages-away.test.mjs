/** Away for a day: the server is started again with its clock set ahead, as if the day had passed. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { startHall } from './harness/hall.mjs';
import { meetAs } from './harness/linker.mjs';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Ends the server and starts it with its clock so far ahead of the machine's. */
async function startAhead(hall, milliseconds) {
  hall.set({ GUILDHALL_CLOCK_AHEAD_MS: String(milliseconds) });
  await hall.restart('SIGTERM');
}

const time = ({ timestamp }) => Date.parse(timestamp);

/** web has written to api, who is away, and a day has passed. @param {import('node:test').TestContext} t */
async function aDayLater(t) {
  const hall = await startHall(t);
  const [web, api] = await meetAs(t, hall.linker, 'web', 'api');
  await api.leave(web);
  web.say('api', 'for an hour', { ttl: HOUR });
  web.say('api', 'for two days', { ttl: 2 * DAY });
  web.say('api', 'for ever');
  web.say('api', 'urgent', { priority: 'high' });
  web.say('broadcast', 'to all');
  await web.settled();
  const yesterday = (await web.ask('get_conversation', {})).messages;
  await startAhead(hall, DAY);
  const [again, back] = await meetAs(t, hall.linker, 'web', 'api');
  return { hall, web: again, api: back, ids: { web: web.id, api: api.id }, yesterday };
}

test('away for a day: what was sent waits, as of when it was sent, but for what has expired meanwhile', async (t) => {
  const { web, api, ids, yesterday } = await aDayLater(t);
  assert.deepEqual({ web: web.id, api: api.id }, ids);
  const { count, highPriority } = await api.ask('get_message_count');
  assert.deepEqual([count, highPriority], [4, 1]);
  const messages = await api.fetch();
  assert.deepEqual(messages.map(({ content }) => content), ['urgent', 'for two days', 'for ever', 'to all']);
  for (const { id, timestamp } of messages) assert.equal(timestamp, yesterday.find((said) => said.id === id).timestamp);
  assert.deepEqual(await api.contents(), []);
  const { receipts } = await web.ask('get_receipts');
  assert.deepEqual(receipts.slice(0, 4).map(({ status }) => status), ['sent', 'delivered', 'delivered', 'delivered'], 'what has expired was delivered to nobody');
  const [, delivered] = receipts;
  const waited = Date.parse(delivered.deliveredAt) - Date.parse(delivered.sentAt);
  assert.ok(waited >= DAY && waited < DAY + HOUR, `it waited ${waited} ms`);
  const { stats } = await web.ask('get_stats');
  assert.equal(stats.expired, 1);
  assert.ok(stats.avgDeliveryTime >= DAY && stats.avgDeliveryTime < DAY + HOUR, `${stats.avgDeliveryTime} ms`);
});

test('away for a day: what is said now is of today, and what is said when the clock is right again is not older', async (t) => {
  const { hall, web, api, yesterday } = await aDayLater(t);
  web.say('api', 'today');
  const { message } = await api.pushed();
  assert.ok(time(message) - time(yesterday[0]) >= DAY);
  await startAhead(hall, 0);
  const [again, back] = await meetAs(t, hall.linker, 'web', 'api');
  again.say('api', 'later');
  const later = (await back.pushed()).message;
  assert.ok(time(later) >= time(message), 'the log’s time never goes back');
  const contents = await back.contents();
  assert.deepEqual(contents.filter((content) => content === 'today' || content === 'later'), ['today', 'later']);
});

test('away for a day: a time to live begins when the message is sent, by the clock of that day', async (t) => {
  const { hall, web } = await aDayLater(t);
  const [late] = await meetAs(t, hall.linker, 'late');
  await web.joined('late');
  await late.leave(web);
  web.say('late', 'for an hour of today', { ttl: HOUR });
  await web.settled();
  await hall.restart('SIGKILL');
  const [back] = await meetAs(t, hall.linker, 'late');
  assert.equal((await back.ask('get_message_count')).count, 1, 'the hour is not over');
  await startAhead(hall, DAY + 2 * HOUR);
  const [tooLate] = await meetAs(t, hall.linker, 'late');
  assert.deepEqual(await tooLate.contents(), []);
  assert.equal((await tooLate.ask('get_message_count')).count, 0);
});
