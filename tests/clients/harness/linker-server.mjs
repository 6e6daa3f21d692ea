/**
 * The wire side of the old MCP servers, 1.0 to 1.3, restated: when they register, how they wait, what they cache, when
 * they dial again. Their half-minutes are shortened; the tools that a model sees are left out.
 */
import WebSocket from 'ws';
import { DEADLINE } from './mailbox.mjs';

/** How long a call waits for the first frame of its reply's type. */
const PATIENCE = 5_000;

const VERSIONS = {
  '1.0': { attempts: 5 },
  '1.1': { attempts: 10, heartbeat: true, registersAgain: true },
  '1.2': { attempts: 10, heartbeat: true, registersAgain: true, receipts: true },
  '1.3': { attempts: 10, heartbeat: true, registersAgain: true, receipts: true, counts: true },
};

export class OldServer {
  /** Messages it was pushed. @type {any[]} */
  pushed = [];
  /** What its footer would show. @type {any[]} */
  pending = [];
  /** Receipts it was sent. @type {any[]} */
  receipts = [];
  /** What the broker complained about. @type {string[]} */
  errors = [];
  /** Registrations so far. */
  registrations = 0;
  instanceId = '';
  #url;
  #version;
  #waiting = [];
  #attempts = 0;
  #timers = [];
  #over = false;

  /**
   * @param {import('node:test').TestContext} t
   * @param {string} url
   * @param {string} name
   * @param {keyof typeof VERSIONS} version
   * @param {number} beat milliseconds between heartbeats and counts, instead of 30 s
   */
  constructor(t, url, name, version, beat = 200) {
    this.#url = url;
    this.name = name;
    this.#version = VERSIONS[version];
    this.beat = beat;
    t.after(() => this.end());
    this.#dial();
  }

  #dial() {
    const ws = new WebSocket(this.#url);
    this.ws = ws;
    ws.on('open', () => {
      this.#attempts = 0;
      this.#register();
      if (this.#version.heartbeat) this.#every(() => (ws.ping(), this.#send('heartbeat')));
      if (this.#version.counts) this.#every(() => this.#send('get_message_count'));
    });
    ws.on('message', (data) => this.#take(JSON.parse(data.toString())));
    ws.on('error', () => {}); // the close that follows is what it acts on
    ws.on('close', () => {
      this.#timers.splice(0).forEach(clearInterval);
      this.instanceId = '';
      if (this.#over || this.#attempts >= this.#version.attempts) return;
      const delay = Math.min(200 * 2 ** this.#attempts, 3_000);
      this.#attempts += 1;
      setTimeout(() => this.#over || this.#dial(), delay);
    });
  }

  #every(act) {
    this.#timers.push(setInterval(act, this.beat));
  }

  #register() {
    this.#send('register', { name: this.name, description: 'A Claude Code instance', metadata: { startedAt: new Date().toISOString() } });
  }

  #take(frame) {
    const at = this.#waiting.findIndex(({ type }) => type === frame.type);
    if (at !== -1) this.#waiting.splice(at, 1)[0].resolve(frame);
    switch (frame.type) {
      case 'registered':
        this.registrations += 1;
        this.instanceId = frame.instanceId;
        break;
      case 'new_message':
        this.pushed.push(frame.message);
        break;
      case 'message_notification':
        if (this.#version.counts) this.pending.push(frame.notification);
        break;
      case 'message_count':
        if (this.#version.counts && frame.count > this.pending.length) this.pending = frame.from.map((from) => ({ from }));
        break;
      case 'delivery_receipt':
      case 'read_receipt':
        if (this.#version.receipts) this.receipts.push(frame.receipt);
        break;
      case 'error':
        this.errors.push(frame.error);
        if (this.#version.registersAgain && frame.error.includes('Unknown sender')) this.#register();
    }
  }

  #send(type, payload) {
    if (this.ws.readyState === WebSocket.OPEN) this.ws.send(JSON.stringify({ type, payload }));
  }

  /** Sends and waits for the first frame of a type. */
  #call(type, reply, payload) {
    if (!this.instanceId) return Promise.reject(new Error('not registered'));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('request timeout')), PATIENCE);
      this.#waiting.push({ type: reply, resolve: (frame) => (clearTimeout(timer), resolve(frame)) });
      this.#send(type, payload);
    });
  }

  /** Waits until it is registered, for the so-manieth time. @param {number} [times] */
  async ready(times = 1) {
    const end = Date.now() + DEADLINE;
    while (!this.instanceId || this.registrations < times) {
      if (Date.now() > end) throw new Error(`${this.name} was not registered in time: ${this.errors}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return this;
  }

  sendMessage(to, content, more) {
    this.#send('send_message', { to, content, ...more });
  }

  async getMessages() {
    const { messages } = await this.#call('get_messages', 'messages');
    this.pending = [];
    return messages;
  }

  async listInstances() {
    return (await this.#call('list_instances', 'instances')).instances;
  }

  async getConversation(options) {
    return (await this.#call('get_conversation', 'conversation', options)).messages;
  }

  async markRead(messageIds) {
    return (await this.#call('mark_read', 'marked_read', { messageIds })).count;
  }

  end() {
    this.#over = true;
    this.ws.terminate();
  }
}
