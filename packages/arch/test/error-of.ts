import { ArchError } from '../src/index.js';

/** The `ArchError` that something throws; anything else is thrown on. */
export function errorOf(run: () => unknown): ArchError {
  try {
    run();
  } catch (error) {
    if (error instanceof ArchError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
