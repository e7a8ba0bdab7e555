/** A file of answers that the kernel's own helpers gave: a column per helper, a slot per input. */

/** A section of a vector file whose columns are aligned with the inputs. */
export type VectorSection = 'pmd' | 'pte' | 'pud' | 'p4d' | 'pgd' | 'seq' | 'seq_pte';

/** The part of a vector file that is compared. */
export interface VectorFile {
  readonly meta: {
    readonly name: string;
    readonly arch: string;
    readonly kernel_release: string;
    readonly mode: string;
    readonly config: Readonly<Record<string, string>>;
    /** Helpers that the build does not have, as `level:helper`. */
    readonly not_defined_on_this_build: readonly string[];
  };
  readonly inputs: readonly string[];
  readonly pgprots: Readonly<Record<string, string>>;
  readonly vm_get_page_prot: Readonly<Record<string, string>>;
  readonly constants: Readonly<Record<string, string>>;
  readonly pmd: Columns;
  readonly pte: Columns;
  readonly pud: Columns;
  readonly p4d: Columns;
  readonly pgd: Columns;
  readonly seq: Columns;
  readonly seq_pte: Columns;
  readonly modify: readonly {
    readonly helper: string;
    readonly prot: string;
    readonly results: readonly string[];
  }[];
  readonly pfn: readonly {
    readonly helper: string;
    readonly pfn: string;
    readonly prot: string;
    readonly result: string;
  }[];
  readonly make_table: readonly { readonly helper: string; readonly phys: string; readonly result: string }[];
  readonly swap: readonly Readonly<Record<string, string | number>>[];
  readonly arch_swp_entry: readonly {
    readonly type: string;
    readonly offset: string;
    readonly __swp_entry: string;
  }[];
}

type Columns = Readonly<Record<string, readonly (string | number)[]>>;
