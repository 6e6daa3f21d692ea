/** A client of the linker's protocol, written by hand: it matches replies by their type, as the old MCP servers do. */
import assert from 'node:assert/strict';
import { eventually, pause } from './mailbox.mjs';
import { open } from './socket.mjs';

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const REPLIES = {
  register: 'registered',
  get_messages: 'messages',
  get_message_count: 'message_count',
  list_instances: 'instances',
  get_conversation: 'conversation',
  mark_read: 'marked_read',
  get_receipts: 'receipts',
  get_stats: 'stats',
  heartbeat: 'heartbeat_ack',
};

/**
 * Opens a connection and takes its first frame.
 * @param {import('node:test').TestContext} t
 * @param {string} url
 * @param {import('./socket.mjs').SocketOptions} [options]
 */
export async function meet(t, url, options) {
  const client = new Linker(await open(t, url, options));
  client.connected = await client.frame('connected');
  return client;
}

/**
 * The same, registered under each of these names.
 * @param {import('node:test').TestContext} t
 * @param {string} url
 * @param {string[]} names
 */
export async function meetAs(t, url, ...names) {
  const clients = [];
  for (const name of names) {
    const client = await meet(t, url);
    await client.register(name);
    clients.push(client);
  }
  // What each was told of those that came after it is nobody's concern here.
  for (const [i, client] of clients.entries()) for (const name of names.slice(i + 1)) await client.joined(name);
  return clients;
}

export class Linker {
  /** Its instance id, once it has registered. */
  id = '';

  /** @param {import('./socket.mjs').RawSocket} socket */
  constructor(socket) {
    this.socket = socket;
    this.ws = socket.ws;
  }

  /** @param {string} type @param {unknown} [payload] */
  send(type, payload) {
    this.socket.send({ type, payload });
  }

  /** The next frame of this type. @param {string} type */
  frame(type) {
    return this.socket.take((frame) => frame.type === type, type);
  }

  /** The next error's text. */
  async error() {
    return (await this.frame('error')).error;
  }

  /** Sends a request; the next frame of its reply's type, or an error if that comes instead. @param {string} type @param {unknown} [payload] */
  async ask(type, payload) {
    this.send(type, payload);
    const reply = await this.socket.take((frame) => frame.type === REPLIES[type] || frame.type === 'error', REPLIES[type]);
    if (reply.type === 'error') throw new Error(reply.error);
    return reply;
  }

  /** @param {string} name @param {object} [more] description, metadata */
  async register(name, more = { description: `I am ${name}`, metadata: {} }) {
    const reply = await this.ask('register', { name, ...more });
    assert.equal(reply.name, name);
    this.name = name;
    this.id = reply.instanceId;
    return reply;
  }

  /** Sends a message; there is no reply. @param {string} to @param {unknown} content @param {object} [more] priority, ttl */
  say(to, content, more) {
    this.send('send_message', { to, content, ...more });
  }

  /** The next push: a message and, directly behind it, its notification. */
  async pushed() {
    const { message } = await this.frame('new_message');
    const { notification } = await this.frame('message_notification');
    const at = this.socket.record.findIndex((text) => text.includes(message.id) && text.startsWith('{"type":"new_message"'));
    assert.ok(this.socket.record[at + 1].startsWith('{"type":"message_notification"'), 'the notification is directly behind its message');
    assert.equal(notification.broadcast, message.broadcast);
    return { message, notification };
  }

  /** Somebody of this name has joined. @param {string} name */
  joined(name) {
    return this.socket.take((frame) => frame.type === 'instance_joined' && frame.instance.name === name, `${name} to join`);
  }

  /** What it is given. */
  async fetch() {
    return (await this.ask('get_messages')).messages;
  }

  /** The contents of that. */
  async contents() {
    return (await this.fetch()).map(({ content }) => content);
  }

  /** Everybody who is listed, by name. */
  async names() {
    return (await this.ask('list_instances')).instances.map(({ name }) => name);
  }

  /** Everything sent before has been dealt with. */
  async settled() {
    await this.ask('heartbeat');
  }

  /** Says nothing for a while, and nothing is left over. @param {number} [milliseconds] */
  quiet(milliseconds = 150) {
    return this.socket.expectNoFrame(milliseconds);
  }

  /** Leaves, and the server has noticed: somebody else does not find it listed. @param {Linker} other */
  async leave(other) {
    this.ws.close();
    await this.socket.end();
    await eventually(async () => !(await other.names()).includes(this.name), { what: `${this.name} to be gone` });
    await pause(0);
  }
}
