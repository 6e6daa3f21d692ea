/**
 * What has arrived and nobody has looked at yet. Stories wait on it with a deadline, never with a bare sleep:
 * a missing frame fails with a list of what came instead.
 */

/** How long a story waits for anything that should come at once, in milliseconds. Generous: debug builds on busy machines. */
export const DEADLINE = 10_000;

/** @template T */
export class Mailbox {
  /** @type {T[]} */ #items = [];
  /** @type {{ match: (item: T) => boolean, resolve: (item: T) => void }[]} */ #waiting = [];
  #owner;

  /** @param {string} owner named in the error when a wait runs out */
  constructor(owner) {
    this.#owner = owner;
  }

  /** @param {T} item */
  push(item) {
    const at = this.#waiting.findIndex((waiter) => waiter.match(item));
    if (at === -1) this.#items.push(item);
    else this.#waiting.splice(at, 1)[0].resolve(item);
  }

  /** What has arrived and was not taken. */
  get untaken() {
    return [...this.#items];
  }

  /**
   * Takes the first item that matches; waits for it when it is not there yet.
   * @param {(item: T) => boolean} [match]
   * @param {{ within?: number, what?: string }} [options]
   * @returns {Promise<T>}
   */
  take(match = () => true, { within = DEADLINE, what = 'anything' } = {}) {
    const at = this.#items.findIndex(match);
    if (at !== -1) return Promise.resolve(this.#items.splice(at, 1)[0]);
    return new Promise((resolve, reject) => {
      const waiter = { match, resolve: (item) => (clearTimeout(timer), resolve(item)) };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        const instead = this.#items.map((item) => JSON.stringify(item)?.slice(0, 300)).join('\n  ');
        reject(new Error(`${this.#owner}: waited ${within} ms for ${what}; untaken: ${instead || 'nothing'}`));
      }, within);
      this.#waiting.push(waiter);
    });
  }
}

/** @param {number} milliseconds */
export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Asks again until the answer is truthy.
 * @template T
 * @param {() => T | Promise<T>} question
 * @param {{ within?: number, what?: string }} [options]
 * @returns {Promise<T>}
 */
export async function eventually(question, { within = DEADLINE, what = 'it' } = {}) {
  const end = Date.now() + within;
  for (;;) {
    const answer = await question();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what} did not come true within ${within} ms`);
    await pause(20);
  }
}
