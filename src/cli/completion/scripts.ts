/**
 * Shell scripts that ask `strata __complete -- WORDS…` at each Tab and hand on its answer: one candidate a line,
 * a tab and a description behind it where there is one, or the line `:files` where file names are wanted.
 *
 * They are our own, a few lines each, because the kept library for commander (@bomb.sh/tab 0.0.22) always turns file
 * names off, cannot wait for an answer from the repository, evaluates the typed line as shell text, and
 * needs the bash-completion package.
 */

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

const bash = `# bash completion of strata; load it with:  source <(strata completion bash)
_strata() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then compopt -o default; else COMPREPLY+=("\${line%%$'\\t'*}"); fi
  done < <("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _strata strata
`;

const zsh = `#compdef strata
# zsh completion of strata; load it with:  source <(strata completion zsh)
_strata() {
  local line
  local -a answers
  for line in "\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == :files ]]; then
      compset -P '--*='
      _files
      return
    fi
    [[ -n $line ]] && answers+=("\${\${line//:/\\\\:}/$'\\t'/:}")
  done
  compset -P '--*='
  _describe strata answers
}
if [[ $funcstack[1] == _strata ]]; then _strata "$@"; else compdef _strata strata; fi
`;

const fish = `# fish completion of strata; load it with:  strata completion fish | source
function __strata_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l option (string match -r -- '^--[^=]*=' "$current")
  for line in ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
    if test "$line" = ":files"
      for path in (__fish_complete_path (string replace -- "$option" "" "$current"))
        echo "$option$path"
      end
    else
      echo "$option$line"
    end
  end
end
complete -c strata -f -a '(__strata_complete)'
`;

/** The script for a shell, to be sourced by it. */
export const completionScript: Readonly<Record<Shell, string>> = { bash, zsh, fish };
