#!/usr/bin/env node
// The command smt-ha, without a build: runs index.ts, and keeps what it compiles for the next start.
const path = require("path");
const { createJiti } = require("jiti");

// A file that the command writes is named from where it was called.
process.env.SMT_HA_CALLED_IN = process.cwd();
// Relative paths of the configuration begin here.
process.chdir(path.join(__dirname, ".."));
// Pulumi loads both to serialize functions, which no command asks for: half of the time until it runs.
for (const name of ["typescript", "@npmcli/arborist"]) {
  require.cache[require.resolve(name, { paths: [require.resolve("@pulumi/pulumi")] })] = { exports: {}, loaded: true };
}
const kept = path.resolve("node_modules/.cache/jiti");
void createJiti(__filename, { fsCache: kept, interopDefault: false }).import("./index");
