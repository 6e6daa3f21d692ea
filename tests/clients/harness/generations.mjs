/**
 * The three generations of `@trpc/client` that are in use, unchanged, over the `ws` package. Their sockets are recorded:
 * what a library puts on the wire, and how many connections it makes, is part of the stories.
 */
import * as v11_25 from '@trpc/client';
import * as v10 from 'trpc-client-10';
import * as v11_18 from 'trpc-client-11-18';
import WebSocket from 'ws';
import { DEADLINE, Mailbox } from './mailbox.mjs';

/** @typedef {'10.45' | '11.18' | '11.25'} Generation */

const LIBRARIES = {
  '10.45': { ...v10, createClient: v10.createTRPCProxyClient },
  '11.18': { ...v11_18, createClient: v11_18.createTRPCClient },
  '11.25': { ...v11_25, createClient: v11_25.createTRPCClient },
};

/** @type {Generation[]} */
export const GENERATIONS = ['10.45', '11.18', '11.25'];

/**
 * A client of one generation that ends with the test.
 * @param {import('node:test').TestContext} t
 * @param {Generation} generation
 * @param {string} url
 * @param {{ token?: string, header?: boolean } & Record<string, unknown>} [options] `token` goes as a connection
 *   parameter, or as a header when `header` is set or the generation knows no parameters; the rest goes to `createWSClient`
 */
export function connect(t, generation, url, { token, header = generation === '10.45', ...options } = {}) {
  const library = LIBRARIES[generation];
  /** @type {RecordedSocket[]} */
  const sockets = [];
  const headers = token && header ? { authorization: `Bearer ${token}` } : {};
  class Recorded extends RecordedSocket {
    /** @param {string} address */
    constructor(address) {
      super(address, headers);
      sockets.push(this);
    }
  }
  const connectionParams = token && !header ? { connectionParams: { token } } : {};
  const wire = library.createWSClient({ url, WebSocket: Recorded, ...connectionParams, ...options });
  const client = library.createClient({ links: [library.wsLink({ client: wire })] });
  t.after(() => {
    wire.close();
    sockets.forEach((socket) => socket.terminate());
  });
  return { client, wire, sockets };
}

/** A `ws` socket that remembers every text it carried. */
class RecordedSocket extends WebSocket {
  /** @type {string[]} */ sent = [];
  /** @type {string[]} */ received = [];

  /** @param {string} address @param {Record<string, string>} headers */
  constructor(address, headers) {
    super(address, { headers });
    this.on('message', (data) => this.received.push(data.toString()));
    this.on('error', () => {}); // refused while the server is down; the library dials again
  }

  send(data, ...rest) {
    this.sent.push(String(data));
    return super.send(data, ...rest);
  }

  /** What the client sent, parsed, one entry per call; keepalive texts left out. */
  get requests() {
    return this.sent.filter((text) => text !== 'PING' && text !== 'PONG').flatMap((text) => JSON.parse(text));
  }
}

/** A library's subscription as a story reads it: what came, in order, and how often it started. */
export class Follower {
  started = 0;
  /** @type {any[]} */ events = [];
  /** @type {any[]} */ errors = [];
  #arrived = new Mailbox('follower');
  #changes = new Mailbox('follower');

  /**
   * @param {{ subscribe(input: unknown, handlers: object): { unsubscribe(): void } }} procedure
   * @param {unknown} [input]
   */
  constructor(procedure, input) {
    this.subscription = procedure.subscribe(input, {
      onStarted: () => {
        this.started += 1;
        this.#changes.push('started');
      },
      onData: (event) => {
        this.events.push(event);
        this.#arrived.push(event);
      },
      onError: (error) => {
        this.errors.push(error);
        this.#changes.push('error');
      },
    });
  }

  /** Waits until the server has said `started` once more. */
  async hasStarted() {
    await this.#changes.take((change) => change === 'started', { what: 'started' });
    return this;
  }

  /** Waits until the library has reported an error, and returns it. */
  async hasFailed() {
    await this.#changes.take((change) => change === 'error', { what: 'an error' });
    return this.errors.at(-1);
  }

  /** The next event that matches. @param {(event: any) => boolean} [match] @param {number} [within] */
  next(match, within = DEADLINE) {
    return this.#arrived.take(match, { within, what: 'an event' });
  }

  unsubscribe() {
    this.subscription.unsubscribe();
  }
}

/** @param {{ subscribe(input: unknown, handlers: object): { unsubscribe(): void } }} procedure @param {unknown} [input] */
export const follow = (procedure, input) => new Follower(procedure, input).hasStarted();
