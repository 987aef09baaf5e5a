/** Reports each test as soon as it ends, with what failed: Jest's own reporter waits for the end of the file. */
module.exports = class Progress {
  onTestCaseResult(_test, { status, fullName, duration = 0, failureMessages }) {
    const time = new Date().toTimeString().slice(0, 8);
    const line = `lab: ${time}: ${status}: ${fullName} (${Math.round(duration / 1000)} s)`;
    process.stderr.write([line, ...failureMessages, ""].join("\n"));
  }
};
