/**
 * One of a thousand subscribers stops reading. The others must not notice, the server must not fill its memory for
 * it, and once it is back it reads on where it was.
 *
 * To fill the buffers of the operating system between server and slow reader without sending gigabytes to the others,
 * the slow reader runs many subscriptions on its one connection.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { startHall } from './harness/hall.mjs';
import { eventually, pause } from './harness/mailbox.mjs';
import { open } from './harness/socket.mjs';

const SOMEBODY = '7f0c1f0e-95a1-4d5e-8f8e-3c5f1f0b7a11';
const SUBSCRIBERS = 1_000;
const FEED = 'context.onContextChangeTracked';
const EVENTS = 80;
const VALUE = 'x'.repeat(4_096);
/** Together with the events above: some 15 MiB for the slow reader, more than the system buffers. */
const SLOW_SUBSCRIPTIONS = 48;
const STALL = 1_000;
const STORY = 120_000;

/** Resident memory of a process in MiB, where the system tells. @param {number} pid */
function residentMemory(pid) {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  } catch {
    return undefined;
  }
}

test('slow reader: dropped after a write stall while 999 others get everything, and it resumes without a gap', { timeout: STORY }, async (t) => {
  const hall = await startHall(t, { env: { GUILDHALL_WRITE_STALL_MS: String(STALL) } });
  const writer = await open(t, hall.compat);
  const share = (i) => writer.mutate('context.share', { key: `k${i}`, value: VALUE, agentId: SOMEBODY });

  /** @type {number[]} */
  const counts = Array(SUBSCRIBERS - 1).fill(0);
  const others = [];
  for (let i = 0; i < counts.length; i += 100) {
    const batch = Array.from({ length: Math.min(100, counts.length - i) }, () => open(t, hall.compat));
    others.push(...(await Promise.all(batch)));
  }
  await Promise.all(others.map((socket) => socket.subscribe(FEED)));
  others.forEach((socket, i) => {
    socket.record.length = 0;
    // Only the marks are kept: a thousand copies of every event would be this process's memory, not the server's.
    socket.ws.removeAllListeners('message');
    socket.ws.on('message', (data) => {
      const key = `"key":"k${counts[i]}"`;
      assert.ok(data.includes(key), `subscriber ${i} expected ${key}, got ${data.toString().slice(0, 300)}`);
      counts[i] += 1;
    });
  });

  const slow = await open(t, hall.compat);
  const feeds = [];
  for (let i = 0; i < SLOW_SUBSCRIPTIONS; i += 1) feeds.push(await slow.subscribe(FEED));
  await share(0);
  const seen = [await feeds[0].nextTracked()];
  slow.ws.pause();

  for (let i = 1; i < EVENTS; i += 1) await share(i);
  await eventually(() => counts.every((count) => count === EVENTS), { within: STORY / 2, what: 'every event at every other subscriber' });

  await pause(2 * STALL);
  await share(EVENTS);
  slow.ws.resume();
  assert.equal((await slow.end()).code, 1006, 'it was dropped, not told');
  for (const frame of slow.record.map((text) => JSON.parse(text))) {
    if (frame.id === feeds[0].id && frame.result.type === 'data' && frame.result.id !== seen[0].id) seen.push(frame.result.data);
  }
  assert.ok(seen.length < EVENTS, 'it had not been sent everything');

  const back = await open(t, hall.compat);
  const resumed = await back.subscribe(FEED, { lastEventId: seen.at(-1).id });
  while (seen.length < EVENTS + 1) seen.push(await resumed.nextTracked());
  assert.deepEqual(seen.map(({ data }) => data.key), Array.from({ length: EVENTS + 1 }, (_, i) => `k${i}`));
  await back.expectNoFrame(200);
  await eventually(() => counts.every((count) => count === EVENTS + 1), { what: 'the last event at every other subscriber' });

  const memory = residentMemory(hall.pid);
  if (memory !== undefined) assert.ok(memory < 512, `the server holds ${Math.round(memory)} MiB`);
});
