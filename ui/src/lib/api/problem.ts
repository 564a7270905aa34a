/** Codes that the UI itself gives when no proper answer came. */
export type OwnCode = 'offline' | 'unreadable';

/** A request that did not do what was asked; `code` is stable (docs/API.md), words come from `errors.ftl`. */
export class Problem extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    readonly detail: string,
    readonly field: string | null = null,
    /** Seconds to wait before trying again, when the server said so. */
    readonly retryAfter: number | null = null
  ) {
    super(`${code}: ${detail}`);
    this.name = 'Problem';
  }
}

interface Envelope {
  error?: { code?: unknown; detail?: unknown; field?: unknown; retry_after?: unknown };
}

/** The problem that an answer tells of. An answer that is not ours (a captive portal's page) is `unreadable`. */
export function problemOf(status: number, body: unknown, retryAfter: string | null = null): Problem {
  const error = typeof body === 'object' && body !== null ? (body as Envelope).error : undefined;
  if (typeof error?.code !== 'string') return new Problem('unreadable', status, '');
  // The app's own answers have no headers.
  const seconds = Number.parseInt(retryAfter ?? String(error.retry_after), 10);
  return new Problem(
    error.code,
    status,
    typeof error.detail === 'string' ? error.detail : '',
    typeof error.field === 'string' ? error.field : null,
    Number.isFinite(seconds) ? seconds : null
  );
}

/** Any thrown value as a problem. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  if (thrown instanceof SyntaxError) return new Problem('unreadable', 0, '');
  return new Problem('offline', 0, '');
}
