import { type ScenarioApi, alignedTraces, runProbe, scenarios, searchProbe, traceOf } from '@ptemu/scenarios';

/** The scenarios that the commands run, unless a test hands in others. */
export const scenarioApi: ScenarioApi = { scenarios, runProbe, searchProbe, traceOf, alignedTraces };
