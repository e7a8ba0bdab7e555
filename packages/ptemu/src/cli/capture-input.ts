import { type Capture, type CaptureView, type RootName, openCapture, openView } from '@ptemu/capture';
import { backend } from '../backends.js';
import { clip } from './input.js';
import { UsageError } from './io.js';

/** A capture from its folder, with the backend that it needs. */
export function openCaptureView(path: string): CaptureView {
  const capture: Capture = openCapture(path);
  return openView(capture, (name, options) => backend(name, options));
}

/** The name of a root. */
export function parseRoot(text: string | undefined): RootName {
  if (text === undefined || text === 'user' || text === 'kernel') return text ?? 'user';
  throw new UsageError(`unknown root '${clip(text)}'; there are user, kernel`);
}
