import { spawnSync } from "child_process";
import * as fs from "fs";
import * as path from "path";
import { newerThanBash32 } from "../support/bash32";

const project = path.join(__dirname, "../..");
const foreign = ["node_modules", ".git", ".lab", "bin", "sdks"];

/** Every shell script below a directory of the project: by its ending or its first line. */
function scriptsIn(directory: string): string[] {
  return fs.readdirSync(path.join(project, directory), { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) {
      return foreign.includes(entry.name) ? [] : scriptsIn(file);
    }
    return entry.isFile() && (file.endsWith(".sh") || /^#!.*\bbash\b/.test(read(file))) ? [file] : [];
  });
}
const read = (file: string): string => fs.readFileSync(path.join(project, file), "utf8");

const scripts = scriptsIn(".");

test("all scripts are found", () => {
  expect(scripts).toEqual(
    expect.arrayContaining(["files/smt-ha", "files/lib/step.sh", "files/steps/disk/partition", "toolchain/run"]),
  );
  // Every file in files/ is a script.
  expect(scripts.filter((file) => file.startsWith("files/")).length).toBe(
    fs.readdirSync(path.join(project, "files"), { withFileTypes: true, recursive: true }).filter((e) => e.isFile())
      .length,
  );
});

test("shellcheck finds nothing in any of them", () => {
  const { stdout, stderr, error } = spawnSync("shellcheck", ["--format=gcc", ...scripts], {
    cwd: project,
    encoding: "utf8",
  });
  expect(error).toBeUndefined();
  expect(stdout + stderr).toBe("");
});

// Two spaces, and the shorter of two ways to write the same.
test("shfmt would change nothing in any of them", () => {
  const { stdout, stderr, error } = spawnSync("shfmt", ["-i", "2", "-s", "-d", ...scripts], {
    cwd: project,
    encoding: "utf8",
  });
  expect(error).toBeUndefined();
  expect(stdout + stderr).toBe("");
});

const strict = /^set -eE?uo pipefail$/m;
const libraries = scripts
  .filter((file) => file.endsWith(".sh") && strict.test(read(file)))
  .map((file) => path.basename(file));

test.each(scripts.filter((file) => /^(files|lab|toolchain)\/[\w/-]+$/.test(file)))(
  "%s stops at errors, itself or by its library",
  (file) => {
    const [, library = ""] = /^(?:\.|source) ".*\/([\w-]+\.sh)"$/m.exec(read(file)) ?? [];

    expect(read(file)).toMatch(/^#!\/bin\/bash\n/);
    // A script that is one command has nothing to stop.
    const isCommand = /^(#.*\n)+exec .*\n$/.test(read(file));
    expect(strict.test(read(file)) || libraries.includes(library) || isCommand).toBe(true);
  },
);

test.each(scripts.filter((file) => file.startsWith("files/")))("%s keeps to bash 3.2", (file) => {
  expect(newerThanBash32(read(file))).toEqual([]);
});

/** What the steps on one node may do side by side; `files/smt-ha` says how a step names its lanes, or none. */
const lanes = ["packages", "network", "time", "disk", "sbd", "cluster", "web", "database", "smt", "none"];

test.each(scripts.filter((file) => file.startsWith("files/steps/")))("%s names lanes that exist", (file) => {
  const [heading] = read(file).split(/^(?!#)/m);
  const named = /^# lane: (.+)$/m.exec(heading)?.[1].split(" ") ?? [];
  expect(named).not.toEqual([]);
  expect(lanes).toEqual(expect.arrayContaining(named));
});

/** Commands and options that came after SLES 11 SP1 (coreutils 6.12, util-linux 2.16, iproute2 2.6.29, sed 4.1, OpenSSL 0.9.8). */
const newerTools =
  /\b(timeout \d|wipefs|realpath|nproc|truncate|stdbuf|numfmt|lsblk|findmnt|systemctl|journalctl|ss -|sed (-E|-z|--)|sort -\w*V|ln -\w*r\w* |ip (-br|-j|-d)|mktemp --|date -I|blkid .*-o export|sysctl --system|crm_resource --wait|iscsiadm -m discoverydb|openssl (genpkey|pkey|pkeyutl|rehash)\b|openssl x509 .*-ext )|\s-(addext|copy_extensions)\b/;

// What a platform of a later time has in its own file and library, and what its units run, is its own business.
test.each(
  scripts.filter((file) => /^files\/(?!platform\/|lib\/systemd\.sh|orderly-stop)|sles11|lib\/sles\.sh/.test(file)),
)("%s keeps to the tools of SLES 11 SP1", (file) => {
  const code = read(file).replace(/(^|\s)#.*/g, "");
  expect(newerTools.exec(code)?.[0]).toBeUndefined();
});

test.each([
  "timeout 5 true",
  "wipefs -a /dev/x",
  "sed -E 's/(a)/b/'",
  "ln -srf a b",
  "ss -Hltn",
  "openssl req -addext x",
  "openssl x509 -in a -ext b ",
])("newer than SLES 11 SP1: %s", (line) => expect(line).toMatch(newerTools));

// It ends at the first match, and under pipefail the command before it then fails with a broken pipe, now and then.
test.each(scripts.filter((file) => file.startsWith("files/")))("%s has no grep -q at the end of a pipe", (file) => {
  expect(read(file)).not.toMatch(/\| *grep -\w*q/);
});

describe("what is newer than bash 3.2", () => {
  test.each([
    "declare -A map",
    "local -rA map=()",
    "local -n ref=$1",
    "declare -gx X=1",
    "mapfile -t lines <file",
    "cat x | readarray -t lines",
    'echo "${name,,}"',
    'echo "${name^}"',
    'echo "${list[@]^^}"',
    'echo "${name@Q}"',
    'echo "${list[-1]}"',
    'echo "${name:0:-1}"',
    "printf '%(%F)T' -1",
    "make |& tee log",
    "make &>>log",
    "a) echo ;;&",
    "a) echo ;&",
    "[[ -v name ]]",
    "[ ! -v name ]",
    "wait -n",
    "read -r -t 0.5 line",
    "shopt -s nullglob globstar",
    "echo $BASHPID",
    "exec {lock}>file",
    "for i in {01..10}; do :; done",
  ])("%s", (line) => {
    expect(newerThanBash32(`#!/bin/bash\n${line}`)).toEqual([expect.stringMatching(/^2: .*\([45]\.\d\)$/)]);
  });

  test.each([
    "# declare -A map",
    "true # ${name,,}",
    "local -r name=$1",
    "local name=${1:--n}",
    'echo "${name%,*},${name#^}"',
    "grep '^a' file, && b",
    'echo "${list[@]}" "${#list[@]}" "${list[0]}"',
    'echo "${name:1:2}" "${name: -1}" "${name/,/ }"',
    "a || b && c",
    "cmd >&2 2>&1 &",
    "cmd &>/dev/null",
    "sleep 1 & wait $!",
    "a) echo ;;",
    "read -r -t 5 line",
    "exec 9>lock",
    "for i in {1..10}; do :; done",
    "mkdir -v x; grep -v y",
    "printf '%s (%s)' Total 1",
  ])("not: %s", (line) => {
    expect(newerThanBash32(`#!/bin/bash\n${line}`)).toEqual([]);
  });
});
