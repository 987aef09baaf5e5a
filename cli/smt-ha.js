#!/usr/bin/env node
// The command smt-ha, without a build: a module is compiled when it is loaded first, and the result is kept until it changes.
// To compile takes most of the time until a command starts, so ts-node, which keeps nothing, does not serve here.
const crypto = require("crypto");
const fs = require("fs");
const Module = require("module");
const path = require("path");

// A file that the command writes is named from where it was called.
process.env.SMT_HA_CALLED_IN = process.cwd();
const root = path.join(__dirname, "..");
// Relative paths of the configuration begin here.
process.chdir(root);

const load = Module._load;
// Pulumi loads both to serialize functions, which no command does: two thirds of its modules.
const unused = ["typescript", "@npmcli/arborist"];
Module._load = (request, ...rest) => (unused.includes(request) ? {} : load(request, ...rest));

const { version } = require("typescript/package.json");
const kept = path.join(root, "node_modules/.cache/smt-ha");

Module._extensions[".ts"] = (module, file) => {
  const source = fs.readFileSync(file, "utf8");
  const key = `// ${crypto.createHash("sha256").update(`${version} ${file}\n${source}`).digest("hex")}\n`;
  const place = path.join(kept, `${path.relative(root, file).replaceAll(path.sep, "-")}.js`);
  let code = read(place);
  if (!code?.startsWith(key)) {
    // An unexpected error names the lines of what runs.
    code = `${key}${compile(source)}//# sourceURL=${place}\n`;
    keep(place, code);
  }
  module._compile(code, file);
};

function compile(source) {
  const typescript = load("typescript", module);
  const { ES2022: target } = typescript.ScriptTarget;
  const { CommonJS } = typescript.ModuleKind;
  return typescript.transpileModule(source, { compilerOptions: { target, module: CommonJS } }).outputText;
}

function read(place) {
  try {
    return fs.readFileSync(place, "utf8");
  } catch {
    return undefined;
  }
}

/** Writes it as a whole, since commands run side by side. Where it can't be written, it is compiled each time. */
function keep(place, code) {
  try {
    fs.mkdirSync(kept, { recursive: true });
    fs.writeFileSync(`${place}.${process.pid}`, code);
    fs.renameSync(`${place}.${process.pid}`, place);
  } catch {
    // The command goes on without.
  }
}

require("./index");
