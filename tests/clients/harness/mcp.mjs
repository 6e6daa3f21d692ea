/**
 * Agents that came through `guildhall mcp`: the bridge as a process, spoken to with the MCP SDK or line by line.
 *
 * The process that starts a bridge is the agent's own from then on, and so is all that descends from it: a test that
 * needs tokens or workspaces makes them before its first bridge.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { BINARY } from './hall.mjs';
import { DEADLINE, Mailbox } from './mailbox.mjs';

/** What a host of these tests calls itself. */
export const HOST = { name: 'stories', version: '1.0.0' };

/** @param {{ home: string }} hall */
const environment = (hall) => ({ PATH: process.env.PATH ?? '', GUILDHALL_HOME: hall.home });

/**
 * @typedef {object} BridgeOptions
 * @property {'default' | 'linker'} [tools] which set of tools; the bridge's default when absent
 * @property {string} [directory] where the agent works; the test's directory when absent
 */

/** The command line of a bridge. @param {string} name @param {BridgeOptions} [options] */
const words = (name, { tools, directory } = {}) =>
  ['mcp', '--name', name, ...(tools ? ['--tools', tools] : []), ...(directory ? ['--repo-path', directory] : [])];

/**
 * An agent that ends with the test.
 * @param {import('node:test').TestContext} t
 * @param {{ home: string }} hall
 * @param {string} name
 * @param {BridgeOptions} [options]
 */
export async function agent(t, hall, name, options) {
  const bridge = new Bridge(hall, name, options);
  t.after(() => bridge.client.close());
  await bridge.client.connect(bridge.transport);
  return bridge;
}

/** An agent, its bridge driven by the MCP SDK. */
export class Bridge {
  /** What the SDK could not understand on stdout. @type {Error[]} */ garbage = [];
  /** What the bridge has said on stderr. */ stderr = '';

  /** @param {{ home: string }} hall @param {string} name @param {BridgeOptions} [options] */
  constructor(hall, name, options) {
    this.transport = new StdioClientTransport({ command: BINARY, args: words(name, options), env: environment(hall), stderr: 'pipe' });
    this.transport.stderr?.on('data', (text) => (this.stderr += text));
    this.client = new Client(HOST);
    this.client.onerror = (error) => this.garbage.push(error);
  }

  /**
   * Calls a tool: its text, the notices at its end, and whether it failed.
   * @param {string} tool @param {Record<string, unknown>} [args]
   */
  async call(tool, args = {}) {
    const { content, isError } = await this.client.callTool({ name: tool, arguments: args });
    const [text, notice] = /** @type {{ text: string }[]} */ (content).map((block) => block.text);
    return { text, notes: notice ? notice.split('\n') : [], failed: isError === true };
  }

  /** Calls a tool that must succeed and have nothing else to tell; its text. @param {string} tool @param {Record<string, unknown>} [args] */
  async done(tool, args) {
    const { text, notes, failed } = await this.call(tool, args);
    assert.deepEqual({ failed, notes }, { failed: false, notes: [] }, text);
    return text;
  }

  /** The agent's id, as it is told by `status`. */
  async id() {
    const { text } = await this.call('status');
    return found(text, /^you are \S+, id (\S+)$/m);
  }

  /** Puts a question; its ticket. @param {Record<string, unknown>} args */
  async ask(args) {
    const { text } = await this.call('ask', args);
    return found(text, /^ticket: (\S+) /m);
  }
}

/** A directory for an agent to work in, gone after the test. @param {import('node:test').TestContext} t */
export function directory(t) {
  const path = mkdtempSync(join(tmpdir(), 'gh-agent-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** What a pattern's first group matches, which must be there. @param {string} text @param {RegExp} pattern */
export function found(text, pattern) {
  const match = pattern.exec(text);
  assert.ok(match, `${pattern} is not in: ${text}`);
  return match[1];
}

/** A bridge spoken to line by line, for what no library does. */
export class Lines {
  #arrived = new Mailbox('bridge');
  /** Lines on stdout that are no JSON-RPC message. @type {string[]} */ garbage = [];

  /** @param {import('node:test').TestContext} t @param {{ home: string }} hall @param {string} name @param {BridgeOptions} [options] */
  constructor(t, hall, name, options) {
    this.child = spawn(BINARY, words(name, options), { env: environment(hall), stdio: ['pipe', 'pipe', 'ignore'] });
    t.after(() => this.child.kill('SIGKILL'));
    this.exit = new Promise((resolve) => this.child.on('exit', (code, signal) => resolve({ code, signal })));
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      try {
        const message = JSON.parse(line);
        if (message.jsonrpc !== '2.0') throw new Error('no JSON-RPC');
        this.#arrived.push(message);
      } catch {
        this.garbage.push(line);
      }
    });
  }

  /** @param {number | undefined} id none for a notification @param {string} method @param {unknown} [params] */
  send(id, method, params) {
    this.child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
  }

  /** A request and its whole answer. @param {number} id @param {string} method @param {unknown} [params] */
  request(id, method, params) {
    this.send(id, method, params);
    return this.#arrived.take((message) => message.id === id, { within: DEADLINE, what: `the answer to ${method}` });
  }

  /** Opens the conversation as the older era does. */
  async open() {
    const answer = await this.request(1, 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: HOST });
    this.send(undefined, 'notifications/initialized');
    return answer.result;
  }
}
