/**
 * A real server in a temporary home.
 *
 * The first start lets the system pick the ports; every later start of the same hall asks for the same ones, so that
 * clients find it again. Whatever happens in a story, its processes and its directory are gone afterwards: processes
 * are found by id, and those the server started itself by the temporary home in their environment.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DEADLINE } from './mailbox.mjs';

/** The program under test. */
export const BINARY = process.env.GUILDHALL_BIN ?? fileURLToPath(new URL('../../../target/debug/guildhall', import.meta.url));

/** Restarts in stories need no long drain; those about draining set their own. */
const SHORT_DRAIN = { GUILDHALL_DRAIN_MS: '500' };

const START_DEADLINE = 30_000;

/** @type {Set<Hall>} */
const standing = new Set();
process.on('exit', () => standing.forEach((hall) => hall.demolish()));

/**
 * @typedef {object} HallOptions
 * @property {boolean} [compat] open the compatibility listeners too (default)
 * @property {string} [store] `sqlite`, `memory` or a `postgres://` address; the server's default when absent
 * @property {Record<string, string>} [env] settings, as environment variables
 * @property {string[]} [through] a command that starts the server in its own place, such as `nohup`
 */

/**
 * Starts a hall that ends with the test.
 * @param {import('node:test').TestContext} t
 * @param {HallOptions} [options]
 */
export async function startHall(t, options = {}) {
  const hall = new Hall(options);
  t.after(() => hall.demolish());
  await hall.start();
  return hall;
}

export class Hall {
  /** Everything the server has said on stderr, over all its starts. */
  stderr = '';
  /** @type {import('node:child_process').ChildProcess | null} */ #child = null;
  /** @type {Promise<{ code: number | null, signal: string | null }>} */ #exit = Promise.resolve({ code: null, signal: null });
  #options;
  #environment;
  #port = 0;
  #compatPort = 0;
  #linkerPort = 0;

  /** @param {HallOptions} options */
  constructor(options) {
    this.#options = { compat: true, ...options };
    this.home = mkdtempSync(join(tmpdir(), 'gh-'));
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('GUILDHALL_') && name !== 'PORT' && name !== 'HOST');
    this.#environment = { ...Object.fromEntries(inherited), ...SHORT_DRAIN, ...this.#options.env, GUILDHALL_HOME: this.home };
    standing.add(this);
  }

  /** Starts the server and returns its ready line. */
  async start() {
    const { compat, store, through = [] } = this.#options;
    const flags = ['serve', '--json', '--listen', `127.0.0.1:${this.#port}`];
    if (compat) flags.push('--compat', `trpc=${this.#compatPort},linker=${this.#linkerPort}`);
    if (store) flags.push('--store', store);
    const [program, ...words] = [...through, BINARY, ...flags];
    const child = spawn(program, words, { env: this.#environment, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text) => (this.stderr += text));
    this.#exit = new Promise((resolve, reject) => {
      child.on('exit', (code, signal) => resolve({ code, signal }));
      child.on('error', reject);
    });
    const ready = await this.#within(START_DEADLINE, 'ready line', Promise.race([firstLine(child), this.#exit]));
    if (typeof ready !== 'string') throw new Error(`the server ended before it was ready: ${JSON.stringify(ready)}\n${this.stderr}`);
    const line = JSON.parse(ready);
    /** What the server said when it was ready. */
    this.ready = line;
    if (line.event !== 'ready') throw new Error(`expected the ready line, got ${ready}`);
    this.#port = Number(new URL(line.http).port);
    if (compat) {
      this.#compatPort = Number(new URL(line.compat.trpc).port);
      this.#linkerPort = Number(new URL(line.compat.linker).port);
    }
    return line;
  }

  /** Process id of the running server. */
  get pid() {
    return /** @type {number} */ (this.#child?.pid);
  }

  /** The main listener as an HTTP address, no trailing slash. */
  get http() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The main listener as a WebSocket address, no path. */
  get main() {
    return `ws://127.0.0.1:${this.#port}`;
  }

  /** The compatibility listener as a WebSocket address, no path. */
  get compat() {
    return `ws://127.0.0.1:${this.#compatPort}`;
  }

  /** The compatibility listener for the linker's clients, as a WebSocket address, no path. */
  get linker() {
    return `ws://127.0.0.1:${this.#linkerPort}`;
  }

  /** @param {NodeJS.Signals} name */
  signal(name) {
    if (!this.#child?.kill(name)) throw new Error(`no process to send ${name} to`);
  }

  /** Stops taking what the server says: its terminal has gone. */
  hangUp() {
    this.#child?.stdout?.destroy();
    this.#child?.stderr?.destroy();
    this.signal('SIGHUP');
  }

  /** How the server ended. @param {number} [within] milliseconds */
  ended(within = DEADLINE) {
    return this.#within(within, 'the server to end', this.#exit);
  }

  /** Ends the server in order and says how it ended. */
  terminate() {
    this.signal('SIGTERM');
    return this.ended();
  }

  /** Ends the server as a power cut would. */
  kill() {
    this.signal('SIGKILL');
    return this.ended();
  }

  /** Other settings from the next start on. @param {Record<string, string>} env */
  set(env) {
    Object.assign(this.#environment, env);
  }

  /** Ends the server and starts it again on the same home and ports. @param {'SIGTERM' | 'SIGKILL'} [how] */
  async restart(how = 'SIGTERM') {
    this.signal(how);
    await this.ended();
    return this.start();
  }

  /** Runs a command of the same program on the same home; its JSON output. @param {...string} words */
  cli(...words) {
    const run = spawnSync(BINARY, words, { env: this.#environment, encoding: 'utf8', timeout: START_DEADLINE });
    if (run.status !== 0) throw new Error(`guildhall ${words.join(' ')} ended with ${run.status ?? run.signal}: ${run.stderr}`);
    return run.stdout;
  }

  /**
   * A new token.
   * @param {string} role owner, operator, member, viewer, agent, device or runner
   * @param {string} name of its principal
   * @returns {{ token: string, id: string }}
   */
  token(role, name) {
    return JSON.parse(this.cli('token', 'create', '--json', '--role', role, '--name', name));
  }

  /** @param {string} name */
  workspace(name) {
    return JSON.parse(this.cli('workspace', 'create', name, '--json'));
  }

  /** Ends every process of this hall and removes its home. Safe to call twice. */
  demolish() {
    standing.delete(this);
    if (this.#child?.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    for (const pid of processesOf(this.home)) process.kill(pid, 'SIGKILL');
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
  }

  /** @template T @param {number} limit @param {string} what @param {Promise<T>} promise @returns {Promise<T>} */
  async #within(limit, what, promise) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`waited ${limit} ms for ${what}\n${this.stderr}`)), limit);
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** @param {import('node:child_process').ChildProcess} child @returns {Promise<string>} */
function firstLine(child) {
  return new Promise((resolve) => createInterface({ input: child.stdout }).on('line', resolve));
}

/** Processes whose environment names this home: runners and shims outlive the server that started them. @param {string} home */
function processesOf(home) {
  if (!existsSync('/proc/self/environ')) return [];
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`GUILDHALL_HOME=${home}`);
      } catch {
        return false; // gone meanwhile, or not ours to read
      }
    })
    .map(Number);
}
