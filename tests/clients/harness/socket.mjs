/**
 * A client written out by hand: one WebSocket, every frame as it stands on the wire. What a story wants to say about
 * key order, frame order or silence it says here; the libraries are in `generations.mjs`.
 */
import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { DEADLINE, Mailbox, pause } from './mailbox.mjs';

/**
 * @typedef {object} SocketOptions
 * @property {string} [token] sent as `Authorization: Bearer`
 * @property {string} [origin]
 * @property {string} [host] another Host header than the address
 * @property {string[]} [protocols] offered subprotocols
 * @property {boolean} [autoPong] answer control pings (default)
 */

/** @param {string} url @param {SocketOptions} options */
function dial(url, { token, origin, host, protocols = [], autoPong = true }) {
  const headers = { ...(token && { authorization: `Bearer ${token}` }), ...(host && { host }) };
  // Offers compression, as Node clients do: a server that took it up would be seen in `extensions`.
  return new WebSocket(url, protocols, { headers, origin, autoPong, perMessageDeflate: true, maxPayload: 0 });
}

/**
 * Opens a connection that ends with the test.
 * @param {import('node:test').TestContext} t
 * @param {string} url
 * @param {SocketOptions} [options]
 */
export async function open(t, url, options = {}) {
  const socket = new RawSocket(dial(url, options));
  t.after(() => socket.ws.terminate());
  await new Promise((resolve, reject) => {
    socket.ws.once('open', resolve);
    socket.ws.once('error', reject);
  });
  socket.ws.on('error', () => {}); // the close that follows is what stories look at
  return socket;
}

/**
 * The HTTP answer of a server that does not let this client in.
 * @param {string} url
 * @param {SocketOptions} [options]
 * @returns {Promise<{ status: number, headers: import('node:http').IncomingHttpHeaders, body: string }>}
 */
export function refusal(url, options = {}) {
  const ws = dial(url, options);
  return new Promise((resolve, reject) => {
    ws.once('open', () => {
      ws.terminate();
      reject(new Error(`${url} let the client in`));
    });
    ws.once('error', reject);
    ws.once('unexpected-response', (_request, response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
  });
}

export class RawSocket {
  /** Every text frame, as it came. @type {string[]} */
  record = [];
  #frames = new Mailbox('socket');
  #nextId = 1;

  /** @param {WebSocket} ws */
  constructor(ws) {
    this.ws = ws;
    ws.on('message', (data, isBinary) => {
      assert.equal(isBinary, false, 'the server sends text frames only');
      const text = data.toString();
      this.record.push(text);
      this.#frames.push(text === 'PING' || text === 'PONG' ? text : JSON.parse(text));
    });
    /** How the connection ended. @type {Promise<{ code: number, reason: string }>} */
    this.closed = new Promise((resolve) => ws.once('close', (code, reason) => resolve({ code, reason: reason.toString() })));
  }

  /** Sends text as it is, bytes as a binary frame, anything else as JSON. @param {unknown} message */
  send(message) {
    this.ws.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }

  /** Sends these bytes as a text frame, whether or not they are text. @param {Buffer} bytes */
  sendAsText(bytes) {
    this.ws.send(bytes, { binary: false });
  }

  /** A fresh request id. */
  id() {
    return this.#nextId++;
  }

  /** The next frame, whatever it is. @param {number} [within] milliseconds */
  next(within = DEADLINE) {
    return this.#frames.take(undefined, { within, what: 'a frame' });
  }

  /** The next frame that matches. @param {(frame: any) => boolean} match @param {string} what */
  take(match, what) {
    return this.#frames.take(match, { what });
  }

  /** The next frame with this id. @param {unknown} id @param {number} [within] milliseconds */
  reply(id, within = DEADLINE) {
    return this.#frames.take((frame) => frame?.id === id, { within, what: `a frame with id ${JSON.stringify(id)}` });
  }

  /** The notification that asks clients to move. @param {number} [within] milliseconds */
  reconnect(within = DEADLINE) {
    return this.#frames.take((frame) => frame?.method === 'reconnect', { within, what: 'reconnect' });
  }

  /** Says nothing for this long, and nothing that was sent before is left over. @param {number} milliseconds */
  async expectNoFrame(milliseconds) {
    await pause(milliseconds);
    assert.deepEqual(this.#frames.untaken, []);
  }

  /** How the connection ended, if it does so in time. @param {number} [within] milliseconds */
  async end(within = DEADLINE) {
    const ended = await Promise.race([this.closed, pause(within)]);
    assert.ok(ended, `the connection was still open after ${within} ms`);
    return ended;
  }

  /**
   * One call, its whole reply frame.
   * @param {'query' | 'mutation' | 'subscription'} method
   * @param {string} path
   * @param {unknown} [input]
   */
  call(method, path, input) {
    const id = this.id();
    this.send({ id, method, params: { input, path } });
    return this.reply(id);
  }

  /** A query that must succeed; its data. @param {string} path @param {unknown} [input] */
  async query(path, input) {
    return succeeded(await this.call('query', path, input));
  }

  /** A mutation that must succeed; its data. @param {string} path @param {unknown} [input] */
  async mutate(path, input) {
    return succeeded(await this.call('mutation', path, input));
  }

  /**
   * A subscription that has started.
   * @param {string} path
   * @param {{ input?: unknown, lastEventId?: string, id?: unknown }} [options]
   */
  async subscribe(path, { input, lastEventId, id = this.id() } = {}) {
    this.send({ id, method: 'subscription', params: { input, path, lastEventId } });
    assert.deepEqual(await this.reply(id), { id, result: { type: 'started' } });
    return new Subscription(this, id);
  }

  /** Joins as an agent. @param {string} [name] @param {'source' | 'target'} [role] */
  async join(name = 'scout', role = 'source') {
    return this.mutate('session.join', { name, role, repoPath: `/src/${name}` });
  }

  /** Answers as soon as the server has read everything sent before. */
  async settled() {
    this.send('PING');
    await this.#frames.take((frame) => frame === 'PONG', { what: 'PONG' });
  }
}

/** One running subscription of a raw socket. */
export class Subscription {
  /** @param {RawSocket} socket @param {unknown} id */
  constructor(socket, id) {
    this.socket = socket;
    this.id = id;
  }

  /** The data of the next event. @param {number} [within] milliseconds */
  async next(within = DEADLINE) {
    return succeeded(await this.socket.reply(this.id, within));
  }

  /** The next event of a tracked subscription. @returns {Promise<{ id: string, data: any }>} */
  async nextTracked() {
    const { result } = await this.socket.reply(this.id);
    assert.equal(result.type, 'data');
    assert.equal(result.id, result.data.id, 'the event id stands twice');
    assert.equal(typeof result.id, 'string');
    return result.data;
  }

  /** Ends it and waits until the server has said so. */
  async stop() {
    this.socket.send({ id: this.id, method: 'subscription.stop' });
    for (;;) {
      const frame = await this.socket.reply(this.id);
      if (frame.result?.type === 'stopped') return frame;
    }
  }
}

/** The data of a frame that says success. */
function succeeded(frame) {
  assert.deepEqual(Object.keys(frame), ['id', 'result'], `not a success: ${JSON.stringify(frame)}`);
  assert.deepEqual(Object.keys(frame.result), ['type', 'data']);
  assert.equal(frame.result.type, 'data');
  return frame.result.data;
}
