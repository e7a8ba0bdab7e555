/** A schedule run once more, every step recorded: what a trace document shows. */
import type { Arch } from '@ptemu/arch';
import { explore, formatOperand, type Step, type StepResult, stepName } from '@ptemu/explore';
import { entryInWords } from '@ptemu/hw';
import type { Actor, MmWorld } from '@ptemu/mm';
import type { PmdView, TraceDocument, TraceStep } from '@ptemu/trace';
import { ScenarioError } from './errors.js';
import { prepareProbe } from './run.js';
import type { ProbeResult } from './types.js';

/** Runs one schedule and records it. Throws `BAD_SCHEDULE` where the schedule does not fit the program. */
export function traceOf(
  arch: Arch,
  result: Pick<ProbeResult, 'scenario' | 'probe' | 'schedule'> & Partial<ProbeResult>,
): TraceDocument {
  const { probe, world, program } = prepareProbe(arch, result.scenario, result.probe);
  const steps: TraceStep[] = [];
  const replayed = explore(program, {
    strategy: 'replay',
    schedule: result.schedule,
    observe: (taken) => {
      steps.push({
        actor: taken.actor,
        fn: taken.step.fn,
        text: stepText(taken.step, taken.result),
        step: stepName(taken.step),
        align: `${taken.step.kind} ${taken.step.object}`,
        pmd: pmdView(world),
        effects: world.machine.takeEffects(),
        fell: taken.fallen.map(({ invariant, message }) => ({ invariant, message })),
      });
    },
  });
  if (replayed.drift !== null) {
    const { index, expected, actual } = replayed.drift;
    throw new ScenarioError(
      'BAD_SCHEDULE',
      `the schedule drifts at step ${index}: ${expected.actor} should take '${expected.step}' and would take '${actual ?? 'nothing'}'`,
    );
  }
  // What falls at the end of a schedule (I18, and what the end is asked for) falls in no step.
  const { invariant, message = '' } = result;
  const atEnd = invariant === undefined ? undefined : { invariant, message };
  const fell =
    steps.flatMap((step) => step.fell).find((one) => probe.judgedBy.includes(one.invariant)) ?? atEnd;
  return {
    format: 'ptemu-trace',
    version: 1,
    scenario: result.scenario,
    probe: probe.id,
    ...(probe.variant !== undefined && { variant: probe.variant }),
    arch: arch.name,
    spec: arch.spec,
    options: arch.options,
    kernel: arch.kernel.release,
    commits: arch.kernel.toggles,
    verdict: result.verdict ?? (replayed.verdict === 'violates' ? 'violates' : 'unknown'),
    ...(fell !== undefined && { invariant: fell.invariant, message: fell.message }),
    alsoFell: result.alsoFell ?? [],
    actors: castOf(probe.actors(arch), steps),
    steps,
  };
}

/** The actors of the probe, then the agents that take a step: `ipi CPU2` is an interrupt on CPU2. */
function castOf(actors: readonly Actor[], steps: readonly TraceStep[]): TraceDocument['actors'] {
  const cast = actors.map(({ name, cpu, title }) => ({ name, title: `CPU${cpu}: ${title}` }));
  const agents = [...new Set(steps.map((step) => step.actor))].filter(
    (name) => !cast.some((c) => c.name === name),
  );
  const titles = agents.map((name) => {
    const [kind, cpu] = name.split(' ');
    return {
      name,
      title: `${cpu}: ${kind === 'ipi' ? 'takes an interrupt' : 'broadcast invalidations arrive'}`,
    };
  });
  return [...cast, ...titles];
}

/** What helpers and walker say of the watched pmd now. */
export function pmdView(world: MmWorld): PmdView {
  const { arch, machine } = world;
  const entry = machine.valueOf(world.pmd);
  const leaf = arch.pmd.pmd_leaf ?? arch.pmd.pmd_large;
  return {
    entry: `0x${entry.toString(16).padStart(16, '0')}`,
    none: arch.pmd.pmd_none(entry),
    present: arch.pmd.pmd_present(entry),
    trans_huge: arch.pmd.pmd_trans_huge(entry),
    bad: arch.pmd.pmd_bad(entry),
    ...(leaf !== undefined && { leaf: leaf(entry) }),
    walker: entryInWords(machine.mmu, 'pmd', entry),
  };
}

/** A step in a few words, as a changelog would say it. */
function stepText(step: Step, result: StepResult): string {
  const { kind, object, operands } = step;
  const hex = (value: unknown): string =>
    typeof value === 'bigint' ? `0x${value.toString(16)}` : formatOperand(value as StepResult);
  switch (kind) {
    case 'load':
    case 'load-when-clear':
      return `${object} is ${hex(result)}`;
    case 'hw-load':
      return `walker reads ${object}: ${hex(result)}`;
    case 'hw-walk':
      return 'walker starts on its own';
    case 'store':
      return `${object} = ${hex(operands[0])}`;
    case 'xchg':
      return `xchg ${object}: ${hex(result)} -> ${hex(operands[0])}`;
    case 'cmpxchg':
      return result === operands[0]
        ? `cmpxchg ${object}: ${hex(operands[0])} -> ${hex(operands[1])}`
        : `cmpxchg ${object} fails: ${hex(result)}`;
    case 'update':
      return `${object} &= ~${hex(operands[0])}, |= ${hex(operands[1])}; was ${hex(result)}`;
    case 'purge':
      return `${object}: sets ${hex(operands[4])} in the word at ${hex(operands[0])}, purges ${hex(operands[2])}`;
    case 'access':
      return `${operands[3] === true ? 'store to' : 'load from'} ${object}: ${result === 'done' ? 'TLB hit' : 'TLB miss'}`;
    case 'hw-fill':
      return result === 'done'
        ? `fills the TLB from ${object}, access done`
        : `${object}: ${formatOperand(result)}`;
    case 'hpte-insert':
      return `inserts an HPTE for ${object}`;
    case 'tlbi':
      return `${String(operands[0])}${operands[2] === 0n ? '' : ` ${hex(operands[2])}`}`;
    case 'dvm-sync':
      return 'waits for the invalidations';
    case 'dvm':
      return 'an invalidation takes effect';
    case 'ipi-send':
      return `IPI to ${operands
        .slice(4)
        .map((cpu) => `CPU${formatOperand(cpu)}`)
        .join(', ')}`;
    case 'ipi-wait':
      return 'all CPUs have answered';
    case 'ipi':
      return 'takes the IPI';
    case 'irq-off':
      return 'local_irq_disable()';
    case 'irq-on':
      return 'local_irq_enable()';
    case 'lock':
      return `spin_lock(${object})`;
    case 'unlock':
      return `spin_unlock(${object})`;
    case 'down_read':
    case 'up_read':
    case 'down_write':
    case 'up_write':
      return `${kind}(${object})`;
    case 'read':
      return `reads ${object}: ${hex(result)}`;
    case 'write':
      return `${object} = ${hex(operands[0])}`;
    case 'account':
      return accountText(operands);
    case 'fill-run':
      return `fills ${object}${operands[0] === 'empty' ? ' with empty entries' : `: all ptes map ${formatOperand(operands[0])}`}`;
    case 'take-run':
      return result === 'empty' ? `nothing else in ${object}` : `clears the other ptes of ${object}`;
    case 'free-table':
      return `frees ${object}`;
    case 'put':
      return `put_page(${formatOperand(operands[1])}) x${formatOperand(operands[0])}: ${formatOperand(result)} left`;
    case 'get':
    case 'try-get':
      return `takes a reference: ${object}${result === false ? ' is zero' : ''}`;
    case 'freeze':
      return result === true ? `freezes ${object}` : `cannot freeze ${object}`;
    case 'promise':
      return 'the entry is invalid and flushed';
    case 'zap-done':
      return 'the range is zapped';
    case 'check-mm':
      return 'checks the counters';
    case 'gup-pinned':
      return `pinned a page of ${object}`;
    case 'alloc-page':
    case 'alloc-table':
      return result === '' ? 'no memory' : `allocates ${formatOperand(result)}`;
    case 'split-folio':
      return `takes ${object} apart`;
    case 'bug':
      return `BUG: ${object}`;
    default:
      return `${kind} ${object}`;
  }
}

function accountText(operands: readonly unknown[]): string {
  const changes: string[] = [];
  for (let i = 0; i + 1 < operands.length; i += 2) {
    const delta = operands[i + 1] as number;
    changes.push(`${String(operands[i])} ${delta < 0 ? '-=' : '+='} ${Math.abs(delta)}`);
  }
  return changes.join(', ');
}
