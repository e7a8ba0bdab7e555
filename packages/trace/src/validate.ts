import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { TraceDocument } from './document.js';
import { traceSchema } from './schema.js';

/** Why a document is no trace; the message is one line. */
export class TraceError extends Error {
  /** `NOT_JSON`: no JSON at all. `NOT_A_TRACE`: another format or version. `INVALID`: a member is missing or wrong. */
  readonly code: 'NOT_JSON' | 'NOT_A_TRACE' | 'INVALID';
  constructor(code: TraceError['code'], message: string) {
    super(message);
    this.name = 'TraceError';
    this.code = code;
  }
}

let compiled: ValidateFunction<TraceDocument> | undefined;

/** The schema's test. Compiling it takes longer than all else that an import of this package does. */
const checkOf = (): ValidateFunction<TraceDocument> =>
  (compiled ??= new Ajv({ allErrors: false, allowUnionTypes: true }).compile<TraceDocument>(traceSchema));

/**
 * Checks that a value is a trace document that this version reads.
 *
 * @returns The same value, typed; nothing is copied or filled in.
 * @throws TraceError `NOT_A_TRACE` or `INVALID`, saying which member is wrong.
 */
export function validateTrace(value: unknown): TraceDocument {
  if (!isObject(value) || value['format'] !== 'ptemu-trace') {
    throw new TraceError('NOT_A_TRACE', "not a trace document: its 'format' is not 'ptemu-trace'");
  }
  if (value['version'] !== 1) {
    throw new TraceError(
      'NOT_A_TRACE',
      `trace version ${JSON.stringify(value['version'])} is unknown; this ptemu reads version 1`,
    );
  }
  const check = checkOf();
  if (check(value)) {
    const stranger = value.steps.find((step) => !value.actors.some((actor) => actor.name === step.actor));
    if (stranger === undefined) return value;
    throw new TraceError('INVALID', `trace document: a step's actor '${stranger.actor}' is not in 'actors'`);
  }
  throw new TraceError('INVALID', `trace document: ${explain(check.errors?.[0])}`);
}

/** Reads a trace document from its text. @throws TraceError, `NOT_JSON` where the text is no JSON. */
export function parseTrace(text: string): TraceDocument {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new TraceError('NOT_JSON', 'trace document: the text is not JSON, or was cut short');
  }
  return validateTrace(value);
}

function explain(error: ErrorObject | undefined): string {
  if (error === undefined) return 'invalid';
  const where = error.instancePath === '' ? 'the document' : error.instancePath.slice(1).replaceAll('/', '.');
  switch (error.keyword) {
    case 'additionalProperties':
      return `${where} has an unknown member '${String(error.params['additionalProperty'])}'`;
    case 'required':
      return `${where} lacks '${String(error.params['missingProperty'])}'`;
    case 'enum':
      return `${where} must be one of ${(error.params['allowedValues'] as readonly unknown[]).join(', ')}`;
    default:
      return `${where} ${error.message ?? 'is wrong'}`;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
