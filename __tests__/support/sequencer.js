const { default: Sequencer } = require("@jest/test-sequencer");

/** Short files whose tests take long: real databases start and wait for each other, shellcheck reads every script, and so on. */
const long = /\/(database\w*|fuzz|scripts|sequence)\.test\.ts$/;

/**
 * Starts the longest files first, or at the end of a run few are left to keep the processors busy. Jest knows how long each
 * takes only from an earlier run in the same directory; in a new checkout it takes a long file for a long test.
 */
module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    const isLong = ({ path }) => long.test(path);
    return [...sorted.filter(isLong), ...sorted.filter((test) => !isLong(test))];
  }
};
