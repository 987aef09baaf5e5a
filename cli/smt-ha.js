#!/usr/bin/env node
// The command smt-ha, without a build: runs index.ts as Pulumi runs the program.
const path = require("path");

// A file that the command writes is named from where it was called.
process.env.SMT_HA_CALLED_IN = process.cwd();
// Relative paths of the configuration begin here.
process.chdir(path.join(__dirname, ".."));
require("ts-node").register({ transpileOnly: true });
require("./index");
