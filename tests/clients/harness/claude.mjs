/**
 * The real Claude Code, alone in a home of its own: no telemetry, no updates, no account, a scripted API.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { textOf } from './messages-api.mjs';

const CLAUDE = fileURLToPath(new URL('../node_modules/.bin/claude', import.meta.url));

/** Sessions take about a second; a first start on a busy machine takes longer. */
const SESSION_DEADLINE = 90_000;

/** One installation with its own home and one project folder. Ends with the test. */
export class Claude {
  /**
   * @param {import('node:test').TestContext} t
   * @param {{ project: string, api: string, env?: Record<string, string> }} options
   */
  constructor(t, { project, api, env = {} }) {
    if (!existsSync(CLAUDE)) throw new Error('Claude Code is missing; install it: npm ci --prefix tests/clients');
    const home = mkdtempSync(join(tmpdir(), 'cc-'));
    t.after(() => rmSync(home, { recursive: true, force: true, maxRetries: 5 }));
    this.project = join(home, project);
    for (const directory of [this.project, join(home, 'config'), join(home, 'tmp')]) mkdirSync(directory, { mode: 0o700 });
    this.env = {
      PATH: process.env.PATH ?? '',
      HOME: home,
      CLAUDE_CONFIG_DIR: join(home, 'config'),
      TMPDIR: join(home, 'tmp'),
      ANTHROPIC_API_KEY: 'sk-ant-no-key-at-all-00000000',
      ANTHROPIC_BASE_URL: api,
      DISABLE_TELEMETRY: '1',
      DISABLE_AUTOUPDATER: '1',
      DISABLE_ERROR_REPORTING: '1',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      ...(process.getuid?.() === 0 ? { IS_SANDBOX: '1' } : {}),
      ...env,
    };
  }

  /**
   * Runs the CLI to its end.
   * @param {...string} words
   * @returns {Promise<{ code: number | null, stdout: string, stderr: string }>}
   */
  run(...words) {
    const child = spawn(CLAUDE, words, { cwd: this.project, env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), SESSION_DEADLINE);
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => {
        clearTimeout(timer);
        resolve({ code, stdout, stderr });
      });
    });
  }

  /** One session in print mode. @param {string} prompt @param {...string} flags */
  async session(prompt, ...flags) {
    const { code, stdout, stderr } = await this.run('-p', prompt, '--output-format', 'stream-json', '--verbose', ...flags);
    const lines = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    return new Session(code, lines, stderr);
  }
}

/** What a session said, as it stands in its stream. */
export class Session {
  /** @param {number | null} code @param {any[]} lines @param {string} stderr */
  constructor(code, lines, stderr) {
    this.code = code;
    this.lines = lines;
    this.stderr = stderr;
  }

  /** The first line, which tells how each MCP server stands. */
  get init() {
    return this.lines.find(({ type, subtype }) => type === 'system' && subtype === 'init');
  }

  get result() {
    return this.lines.find(({ type }) => type === 'result');
  }

  /** Every tool result, in order. */
  get toolResults() {
    const blocks = this.lines.filter(({ type }) => type === 'user').flatMap(({ message }) => (Array.isArray(message.content) ? message.content : []));
    return blocks.filter(({ type }) => type === 'tool_result').map(({ content, is_error }) => ({ text: textOf(content), failed: is_error === true }));
  }
}
