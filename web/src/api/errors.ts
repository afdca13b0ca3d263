import type { ErrorCode, FieldError, Problem } from './types';

/** Why a request was not answered as asked: `detail` is a sentence that people can be shown. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: ErrorCode | 'unreachable';
  readonly detail: string;
  readonly errors: readonly FieldError[];
  readonly retryAfterMs: number | null;

  constructor(
    status: number,
    code: ErrorCode | 'unreachable',
    detail: string,
    errors: readonly FieldError[] = [],
    retryAfterMs: number | null = null,
  ) {
    super(`${code}: ${detail}`);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.errors = errors;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Codes that say "later", not "no": the same request may succeed. */
const PASSING: ReadonlySet<string> = new Set([
  'rate_limited',
  'overloaded',
  'unavailable',
  'deadline_exceeded',
  'unreachable',
]);

export const mayPass = (code: string): boolean => PASSING.has(code);

export const unreachable = (): ApiError =>
  new ApiError(0, 'unreachable', 'Warren cannot be reached. Check your connection and try again.');

const isProblem = (body: unknown): body is Problem =>
  typeof body === 'object' && body !== null && 'detail' in body && typeof body.detail === 'string';

/** The error of an answer that is not 2xx; a proxy in between may answer without a problem document. */
export function errorFrom(status: number, body: unknown, retryAfter: string | null): ApiError {
  const seconds = Number(retryAfter ?? NaN);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : null;
  if (isProblem(body)) return new ApiError(status, body.code, body.detail, body.errors ?? [], wait);
  if (status >= 500) {
    return new ApiError(status, 'unavailable', 'Warren is not available right now. Try again in a moment.', [], wait);
  }
  return new ApiError(status, 'bad_request', `The server refused the request (${status}).`, [], wait);
}

/** The sentence to show for whatever was thrown. A field that the server names first is one that people see beside it. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof ApiError)) return 'Something went wrong in this page. Reload it and try again.';
  const named = error.errors.find(({ field }) => error.detail.startsWith(`${field}: `));
  const sentence = named === undefined ? error.detail : error.detail.slice(named.field.length + 2);
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
