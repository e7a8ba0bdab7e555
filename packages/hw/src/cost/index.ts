export type { FlushEvents, InstructionCounts } from './events.js';
export { type Cost, type Span, costOf } from './cost.js';
export { checkProfile, pricesOf, profileOf } from './profile.js';
export { type CalibrationRow, ERROR_MAX, calibrate, eventsOf } from './calibration.js';
export { type Line, type Point, fitLine } from './fit.js';
export { type Resource, type Throughput, throughputOf } from './throughput.js';
