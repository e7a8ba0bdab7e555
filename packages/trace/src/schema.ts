/** A JSON schema, as far as this package writes one. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

const text: JsonSchema = { type: 'string' };
const name: JsonSchema = { type: 'string', minLength: 1 };
const flag: JsonSchema = { type: 'boolean' };
const texts: JsonSchema = { type: 'array', items: text };

/** An object that has these members and no other; a name with `?` may be left out. */
function record(members: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const names = Object.keys(members);
  return {
    type: 'object',
    properties: Object.fromEntries(names.map((key) => [key.replace('?', ''), members[key]])),
    required: names.filter((key) => !key.endsWith('?')),
    additionalProperties: false,
  };
}

const list = (items: JsonSchema): JsonSchema => ({ type: 'array', items });

const pmdView: JsonSchema = record({
  entry: { type: 'string', pattern: '^0x[0-9a-f]{16}$' },
  none: flag,
  present: flag,
  trans_huge: flag,
  bad: flag,
  'leaf?': flag,
  walker: text,
});

const step: JsonSchema = record({
  actor: name,
  fn: text,
  text,
  step: name,
  align: text,
  'pmd?': pmdView,
  effects: texts,
  fell: list(record({ invariant: name, message: text })),
});

/** The schema of a trace document, version 1; published as `@ptemu/trace/schema.json`. JSON Schema draft 07. */
export const traceSchema: JsonSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'ptemu trace, version 1',
  ...record({
    format: { const: 'ptemu-trace' },
    version: { const: 1 },
    scenario: name,
    'probe?': text,
    'variant?': text,
    arch: name,
    spec: name,
    options: { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } },
    kernel: name,
    commits: list({ type: 'string', pattern: '^[+-].' }),
    verdict: { enum: ['holds', 'violates', 'unknown'] },
    'invariant?': text,
    'message?': text,
    alsoFell: texts,
    actors: list(record({ name, title: text })),
    steps: list(step),
  }),
};
