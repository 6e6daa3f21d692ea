/** What a server's work costs: for growth only, compared within one run, since machines differ. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** Below so many clock ticks a measurement says little: it counts as so many. */
const LEAST_TICKS = 5;

/** How much more four times the work may cost. In proportion it is 4, with its square 16. */
const ROOM = 8;

/** CPU time a process has used, user and system, in clock ticks (`man 5 proc`, `/proc/pid/stat`). @param {number} pid */
function ticks(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/**
 * Four times the work costs the server about four times as much, and not sixteen times.
 * @param {import('./hall.mjs').Hall} hall
 * @param {number} size
 * @param {(size: number) => Promise<() => Promise<void>>} prepare gives the work that is measured
 */
export async function growsInProportion(hall, size, prepare) {
  const costs = [];
  for (const now of [size, 4 * size]) {
    const work = await prepare(now);
    const before = ticks(hall.pid);
    await work();
    costs.push(ticks(hall.pid) - before);
  }
  const [few, many] = costs;
  assert.ok(many <= ROOM * Math.max(few, LEAST_TICKS), `${size}: ${few} ticks, ${4 * size}: ${many} ticks`);
}
