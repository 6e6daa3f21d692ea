/** What an error looks like on this wire: the keys, their order, and the two numbers that belong to each code. */
import assert from 'node:assert/strict';

/** JSON-RPC code and HTTP status of each code this server uses. */
export const ERRORS = {
  PARSE_ERROR: [-32700, 400],
  BAD_REQUEST: [-32600, 400],
  INTERNAL_SERVER_ERROR: [-32603, 500],
  UNAUTHORIZED: [-32001, 401],
  FORBIDDEN: [-32003, 403],
  NOT_FOUND: [-32004, 404],
  CONFLICT: [-32009, 409],
  PAYLOAD_TOO_LARGE: [-32013, 413],
  TOO_MANY_REQUESTS: [-32029, 429],
};

/**
 * @param {any} frame
 * @param {unknown} id
 * @param {keyof typeof ERRORS} key
 * @param {{ message?: string, path?: string | null }} [expected] `path: null` when the error belongs to no call
 */
export function assertError(frame, id, key, { message, path } = {}) {
  const text = JSON.stringify(frame);
  assert.deepEqual(Object.keys(frame), ['id', 'error'], text);
  assert.deepEqual(frame.id, id, text);
  assert.deepEqual(Object.keys(frame.error), ['message', 'code', 'data'], text);
  const { message: said, code, data } = frame.error;
  assert.deepEqual([code, data.code, data.httpStatus], [ERRORS[key][0], key, ERRORS[key][1]], text);
  assert.equal(typeof said, 'string');
  if (message !== undefined) assert.equal(said, message);
  assert.deepEqual(Object.keys(data), 'path' in data ? ['code', 'httpStatus', 'path'] : ['code', 'httpStatus'], text);
  if (path !== undefined) assert.equal(data.path ?? null, path, text);
}

/** Error of a frame that cannot be tied to a call. @param {any} frame @param {string} [message] */
export function assertParseError(frame, message) {
  assertError(frame, null, 'PARSE_ERROR', { message, path: null });
}

/** A message of the validator: its issues, pretty-printed with two spaces. @param {object[]} issues */
export const issues = (...issues) => JSON.stringify(issues, null, 2);
