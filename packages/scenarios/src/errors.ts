/** What a caller of this package can get wrong. */
export type ScenarioErrorCode = 'UNKNOWN_SCENARIO' | 'UNKNOWN_PROBE' | 'NOT_APPLICABLE' | 'BAD_SCHEDULE';

/** A caller's mistake. */
export class ScenarioError extends Error {
  readonly code: ScenarioErrorCode;
  constructor(code: ScenarioErrorCode, message: string) {
    super(message);
    this.name = 'ScenarioError';
    this.code = code;
  }
}
