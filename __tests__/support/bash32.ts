/** Constructs that bash 3.2, which SLES 11 has, does not know; with the version that brought them. */
const newer: readonly (readonly [RegExp, string])[] = [
  [/\b(declare|local|typeset)\s+-\w*A/, "associative arrays (4.0)"],
  [/\b(declare|local|typeset)\s+-\w*n/, "name references (4.3)"],
  [/\b(declare|typeset)\s+-\w*g/, "declare -g (4.2)"],
  [/\b(mapfile|readarray)\b/, "mapfile (4.0)"],
  [/\bcoproc\b/, "coproc (4.0)"],
  [/\$\{!?\w+(\[[^\]]*\])?(,|\^)/, "changes of case in expansions (4.0)"],
  [/\$\{\w+(\[[^\]]*\])?@[A-Za-z]\}/, "transformations in expansions (4.4)"],
  [/\$\{\w+\[-\d+\]\}/, "negative indices of arrays (4.3)"],
  [/\$\{\w+(\[[^\]]*\])?:[^:}]*:\s*-\d/, "negative lengths in expansions (4.2)"],
  [/%\([^)]*\)T/, "printf %(..)T (4.2)"],
  [/\|&/, "|& (4.0)"],
  [/&>>/, "&>> (4.0)"],
  [/;;?&(?!&)/, ";& and ;;& in case (4.0)"],
  [/(\[\[?|\btest)\s+(!\s+)?-v\s/, "test -v (4.2)"],
  [/\bwait\s+-\w*n/, "wait -n (4.3)"],
  [/\bread\s+(-\w+\s+)*-\w*t\s*\d*\.\d/, "read -t with fractions (4.0)"],
  [/\bshopt\s+-s\s+.*\b(globstar|lastpipe|inherit_errexit|dirspell|autocd)\b/, "options of shopt (4.0)"],
  [/\$\{?(BASHPID|EPOCHSECONDS|EPOCHREALTIME|SRANDOM)\b/, "variables (4.0)"],
  [/\bexec\s+\{\w+\}[<>]/, "descriptors in variables (4.1)"],
  [/\{0\d+\.\.\d+\}/, "zero-padded sequences (4.0)"],
];

/** What a script uses that is newer than bash 3.2, as `LINE: CONSTRUCT`; comments do not count. */
export function newerThanBash32(script: string): string[] {
  return script.split("\n").flatMap((line, index) => {
    const code = line.replace(/(^|\s)#.*/, "");
    return newer.filter(([pattern]) => pattern.test(code)).map(([, name]) => `${index + 1}: ${name}`);
  });
}
