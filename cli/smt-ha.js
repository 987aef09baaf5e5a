#!/usr/bin/env node
// The command smt-ha, without a build: runs index.ts as Pulumi runs the program.
const path = require("path");

// Relative paths of the configuration begin here.
process.chdir(path.join(__dirname, ".."));
require("ts-node").register({ transpileOnly: true });
require("./index");
