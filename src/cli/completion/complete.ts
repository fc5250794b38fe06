/**
 * What may stand at the cursor of a command line, read off commander's own command tree: sub-commands, options,
 * choices, and by the name of a placeholder (`<point>`, `<file>` …) points or file names.
 */
import type { Argument, Command, Option } from 'commander';

export interface Candidate {
  readonly value: string;
  readonly description: string;
}

export interface Answer {
  readonly candidates: readonly Candidate[];
  /** The shell completes file names itself. */
  readonly files: boolean;
}

/** Points of the repository that the line names, if it names one. */
export type PointLookup = (repo: string | undefined) => Promise<readonly Candidate[]>;

const filePlaceholders = new Set(['file', 'path', 'source', 'target']);

/** Answers for `words`, the last of which is being typed; the program's own name is not among them. */
export async function complete(program: Command, words: readonly string[], points: PointLookup): Promise<Answer> {
  const line = splitAssignments(words);
  const current = line.pop() ?? '';
  const place = walk(program, line);

  const starting = (candidates: readonly Candidate[]): Answer => ({
    candidates: candidates.filter((candidate) => candidate.value.startsWith(current)),
    files: false,
  });
  const valuesOf = async (placeholder: string, choices: readonly string[] | undefined): Promise<Answer> => {
    if (choices) return starting(choices.map((value) => ({ value, description: '' })));
    if (placeholder === 'point') return starting(await points(place.repo));
    return { candidates: [], files: filePlaceholders.has(placeholder) };
  };

  if (place.pending) return valuesOf(placeholderOf(place.pending), place.pending.argChoices);
  if (current.startsWith('-')) return starting(optionsOf(place.command));
  if (place.command.commands.length > 0) return starting(commandsOf(place.command));
  const argument = argumentAt(place.command, place.operands);
  return argument ? valuesOf(argument.name(), argument.argChoices) : starting([]);
}

/** `--repo=x` as two words; bash gives it as three, with the `=` between. */
function splitAssignments(words: readonly string[]): string[] {
  const split = words.flatMap((word) => {
    const assignment = /^(--[^=]+)=(.*)$/s.exec(word);
    return assignment ? [assignment[1] ?? '', assignment[2] ?? ''] : [word];
  });
  if (split.at(-1) === '=') split.push('');
  return split.filter((word) => word !== '=');
}

interface Place {
  readonly command: Command;
  readonly operands: number;
  /** An option whose value is to come. */
  readonly pending: Option | undefined;
  readonly repo: string | undefined;
}

function walk(program: Command, words: readonly string[]): Place {
  let command = program;
  let operands = 0;
  let pending: Option | undefined;
  let repo: string | undefined;
  for (const word of words) {
    if (pending) {
      if (pending.long === '--repo') repo = word;
      pending = undefined;
    } else if (word.startsWith('-')) {
      const option = lineage(command)
        .flatMap((level) => level.options)
        .find(({ long, short }) => long === word || short === word);
      if (option?.required) pending = option;
    } else {
      const next = command.commands.find((candidate) => candidate.name() === word);
      if (next) command = next;
      else operands++;
    }
  }
  return { command, operands, pending, repo };
}

function lineage(command: Command): Command[] {
  return command.parent ? [command, ...lineage(command.parent)] : [command];
}

function optionsOf(command: Command): Candidate[] {
  return lineage(command).flatMap((level) =>
    level
      .createHelp()
      .visibleOptions(level)
      .map((option) => ({ value: option.long ?? option.short ?? '', description: option.description })),
  );
}

function commandsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((sub) => ({ value: sub.name(), description: sub.summary() || sub.description() }));
}

function argumentAt(command: Command, index: number): Argument | undefined {
  const last = command.registeredArguments.at(-1);
  return command.registeredArguments[index] ?? (last?.variadic ? last : undefined);
}

/** `file` of `--to <file>`. */
function placeholderOf(option: Option): string {
  return /<([^>.]+)/.exec(option.flags)?.[1] ?? '';
}
