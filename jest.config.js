const os = require("os");

/** Both projects run TypeScript as it is; its types are checked by tsc. */
const project = (displayName, testMatch) => ({
  displayName,
  testMatch,
  testEnvironment: "node",
  // Pulumi looks at its globals once more when the process ends.
  testEnvironmentOptions: { globalsCleanup: "off" },
  roots: ["<rootDir>/__tests__"],
  moduleNameMapper: {
    "^smt-ha/components$": "<rootDir>/components",
    // Pulumi loads both to serialize functions, which the program never asks for: two thirds of its modules, in each test file.
    "^(typescript|@npmcli/arborist)$": "<rootDir>/__tests__/support/nothing.ts",
  },
  transform: { "\\.ts$": ["@swc/jest", { jsc: { target: "es2022", parser: { syntax: "typescript" } } }] },
});

/** @type {import("jest").Config} */
module.exports = {
  // A test takes a second or two; more where machines of the lab run beside it. Jest reads this here only.
  testTimeout: 60 * 1000,
  // Most of the time, tests of steps wait rather than compute. A percentage above 100 would be a number to Jest.
  maxWorkers: 3 * os.availableParallelism(),
  testSequencer: "<rootDir>/__tests__/support/sequencer.js",
  projects: [
    {
      ...project("unit", ["<rootDir>/__tests__/**/*.test.ts"]),
      testPathIgnorePatterns: ["<rootDir>/__tests__/acceptance/"],
      globalSetup: "<rootDir>/__tests__/support/prepareNodes.ts",
      globalTeardown: "<rootDir>/__tests__/support/forgetNodes.ts",
    },
    // On the lab's real nodes: one after the other, so run it with --runInBand.
    project("acceptance", ["<rootDir>/__tests__/acceptance/**/*.test.ts"]),
  ],
};
