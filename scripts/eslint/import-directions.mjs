// The rule `ptemu/import-directions`: who may import whom, as scripts/import-table.json says.
import { dirname, relative, resolve, sep } from 'node:path';

/** Packages without any npm runtime dependency, and without node's own modules. */
export const LEAN = ['explore', 'arch', 'hw', 'mm', 'x86_64', 'arm32', 'arm64', 's390', 'powerpc'];

const BACKENDS = ['x86_64', 'arm32', 'arm64', 's390', 'powerpc'];

/** What tests may import besides. The machine and mm are tested on real backends, which they never import themselves. */
const FOR_TESTS = { hw: ['conformance', ...BACKENDS], mm: ['conformance', ...BACKENDS] };
const forTests = (owner) => FOR_TESTS[owner] ?? ['conformance'];

/** @type {import('eslint').Rule.RuleModule} */
export const importDirections = {
  meta: {
    type: 'problem',
    docs: { description: 'hold the import directions of DESIGN.md' },
    schema: [{ type: 'object' }],
    messages: {
      direction: '{{owner}} may not import {{target}}; it may import {{allowed}}',
      typesOnly: '{{owner}} may import only types of {{target}}',
      deep: "'{{source}}' is a deep import; a package has one entry, '{{entry}}'",
      escape: "'{{source}}' leaves the package; import '{{entry}}'",
      lean: '{{owner}} has no runtime dependency; {{source}} is one',
    },
  },
  create(context) {
    const place = placeOf(relative(context.cwd, context.filename).split(sep));
    if (place === undefined) return {};
    const table = context.options[0];
    const check = (node, source, typesOnly) => {
      const message = judge(place, table, context, source, typesOnly);
      if (message !== undefined) context.report({ node, ...message });
    };
    return {
      ImportDeclaration: (node) => check(node, node.source.value, isTypesOnly(node)),
      ExportAllDeclaration: (node) => check(node, node.source.value, node.exportKind === 'type'),
      ExportNamedDeclaration: (node) => node.source && check(node, node.source.value, isTypesOnly(node)),
      ImportExpression: (node) => node.source.type === 'Literal' && check(node, node.source.value, false),
    };
  },
};

function judge(place, table, context, source, typesOnly) {
  const { owner, root, isTest } = place;
  if (source.startsWith('.')) {
    const inside = relative(resolve(context.cwd, root), resolve(dirname(context.filename), source));
    const entry = owner === undefined ? 'ptemu' : '@ptemu/...';
    return inside.startsWith('..') ? { messageId: 'escape', data: { source, entry } } : undefined;
  }
  const ours = /^(?:@ptemu\/([^/]+)|(ptemu))(\/.*)?$/.exec(source);
  if (ours === null) {
    const lean = owner !== undefined && LEAN.includes(owner) && !isTest;
    return lean ? { messageId: 'lean', data: { owner, source } } : undefined;
  }
  const target = ours[1] ?? 'ptemu';
  if (ours[3] !== undefined) {
    return { messageId: 'deep', data: { source, entry: source.slice(0, -ours[3].length) } };
  }
  const allowed = owner === undefined ? { ptemu: 'values' } : (table[owner] ?? {});
  const kind = allowed[target] ?? (isTest && forTests(owner).includes(target) ? 'values' : undefined);
  const names = Object.keys(allowed).join(', ') || 'none of ours';
  const data = { owner: owner ?? root, target, allowed: names };
  if (kind === undefined) return { messageId: 'direction', data };
  return kind === 'types' && !typesOnly && !isTest ? { messageId: 'typesOnly', data } : undefined;
}

/** Where a file lies: in a package, in examples or bench (no owner: they use `ptemu` alone), or in neither. */
function placeOf(parts) {
  const [top, name] = parts;
  const isTest = /\.spec\.ts$/.test(parts.at(-1)) || parts.includes('test');
  if (top === 'packages') return { owner: name, root: `packages/${name}`, isTest };
  if (top === 'examples' || top === 'bench') return { owner: undefined, root: top, isTest };
  return undefined;
}

function isTypesOnly(node) {
  if (node.importKind === 'type' || node.exportKind === 'type') return true;
  const kinds = node.specifiers.map((specifier) => specifier.importKind ?? specifier.exportKind);
  return kinds.length > 0 && kinds.every((kind) => kind === 'type');
}
