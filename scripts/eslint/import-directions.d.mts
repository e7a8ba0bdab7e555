import type { Rule } from 'eslint';

export declare const LEAN: readonly string[];
export declare const importDirections: Rule.RuleModule;
