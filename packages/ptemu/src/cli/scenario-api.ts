import { type ScenarioApi, alignedTraces, runProbe, scenarios, traceOf } from '@ptemu/scenarios';

/** The scenarios that the commands run, unless a test hands in others. */
export const scenarioApi: ScenarioApi = { scenarios, runProbe, traceOf, alignedTraces };
