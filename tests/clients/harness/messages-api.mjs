/**
 * A Messages API with a script in place of a model: each turn of the main conversation plays the next step, streamed as
 * the real one does. Requests without tools (titles and the like) are answered with a word and count for nothing.
 */
import { createServer } from 'node:http';

/**
 * @typedef {{ tool: string, input: Record<string, unknown> }} ToolStep calls a tool
 * @typedef {{ text: string }} TextStep ends the turn
 * @typedef {ToolStep | TextStep | ((results: string[]) => ToolStep | TextStep)} Step a function sees the tool results so far
 */

/**
 * Starts an API that ends with the test.
 * @param {import('node:test').TestContext} t
 * @param {Step[]} steps
 */
export async function startMessagesApi(t, steps) {
  const api = new MessagesApi(steps);
  await new Promise((resolve) => api.server.listen(0, '127.0.0.1', () => resolve(undefined)));
  t.after(() => {
    api.server.closeAllConnections();
    api.server.close();
  });
  return api;
}

export class MessagesApi {
  /** Bodies of the main conversation's requests. @type {any[]} */ requests = [];
  /** Requests that this API does not know. @type {string[]} */ strays = [];
  /** What happens before turn number n, from 0, is answered. @type {(turn: number) => void | Promise<void>} */ before = () => {};
  #steps;
  #count = 0;

  /** @param {Step[]} steps */
  constructor(steps) {
    this.#steps = [...steps];
    this.server = createServer(async (request, response) => {
      const path = new URL(request.url ?? '/', 'http://api').pathname;
      if (request.method !== 'POST' || path !== '/v1/messages') {
        this.strays.push(`${request.method} ${path}`);
        response.writeHead(404).end();
        return;
      }
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = JSON.parse(Buffer.concat(chunks).toString());
      const message = await this.#message(body);
      if (body.stream) stream(response, message);
      else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(message));
    });
  }

  get url() {
    const address = /** @type {import('node:net').AddressInfo} */ (this.server.address());
    return `http://127.0.0.1:${address.port}`;
  }

  /** Steps that were not played. */
  get left() {
    return this.#steps.length;
  }

  /** Texts of all tool results the model has been shown, in order. */
  get results() {
    const blocks = (this.requests.at(-1)?.messages ?? []).flatMap(({ content }) => (Array.isArray(content) ? content : []));
    return blocks.filter(({ type }) => type === 'tool_result').map(({ content }) => textOf(content));
  }

  async #message(body) {
    let step = /** @type {Step} */ ({ text: 'ok' });
    if (body.tools?.length > 0) {
      this.requests.push(body);
      await this.before(this.requests.length - 1);
      step = this.#steps.shift() ?? { text: 'the script is at its end' };
      if (typeof step === 'function') step = step(this.results);
    }
    this.#count += 1;
    const tool = 'tool' in step;
    return {
      id: `msg_${this.#count}`,
      type: 'message',
      role: 'assistant',
      model: body.model,
      content: [tool ? { type: 'tool_use', id: `toolu_${this.#count}`, name: step.tool, input: step.input } : { type: 'text', text: step.text }],
      stop_reason: tool ? 'tool_use' : 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 100, output_tokens: 20, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
    };
  }
}

/** @param {string | { text?: string }[]} content */
export const textOf = (content) => (typeof content === 'string' ? content : content.map(({ text }) => text ?? '').join('\n'));

/** @param {import('node:http').ServerResponse} response */
function stream(response, message) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  const send = (type, data) => response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
  const { content, stop_reason, usage, ...head } = message;
  send('message_start', { message: { ...head, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } } });
  content.forEach((block, index) => {
    const tool = block.type === 'tool_use';
    send('content_block_start', { index, content_block: tool ? { ...block, input: {} } : { ...block, text: '' } });
    const delta = tool ? { type: 'input_json_delta', partial_json: JSON.stringify(block.input) } : { type: 'text_delta', text: block.text };
    send('content_block_delta', { index, delta });
    send('content_block_stop', { index });
  });
  send('message_delta', { delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: usage.output_tokens } });
  send('message_stop', {});
  response.end();
}
